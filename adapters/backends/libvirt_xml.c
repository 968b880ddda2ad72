/* libvirt_xml.c - see libvirt_xml.h. Source of the formats:
 * https://libvirt.org/formatdomain.html and formatstorage.html. */
#include "adapters/backends/libvirt_xml.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "net/xml.h"

enum { MOST_PATH = 512 };

/* --- names -------------------------------------------------------------------------------- */

void libvirt_name(const char *group, int number, char out[LIBVIRT_NAME_SIZE])
{
    snprintf(out, LIBVIRT_NAME_SIZE, "%s-%04d", group, number);
}

int libvirt_number(const char *group, const char *name)
{
    size_t n = strlen(group);
    char own[LIBVIRT_NAME_SIZE];
    int64_t number;

    if (strncmp(name, group, n) != 0 || name[n] != '-' ||
        !str_to_int64(name + n + 1, strlen(name + n + 1), &number) || number < 1 ||
        number > 65535)
        return 0;
    libvirt_name(group, (int)number, own);
    return strcmp(own, name) == 0 ? (int)number : 0;
}

void libvirt_mac(const char *host, const char *group, int number, int interface, char out[18])
{
    uint64_t hash = hash_bytes(HASH_START, host, strlen(host) + 1);

    hash = hash_bytes(hash, group, strlen(group));
    hash ^= hash >> 32;
    hash ^= hash >> 16;
    snprintf(out, 18, "%02x:54:%02x:%02x:%02x:%02x", (0x52u + 4u * (unsigned)interface) & 0xfeu,
             (unsigned)(hash >> 8 & 0xff), (unsigned)(hash & 0xff),
             (unsigned)number >> 8 & 0xff, (unsigned)number & 0xff);
}

/* --- writing ------------------------------------------------------------------------------ */

static void add_escaped(struct str *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        switch (text[i]) {
        case '&':
            str_add(out, "&amp;");
            break;
        case '<':
            str_add(out, "&lt;");
            break;
        case '>':
            str_add(out, "&gt;");
            break;
        case '"':
            str_add(out, "&quot;");
            break;
        case '\'':
            str_add(out, "&apos;");
            break;
        case '\n':
        case '\r':
        case '\t': /* an attribute would lose them */
            str_printf(out, "&#%d;", text[i]);
            break;
        default:
            str_add_n(out, text + i, 1);
        }
    }
}

static void add_element(struct str *out, const char *name, const char *text)
{
    str_printf(out, "<%s>", name);
    add_escaped(out, text, strlen(text));
    str_printf(out, "</%s>", name);
}

static void add_attribute(struct str *out, const char *name, const char *value)
{
    str_printf(out, " %s=\"", name);
    add_escaped(out, value, strlen(value));
    str_add(out, "\"");
}

/* --- the mark ----------------------------------------------------------------------------- */

static const char *const role_names[LIBVIRT_ROLES] = {"new", "started", "serving", "warm",
                                                      "drain"};

static void add_field(struct str *out, const char *prefix, const char *name, const char *text)
{
    char full[32];

    snprintf(full, sizeof full, "%s%s", prefix, name);
    add_element(out, full, text);
}

static void add_time(struct str *out, const char *prefix, const char *name, int64_t wall_ms)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)wall_ms);
    add_field(out, prefix, name, text);
}

/* What is inside the element. */
static void add_fields(struct str *out, const char *prefix, const struct libvirt_mark *m)
{
    char id[16];

    snprintf(id, sizeof id, "%04d", m->number);
    add_field(out, prefix, "group", m->group);
    add_field(out, prefix, "id", id);
    add_field(out, prefix, "role", role_names[m->role]);
    add_time(out, prefix, "since_ms", m->since_ms);
    if (m->role == LIBVIRT_DRAIN) {
        add_time(out, prefix, "stop_ms", m->stop_ms);
        add_time(out, prefix, "kill_ms", m->kill_ms);
    }
    if (m->volume[0]) {
        add_field(out, prefix, "pool", m->pool);
        add_field(out, prefix, "volume", m->volume);
    }
}

static void add_mark(struct str *out, const struct libvirt_mark *m)
{
    str_add(out, "<" LIBVIRT_MARK_PREFIX ":instance");
    add_attribute(out, "xmlns:" LIBVIRT_MARK_PREFIX, LIBVIRT_MARK_URI);
    str_add(out, ">");
    add_fields(out, LIBVIRT_MARK_PREFIX ":", m);
    str_add(out, "</" LIBVIRT_MARK_PREFIX ":instance>");
}

int libvirt_mark_write(const struct libvirt_mark *m, struct str *out, struct err *e)
{
    str_add(out, "<instance>");
    add_fields(out, "", m);
    str_add(out, "</instance>");
    return out->failed ? err_nomem(e) : 0;
}

static bool read_number(const struct xml_node *n, const char *name, int64_t *out)
{
    const char *text = xml_text(n, name);

    *out = 0;
    return !*text || str_to_int64(text, strlen(text), out);
}

static bool read_mark(const struct xml_node *n, struct libvirt_mark *m)
{
    const char *role = xml_text(n, "role");
    int64_t number;

    *m = (struct libvirt_mark){.role = LIBVIRT_ROLES};
    for (int i = 0; i < LIBVIRT_ROLES; i++) {
        if (strcmp(role, role_names[i]) == 0)
            m->role = (enum libvirt_role)i;
    }
    if (!read_number(n, "id", &number) || number < 1 || number > 65535 ||
        !read_number(n, "since_ms", &m->since_ms) || !read_number(n, "stop_ms", &m->stop_ms) ||
        !read_number(n, "kill_ms", &m->kill_ms))
        return false;
    m->number = (int)number;
    return str_copy(m->group, sizeof m->group, xml_text(n, "group")) && m->group[0] &&
           str_copy(m->pool, sizeof m->pool, xml_text(n, "pool")) &&
           str_copy(m->volume, sizeof m->volume, xml_text(n, "volume")) &&
           m->role != LIBVIRT_ROLES;
}

int libvirt_mark_read(const char *xml, struct libvirt_mark *out, struct err *e)
{
    struct xml *x = NULL;
    bool is_good;

    if (xml_read(&x, xml, strlen(xml), e) != 0)
        return -1;
    is_good = strcmp(xml_root(x)->name, "instance") == 0 && read_mark(xml_root(x), out);
    xml_free(x);
    return is_good ? 0 : err_set(e, ERR_DATA, "its mark is not as scaler writes it");
}

/* --- reading, element by element ---------------------------------------------------------- */

/* The path of the open element is "/domain/devices/disk". */
struct walk {
    XML_Parser parser;
    void (*on_start)(void *user, const char *path, const char *name, const char **attributes);
    void (*on_end)(void *user, const char *path, const char *name);
    void (*on_text)(void *user, const char *path, const char *text, size_t n);
    void *user;
    char path[MOST_PATH];
    size_t len;
    const char *why; /* it was stopped */
};

static void stop_walk(struct walk *w, const char *why)
{
    if (!w->why)
        w->why = why;
    XML_StopParser(w->parser, XML_FALSE);
}

static void XMLCALL walk_start(void *user, const char *name, const char **attributes)
{
    struct walk *w = user;
    size_t n = strlen(name);

    if (w->len + 1 + n >= sizeof w->path) {
        stop_walk(w, "nested too deeply");
        return;
    }
    w->path[w->len++] = '/';
    memcpy(w->path + w->len, name, n + 1);
    w->len += n;
    w->on_start(w->user, w->path, name, attributes);
}

/* Expat calls it once more after it was stopped, for an element such as <a/>. */
static void XMLCALL walk_end(void *user, const char *name)
{
    struct walk *w = user;

    if (w->why)
        return;
    if (w->on_end)
        w->on_end(w->user, w->path, name);
    w->len -= strlen(name) + 1;
    w->path[w->len] = '\0';
}

static void XMLCALL walk_text(void *user, const char *text, int n)
{
    struct walk *w = user;

    if (w->on_text && !w->why)
        w->on_text(w->user, w->path, text, (size_t)n);
}

static void XMLCALL walk_doctype(void *user, const char *name, const char *system,
                                 const char *public, int has_subset)
{
    (void)name, (void)system, (void)public, (void)has_subset;
    stop_walk(user, "it has a document type");
}

static int walk(struct walk *w, const char *xml, size_t n, struct err *e)
{
    enum XML_Error error;

    if (n > INT32_MAX)
        return err_set(e, ERR_DATA, "more than 2 GiB of XML");
    w->parser = XML_ParserCreate(NULL);
    if (!w->parser)
        return err_nomem(e);
    XML_SetUserData(w->parser, w);
    XML_SetElementHandler(w->parser, walk_start, walk_end);
    XML_SetCharacterDataHandler(w->parser, walk_text);
    XML_SetStartDoctypeDeclHandler(w->parser, walk_doctype);
    if (XML_Parse(w->parser, xml, (int)n, 1) == XML_STATUS_OK) {
        XML_ParserFree(w->parser);
        return 0;
    }
    error = XML_GetErrorCode(w->parser);
    if (error == XML_ERROR_NO_MEMORY)
        err_nomem(e);
    else
        err_set(e, ERR_DATA, "not XML as expected: line %lu: %s",
                (unsigned long)XML_GetCurrentLineNumber(w->parser),
                w->why ? w->why : XML_ErrorString(error));
    XML_ParserFree(w->parser);
    return -1;
}

static const char *attribute(const char **attributes, const char *name)
{
    for (; attributes[0]; attributes += 2) {
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    }
    return NULL;
}

/* --- survey ------------------------------------------------------------------------------- */

struct disk {
    bool is_hard, is_safe; /* safe: read only, shareable or transient: it may be shared */
    bool has_source, has_placeholder;
    char target[32];
};

struct survey {
    struct walk walk;
    struct libvirt_survey *out;
    const char *wanted; /* target; "" the first; NULL none */
    struct disk disk;   /* the open one */
    int n_disks;
    struct str memory;
    char unit[16];
};

static bool has_placeholder(const char *text)
{
    static const char *const names[] = {"{name}", "{id}", "{number}", "{uuid}", "{port}"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strstr(text, names[i]))
            return true;
    }
    return false;
}

static void survey_in_disk(struct disk *d, const char *name, const char **attributes)
{
    const char *target = attribute(attributes, "dev");

    if (strcmp(name, "target") == 0 && target)
        str_copy(d->target, sizeof d->target, target);
    if (strcmp(name, "readonly") == 0 || strcmp(name, "shareable") == 0 ||
        strcmp(name, "transient") == 0)
        d->is_safe = true;
    if (strcmp(name, "source") == 0) {
        d->has_source = true;
        for (; attributes[0]; attributes += 2)
            d->has_placeholder |= has_placeholder(attributes[1]);
    }
}

static void survey_start(void *user, const char *path, const char *name,
                         const char **attributes)
{
    static const char in_disk[] = "/domain/devices/disk/";
    struct survey *s = user;
    const char *text;

    if (!strchr(path + 1, '/') && strcmp(name, "domain") != 0) {
        stop_walk(&s->walk, "its root is not <domain>");
    } else if (strcmp(path, "/domain/memory") == 0) {
        text = attribute(attributes, "unit");
        str_copy(s->unit, sizeof s->unit, text ? text : "KiB");
    } else if (strcmp(path, "/domain/devices/interface") == 0) {
        s->out->n_interfaces++;
    } else if (strcmp(path, "/domain/devices/disk") == 0) {
        text = attribute(attributes, "device");
        s->disk = (struct disk){.is_hard = !text || strcmp(text, "disk") == 0};
    } else if (strncmp(path, in_disk, strlen(in_disk)) == 0 &&
               !strchr(path + strlen(in_disk), '/')) {
        survey_in_disk(&s->disk, name, attributes);
    }
}

static void survey_disk(struct survey *s)
{
    const struct disk *d = &s->disk;
    size_t used = strlen(s->out->missing_disk);
    bool is_wanted = s->wanted && s->out->disk < 0 && d->is_hard &&
                     (!*s->wanted || strcmp(s->wanted, d->target) == 0);

    if (is_wanted)
        s->out->disk = s->n_disks;
    else if (d->is_hard && !d->is_safe && d->has_source && !d->has_placeholder &&
             !s->out->shared_disk[0])
        str_copy(s->out->shared_disk, sizeof s->out->shared_disk, d->target);
    snprintf(s->out->missing_disk + used, sizeof s->out->missing_disk - used, "%s%s",
             used > 0 ? " " : "", d->target);
    s->n_disks++;
}

static void survey_end(void *user, const char *path, const char *name)
{
    struct survey *s = user;

    (void)name;
    if (strcmp(path, "/domain/devices/disk") == 0)
        survey_disk(s);
}

static void survey_text(void *user, const char *path, const char *text, size_t n)
{
    struct survey *s = user;

    if (strcmp(path, "/domain/memory") == 0)
        str_add_n(&s->memory, text, n);
}

/* 0 when it is none. */
static int64_t memory_bytes(const char *text, const char *unit)
{
    static const struct {
        const char *name;
        int64_t bytes;
    } units[] = {
        {"b", 1},
        {"bytes", 1},
        {"KB", 1000},
        {"k", 1024},
        {"KiB", 1024},
        {"MB", 1000000},
        {"M", INT64_C(1) << 20},
        {"MiB", INT64_C(1) << 20},
        {"GB", 1000000000},
        {"G", INT64_C(1) << 30},
        {"GiB", INT64_C(1) << 30},
        {"TB", 1000000000000},
        {"T", INT64_C(1) << 40},
        {"TiB", INT64_C(1) << 40},
    };
    size_t first = strspn(text, " \t\r\n");
    int64_t value;

    if (!str_to_int64(text + first, strcspn(text + first, " \t\r\n"), &value) || value < 0)
        return 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].name) == 0 && value < INT64_MAX / units[i].bytes)
            return value * units[i].bytes;
    }
    return 0;
}

int libvirt_survey(const char *xml, size_t n, const char *disk, struct libvirt_survey *out,
                   struct err *e)
{
    struct survey s = {.out = out, .wanted = disk, .memory = STR_EMPTY};
    int rc;

    *out = (struct libvirt_survey){.disk = -1};
    s.walk = (struct walk){
        .on_start = survey_start, .on_end = survey_end, .on_text = survey_text, .user = &s};
    rc = walk(&s.walk, xml, n, e);
    if (rc == 0 && s.memory.failed)
        rc = err_nomem(e);
    if (rc == 0) {
        out->memory_bytes = memory_bytes(str_text(&s.memory), s.unit);
        if (out->memory_bytes == 0)
            rc = err_set(e, ERR_DATA, "no <memory> with a size in it");
    }
    if (out->disk >= 0)
        out->missing_disk[0] = '\0';
    str_clear(&s.memory);
    return rc;
}

/* --- a domain out of the template --------------------------------------------------------- */

struct rewrite {
    struct walk walk;
    const struct libvirt_survey *survey;
    const struct libvirt_plan *plan;
    struct str *out;
    size_t skip_len;     /* of the path that is left out; 0 none */
    int disk, interface; /* the open or next one */
    bool has_metadata, has_mac, has_driver;
};

/* Fills in what stands in braces; other braces are the template's own. */
static void add_filled(struct rewrite *r, const char *text, size_t n)
{
    const struct libvirt_plan *p = r->plan;
    char id[16], number[16], port[16];
    const struct {
        const char *name, *value;
    } fills[] = {{"{name}", p->name}, {"{id}", id},     {"{number}", number},
                 {"{uuid}", p->uuid}, {"{port}", port}, {"{group}", p->mark->group}};
    size_t from = 0;

    snprintf(id, sizeof id, "%04d", p->mark->number);
    snprintf(number, sizeof number, "%d", p->mark->number);
    snprintf(port, sizeof port, "%d", p->port);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; text[i] == '{' && k < sizeof fills / sizeof fills[0]; k++) {
            size_t len = strlen(fills[k].name);

            if (n - i < len || memcmp(text + i, fills[k].name, len) != 0)
                continue;
            add_escaped(r->out, text + from, i - from);
            add_escaped(r->out, fills[k].value, strlen(fills[k].value));
            from = i + len;
            i = from - 1;
            break;
        }
    }
    add_escaped(r->out, text + from, n - from);
}

/* The tag with its attributes, but for `but`, which gets another value (NULL: none at all). */
static void add_start(struct rewrite *r, const char *name, const char **attributes,
                      const char *but, const char *value)
{
    str_printf(r->out, "<%s", name);
    for (; attributes[0]; attributes += 2) {
        if (but && strcmp(attributes[0], but) == 0)
            continue;
        str_printf(r->out, " %s=\"", attributes[0]);
        add_filled(r, attributes[1], strlen(attributes[1]));
        str_add(r->out, "\"");
    }
    if (but && value)
        add_attribute(r->out, but, value);
    str_add(r->out, ">");
}

static void add_mac(struct rewrite *r)
{
    char mac[18];

    libvirt_mac(r->plan->host, r->plan->mark->group, r->plan->mark->number, r->interface, mac);
    str_add(r->out, "<mac");
    add_attribute(r->out, "address", mac);
    str_add(r->out, "/>");
}

static bool is_overlaid(const struct rewrite *r)
{
    return r->plan->mark->volume[0] && r->disk == r->survey->disk;
}

/* What is inside the disk that becomes the overlay; true: it was dealt with. */
static bool start_in_disk(struct rewrite *r, const char *name, const char **attributes)
{
    if (strcmp(name, "driver") == 0) {
        r->has_driver = true;
        add_start(r, name, attributes, "type", r->plan->format);
        return true;
    }
    if (strcmp(name, "source") == 0 || strcmp(name, "backingStore") == 0 ||
        strcmp(name, "auth") == 0 || strcmp(name, "mirror") == 0) {
        r->skip_len = r->walk.len;
        return true;
    }
    return false;
}

static void start_domain(struct rewrite *r, const char *name, const char **attributes)
{
    add_start(r, name, attributes, "id", NULL);
    add_element(r->out, "name", r->plan->name);
    add_element(r->out, "uuid", r->plan->uuid);
}

static void start_metadata(struct rewrite *r, const char *name, const char **attributes)
{
    r->has_metadata = true;
    add_start(r, name, attributes, NULL, NULL);
    add_mark(r->out, r->plan->mark);
}

/* The firmware's template stays, the path of the template domain's own variables does not. */
static void start_nvram(struct rewrite *r, const char *name, const char **attributes)
{
    const char *firmware = attribute(attributes, "template");

    if (firmware)
        add_start(r, name, attributes, "type", NULL);
    else
        r->skip_len = r->walk.len;
}

static void rewrite_start(void *user, const char *path, const char *name,
                          const char **attributes)
{
    static const char disk[] = "/domain/devices/disk/";
    struct rewrite *r = user;
    const char *colon = strrchr(name, ':');

    if (r->skip_len > 0)
        return;
    if (strcmp(path, "/domain") == 0) {
        start_domain(r, name, attributes);
    } else if (strcmp(path, "/domain/name") == 0 || strcmp(path, "/domain/uuid") == 0) {
        r->skip_len = r->walk.len;
    } else if (strcmp(path, "/domain/metadata") == 0) {
        start_metadata(r, name, attributes);
    } else if (strncmp(path, "/domain/metadata/", 17) == 0 && colon &&
               colon - name == (ptrdiff_t)strlen(LIBVIRT_MARK_PREFIX) &&
               strncmp(name, LIBVIRT_MARK_PREFIX, strlen(LIBVIRT_MARK_PREFIX)) == 0) {
        r->skip_len = r->walk.len; /* a mark that the template carries is not the instance's */
    } else if (strcmp(path, "/domain/os/nvram") == 0) {
        start_nvram(r, name, attributes);
    } else if (strcmp(path, "/domain/devices/interface/mac") == 0) {
        r->has_mac = true;
        r->skip_len = r->walk.len;
        add_mac(r);
    } else if (strcmp(path, "/domain/devices/disk") == 0 && is_overlaid(r)) {
        r->has_driver = false;
        add_start(r, name, attributes, "type", "volume");
    } else if (is_overlaid(r) && strncmp(path, disk, strlen(disk)) == 0 &&
               !strchr(path + strlen(disk), '/') && start_in_disk(r, name, attributes)) {
        return;
    } else {
        if (strcmp(path, "/domain/devices/interface") == 0)
            r->has_mac = false;
        add_start(r, name, attributes, NULL, NULL);
    }
}

static void end_disk(struct rewrite *r)
{
    const struct libvirt_mark *m = r->plan->mark;

    if (is_overlaid(r)) {
        if (!r->has_driver) {
            str_add(r->out, "<driver");
            add_attribute(r->out, "type", r->plan->format);
            str_add(r->out, "/>");
        }
        str_add(r->out, "<source");
        add_attribute(r->out, "pool", m->pool);
        add_attribute(r->out, "volume", m->volume);
        str_add(r->out, "/>");
    }
    r->disk++;
}

static void rewrite_end(void *user, const char *path, const char *name)
{
    struct rewrite *r = user;

    if (r->skip_len > 0) {
        if (r->skip_len == r->walk.len)
            r->skip_len = 0;
        return;
    }
    if (strcmp(path, "/domain/devices/disk") == 0)
        end_disk(r);
    if (strcmp(path, "/domain/devices/interface") == 0) {
        if (!r->has_mac)
            add_mac(r);
        r->interface++;
    }
    if (strcmp(path, "/domain") == 0 && !r->has_metadata) {
        str_add(r->out, "<metadata>");
        add_mark(r->out, r->plan->mark);
        str_add(r->out, "</metadata>");
    }
    str_printf(r->out, "</%s>", name);
}

static void rewrite_text(void *user, const char *path, const char *text, size_t n)
{
    struct rewrite *r = user;

    if (r->skip_len > 0 || strcmp(path, "/domain/os/nvram") == 0 ||
        strcmp(path, "/domain/genid") == 0)
        return;
    add_filled(r, text, n);
}

int libvirt_domain_xml(const char *xml, size_t n, const struct libvirt_survey *s,
                       const struct libvirt_plan *p, struct str *out, struct err *e)
{
    struct rewrite r = {.survey = s, .plan = p, .out = out};

    r.walk = (struct walk){
        .on_start = rewrite_start, .on_end = rewrite_end, .on_text = rewrite_text, .user = &r};
    if (walk(&r.walk, xml, n, e) != 0)
        return -1;
    return out->failed ? err_nomem(e) : 0;
}

/* --- volumes ------------------------------------------------------------------------------ */

int libvirt_volume_xml(const char *name, uint64_t capacity_bytes, const char *base_path,
                       const char *base_format, struct str *out, struct err *e)
{
    str_add(out, "<volume>");
    add_element(out, "name", name);
    str_printf(out,
               "<capacity unit=\"bytes\">%llu</capacity>"
               "<allocation unit=\"bytes\">0</allocation>"
               "<target><format type=\"qcow2\"/></target><backingStore>",
               (unsigned long long)capacity_bytes);
    add_element(out, "path", base_path);
    str_add(out, "<format");
    add_attribute(out, "type", base_format);
    str_add(out, "/></backingStore></volume>");
    return out->failed ? err_nomem(e) : 0;
}

struct format {
    char *out;
    size_t size;
};

static void format_start(void *user, const char *path, const char *name,
                         const char **attributes)
{
    const struct format *f = user;
    const char *type = attribute(attributes, "type");

    (void)name;
    if (strcmp(path, "/volume/target/format") == 0 && type)
        str_copy(f->out, f->size, type);
}

int libvirt_volume_format(const char *xml, size_t n, char *out, size_t size, struct err *e)
{
    struct format f = {out, size};
    struct walk w = {.on_start = format_start, .user = &f};

    str_copy(out, size, "raw");
    return walk(&w, xml, n, e);
}
