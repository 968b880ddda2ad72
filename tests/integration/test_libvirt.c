/* test_libvirt.c - the libvirt backend's life of domains, against libvirt's test driver in this
 * process: warm ones, what is left over, what others do, and what `check` finds. */
#include "lib/backend_rig.h"
#include "lib/test.h"

#include <arpa/inet.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clk.h"
#include "lib/servers.h"

#define MARK "urn:scaler:libvirt:1"
enum { WAIT_MS = 20000, LISTENERS = 4 };

static virConnectPtr conn;
static char template[400];
static int port, fds[LISTENERS];

/* --- the world ---------------------------------------------------------------------------- */

static void write_template(const char *disks)
{
    FILE *f = fopen(template, "w");

    assert_non_null(f);
    fprintf(f,
            "<domain type='test'><name>web</name><memory unit='MiB'>8</memory><os>"
            "<type>hvm</type></os><devices>%s</devices></domain>",
            disks);
    fclose(f);
}

static void listen_at(int number)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    a.sin_addr.s_addr = htonl((127u << 24) + (uint32_t)number);
    fds[number - 1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fds[number - 1], (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fds[number - 1], 16), 0);
}

static int set_up(void **state)
{
    (void)state;
    conn = virConnectOpen("test:///default");
    assert_non_null(conn);
    snprintf(template, sizeof template, "%s/web.xml", test_temp_dir());
    write_template("");
    port = test_free_port();
    for (int i = 0; i < LISTENERS; i++)
        fds[i] = -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < LISTENERS; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    virConnectClose(conn);
    return 0;
}

static void open_rig(struct backend_rig *r, const char *const *more)
{
    const char *pairs[30] = {"uri", "test:///default", "template", template};
    size_t n = 4;

    for (; *more; more++)
        pairs[n++] = *more;
    backend_rig_open(r, "libvirt", pairs);
}

static void open_probed(struct backend_rig *r, const char *const *more)
{
    static char text[16];
    const char *pairs[24] = {"probe",          "tcp",  "address",    "127.0.0.{number}",
                             "probe_interval", "20ms", "probe_port", text,
                             "probe_failures", "1"};
    size_t n = 10;

    snprintf(text, sizeof text, "%d", port);
    for (; *more; more++)
        pairs[n++] = *more;
    open_rig(r, pairs);
}

static void tend(struct backend_rig *r)
{
    struct err e = {0};

    r->call.deadline_mono_ms = clk_mono_ms() + 5000;
    if (r->backend->tend(r->object, &r->call, &e) != 0)
        fail_msg("tend: %s", e.msg);
}

/* VIR_DOMAIN_...; -1: there is none of the name. */
static int state_of(const char *name)
{
    virDomainPtr dom = virDomainLookupByName(conn, name);
    int state = -1;

    if (dom) {
        virDomainGetState(dom, &state, NULL, 0);
        virDomainFree(dom);
    }
    return state;
}

static void await(struct backend_rig *r, const char *name, int state)
{
    int64_t until = clk_mono_ms() + WAIT_MS;

    while (state_of(name) != state) {
        if (clk_mono_ms() > until)
            fail_msg("%s: %d, not %d: %s", name, state_of(name), state,
                     backend_rig_status(r).note);
        tend(r);
        usleep(10000);
    }
}

static void await_ready(struct backend_rig *r, int running, int ready)
{
    int64_t until = clk_mono_ms() + WAIT_MS;

    for (;;) {
        struct backend_status st;

        tend(r);
        st = backend_rig_status(r);
        if (st.running == running && st.ready == ready)
            return;
        if (clk_mono_ms() > until)
            fail_msg("running %d ready %d: %s", st.running, st.ready, st.note);
        usleep(10000);
    }
}

static void with(const char *name, int (*call)(virDomainPtr dom))
{
    virDomainPtr dom = virDomainLookupByName(conn, name);

    assert_non_null(dom);
    assert_int_equal(call(dom), 0);
    virDomainFree(dom);
}

static int save(virDomainPtr dom)
{
    return virDomainManagedSave(dom, 0);
}

/* As if a call had been cut short after the definition, so long ago. */
static void leave_over(int number, const char *role, int64_t age_ms)
{
    char xml[900];
    virDomainPtr dom;

    snprintf(
        xml, sizeof xml,
        "<domain type='test'><name>web-%04d</name><memory>8192</memory><os><type>hvm</type>"
        "</os><metadata><s:instance xmlns:s='" MARK "'><s:group>web</s:group><s:id>%04d"
        "</s:id><s:role>%s</s:role><s:since_ms>%lld</s:since_ms></s:instance></metadata>"
        "</domain>",
        number, number, role, (long long)(clk_wall_ms() - age_ms));
    dom = virDomainDefineXML(conn, xml);
    assert_non_null(dom);
    virDomainFree(dom);
}

/* --- tests -------------------------------------------------------------------------------- */

static void warm(const char *kind, int put_aside)
{
    const char *more[] = {"warm", "1", "warm_kind", kind, NULL};
    struct backend_rig r;

    open_probed(&r, more);
    tend(&r); /* makes one */
    assert_int_equal(state_of("web-0001"), VIR_DOMAIN_RUNNING);
    tend(&r);
    assert_int_equal(state_of("web-0001"), VIR_DOMAIN_RUNNING); /* it boots */
    assert_int_equal(backend_rig_status(&r).running, 0);
    listen_at(1);
    await(&r, "web-0001", put_aside);
    assert_int_equal(backend_rig_status(&r).running, 0);
    assert_int_equal(state_of("web-0002"), -1); /* one is enough */

    backend_rig_close(&r); /* a restart forgets none */
    open_probed(&r, more);
    tend(&r);
    assert_int_equal(state_of("web-0002"), -1);

    backend_rig_scale(&r, 1);
    assert_int_equal(state_of("web-0001"), VIR_DOMAIN_RUNNING);
    await_ready(&r, 1, 1);
    await(&r, "web-0002", VIR_DOMAIN_RUNNING); /* the next */
    backend_rig_scale(&r, 2);                  /* is taken though it still boots */
    assert_int_equal(backend_rig_status(&r).running, 2);
    assert_int_equal(state_of("web-0003"), -1);
    backend_rig_scale(&r, 0);
    await_ready(&r, 0, 0);
    backend_rig_close(&r);

    more[1] = "0"; /* no longer wanted */
    open_probed(&r, more);
    await(&r, "web-0001", -1);
    await(&r, "web-0002", -1);
    await(&r, "web-0003", -1);
    backend_rig_close(&r);
}

static void a_paused_one_is_resumed(void **state)
{
    (void)state;
    warm("paused", VIR_DOMAIN_PAUSED);
}

static void a_saved_one_is_restored(void **state)
{
    (void)state;
    warm("saved", VIR_DOMAIN_SHUTOFF);
}

static void what_is_not_ready_in_time_is_replaced(void **state)
{
    static const char *const more[] = {"ready_within", "1s", NULL};
    struct backend_rig r;
    struct err e = {0};

    (void)state;
    open_probed(&r, more);
    backend_rig_scale(&r, 2);
    await(&r, "web-0001", -1);
    await(&r, "web-0002", -1);
    assert_int_equal(backend_rig_status(&r).failed, 2);
    assert_contains(backend_rig_status(&r).note, "2 ended by themselves: next start in");
    assert_int_equal(r.backend->scale(r.object, &r.call, 2, &e), -1);
    assert_int_equal(e.code, ERR_BUSY);
    backend_rig_close(&r);
}

static void one_that_was_ready_is_given_time(void **state)
{
    static const char *const more[] = {"ready_within", "1s", NULL};
    struct backend_rig r;

    (void)state;
    listen_at(1);
    open_probed(&r, more);
    backend_rig_scale(&r, 1);
    await_ready(&r, 1, 1);
    tend(&r);
    close(fds[0]);
    fds[0] = -1;
    await_ready(&r, 1, 0);
    backend_rig_close(&r); /* a restart does not make it a new one */
    usleep(1100000);
    open_probed(&r, more);
    tend(&r);
    tend(&r);
    assert_int_equal(state_of("web-0001"), VIR_DOMAIN_RUNNING);
    backend_rig_close(&r);
}

static void leftovers_are_cleared(void **state)
{
    static const char *const more[] = {NULL};
    struct backend_rig r;

    (void)state;
    leave_over(1, "new", 59000);
    leave_over(2, "new", 61000);
    leave_over(3, "serving", 61000);
    leave_over(4, "drain", 61000);
    leave_over(5, "new", 61000);
    with("web-0005", virDomainCreate); /* cut after its start */
    open_rig(&r, more);
    tend(&r);
    assert_int_equal(state_of("web-0001"), VIR_DOMAIN_SHUTOFF);
    assert_int_equal(state_of("web-0002"), -1);
    assert_int_equal(state_of("web-0003"), -1);
    assert_int_equal(state_of("web-0004"), -1);
    assert_int_equal(state_of("web-0005"), VIR_DOMAIN_RUNNING);
    assert_int_equal(backend_rig_status(&r).failed, 1); /* the one that had served */
    assert_int_equal(backend_rig_status(&r).running, 1);
    backend_rig_close(&r);
}

static void what_others_do_is_told(void **state)
{
    static const char *const more[] = {NULL};
    struct backend_rig r;

    (void)state;
    open_rig(&r, more);
    backend_rig_scale(&r, 3);
    await_ready(&r, 3, 3);
    with("web-0001", virDomainSuspend);
    await_ready(&r, 3, 2);
    assert_contains(backend_rig_status(&r).note, "1 are paused");
    assert_int_equal(state_of("web-0001"), VIR_DOMAIN_PAUSED); /* left as it is */
    with("web-0001", virDomainResume);
    with("web-0002", save);
    await_ready(&r, 2, 2);
    assert_contains(backend_rig_status(&r).note, "1 were saved to disk");
    backend_rig_scale(&r, 3); /* the saved one comes back first */
    assert_int_equal(state_of("web-0002"), VIR_DOMAIN_RUNNING);
    assert_int_equal(state_of("web-0004"), -1);
    backend_rig_close(&r);
}

static void a_drain_outlives_a_restart(void **state)
{
    static const char *const more[] = {"drain", "1s", NULL};
    struct backend_status st;
    struct backend_rig r;

    (void)state;
    open_rig(&r, more);
    backend_rig_scale(&r, 2);
    await_ready(&r, 2, 2);
    backend_rig_scale(&r, 1);
    backend_rig_close(&r);
    open_rig(&r, more);
    st = backend_rig_status(&r);
    assert_int_equal(st.running, 1);
    assert_int_equal(st.draining, 1);
    await(&r, "web-0002", -1);
    assert_int_equal(state_of("web-0001"), VIR_DOMAIN_RUNNING);
    backend_rig_close(&r);
}

static void a_command_can_say_who_is_ready(void **state)
{
    static const char *const more[] = {
        "probe", "exec",          "probe_command",      "/bin/sh",       "probe_command",
        "-c",    "probe_command", "test $0 = web-0002", "probe_command", "{name}",
        NULL};
    struct backend_rig r;

    (void)state;
    open_rig(&r, more);
    backend_rig_scale(&r, 2);
    await_ready(&r, 2, 1);
    backend_rig_scale(&r, 1); /* the one that is not ready goes first */
    await(&r, "web-0001", -1);
    backend_rig_close(&r);
}

/* It accepts, and never says a word. */
static void one_that_is_silent_delays_nobody(void **state)
{
    static const char *const more[] = {"probe", "http", "probe_timeout", "200ms", NULL};
    struct backend_rig r;
    int64_t began;

    (void)state;
    listen_at(1);
    open_probed(&r, more);
    backend_rig_scale(&r, 1);
    began = clk_mono_ms();
    tend(&r);
    assert_int_equal(backend_rig_status(&r).ready, 0);
    assert_in_range(clk_mono_ms() - began, 200, 3000); /* of deadlines of 5 and 10 s */
    backend_rig_close(&r);
}

static void check_names_what_is_wrong(void **state)
{
    static const char *const plain[] = {NULL};
    static const char *const overlay[] = {"volume", "b.qcow2", "pool", "default-pool", NULL};
    static const char *const no_pool[] = {"volume", "b.qcow2", NULL};
    static const char *const running[] = {"template", "test", "volume", "b.qcow2", NULL};
    static const char *const missing[] = {"template", "golden", NULL};
    static const char *const no_file[] = {"template", "/nowhere/web.xml", NULL};
    static const struct {
        const char *name, *disks;
        const char *const *more;
        int rc;
        const char *words;
    } rows[] = {
        {"all well", "", plain, 0, "0 domains of web run on"},
        {"room by memory", "", plain, 0, "memory: 8 MiB each; the host has 3072 MiB"},
        {"a disk for all", "<disk><source file='/a'/><target dev='vda'/></disk>", plain, -1,
         "all instances would write to its disk vda"},
        {"no base", "<disk><source file='/a'/><target dev='vda'/></disk>", overlay, -1,
         "volume b.qcow2 in pool default-pool"},
        {"no pool", "<disk><source file='/a'/><target dev='vda'/></disk>", no_pool, -1,
         "volume b.qcow2 in pool default: default: "},
        {"no disk for the overlay", "", overlay, -1, "no hard disk in it for the overlay"},
        {"no such domain", "", missing, -1, "template golden: there is no such domain"},
        {"no such file", "", no_file, -1, "/nowhere/web.xml"},
        {"not XML", "<disk>", plain, -1, "not XML as expected: line 1"},
        {"the template runs", "", running, -1, "template test runs: shut it down"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct backend_rig r;

        print_message("  %s\n", rows[i].name);
        write_template(rows[i].disks);
        open_rig(&r, rows[i].more);
        assert_contains(backend_rig_check(&r, rows[i].rc), rows[i].words);
        backend_rig_close(&r);
    }
}

static void errors_have_their_kind(void **state)
{
    static const struct {
        const char *uri;
        enum err_code code;
        const char *words;
    } rows[] = {
        {"test+pigeon:///default", ERR_CONFIG, "not recognised"},
        {"test+unix:///default?socket=/nowhere/sock", ERR_IO, "No such file"},
        {"test+tcp://127.0.0.1:1/default", ERR_IO, "refused"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const more[] = {"uri", rows[i].uri, NULL};
        struct backend_rig r;

        print_message("  %s\n", rows[i].uri);
        open_rig(&r, more);
        backend_rig_is_blind(&r, rows[i].code, rows[i].words);
        backend_rig_refuses(&r, 1, rows[i].code, rows[i].words);
        backend_rig_close(&r);
    }
}

int main(void)
{
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_paused_one_is_resumed),
        WITH_WORLD(a_saved_one_is_restored),
        WITH_WORLD(what_is_not_ready_in_time_is_replaced),
        WITH_WORLD(one_that_was_ready_is_given_time),
        WITH_WORLD(leftovers_are_cleared),
        WITH_WORLD(what_others_do_is_told),
        WITH_WORLD(a_drain_outlives_a_restart),
        WITH_WORLD(a_command_can_say_who_is_ready),
        WITH_WORLD(one_that_is_silent_delays_nobody),
        WITH_WORLD(check_names_what_is_wrong),
        WITH_WORLD(errors_have_their_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
