/* libvirt_host.c - see libvirt_host.h. */
#include "adapters/backends/libvirt_host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clk.h"
#include "base/file.h"
#include "base/log.h"

#define KEEP_ALIVE_S 5
#define KEEP_ALIVE_COUNT 3u
#define TEMPLATE_MOST_BYTES ((size_t)4 << 20)

/* --- errors ------------------------------------------------------------------------------- */

static enum err_code code_of_errno(int number)
{
    switch (number) {
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
        return ERR_LIMIT;
    default:
        return ERR_IO;
    }
}

enum err_code libvirt_code(int code, int number)
{
    switch (code) {
    case VIR_ERR_SYSTEM_ERROR:
        return code_of_errno(number);
    case VIR_ERR_AUTH_FAILED:
    case VIR_ERR_AUTH_CANCELLED:
    case VIR_ERR_AUTH_UNAVAILABLE:
    case VIR_ERR_ACCESS_DENIED:
    case VIR_ERR_OPERATION_DENIED:
        return ERR_DENIED;
    case VIR_ERR_RESOURCE_BUSY:
    case VIR_ERR_OPERATION_TIMEOUT: /* another job holds the domain */
    case VIR_ERR_AGENT_UNRESPONSIVE:
    case VIR_ERR_AGENT_UNSYNCED:
    case VIR_ERR_BLOCK_COPY_ACTIVE:
        return ERR_BUSY;
    case VIR_ERR_NO_DOMAIN:
    case VIR_ERR_NO_DOMAIN_METADATA:
    case VIR_ERR_DOM_EXIST:
    case VIR_ERR_STORAGE_VOL_EXIST:
    case VIR_ERR_OPERATION_INVALID: /* not in the state it was seen in */
        return ERR_CONFLICT;
    case VIR_ERR_NO_MEMORY:
        return ERR_LIMIT;
    case VIR_ERR_RPC: /* a message that is none */
        return ERR_DATA;
    case VIR_ERR_NO_CONNECT: /* no driver for the URI */
    case VIR_ERR_NO_SUPPORT:
    case VIR_ERR_INVALID_ARG:
    case VIR_ERR_ARGUMENT_UNSUPPORTED:
    case VIR_ERR_OPERATION_UNSUPPORTED:
    case VIR_ERR_CONFIG_UNSUPPORTED:
    case VIR_ERR_CPU_INCOMPATIBLE:
    case VIR_ERR_XML_ERROR:
    case VIR_ERR_XML_DETAIL:
    case VIR_ERR_XML_INVALID_SCHEMA:
    case VIR_ERR_CONF_SYNTAX:
    case VIR_ERR_OS_TYPE:
    case VIR_ERR_NO_NETWORK:
    case VIR_ERR_NO_STORAGE_POOL:
    case VIR_ERR_NO_STORAGE_VOL:
    case VIR_ERR_NO_NWFILTER:
    case VIR_ERR_NO_SECRET:
    case VIR_ERR_DEVICE_MISSING:
        return ERR_CONFIG;
    default: /* also the many that come as INTERNAL_ERROR or OPERATION_FAILED */
        return ERR_IO;
    }
}

int libvirt_failed(const char *what, struct err *e)
{
    const virError *v = virGetLastError();

    if (!v)
        return err_set(e, ERR_IO, "%.100s: libvirt failed without a word", what);
    return err_set(e, libvirt_code(v->code, v->int1), "%.100s: %.140s", what,
                   v->message ? v->message : "libvirt gave no reason");
}

static int last_code(void)
{
    const virError *v = virGetLastError();

    return v ? v->code : VIR_ERR_OK;
}

/* --- the connection ----------------------------------------------------------------------- */

static void say_nothing(void *user, virErrorPtr error)
{
    (void)user, (void)error;
}

static void *turn_events(void *arg)
{
    (void)arg;
    while (virEventRunDefaultImpl() == 0)
        ;
    log_error("libvirt", "its event loop ended: connections are no longer kept alive");
    return NULL;
}

static void prepare(void)
{
    sigset_t all, before;
    pthread_t thread;

    if (virInitialize() != 0) /* the first connection will say why */
        return;
    virSetErrorFunc(NULL, say_nothing);
    if (virEventRegisterDefaultImpl() != 0)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, turn_events, NULL) == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void libvirt_prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, prepare);
}

static bool is_alive(virConnectPtr conn)
{
    unsigned long version;

    return virConnectIsAlive(conn) == 1 && virConnectGetLibVersion(conn, &version) == 0;
}

void libvirt_disconnect(struct libvirt_host *h)
{
    if (h->conn)
        virConnectClose(h->conn);
    h->conn = NULL;
}

/* Nobody is asked for a password: without a callback, a server that wants one refuses. */
int libvirt_connect(struct libvirt_host *h, struct err *e)
{
    char *name;

    if (h->conn && is_alive(h->conn))
        return 0;
    libvirt_disconnect(h);
    h->conn = virConnectOpen(h->uri);
    if (!h->conn)
        return libvirt_failed(h->uri, e);
    virConnectSetKeepAlive(h->conn, KEEP_ALIVE_S, KEEP_ALIVE_COUNT); /* where it can */
    name = virConnectGetHostname(h->conn);
    str_copy(h->name, sizeof h->name, name ? name : h->uri);
    free(name);
    return 0;
}

/* --- the domains of a group --------------------------------------------------------------- */

static enum libvirt_state state_of(virDomainPtr dom)
{
    int state = VIR_DOMAIN_NOSTATE, reason = 0;

    if (virDomainGetState(dom, &state, &reason, 0) != 0)
        return LIBVIRT_FROZEN;
    switch (state) {
    case VIR_DOMAIN_SHUTOFF:
        return virDomainHasManagedSaveImage(dom, 0) == 1 ? LIBVIRT_SAVED : LIBVIRT_OFF;
    case VIR_DOMAIN_CRASHED:
        return LIBVIRT_CRASHED;
    case VIR_DOMAIN_SHUTDOWN:
        return LIBVIRT_ENDING;
    case VIR_DOMAIN_PMSUSPENDED:
        return LIBVIRT_FROZEN;
    case VIR_DOMAIN_PAUSED:
        if (reason == VIR_DOMAIN_PAUSED_CRASHED)
            return LIBVIRT_CRASHED;
        return reason == VIR_DOMAIN_PAUSED_USER || reason == VIR_DOMAIN_PAUSED_UNKNOWN
                   ? LIBVIRT_PAUSED
                   : LIBVIRT_FROZEN;
    default:
        return LIBVIRT_RUNNING;
    }
}

/* 1; 0 when the domain carries no mark of the group: then it is another's, whatever its name;
 * -1 when that cannot be told. */
static int read_mark(virDomainPtr dom, const char *group, int number, struct libvirt_mark *out)
{
    char *xml = virDomainGetMetadata(dom, VIR_DOMAIN_METADATA_ELEMENT, LIBVIRT_MARK_URI,
                                     VIR_DOMAIN_AFFECT_CONFIG);
    bool is_ours;

    if (!xml) /* a transient domain has no configuration to ask for: OPERATION_INVALID */
        return last_code() == VIR_ERR_NO_DOMAIN_METADATA || last_code() == VIR_ERR_NO_DOMAIN ||
                       last_code() == VIR_ERR_OPERATION_INVALID
                   ? 0
                   : -1;
    is_ours = libvirt_mark_read(xml, out, NULL) == 0 && strcmp(out->group, group) == 0 &&
              out->number == number;
    free(xml);
    return is_ours;
}

static int by_number(const void *a, const void *b)
{
    const struct libvirt_domain *x = a, *y = b;

    return (x->mark.number > y->mark.number) - (x->mark.number < y->mark.number);
}

/* Takes the domain over when it is of the group; frees it otherwise. */
static int take(struct libvirt_list *l, virDomainPtr dom, const char *group, struct err *e)
{
    struct libvirt_domain *d = &l->all[l->n];
    const char *name = virDomainGetName(dom);
    int number = name ? libvirt_number(group, name) : 0, rc = 0;

    if (number > 0)
        l->taken[l->n_taken++] = number;
    *d = (struct libvirt_domain){.dom = dom};
    if (number > 0)
        rc = read_mark(dom, group, number, &d->mark);
    if (rc < 0)
        libvirt_failed(name, e);
    if (rc <= 0 || virDomainGetUUIDString(dom, d->uuid) != 0) {
        virDomainFree(dom);
        return rc < 0 ? -1 : 0;
    }
    str_copy(d->name, sizeof d->name, name);
    d->state = state_of(dom);
    l->n++;
    return 0;
}

int libvirt_list(struct libvirt_host *h, const char *group, struct libvirt_list *out,
                 struct err *e)
{
    virDomainPtr *doms = NULL;
    int n = virConnectListAllDomains(h->conn, &doms, 0), rc = 0;

    *out = (struct libvirt_list){0};
    if (n < 0)
        return libvirt_failed("list of domains", e);
    out->all = calloc((size_t)n + 1, sizeof *out->all);
    out->taken = calloc((size_t)n + 1, sizeof *out->taken);
    if (!out->all || !out->taken)
        rc = err_nomem(e);
    for (int i = 0; i < n; i++) {
        if (rc == 0)
            rc = take(out, doms[i], group, e);
        else
            virDomainFree(doms[i]);
    }
    free(doms);
    if (rc != 0) {
        libvirt_list_clear(out);
        return -1;
    }
    qsort(out->all, out->n, sizeof *out->all, by_number);
    return 0;
}

void libvirt_list_clear(struct libvirt_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        virDomainFree(l->all[i].dom);
    free(l->all);
    free(l->taken);
    *l = (struct libvirt_list){0};
}

/* --- template and base -------------------------------------------------------------------- */

static int read_template_domain(struct libvirt_host *h, const char *name,
                                struct libvirt_template *out, struct err *e)
{
    virDomainPtr dom = virDomainLookupByName(h->conn, name);
    char *xml;
    int rc;

    if (!dom) {
        bool is_missing = last_code() == VIR_ERR_NO_DOMAIN;

        libvirt_failed(name, e);
        if (is_missing)
            err_set(e, ERR_CONFIG, "there is no such domain (a file begins with a slash)");
        return -1;
    }
    out->is_active = virDomainIsActive(dom) == 1;
    xml = virDomainGetXMLDesc(dom, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    rc = xml ? str_add(&out->xml, xml) : libvirt_failed(name, e);
    if (xml && rc != 0)
        err_nomem(e);
    free(xml);
    virDomainFree(dom);
    return rc;
}

int libvirt_template_read(struct libvirt_host *h, const char *name, const char *disk,
                          struct libvirt_template *out, struct err *e)
{
    int rc;

    *out = (struct libvirt_template){0};
    rc = name[0] == '/' ? file_read(name, TEMPLATE_MOST_BYTES, &out->xml, e)
                        : read_template_domain(h, name, out, e);
    if (rc == 0)
        rc = libvirt_survey(str_text(&out->xml), out->xml.len, disk, &out->survey, e);
    if (rc == 0 && disk && out->survey.disk < 0)
        rc = err_set(e, ERR_CONFIG, "no hard disk %s for the overlay (disks: %s)",
                     *disk ? disk : "in it",
                     out->survey.missing_disk[0] ? out->survey.missing_disk : "none");
    if (rc == 0 && out->survey.shared_disk[0])
        rc = err_set(e, ERR_CONFIG,
                     "all instances would write to its disk %s: set volume to the base of an "
                     "overlay, or write {name} into its source",
                     out->survey.shared_disk);
    if (rc == 0)
        return 0;
    if (e && (e->code == ERR_DATA || (e->code == ERR_IO && name[0] == '/')))
        e->code = ERR_CONFIG;
    err_wrap(e, "template %.80s", name);
    libvirt_template_clear(out);
    return -1;
}

void libvirt_template_clear(struct libvirt_template *t)
{
    str_clear(&t->xml);
    *t = (struct libvirt_template){0};
}

static int read_base(virStorageVolPtr vol, struct libvirt_base *out, struct err *e)
{
    virStorageVolInfo info;
    char *path = virStorageVolGetPath(vol), *xml = virStorageVolGetXMLDesc(vol, 0);
    int rc = -1;

    if (!path || !xml || virStorageVolGetInfo(vol, &info) != 0)
        libvirt_failed("base volume", e);
    else if (!str_copy(out->path, sizeof out->path, path))
        err_set(e, ERR_CONFIG, "the path of the base volume is too long");
    else
        rc = libvirt_volume_format(xml, strlen(xml), out->format, sizeof out->format, e);
    if (rc == 0)
        out->capacity_bytes = info.capacity;
    free(path);
    free(xml);
    return rc;
}

int libvirt_base_read(struct libvirt_host *h, const char *pool, const char *volume,
                      struct libvirt_base *out, struct err *e)
{
    virStoragePoolPtr p = virStoragePoolLookupByName(h->conn, pool);
    virStorageVolPtr vol = p ? virStorageVolLookupByName(p, volume) : NULL;
    int rc = -1;

    if (!vol)
        libvirt_failed(p ? volume : pool, e);
    else
        rc = read_base(vol, out, e);
    if (rc != 0)
        err_wrap(e, "volume %.60s in pool %.40s", volume, pool);
    if (vol)
        virStorageVolFree(vol);
    if (p)
        virStoragePoolFree(p);
    return rc;
}

int libvirt_memory(struct libvirt_host *h, int64_t *host_bytes, int64_t *used_bytes,
                   struct err *e)
{
    virDomainPtr *doms = NULL;
    virNodeInfo node;
    int n;

    if (virNodeGetInfo(h->conn, &node) != 0)
        return libvirt_failed("the host's memory", e);
    n = virConnectListAllDomains(h->conn, &doms, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (n < 0)
        return libvirt_failed("list of domains", e);
    *host_bytes = (int64_t)node.memory * 1024;
    *used_bytes = 0;
    for (int i = 0; i < n; i++) {
        virDomainInfo info;

        if (virDomainGetInfo(doms[i], &info) == 0) /* else it has just ended */
            *used_bytes += (int64_t)info.memory * 1024;
        virDomainFree(doms[i]);
    }
    free(doms);
    return 0;
}

/* --- making ------------------------------------------------------------------------------- */

/* Random, version 4. */
static int make_uuid(char out[LIBVIRT_UUID_SIZE], struct err *e)
{
    unsigned char b[16];

    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        return err_set(e, ERR_IO, "no random bytes: %s", strerror(errno));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, LIBVIRT_UUID_SIZE,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return 0;
}

static int make_overlay(struct libvirt_host *h, const struct libvirt_mark *mark,
                        const struct libvirt_base *base, struct err *e)
{
    virStoragePoolPtr pool = virStoragePoolLookupByName(h->conn, mark->pool);
    virStorageVolPtr vol = NULL;
    struct str xml = STR_EMPTY;
    int rc = -1;

    if (!pool) {
        libvirt_failed(mark->pool, e);
    } else if (libvirt_volume_xml(mark->volume, base->capacity_bytes, base->path, base->format,
                                  &xml, e) == 0) {
        vol = virStorageVolCreateXML(pool, str_text(&xml), 0);
        rc = vol ? 0 : libvirt_failed(mark->volume, e);
    }
    if (vol)
        virStorageVolFree(vol);
    if (pool)
        virStoragePoolFree(pool);
    str_clear(&xml);
    return rc;
}

/* libvirt has no word of its own for a name that another domain has. */
static int define_failed(struct libvirt_host *h, const char *name, struct err *e)
{
    virDomainPtr other;

    libvirt_failed("definition", e);
    other = virDomainLookupByName(h->conn, name);
    if (other && e)
        e->code = ERR_CONFLICT;
    if (other)
        virDomainFree(other);
    return -1;
}

static int define(struct libvirt_host *h, const struct libvirt_making *m,
                  const struct libvirt_mark *mark, struct libvirt_domain *out, struct err *e)
{
    struct libvirt_plan plan = {.name = out->name,
                                .uuid = out->uuid,
                                .host = h->name,
                                .mark = mark,
                                .format = "qcow2",
                                .port = m->port};
    struct str xml = STR_EMPTY;
    int rc = libvirt_domain_xml(str_text(&m->template->xml), m->template->xml.len,
                                &m->template->survey, &plan, &xml, e);

    if (rc == 0) {
        out->dom = virDomainDefineXMLFlags(h->conn, str_text(&xml), 0);
        rc = out->dom ? 0 : define_failed(h, out->name, e);
    }
    str_clear(&xml);
    return rc;
}

static int start_made(struct libvirt_host *h, const struct libvirt_making *m,
                      struct libvirt_domain *d, struct err *e)
{
    struct libvirt_mark mark = d->mark;

    if (m->base && make_overlay(h, &mark, m->base, e) != 0)
        return -1;
    if (virDomainCreateWithFlags(d->dom, 0) != 0)
        return libvirt_failed("start", e);
    mark.role = m->started;
    return libvirt_mark(d, &mark, e);
}

/* One that cannot be started is not left behind. */
int libvirt_make(struct libvirt_host *h, const struct libvirt_making *m,
                 const struct libvirt_mark *mark, struct err *e)
{
    struct libvirt_domain d = {.mark = *mark};
    struct err why = {0};
    int rc;

    d.mark.role = LIBVIRT_NEW;
    libvirt_name(mark->group, mark->number, d.name);
    if (make_uuid(d.uuid, e) != 0)
        return -1;
    if (m->base) { /* a name that nobody else can have: whoever it belongs to is certain */
        str_copy(d.mark.pool, sizeof d.mark.pool, m->pool);
        snprintf(d.mark.volume, sizeof d.mark.volume, "%s-%s.qcow2", d.name, d.uuid);
    }
    rc = define(h, m, &d.mark, &d, e);
    if (rc == 0) {
        rc = start_made(h, m, &d, e);
        if (rc != 0 && libvirt_remove(h, &d, &why) != 0)
            log_warn(mark->group, "%s", why.msg);
        virDomainFree(d.dom);
    }
    if (rc != 0)
        err_wrap(e, "%.80s", d.name);
    return rc;
}

/* --- one domain --------------------------------------------------------------------------- */

int libvirt_mark(struct libvirt_domain *d, const struct libvirt_mark *m, struct err *e)
{
    unsigned flags = VIR_DOMAIN_AFFECT_CONFIG;
    struct str xml = STR_EMPTY;
    int rc = libvirt_mark_write(m, &xml, e);

    if (rc == 0 && virDomainIsActive(d->dom) == 1)
        flags |= VIR_DOMAIN_AFFECT_LIVE;
    if (rc == 0 && virDomainSetMetadata(d->dom, VIR_DOMAIN_METADATA_ELEMENT, str_text(&xml),
                                        LIBVIRT_MARK_PREFIX, LIBVIRT_MARK_URI, flags) != 0)
        rc = libvirt_failed("mark", e);
    if (rc == 0)
        d->mark = *m;
    str_clear(&xml);
    return rc;
}

int libvirt_wake(struct libvirt_domain *d, bool clock, struct err *e)
{
    int rc = d->state == LIBVIRT_PAUSED ? virDomainResume(d->dom)
                                        : virDomainCreateWithFlags(d->dom, 0);

    if (rc != 0)
        return libvirt_failed(d->name, e);
    if (clock)
        virDomainSetTime(d->dom, 0, 0, VIR_DOMAIN_TIME_SYNC);
    d->state = LIBVIRT_RUNNING;
    return 0;
}

int libvirt_pause(struct libvirt_domain *d, struct err *e)
{
    if (virDomainSuspend(d->dom) != 0)
        return libvirt_failed(d->name, e);
    d->state = LIBVIRT_PAUSED;
    return 0;
}

int libvirt_save(struct libvirt_host *h, const char *group, const char *name, struct err *e)
{
    virDomainPtr dom = virDomainLookupByName(h->conn, name);
    struct libvirt_mark mark;
    int rc = 0;

    if (!dom)
        return libvirt_failed(name, e);
    if (read_mark(dom, group, libvirt_number(group, name), &mark) == 1 &&
        mark.role == LIBVIRT_WARM && virDomainManagedSave(dom, 0) != 0)
        rc = libvirt_failed(name, e);
    virDomainFree(dom);
    return rc;
}

int libvirt_shut_down(struct libvirt_domain *d, const char *how, struct err *e)
{
    unsigned flags = 0;

    if (strcmp(how, "agent") == 0)
        flags = VIR_DOMAIN_SHUTDOWN_GUEST_AGENT;
    if (strcmp(how, "acpi") == 0)
        flags = VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN;
    return virDomainShutdownFlags(d->dom, flags) == 0 ? 0 : libvirt_failed(d->name, e);
}

static int remove_overlay(struct libvirt_host *h, const struct libvirt_mark *m, struct err *e)
{
    virStoragePoolPtr pool = virStoragePoolLookupByName(h->conn, m->pool);
    virStorageVolPtr vol = pool ? virStorageVolLookupByName(pool, m->volume) : NULL;
    int rc = 0;

    if (!pool || (!vol && last_code() != VIR_ERR_NO_STORAGE_VOL) ||
        (vol && virStorageVolDelete(vol, 0) != 0))
        rc = libvirt_failed(m->volume, e);
    if (vol)
        virStorageVolFree(vol);
    if (pool)
        virStoragePoolFree(pool);
    return rc;
}

static int undefine(virDomainPtr dom)
{
    unsigned flags = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA;
    int rc = virDomainUndefineFlags(dom, flags | VIR_DOMAIN_UNDEFINE_NVRAM);

    if (rc != 0 && last_code() == VIR_ERR_INVALID_ARG) /* a driver without nvram */
        rc = virDomainUndefineFlags(dom, flags);
    return rc == 0 || last_code() == VIR_ERR_NO_DOMAIN ? 0 : -1;
}

/* The volume goes before the mark that tells of it. */
int libvirt_remove(struct libvirt_host *h, struct libvirt_domain *d, struct err *e)
{
    if (virDomainIsActive(d->dom) == 1 && virDomainDestroyFlags(d->dom, 0) != 0 &&
        virDomainIsActive(d->dom) != 0 && last_code() != VIR_ERR_NO_DOMAIN)
        return libvirt_failed(d->name, e);
    if (d->mark.volume[0] && remove_overlay(h, &d->mark, e) != 0)
        return -1;
    return undefine(d->dom) == 0 ? 0 : libvirt_failed(d->name, e);
}

/* --- readiness and rights ----------------------------------------------------------------- */

/* Loopback and link-local addresses lead nowhere from here; of the rest IPv4 comes first. */
static int worth(const virDomainIPAddress *a)
{
    struct in_addr four;
    struct in6_addr six;

    if (a->type == VIR_IP_ADDR_TYPE_IPV4) {
        if (inet_pton(AF_INET, a->addr, &four) != 1)
            return 0;
        return ntohl(four.s_addr) >> 24 == 127 || ntohl(four.s_addr) >> 16 == 0xa9fe ? 0 : 2;
    }
    if (inet_pton(AF_INET6, a->addr, &six) != 1 || IN6_IS_ADDR_LOOPBACK(&six) ||
        IN6_IS_ADDR_LINKLOCAL(&six))
        return 0;
    return 1;
}

int libvirt_address(struct libvirt_domain *d, const char *how, char *out, size_t size,
                    struct err *e)
{
    unsigned source = VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE;
    virDomainInterfacePtr *all = NULL;
    int n, best = 0;

    *out = '\0';
    if (strcmp(how, "agent") == 0)
        source = VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT;
    if (strcmp(how, "arp") == 0)
        source = VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP;
    n = virDomainInterfaceAddresses(d->dom, &all, source, 0);
    if (n < 0)
        return libvirt_failed(d->name, e);
    for (int i = 0; i < n; i++) {
        for (unsigned k = 0; k < all[i]->naddrs; k++) {
            const virDomainIPAddress *a = &all[i]->addrs[k];

            if (worth(a) > best && str_copy(out, size, a->addr))
                best = worth(a);
        }
        virDomainInterfaceFree(all[i]);
    }
    free(all);
    return 0;
}

bool libvirt_agent_answers(struct libvirt_domain *d)
{
    long long seconds;
    unsigned nanoseconds;

    return virDomainGetTime(d->dom, &seconds, &nanoseconds, 0) == 0;
}

/* A conversion from what is none of its formats: refused as such, unless the right is missing
 * first. */
int libvirt_check_write(struct libvirt_host *h, struct err *e)
{
    char *text = virConnectDomainXMLToNative(h->conn, "scaler", "<scaler/>", 0);

    free(text);
    if (text || libvirt_code(last_code(), 0) != ERR_DENIED)
        return 0;
    libvirt_failed(h->uri, e);
    return err_wrap(e, "the right to change is missing");
}
