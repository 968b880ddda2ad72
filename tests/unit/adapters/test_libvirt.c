/* test_libvirt.c - the XML of the libvirt backend, its options, and what libvirt's errors mean
 * to the caller. */
#include "lib/test.h"

#include <errno.h>
#include <libvirt/virterror.h>

#include "act/backend.h"
#include "adapters/backends/libvirt_host.h"
#include "adapters/backends/libvirt_xml.h"
#include "conf/conf.h"

static const char template_xml[] =
    "<?xml version='1.0'?>\n"
    "<domain type='kvm' id='7' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
    "<name>golden</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"
    "<genid>99999999-2222-3333-4444-555555555555</genid>"
    "<metadata><o:x xmlns:o='urn:o'>kept</o:x>"
    "<scaler:instance xmlns:scaler='urn:scaler:libvirt:1'><scaler:group>old</scaler:group>"
    "</scaler:instance></metadata>"
    "<memory unit='MiB'>512</memory><title>{name} of {group}: &lt;{id}&gt; {other}</title>"
    "<os><nvram template='/usr/share/OVMF.fd'>/var/lib/golden_VARS.fd</nvram></os>"
    "<devices>"
    "<disk type='file' device='cdrom'><source file='/s/{name}.iso'/><target dev='sda'/>"
    "<readonly/></disk>"
    "<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/>"
    "<source file='/images/golden.img'><seclabel model='dac' relabel='no'/></source>"
    "<backingStore><format type='raw'/></backingStore><target dev='vda' bus='virtio'/></disk>"
    "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/>"
    "</interface><interface type='user'></interface>"
    "</devices>"
    "<qemu:commandline><qemu:arg value='user,hostfwd=tcp:127.0.0.1:{port}-:80'/>"
    "</qemu:commandline></domain>";

static const struct libvirt_mark mark = {.group = "web",
                                         .number = 258,
                                         .role = LIBVIRT_NEW,
                                         .since_ms = 1700000000123,
                                         .pool = "default",
                                         .volume = "web-0258.qcow2"};

static struct libvirt_survey survey_of(const char *xml, const char *disk)
{
    struct libvirt_survey s;
    struct err e = {0};

    if (libvirt_survey(xml, strlen(xml), disk, &s, &e) != 0)
        fail_msg("%s", e.msg);
    return s;
}

/* Static buffer. */
static const char *domain_of(const char *xml, const struct libvirt_mark *m)
{
    static char text[4096];
    struct libvirt_survey s = survey_of(xml, m->volume[0] ? "" : NULL);
    struct libvirt_plan p = {.name = "web-0258",
                             .uuid = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
                             .host = "h1",
                             .mark = m,
                             .format = "qcow2",
                             .port = 8258};
    struct str out = STR_EMPTY;
    struct err e = {0};

    if (libvirt_domain_xml(xml, strlen(xml), &s, &p, &out, &e) != 0)
        fail_msg("%s", e.msg);
    snprintf(text, sizeof text, "%s", str_text(&out));
    str_clear(&out);
    return text;
}

static void names_carry_their_number(void **state)
{
    static const struct {
        const char *group, *name;
        int number;
    } rows[] = {
        {"web", "web-0001", 1},     {"web", "web-0999", 999},   {"web", "web-12345", 12345},
        {"web", "web-1", 0},        {"web", "web-0000", 0},     {"web", "web-01234", 0},
        {"web", "web-00x1", 0},     {"web", "web-99999", 0},    {"web", "web", 0},
        {"web", "web-api-0001", 0}, {"web-api", "web-0001", 0}, {"web-api", "web-api-0001", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s of %s\n", rows[i].name, rows[i].group);
        assert_int_equal(libvirt_number(rows[i].group, rows[i].name), rows[i].number);
    }
}

static void addresses_are_an_instance_s_own(void **state)
{
    char a[18], b[18], c[18], d[18], again[18];

    (void)state;
    libvirt_mac("h1", "web", 258, 0, a);
    libvirt_mac("h1", "web", 258, 1, b);
    libvirt_mac("h1", "web", 259, 0, c);
    libvirt_mac("h2", "web", 258, 0, d);
    libvirt_mac("h1", "web", 258, 0, again);
    assert_string_equal(a, again);
    assert_memory_equal(a, "52:54:", 6);
    assert_string_equal(a + 12, "01:02");
    assert_memory_equal(b, "56:54:", 6); /* bit 1: locally administered; bit 0: one station */
    assert_string_equal(b + 6, a + 6);
    assert_string_equal(c + 12, "01:03");
    assert_string_not_equal(d, a);
}

static void a_template_becomes_a_domain(void **state)
{
    const char *xml = domain_of(template_xml, &mark);

    (void)state;
    assert_contains(xml, "<domain type=\"kvm\" xmlns:qemu=");
    assert_null(strstr(xml, "id=\"7\""));
    assert_contains(xml,
                    "<name>web-0258</name><uuid>aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee</uuid>");
    assert_null(strstr(xml, "golden"));
    assert_null(strstr(xml, "11111111"));
    assert_contains(xml, "<genid></genid>");
    assert_contains(xml, "<nvram template=\"/usr/share/OVMF.fd\"></nvram>");
    assert_contains(xml, "<title>web-0258 of web: &lt;0258&gt; {other}</title>");
    assert_contains(xml, "<o:x xmlns:o=\"urn:o\">kept</o:x>");
    assert_contains(xml, "<scaler:instance xmlns:scaler=\"urn:scaler:libvirt:1\">"
                         "<scaler:group>web</scaler:group><scaler:id>0258</scaler:id>"
                         "<scaler:role>new</scaler:role>"
                         "<scaler:since_ms>1700000000123</scaler:since_ms>"
                         "<scaler:pool>default</scaler:pool>"
                         "<scaler:volume>web-0258.qcow2</scaler:volume></scaler:instance>");
    assert_null(strstr(xml, ">old<"));
    assert_contains(xml, "<source file=\"/s/web-0258.iso\"></source>");
    assert_contains(xml, "<disk device=\"disk\" type=\"volume\">"
                         "<driver name=\"qemu\" cache=\"none\" type=\"qcow2\"></driver>"
                         "<target dev=\"vda\" bus=\"virtio\"></target>"
                         "<source pool=\"default\" volume=\"web-0258.qcow2\"/></disk>");
    assert_contains(xml, "hostfwd=tcp:127.0.0.1:8258-:80");
}

static void each_interface_has_one_address(void **state)
{
    const char *xml = domain_of(template_xml, &mark), *p = xml;
    int n = 0;

    (void)state;
    while ((p = strstr(p, "<mac address=\"")) != NULL) {
        n++;
        p++;
    }
    assert_int_equal(n, 2);
    assert_null(strstr(xml, "52:54:00:00:00:01"));
    assert_contains(xml, "<mac address=\"52:54:");
    assert_contains(xml, "<mac address=\"56:54:");
}

static void what_stands_in_texts_is_escaped(void **state)
{
    static const char xml[] =
        "<domain><memory>1</memory><description a='\"&apos;&lt;&amp;&#10;'>&lt;&amp;&gt;"
        "</description></domain>";
    struct libvirt_mark m = {.group = "web", .number = 258, .role = LIBVIRT_WARM};

    (void)state;
    assert_contains(domain_of(xml, &m), "<description a=\"&quot;&apos;&lt;&amp;&#10;\">"
                                        "&lt;&amp;&gt;</description>");
    assert_contains(domain_of(xml, &m), "<metadata><scaler:instance");
    assert_contains(domain_of(xml, &m), "</metadata></domain>");
}

static void a_survey_tells_what_matters(void **state)
{
    static const struct {
        const char *name, *xml, *disk;
        long long memory;
        int index;
        const char *shared, *missing;
    } rows[] = {
        {"the first hard disk", template_xml, "", 512LL << 20, 1, "", ""},
        {"by its target", template_xml, "vda", 512LL << 20, 1, "", ""},
        {"no such target", template_xml, "vdb", 512LL << 20, -1, "vda", "sda vda"},
        {"no overlay", template_xml, NULL, 512LL << 20, -1, "vda", "sda vda"},
        {"a second one is shared",
         "<domain><memory unit='GB'>1</memory><devices><disk><source file='/a'/>"
         "<target dev='vda'/></disk><disk><source file='/b'/><target dev='vdb'/></disk>"
         "</devices></domain>",
         "", 1000000000, 0, "vdb", ""},
        {"one that is each one's own",
         "<domain><memory> 2 </memory><devices><disk><source dev='/dev/vg/{name}'/>"
         "<target dev='vda'/></disk></devices></domain>",
         NULL, 2048, -1, "", "vda"},
        {"one that may be shared",
         "<domain><memory unit='b'>9</memory><devices><disk><source dev='/dev/x'/>"
         "<target dev='vda'/><shareable/></disk></devices></domain>",
         NULL, 9, -1, "", "vda"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct libvirt_survey s;

        print_message("%s\n", rows[i].name);
        s = survey_of(rows[i].xml, rows[i].disk);
        assert_int_equal(s.memory_bytes, rows[i].memory);
        assert_int_equal(s.disk, rows[i].index);
        assert_string_equal(s.shared_disk, rows[i].shared);
        assert_string_equal(s.missing_disk, rows[i].missing);
    }
}

static void what_is_no_template_is_refused(void **state)
{
    static const struct {
        const char *xml, *words;
    } rows[] = {
        {"", "no element found"},
        {"<domain>", "no element found"},
        {"<network><memory>1</memory></network>", "its root is not <domain>"},
        {"<!DOCTYPE d [<!ENTITY a 'b'>]><domain><memory>1</memory></domain>",
         "it has a document type"},
        {"<domain></domain>", "no <memory>"},
        {"<domain><memory unit='furlong'>1</memory></domain>", "no <memory>"},
        {"<domain><memory>99999999999999999999</memory></domain>", "no <memory>"},
        {"<domain><memory>9223372036854775807</memory></domain>", "no <memory>"},
        {"<domain><memory>much</memory></domain>", "no <memory>"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct libvirt_survey s;
        struct err e = {0};

        print_message("%s\n", rows[i].xml);
        assert_int_equal(libvirt_survey(rows[i].xml, strlen(rows[i].xml), "", &s, &e), -1);
        assert_int_equal(e.code, ERR_DATA);
        assert_contains(e.msg, rows[i].words);
    }
}

static void a_mark_comes_back_as_it_was(void **state)
{
    struct libvirt_mark m = mark, back;
    struct str xml = STR_EMPTY;
    struct err e = {0};

    (void)state;
    m.role = LIBVIRT_DRAIN;
    m.stop_ms = 1700000001000;
    m.kill_ms = 1700000061000;
    str_copy(m.volume, sizeof m.volume, "a<&>'\"b");
    assert_int_equal(libvirt_mark_write(&m, &xml, &e), 0);
    assert_int_equal(libvirt_mark_read(str_text(&xml), &back, &e), 0);
    assert_string_equal(back.group, "web");
    assert_int_equal(back.number, 258);
    assert_int_equal(back.role, LIBVIRT_DRAIN);
    assert_int_equal(back.since_ms, m.since_ms);
    assert_int_equal(back.stop_ms, m.stop_ms);
    assert_int_equal(back.kill_ms, m.kill_ms);
    assert_string_equal(back.pool, "default");
    assert_string_equal(back.volume, "a<&>'\"b");
    str_clear(&xml);
}

static void a_mark_that_is_none_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "text",
        "<other><group>web</group><id>0001</id><role>new</role></other>",
        "<instance><id>0001</id><role>new</role></instance>",
        "<instance><group>web</group><role>new</role></instance>",
        "<instance><group>web</group><id>0</id><role>new</role></instance>",
        "<instance><group>web</group><id>70000</id><role>new</role></instance>",
        "<instance><group>web</group><id>0001</id><role>old</role></instance>",
        "<instance><group>web</group><id>0001</id></instance>",
        "<instance><group>w</group><id>1</id><role>new</role><since_ms>x</since_ms></instance>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct libvirt_mark m;
        struct err e = {0};

        print_message("%s\n", rows[i]);
        assert_int_equal(libvirt_mark_read(rows[i], &m, &e), -1);
        assert_int_equal(e.code, ERR_DATA);
    }
}

static void an_overlay_stands_on_its_base(void **state)
{
    static const char base[] = "<volume type='file'><name>b</name><target><path>/p</path>"
                               "<format type='raw'/></target></volume>";
    struct str xml = STR_EMPTY;
    struct err e = {0};
    char format[32];

    (void)state;
    assert_int_equal(libvirt_volume_xml("web&1", 1 << 20, "/images/a<b", "raw", &xml, &e), 0);
    assert_string_equal(str_text(&xml),
                        "<volume><name>web&amp;1</name><capacity unit=\"bytes\">1048576"
                        "</capacity><allocation unit=\"bytes\">0</allocation><target><format "
                        "type=\"qcow2\"/></target><backingStore><path>/images/a&lt;b</path>"
                        "<format type=\"raw\"/></backingStore></volume>");
    assert_int_equal(libvirt_volume_format(str_text(&xml), xml.len, format, sizeof format, &e),
                     0);
    assert_string_equal(format, "qcow2");
    assert_int_equal(libvirt_volume_format(base, strlen(base), format, sizeof format, &e), 0);
    assert_string_equal(format, "raw");
    assert_int_equal(libvirt_volume_format("<v", 2, format, sizeof format, &e), -1);
    str_clear(&xml);
}

static void errors_say_what_to_do(void **state)
{
    static const struct {
        int code, number;
        enum err_code expected;
    } rows[] = {
        {VIR_ERR_SYSTEM_ERROR, ECONNREFUSED, ERR_IO},
        {VIR_ERR_SYSTEM_ERROR, ENOENT, ERR_IO}, /* no socket */
        {VIR_ERR_SYSTEM_ERROR, EACCES, ERR_DENIED},
        {VIR_ERR_SYSTEM_ERROR, ENOSPC, ERR_LIMIT},
        {VIR_ERR_AUTH_FAILED, 0, ERR_DENIED},
        {VIR_ERR_AUTH_UNAVAILABLE, 0, ERR_DENIED},
        {VIR_ERR_ACCESS_DENIED, 0, ERR_DENIED},
        {VIR_ERR_OPERATION_DENIED, 0, ERR_DENIED},
        {VIR_ERR_NO_DOMAIN, 0, ERR_CONFLICT},
        {VIR_ERR_DOM_EXIST, 0, ERR_CONFLICT},
        {VIR_ERR_OPERATION_INVALID, 0, ERR_CONFLICT},
        {VIR_ERR_RESOURCE_BUSY, 0, ERR_BUSY},
        {VIR_ERR_OPERATION_TIMEOUT, 0, ERR_BUSY},
        {VIR_ERR_AGENT_UNRESPONSIVE, 0, ERR_BUSY},
        {VIR_ERR_NO_CONNECT, 0, ERR_CONFIG},
        {VIR_ERR_NO_STORAGE_POOL, 0, ERR_CONFIG},
        {VIR_ERR_NO_STORAGE_VOL, 0, ERR_CONFIG},
        {VIR_ERR_CONFIG_UNSUPPORTED, 0, ERR_CONFIG},
        {VIR_ERR_NO_MEMORY, 0, ERR_LIMIT},
        {VIR_ERR_RPC, 0, ERR_DATA},
        {VIR_ERR_INTERNAL_ERROR, 0, ERR_IO},
        {VIR_ERR_OPERATION_FAILED, 0, ERR_IO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%d, %d\n", rows[i].code, rows[i].number);
        assert_int_equal(libvirt_code(rows[i].code, rows[i].number), rows[i].expected);
    }
}

static void faulty_options_are_told(void **state)
{
    static const struct {
        const char *pairs[7], *words;
    } rows[] = {
        {{"warm", "2", NULL}, "warm = 2 needs a probe"},
        {{"probe", "exec", NULL}, "needs probe_command"},
        {{"probe", "exec", "probe_command", "ping", NULL}, "a program with its path"},
        {{"probe_command", "/bin/true", NULL}, "needs probe = \"exec\""},
        {{"address", "10.0.0.{id}x", NULL}, "write \"lease\""},
        {{"address", "web.example", NULL}, "write \"lease\""},
        {{"probe", "tcp", "address", "10.0.0.1", NULL}, "is the same for all"},
        {{"probe_path", "x", NULL}, "begins with a slash"},
        {{"ports", "8001-", NULL}, "not a range"},
        {{"ports", "8001-8002", "warm", "2", "probe", "tcp", NULL}, "no place beside 2 warm"},
        {{"pool", "fast", NULL}, "pool needs volume"},
        {{"disk", "vdb", NULL}, "disk needs volume"},
        {{"probe", "tcp", "address", "10.0.0.{number}", NULL}, NULL},
        {{"probe", "tcp", "address", "fd00::{number}", NULL}, NULL},
        {{"probe", "http", "address", "127.0.0.1", "ports", "8001-8008", NULL}, NULL},
    };
    const struct backend *b = backend_find("libvirt");

    (void)state;
    assert_non_null(b);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct conf *c = NULL;
        struct err e = {0};

        assert_int_equal(conf_new(&c, b->options, &e), 0);
        conf_set(c, "template", "golden", &e);
        for (const char *const *p = rows[i].pairs; *p; p += 2) {
            print_message("%s = %s\n", p[0], p[1]);
            assert_int_equal(conf_set(c, p[0], p[1], &e), 0);
        }
        assert_int_equal(b->check_options(c, &e), rows[i].words ? -1 : 0);
        if (rows[i].words) {
            assert_int_equal(e.code, ERR_CONFIG);
            assert_contains(e.msg, rows[i].words);
        }
        conf_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_carry_their_number),
        cmocka_unit_test(addresses_are_an_instance_s_own),
        cmocka_unit_test(a_template_becomes_a_domain),
        cmocka_unit_test(each_interface_has_one_address),
        cmocka_unit_test(what_stands_in_texts_is_escaped),
        cmocka_unit_test(a_survey_tells_what_matters),
        cmocka_unit_test(what_is_no_template_is_refused),
        cmocka_unit_test(a_mark_comes_back_as_it_was),
        cmocka_unit_test(a_mark_that_is_none_is_refused),
        cmocka_unit_test(an_overlay_stands_on_its_base),
        cmocka_unit_test(errors_say_what_to_do),
        cmocka_unit_test(faulty_options_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
