/* libvirt.c - the conformance of the libvirt backend, with libvirt's test driver: in this
 * process, or, where TEST_LIBVIRTD is defined, in a libvirtd of the test's own, which is spoken
 * with over a connection that can be disturbed. Its domains have states but no guests: one that
 * is asked to shut down has done so at once. */
#include "conformance/suite.h"

#include <arpa/inet.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clk.h"
#include "lib/servers.h"
#include "lib/slow_proxy.h"

#define MARK "urn:scaler:libvirt:1"
#define BASE "base.qcow2"
enum { LISTENERS = 2 };

struct virt {
    virConnectPtr conn;
    struct slow_proxy proxy;
    char template[340];
    int port, late_ms, fds[LISTENERS];
    pthread_t opener;
    bool has_opener;
};

static const char template_xml[] =
    "<domain type='test'><name>web-template</name><memory unit='MiB'>%d</memory>"
    "<os><type>hvm</type></os><devices><disk type='file' device='disk'>"
    "<source file='/images/template.img'/><target dev='vda' bus='virtio'/></disk>"
    "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/>"
    "</interface></devices></domain>";

/* --- the server --------------------------------------------------------------------------- */

#ifdef TEST_LIBVIRTD
#define SERVER "libvirtd, its test driver"
static char sock[340];

/* Without drivers beside the built-in one it is there in a tenth of a second. */
static void start_daemon(void)
{
    char conf[340], pid[340], dir[300];
    const char *argv[] = {"libvirtd", "--config", conf, "-p", pid, NULL};
    FILE *f;

    snprintf(dir, sizeof dir, "%s", test_temp_dir());
    snprintf(conf, sizeof conf, "%s/libvirtd.conf", dir);
    snprintf(pid, sizeof pid, "%s/libvirtd.pid", dir);
    snprintf(sock, sizeof sock, "%s/libvirt-sock", dir);
    f = fopen(conf, "w");
    assert_non_null(f);
    fprintf(f,
            "unix_sock_dir = \"%s\"\nunix_sock_rw_perms = \"0700\"\nauth_unix_rw = \"none\"\n"
            "auth_unix_ro = \"none\"\n",
            dir);
    fclose(f);
    setenv("LIBVIRT_DRIVER_DIR", dir, 1);
    test_start("libvirtd", argv);
    unsetenv("LIBVIRT_DRIVER_DIR");
    assert_true(test_wait_port(0, sock));
}

/* The header of a call: length, program, version, procedure, type, serial, status. */
static bool is_write(const char *request, size_t n)
{
    /* Numbers of remote_protocol.x: define, create, metadata, suspend, resume, managed save,
     * shutdown, destroy, undefine, volume create and delete. */
    static const uint32_t writes[] = {350, 196, 264, 34, 28, 182, 258, 234, 231, 93, 94};
    uint32_t head[6];

    if (n < sizeof head)
        return false;
    memcpy(head, request, sizeof head);
    if (ntohl(head[1]) != 0x20008086 || ntohl(head[4]) != 0)
        return false;
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        if (ntohl(head[3]) == writes[i])
            return true;
    }
    return false;
}

static int writes(struct bench *b)
{
    struct virt *v = b->user;

    return atomic_load(&v->proxy.n_writes);
}

static void fault(struct bench *b, enum suite_fault how, int status)
{
    struct virt *v = b->user;

    (void)status;
    v->proxy.reply = "HTTP/1.1 400 Bad Request\r\n\r\n";
    atomic_store(&v->proxy.mode, how == SUITE_FAULT_NONE      ? SLOW_NOT
                                 : how == SUITE_FAULT_CUT     ? SLOW_CUT
                                 : how == SUITE_FAULT_GARBAGE ? SLOW_REPLY
                                                              : SLOW_SILENT);
}

static int find_server(void)
{
    static bool is_started;

    if (!test_has_program("libvirtd")) {
        fprintf(stderr, "skipped: no libvirtd (config/packages.sh extended)\n");
        return 77;
    }
    if (!is_started)
        start_daemon();
    is_started = true;
    return 0;
}

static void connect_both(struct bench *b)
{
    struct virt *v = b->user;
    char uri[460];
    struct err e = {0};

    snprintf(uri, sizeof uri, "test+unix:///default?socket=%s", sock);
    v->conn = virConnectOpen(uri);
    assert_non_null(v->conn);
    slow_proxy_start(&v->proxy, 0, sock);
    v->proxy.is_write = is_write;
    snprintf(uri, sizeof uri, "test+tcp://127.0.0.1:%d/default", v->proxy.port);
    assert_int_equal(conf_set(b->conf, "uri", uri, &e), 0);
}

static void disconnect(struct virt *v)
{
    virConnectClose(v->conn);
    slow_proxy_stop(&v->proxy);
}

static const char *template_name(struct virt *v)
{
    (void)v;
    return "web-template";
}

static void set_template(struct virt *v, int memory_mb)
{
    char xml[1000];
    virDomainPtr dom = virDomainLookupByName(v->conn, "web-template");

    if (dom) {
        assert_int_equal(virDomainUndefine(dom), 0);
        virDomainFree(dom);
    }
    snprintf(xml, sizeof xml, template_xml, memory_mb);
    dom = virDomainDefineXML(v->conn, xml);
    assert_non_null(dom);
    virDomainFree(dom);
}
#else
#define SERVER "libvirt's test driver"

/* Calls of the backend that change something are counted on their way into the library; this
 * file itself uses their elder forms. */
static atomic_int n_writes;

#define COUNTED(type, name, parameters, arguments) \
    type __real_##name parameters;                 \
    type __wrap_##name parameters;                 \
    type __wrap_##name parameters                  \
    {                                              \
        atomic_fetch_add(&n_writes, 1);            \
        return __real_##name arguments;            \
    }
COUNTED(int, virDomainCreateWithFlags, (virDomainPtr d, unsigned f), (d, f))
COUNTED(int, virDomainSetMetadata,
        (virDomainPtr d, int t, const char *m, const char *k, const char *u, unsigned f),
        (d, t, m, k, u, f))
COUNTED(int, virDomainSuspend, (virDomainPtr d), (d))
COUNTED(int, virDomainResume, (virDomainPtr d), (d))
COUNTED(int, virDomainManagedSave, (virDomainPtr d, unsigned f), (d, f))
COUNTED(int, virDomainShutdownFlags, (virDomainPtr d, unsigned f), (d, f))
COUNTED(int, virDomainDestroyFlags, (virDomainPtr d, unsigned f), (d, f))
COUNTED(int, virDomainUndefineFlags, (virDomainPtr d, unsigned f), (d, f))
COUNTED(int, virStorageVolDelete, (virStorageVolPtr v, unsigned f), (v, f))
COUNTED(virStorageVolPtr, virStorageVolCreateXML,
        (virStoragePoolPtr p, const char *x, unsigned f), (p, x, f))
COUNTED(virDomainPtr, virDomainDefineXMLFlags, (virConnectPtr c, const char *x, unsigned f),
        (c, x, f))

static int writes(struct bench *b)
{
    (void)b;
    return atomic_load(&n_writes);
}

static int find_server(void)
{
    return 0;
}

static void connect_both(struct bench *b)
{
    struct virt *v = b->user;
    struct err e = {0};

    v->conn = virConnectOpen("test:///default");
    assert_non_null(v->conn);
    assert_int_equal(conf_set(b->conf, "uri", "test:///default", &e), 0);
}

static void disconnect(struct virt *v)
{
    virConnectClose(v->conn);
}

static const char *template_name(struct virt *v)
{
    return v->template;
}

static void set_template(struct virt *v, int memory_mb)
{
    FILE *f = fopen(v->template, "w");

    assert_non_null(f);
    fprintf(f, template_xml, memory_mb);
    fclose(f);
}
#endif

/* --- the entry ---------------------------------------------------------------------------- */

static void make_base(struct virt *v)
{
    virStoragePoolPtr pool = virStoragePoolLookupByName(v->conn, "default-pool");
    virStorageVolPtr vol =
        virStorageVolCreateXML(pool,
                               "<volume><name>" BASE "</name><capacity>1048576</capacity>"
                               "<target><format type='qcow2'/></target></volume>",
                               0);

    assert_non_null(vol);
    virStorageVolFree(vol);
    virStoragePoolFree(pool);
}

/* Its name could be an instance's, but it carries no mark. */
static void make_foreign(struct virt *v)
{
    virDomainPtr dom = virDomainDefineXML(v->conn, "<domain type='test'><name>web-0002</name>"
                                                   "<memory>8192</memory><os><type>hvm</type>"
                                                   "</os></domain>");

    assert_non_null(dom);
    virDomainFree(dom);
}

static int start(struct bench *b)
{
    struct virt *v;
    struct err e = {0};
    int rc = find_server();

    if (rc != 0)
        return rc;
    v = calloc(1, sizeof *v);
    assert_non_null(v);
    b->user = v;
    for (int i = 0; i < LISTENERS; i++)
        v->fds[i] = -1;
    snprintf(v->template, sizeof v->template, "%s/web.xml", test_temp_dir());
    connect_both(b);
    make_base(v);
    make_foreign(v);
    set_template(v, 8);
    conf_set(b->conf, "template", template_name(v), &e);
    conf_set(b->conf, "pool", "default-pool", &e);
    conf_set(b->conf, "volume", BASE, &e);
    conf_set(b->conf, "instances", "6", &e);
    assert_int_equal(e.code, ERR_NONE);
    return 0;
}

static bool is_there(struct virt *v, const char *name, int active)
{
    virDomainPtr dom = virDomainLookupByName(v->conn, name);
    bool is_so = dom && virDomainIsActive(dom) == active;

    if (dom)
        virDomainFree(dom);
    return is_so;
}

static bool is_marked(virDomainPtr dom, const char *volume)
{
    char *xml = virDomainGetMetadata(dom, VIR_DOMAIN_METADATA_ELEMENT, MARK, 0);
    bool is_so = xml && strstr(xml, volume);

    free(xml);
    return is_so;
}

/* Beside the base there are the overlays of domains that are there, and no others. */
static void assert_volumes(struct virt *v)
{
    virStoragePoolPtr pool = virStoragePoolLookupByName(v->conn, "default-pool");
    virStorageVolPtr *vols = NULL;
    virDomainPtr *doms = NULL;
    int n_vols = virStoragePoolListAllVolumes(pool, &vols, 0);
    int n_doms = virConnectListAllDomains(v->conn, &doms, 0);

    assert_true(n_vols >= 1);
    for (int i = 0; i < n_vols; i++) {
        const char *name = virStorageVolGetName(vols[i]);
        bool is_known = strcmp(name, BASE) == 0;

        for (int k = 0; k < n_doms; k++)
            is_known |= is_marked(doms[k], name);
        if (!is_known)
            fail_msg("the volume %s is nobody's", name);
        virStorageVolFree(vols[i]);
    }
    for (int k = 0; k < n_doms; k++)
        virDomainFree(doms[k]);
    free(vols);
    free(doms);
    virStoragePoolFree(pool);
}

static void stop(struct bench *b)
{
    struct virt *v = b->user;

    if (v->has_opener)
        pthread_join(v->opener, NULL);
    for (int i = 0; i < LISTENERS; i++) {
        if (v->fds[i] >= 0)
            close(v->fds[i]);
    }
    assert_true(is_there(v, "test", 1)); /* of the driver's own */
    assert_true(is_there(v, "web-0002", 0));
    assert_volumes(v);
    disconnect(v);
    free(v);
    b->user = NULL;
}

static int count(struct bench *b)
{
    struct virt *v = b->user;
    virDomainPtr *doms = NULL;
    int n = virConnectListAllDomains(v->conn, &doms, VIR_CONNECT_LIST_DOMAINS_ACTIVE), ours = 0;

    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        ours += strncmp(virDomainGetName(doms[i]), "web-", 4) == 0;
        virDomainFree(doms[i]);
    }
    free(doms);
    return ours;
}

/* Another writer's instance: named and marked as the group has it. */
static void move(struct bench *b, int to)
{
    struct virt *v = b->user;

    for (int n = count(b); n < to; n++) {
        char xml[1000];
        virDomainPtr dom;

        snprintf(xml, sizeof xml,
                 "<domain type='test'><name>web-%04d</name><memory>8192</memory><os>"
                 "<type>hvm</type></os><metadata><s:instance xmlns:s='" MARK "'><s:group>web"
                 "</s:group><s:id>%04d</s:id><s:role>serving</s:role><s:since_ms>%lld"
                 "</s:since_ms></s:instance></metadata></domain>",
                 90 + n, 90 + n, (long long)clk_wall_ms());
        dom = virDomainDefineXML(v->conn, xml);
        assert_non_null(dom);
        assert_int_equal(virDomainCreate(dom), 0);
        virDomainFree(dom);
    }
}

static void kill_one(struct bench *b)
{
    struct virt *v = b->user;
    virDomainPtr dom = virDomainLookupByName(v->conn, "web-0001");

    assert_non_null(dom);
    assert_int_equal(virDomainDestroy(dom), 0);
    virDomainFree(dom);
}

static void reopen(struct bench *b)
{
    struct backend_call call = {.service = b->service,
                                .state_dir = b->state_dir,
                                .deadline_mono_ms = clk_mono_ms() + 5000};
    struct err e = {0};

    b->backend->close(b->object);
    b->object = NULL;
    if (b->backend->open(&b->object, b->conf, &call, &e) != 0)
        fail_msg("%s", e.msg);
}

/* The host has 3 GiB, of which its first domain has 2: two of these fit into nine tenths. */
static void set_room(struct bench *b, int most)
{
    assert_int_equal(most, 2);
    set_template(b->user, 300);
}

static int listen_at(const char *address, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, address, &a.sin_addr);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 8) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void *open_late(void *user)
{
    struct virt *v = user;

    usleep((useconds_t)v->late_ms * 1000);
    v->fds[0] = listen_at("127.0.0.1", v->port);
    v->fds[1] = listen_at("127.0.0.3", v->port); /* number 2 is another's */
    return NULL;
}

static void set_late(struct bench *b, int ms)
{
    struct virt *v = b->user;
    char port[16];
    struct err e = {0};

    v->late_ms = ms;
    v->port = test_free_port();
    snprintf(port, sizeof port, "%d", v->port);
    conf_set(b->conf, "probe", "tcp", &e);
    conf_set(b->conf, "address", "127.0.0.{number}", &e);
    conf_set(b->conf, "probe_port", port, &e);
    conf_set(b->conf, "probe_interval", "100ms", &e);
    assert_int_equal(e.code, ERR_NONE);
    reopen(b);
    assert_int_equal(pthread_create(&v->opener, NULL, open_late, v), 0);
    v->has_opener = true;
}

static void set_drain(struct bench *b, int ms)
{
    char text[16];
    struct err e = {0};

    snprintf(text, sizeof text, "%dms", ms);
    assert_int_equal(conf_set(b->conf, "drain", text, &e), 0);
    reopen(b);
}

static const struct suite_entry entry = {
    .backend = "libvirt",
    .server = SERVER,
    .start = start,
    .stop = stop,
    .count = count,
    .writes = writes,
    .move = move,
    .kill_one = kill_one,
    .set_room = set_room,
    .set_late = set_late,
    .set_drain = set_drain,
#ifdef TEST_LIBVIRTD
    .fault = fault,
#endif
    .na =
        {
#ifdef TEST_LIBVIRTD
            [SUITE_STATUS] = "no HTTP: unit/test_adapters_libvirt has the codes",
            [SUITE_HUGE] = "libvirt's library takes no message above 32 MiB",
#else
            [SUITE_DOWN] = "in this process: no connection to disturb",
            [SUITE_SLOW] = "in this process: no connection to disturb",
            [SUITE_GARBAGE] = "in this process: no connection to disturb",
            [SUITE_STATUS] = "in this process: no connection to disturb",
            [SUITE_HUGE] = "in this process: no connection to disturb",
#endif
        },
};

static void say_nothing(void *user, virErrorPtr error)
{
    (void)user, (void)error;
}

int main(int argc, char **argv)
{
    virSetErrorFunc(NULL, say_nothing);
    return suite_main(&entry, argc, argv);
}
