/* test_libvirt_qemu.c - the libvirt backend with real machines: QEMU, without KVM, under a
 * libvirtd of the test's own (extended/libvirt_world.sh), whose guest is a Linux kernel and
 * busybox. */
#include "lib/backend_rig.h"
#include "lib/test.h"

#include <dirent.h>
#include <libvirt/libvirt.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"
#include "lib/servers.h"
#include "net/http.h"

enum { WORLD_MS = 120000, BOOT_MS = 90000, PORTS = 6 };

static char dir[300], uri[400];
static int first_port;
static virConnectPtr conn;
static bool has_agent;

/* --- the world ---------------------------------------------------------------------------- */

/* libvirtd leaves its machines running when it is killed. */
static void end_machines(void)
{
    char path[400], pid[620];
    struct dirent *entry;
    DIR *d;

    snprintf(path, sizeof path, "%s/run/qemu", dir);
    d = opendir(path);
    while (d && (entry = readdir(d)) != NULL) {
        size_t n = strlen(entry->d_name);
        struct str text = STR_EMPTY;

        if (n < 4 || strcmp(entry->d_name + n - 4, ".pid") != 0)
            continue;
        snprintf(pid, sizeof pid, "%s/%.190s", path, entry->d_name);
        if (file_read(pid, 64, &text, NULL) == 0 && strtol(str_text(&text), NULL, 10) > 1)
            kill((pid_t)strtol(str_text(&text), NULL, 10), SIGKILL);
        str_clear(&text);
    }
    if (d)
        closedir(d);
}

static int start_world(void)
{
    char script[600], sock[340], has[340];
    const char *argv[] = {"sh", script, dir, NULL};
    int64_t until = clk_mono_ms() + WORLD_MS;
    struct str text = STR_EMPTY;
    int status;
    pid_t pid;

    snprintf(dir, sizeof dir, "%s", test_temp_dir());
    snprintf(script, sizeof script, "%s/tests/extended/libvirt_world.sh",
             getenv("SCALER_SOURCE_DIR"));
    snprintf(sock, sizeof sock, "%s/libvirt-sock", dir);
    snprintf(has, sizeof has, "%s/has_agent", dir);
    snprintf(uri, sizeof uri, "qemu+unix:///system?socket=%s", sock);
    pid = test_start("world", argv);
    atexit(end_machines);
    while (!conn) {
        if (waitpid(pid, &status, WNOHANG) == pid || clk_mono_ms() > until) {
            fprintf(stderr, "skipped: no libvirtd with QEMU here:\n");
            snprintf(script, sizeof script, "cat %s/world.log >&2", dir);
            return system(script) == 0 ? 77 : 1;
        }
        usleep(100000);
        if (access(sock, F_OK) == 0)
            conn = virConnectOpen(uri);
    }
    assert_int_equal(file_read(has, 16, &text, NULL), 0);
    has_agent = strncmp(str_text(&text), "yes", 3) == 0;
    str_clear(&text);
    return 0;
}

static bool is_free(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_so = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;

    close(fd);
    return is_so;
}

/* PORTS of them in a row, below those that the kernel gives out. */
static int free_ports(void)
{
    for (int first = 20000 + (int)(getpid() % 1000) * 10; first < 32000; first += PORTS) {
        int n = 0;

        while (n < PORTS && is_free(first + n))
            n++;
        if (n == PORTS)
            return first;
    }
    fail_msg("no free ports");
    return 0;
}

static void write_file(const char *name, const char *text)
{
    char path[400];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void make_pool(void)
{
    char xml[700], line[400];
    virStoragePoolPtr pool;

    snprintf(line, sizeof line, "mkdir -p %s/pool", dir);
    assert_int_equal(system(line), 0);
    snprintf(line, sizeof line, "pool/base.img");
    write_file(line, "what the base says\n");
    snprintf(line, sizeof line, "%s/pool/base.img", dir);
    assert_int_equal(truncate(line, 1 << 20), 0);
    snprintf(xml, sizeof xml,
             "<pool type='dir'><name>images</name><target><path>%s/pool</path></target></pool>",
             dir);
    pool = virStoragePoolCreateXML(conn, xml, 0);
    assert_non_null(pool);
    virStoragePoolFree(pool);
}

static void make_template(const char *name, const char *channel)
{
    char xml[4000];

    snprintf(xml, sizeof xml,
             "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
             "<name>template</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>"
             "<os><type arch='x86_64' machine='pc'>hvm</type><kernel>%s/vmlinuz</kernel>"
             "<initrd>%s/initrd</initrd><cmdline>console=ttyS0 quiet</cmdline></os>"
             "<features><acpi/></features><on_crash>destroy</on_crash><devices>"
             "<emulator>/usr/bin/qemu-system-x86_64</emulator>"
             "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
             "<source file='%s/pool/base.img'/><target dev='vda' bus='virtio'/></disk>"
             "<serial type='file'><source path='%s/log/{name}.console'/></serial>%s</devices>"
             "<qemu:commandline><qemu:arg value='-netdev'/>"
             "<qemu:arg value='user,id=n0,hostfwd=tcp:127.0.0.1:{port}-:80'/>"
             "<qemu:arg value='-device'/><qemu:arg value='virtio-net-pci,netdev=n0,addr=0x10'/>"
             "</qemu:commandline></domain>",
             dir, dir, dir, dir, channel);
    write_file(name, xml);
}

/* --- the backend -------------------------------------------------------------------------- */

static void open_rig(struct backend_rig *r, const char *template, const char *const *more)
{
    char path[400], ports[32];
    const char *pairs[40] = {"uri",    uri,           "template", path,        "pool",
                             "images", "volume",      "base.img", "ports",     ports,
                             "probe",  "http",        "address",  "127.0.0.1", "probe_interval",
                             "200ms",  "host_memory", "0"};
    size_t n = 18;

    snprintf(path, sizeof path, "%s/%s", dir, template);
    snprintf(ports, sizeof ports, "%d-%d", first_port, first_port + PORTS - 1);
    for (; *more; more++)
        pairs[n++] = *more;
    backend_rig_open(r, "libvirt", pairs);
}

static void tend(struct backend_rig *r)
{
    struct err e = {0};

    r->call.deadline_mono_ms = clk_mono_ms() + 10000;
    if (r->backend->tend(r->object, &r->call, &e) != 0)
        fail_msg("tend: %s", e.msg);
}

/* Until it is so; how long that took. */
static int64_t settle(struct backend_rig *r, int running, int ready, int draining)
{
    int64_t began = clk_mono_ms();

    for (;;) {
        struct backend_status st;

        tend(r);
        st = backend_rig_status(r);
        if (st.running == running && st.ready == ready && st.draining == draining)
            return clk_mono_ms() - began;
        if (clk_mono_ms() - began > BOOT_MS)
            fail_msg("running %d ready %d draining %d, not %d %d %d: %s", st.running, st.ready,
                     st.draining, running, ready, draining, st.note);
        usleep(50000);
    }
}

static void settle_warm(struct backend_rig *r, int state, bool is_saved)
{
    int64_t began = clk_mono_ms();

    for (;;) {
        virDomainPtr *doms = NULL;
        int n = virConnectListAllDomains(conn, &doms, 0), found = 0;

        for (int i = 0; i < n; i++) {
            int s = 0;

            virDomainGetState(doms[i], &s, NULL, 0);
            found += s == state && (virDomainHasManagedSaveImage(doms[i], 0) == 1) == is_saved;
            virDomainFree(doms[i]);
        }
        free(doms);
        if (found == 1)
            return;
        if (clk_mono_ms() - began > BOOT_MS)
            fail_msg("no warm one: %s", backend_rig_status(r).note);
        tend(r);
        usleep(50000);
    }
}

/* What the guest read from its disk before it wrote there. */
static void assert_serves(int port)
{
    char url[60];
    struct http_request q = {.method = "GET",
                             .url = url,
                             .most_bytes = 1000,
                             .deadline_mono_ms = clk_mono_ms() + 10000};
    struct http_options o = {.is_direct = 1};
    struct http_reply reply;
    struct http *h = NULL;
    struct err e = {0};

    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    assert_int_equal(http_new(&h, &o, &e), 0);
    if (http_call(h, &q, &reply, &e) != 0)
        fail_msg("%s: %s", url, e.msg);
    assert_contains(str_text(&reply.body), "what the base says");
    http_reply_clear(&reply);
    http_free(h);
}

static int count_files(const char *name)
{
    char path[400];
    struct dirent *entry;
    int n = 0;
    DIR *d;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    d = opendir(path);
    while (d && (entry = readdir(d)) != NULL)
        n += entry->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static void assert_base_untouched(void)
{
    char path[400];
    struct str text = STR_EMPTY;

    snprintf(path, sizeof path, "%s/pool/base.img", dir);
    assert_int_equal(file_read(path, 2 << 20, &text, NULL), 0);
    assert_int_equal(text.len, 1 << 20);
    assert_memory_equal(text.data, "what the base says\n", 20);
    str_clear(&text);
}

/* Nothing is left of the group, on libvirt's side or on the disk. */
static void end_all(struct backend_rig *r)
{
    int64_t until = clk_mono_ms() + BOOT_MS;

    backend_rig_scale(r, 0);
    settle(r, 0, 0, 0);
    while (virConnectNumOfDomains(conn) + virConnectNumOfDefinedDomains(conn) > 0 &&
           clk_mono_ms() < until)
        tend(r); /* those that are off are removed, and a warm one a round */
    backend_rig_close(r);
}

static void assert_nothing_left(void)
{
    assert_int_equal(virConnectNumOfDomains(conn), 0);
    assert_int_equal(virConnectNumOfDefinedDomains(conn), 0);
    assert_int_equal(count_files("pool"), 1);
    assert_int_equal(count_files("lib/qemu/save"), 0);
    assert_base_untouched();
}

/* --- tests -------------------------------------------------------------------------------- */

static void machines_start_serve_and_end(void **state)
{
    static const char *const more[] = {"shutdown", "acpi", "grace", "60s", NULL};
    struct backend_status st;
    struct backend_rig r;
    char path[600];
    int64_t ms;

    (void)state;
    open_rig(&r, "plain.xml", more);
    assert_contains(backend_rig_check(&r, 0), "0 domains of web run on");
    backend_rig_scale(&r, 2);
    st = backend_rig_status(&r);
    assert_int_equal(st.running, 2);
    assert_int_equal(st.ready, 0); /* it boots */
    ms = settle(&r, 2, 2, 0);
    print_message("  two machines ready after %lld ms\n", (long long)ms);
    assert_serves(first_port);
    assert_serves(first_port + 1);
    assert_int_equal(count_files("pool"), 3);
    assert_base_untouched();
    snprintf(path, sizeof path, "%s/log/web-0002.console", dir);
    assert_int_equal(access(path, F_OK), 0);

    backend_rig_close(&r); /* a restart of scaler */
    open_rig(&r, "plain.xml", more);
    settle(&r, 2, 2, 0);

    backend_rig_scale(&r, 1);
    st = backend_rig_status(&r);
    assert_int_equal(st.running, 1);
    assert_int_equal(st.draining, 1);
    ms = settle(&r, 1, 1, 0);
    print_message("  one shut down by ACPI after %lld ms\n", (long long)ms);
    assert_true(ms < 50000); /* not destroyed at the end of its grace */
    assert_int_equal(count_files("pool"), 2);
    end_all(&r);
    assert_nothing_left();
}

static void one_that_dies_is_replaced(void **state)
{
    static const char *const more[] = {"grace", "60s", NULL};
    struct backend_rig r;
    char path[400];
    struct str text = STR_EMPTY;

    (void)state;
    open_rig(&r, "plain.xml", more);
    backend_rig_scale(&r, 1);
    settle(&r, 1, 1, 0);
    snprintf(path, sizeof path, "%s/run/qemu/web-0001.pid", dir);
    assert_int_equal(file_read(path, 64, &text, NULL), 0);
    assert_int_equal(kill((pid_t)strtol(str_text(&text), NULL, 10), SIGKILL), 0);
    str_clear(&text);
    settle(&r, 0, 0, 0);
    tend(&r); /* it may have been off before it was seen so */
    assert_int_equal(backend_rig_status(&r).failed, 1);
    assert_int_equal(count_files("pool"), 1);
    backend_rig_scale(&r, 1);
    settle(&r, 1, 1, 0);
    assert_serves(first_port);
    end_all(&r);
    assert_nothing_left();
}

static void warm(const char *kind, int state, bool is_saved)
{
    const char *more[] = {"warm", "1", "warm_kind", kind, NULL};
    struct backend_rig r;
    int64_t cold, warm;

    open_rig(&r, "plain.xml", more);
    backend_rig_scale(&r, 1);
    cold = settle(&r, 1, 1, 0);
    settle_warm(&r, state, is_saved);
    assert_int_equal(backend_rig_status(&r).running, 1);
    backend_rig_scale(&r, 2);
    warm = settle(&r, 2, 2, 0);
    print_message("  ready after %lld ms, a warm one (%s) after %lld ms\n", (long long)cold,
                  kind, (long long)warm);
    if (!is_saved) /* reading its memory back may take as long as a boot of so small a guest */
        assert_true(warm < cold);
    assert_serves(first_port + 1);
    settle_warm(&r, state, is_saved); /* another takes its place */
    backend_rig_close(&r);
    more[1] = "0";
    open_rig(&r, "plain.xml", more); /* no warm one is wanted any more */
    end_all(&r);
    assert_nothing_left();
}

static void a_paused_one_is_resumed(void **state)
{
    (void)state;
    warm("paused", VIR_DOMAIN_PAUSED, false);
}

static void a_saved_one_is_restored(void **state)
{
    (void)state;
    warm("saved", VIR_DOMAIN_SHUTOFF, true);
}

static void the_guest_agent_is_asked(void **state)
{
    static const char *const more[] = {"shutdown", "agent", "grace", "60s",
                                       "probe",    "agent", NULL};
    struct backend_rig r;
    int64_t ms;

    (void)state;
    if (!has_agent) {
        print_message("  skipped: the guest agent cannot be had here\n");
        skip();
    }
    open_rig(&r, "agent.xml", more);
    backend_rig_scale(&r, 1);
    settle(&r, 1, 1, 0);
    backend_rig_scale(&r, 0);
    ms = settle(&r, 0, 0, 0);
    print_message("  shut down by its agent after %lld ms\n", (long long)ms);
    assert_true(ms < 50000);
    end_all(&r);
    assert_nothing_left();
}

static void one_that_does_not_hear_is_destroyed(void **state)
{
    static const char *const more[] = {"shutdown", "agent", "grace", "3s", NULL};
    struct backend_rig r;
    int64_t ms;

    (void)state;
    open_rig(&r, "plain.xml", more); /* which has no agent */
    backend_rig_scale(&r, 1);
    settle(&r, 1, 1, 0);
    backend_rig_scale(&r, 0);
    ms = settle(&r, 0, 0, 0);
    assert_in_range(ms, 2000, 30000);
    end_all(&r);
    assert_nothing_left();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machines_start_serve_and_end),
        cmocka_unit_test(one_that_dies_is_replaced),
        cmocka_unit_test(a_paused_one_is_resumed),
        cmocka_unit_test(a_saved_one_is_restored),
        cmocka_unit_test(the_guest_agent_is_asked),
        cmocka_unit_test(one_that_does_not_hear_is_destroyed),
    };
    int rc = start_world();

    if (rc != 0)
        return rc;
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    first_port = free_ports();
    make_pool();
    make_template("plain.xml", "");
    make_template("agent.xml", "<channel type='unix'><target type='virtio' "
                               "name='org.qemu.guest_agent.0'/></channel>");
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    virConnectClose(conn);
    return rc;
}
