/* fuzz_libvirt.c - any bytes as a template, as a volume, and as the mark of a domain. What a
 * template becomes is read again: it must be one still. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/backends/libvirt_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void rewrite(const char *text, size_t n, const struct libvirt_survey *s,
                    const struct libvirt_mark *m)
{
    const struct libvirt_plan p = {.name = "web-0001",
                                   .uuid = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
                                   .host = "h",
                                   .mark = m,
                                   .format = "qcow2"};
    struct libvirt_survey again;
    struct str out = STR_EMPTY;
    struct err e = {0};

    if (libvirt_domain_xml(text, n, s, &p, &out, &e) == 0 &&
        libvirt_survey(str_text(&out), out.len, NULL, &again, &e) != 0 && e.code != ERR_NOMEM)
        abort();
    str_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct libvirt_mark m = {.group = "web", .number = 1, .pool = "p", .volume = "v"};
    struct libvirt_survey s;
    struct err e = {0};
    char format[16], *text = malloc(n + 1);

    if (!text)
        return 0;
    memcpy(text, bytes, n);
    text[n] = '\0';
    libvirt_volume_format(text, n, format, sizeof format, &e);
    if (libvirt_survey(text, n, "", &s, &e) == 0)
        rewrite(text, n, &s, &m);
    libvirt_mark_read(text, &m, &e);
    free(text);
    return 0;
}
