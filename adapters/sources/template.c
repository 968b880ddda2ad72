/* template.c - see template.h. */
#include "adapters/sources/template.h"

#include <string.h>
#include <time.h>

#include "base/clk.h"

static const char known[] = "{service} {epoch} {epoch_ms} {epoch/60} {time:%Y%m%d%H%M}";

static int add_piece(struct template *t, struct template_piece p, struct err *e)
{
    if (t->n == TEMPLATE_PIECES)
        return err_set(e, ERR_CONFIG, "more than %d parts in one template", TEMPLATE_PIECES);
    t->pieces[t->n++] = p;
    return 0;
}

static int parse_format(struct template *t, const char *format, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (format[i] != '%')
            continue;
        i++;
        if (i == n || !strchr("YmdHMSyjFT%", format[i]))
            return err_set(
                e, ERR_CONFIG,
                "{time:%.*s}: of strftime only %%Y %%m %%d %%H %%M %%S %%y %%j %%F %%T "
                "%%%% are known",
                n < 40 ? (int)n : 40, format);
        t->has_any_time |= format[i] != '%';
        t->has_clock_time |= format[i] == 'H' || format[i] == 'T';
    }
    return add_piece(t, (struct template_piece){PIECE_TIME, format, n, 1}, e);
}

static int parse_placeholder(struct template *t, const char *p, size_t n, struct err *e)
{
    struct template_piece piece = {PIECE_EPOCH, p, n, 1};

    if (n > 5 && strncmp(p, "time:", 5) == 0)
        return parse_format(t, p + 5, n - 5, e);
    if (n == 7 && strncmp(p, "service", n) == 0) {
        piece.kind = PIECE_SERVICE;
        t->has_service = true;
        return add_piece(t, piece, e);
    }
    if (n == 8 && strncmp(p, "epoch_ms", n) == 0)
        piece.kind = PIECE_EPOCH_MS;
    else if (n > 6 && strncmp(p, "epoch/", 6) == 0) {
        if (!str_to_int64(p + 6, n - 6, &piece.divisor) || piece.divisor < 1)
            return err_set(e, ERR_CONFIG, "{%.*s}: divide by whole seconds, as in {epoch/60}",
                           n < 40 ? (int)n : 40, p);
    } else if (n != 5 || strncmp(p, "epoch", n) != 0) {
        return err_set(e, ERR_CONFIG, "unknown placeholder {%.*s}; known are %s",
                       n < 40 ? (int)n : 40, p, known);
    }
    t->has_epoch |= piece.divisor == 1;
    t->has_any_time = true;
    return add_piece(t, piece, e);
}

int template_parse(struct template *t, const char *text, struct err *e)
{
    const char *p = text;

    *t = (struct template){0};
    while (*p) {
        size_t n = strcspn(p, "{}");

        if (n == 0 && p[0] == p[1]) { /* a doubled brace stands for one */
            if (add_piece(t, (struct template_piece){PIECE_TEXT, p, 1, 1}, e) != 0)
                return -1;
            p += 2;
        } else if (n == 0 && *p == '}') {
            return err_set(e, ERR_CONFIG, "\"%.60s\": single } (write }} for a literal one)",
                           text);
        } else if (n == 0) {
            size_t k = strcspn(p + 1, "{}");

            if (p[1 + k] != '}')
                return err_set(e, ERR_CONFIG,
                               "\"%.60s\": { without } (write {{ for a literal one)", text);
            if (parse_placeholder(t, p + 1, k, e) != 0)
                return -1;
            p += k + 2;
        } else {
            if (add_piece(t, (struct template_piece){PIECE_TEXT, p, n, 1}, e) != 0)
                return -1;
            p += n;
        }
    }
    return 0;
}

static int add_int(struct str *out, int64_t v, int width)
{
    char buf[24];
    char *p = buf + sizeof buf;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    do {
        *--p = (char)('0' + u % 10);
        u /= 10;
        width--;
    } while (u > 0 || width > 0);
    if (v < 0)
        *--p = '-';
    return str_add_n(out, p, (size_t)(buf + sizeof buf - p));
}

static int64_t offset_s(GTimeZone *zone, int64_t time_s)
{
    int i;

    if (!zone)
        return 0;
    i = g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, time_s);
    return i < 0 ? 0 : g_time_zone_get_offset(zone, i);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int write_time(const struct template_piece *p, int64_t time_s, GTimeZone *zone,
                      struct str *out)
{
    time_t local = (time_t)(time_s + offset_s(zone, time_s));
    struct tm tm;

    if (!gmtime_r(&local, &tm))
        return -1;
    for (size_t i = 0; i < p->len; i++) {
        if (p->text[i] != '%') {
            str_add_n(out, p->text + i, 1);
            continue;
        }
        switch (p->text[++i]) {
        case 'Y':
            add_int(out, tm.tm_year + 1900, 4);
            break;
        case 'y':
            add_int(out, tm.tm_year % 100, 2);
            break;
        case 'm':
            add_int(out, tm.tm_mon + 1, 2);
            break;
        case 'd':
            add_int(out, tm.tm_mday, 2);
            break;
        case 'H':
            add_int(out, tm.tm_hour, 2);
            break;
        case 'M':
            add_int(out, tm.tm_min, 2);
            break;
        case 'S':
            add_int(out, tm.tm_sec, 2);
            break;
        case 'j':
            add_int(out, tm.tm_yday + 1, 3);
            break;
        case 'F':
            str_printf(out, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
            break;
        case 'T':
            str_printf(out, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
            break;
        default:
            str_add_n(out, "%", 1);
        }
    }
    return out->failed ? -1 : 0;
}

int template_write(const struct template *t, const char *service, int64_t time_ms,
                   GTimeZone *zone, struct str *out)
{
    int64_t time_s = floor_div(time_ms, CLK_SECOND_MS);

    for (size_t i = 0; i < t->n; i++) {
        const struct template_piece *p = &t->pieces[i];

        switch (p->kind) {
        case PIECE_TEXT:
            str_add_n(out, p->text, p->len);
            break;
        case PIECE_SERVICE:
            str_add(out, service);
            break;
        case PIECE_EPOCH:
            add_int(out, floor_div(time_s, p->divisor), 1);
            break;
        case PIECE_EPOCH_MS:
            add_int(out, time_ms, 1);
            break;
        case PIECE_TIME:
            if (write_time(p, time_s, zone, out) != 0)
                return -1;
            break;
        }
    }
    return out->failed ? -1 : 0;
}

bool template_is_ambiguous(const struct template *t, int64_t time_ms, GTimeZone *zone)
{
    const int64_t span_s = 3 * 3600; /* no zone sets its clock back by more */
    int64_t time_s = floor_div(time_ms, CLK_SECOND_MS), here;

    if (!zone || !t->has_clock_time || t->has_epoch)
        return false;
    here = offset_s(zone, time_s);
    for (int side = -1; side <= 1; side += 2) {
        int64_t there = offset_s(zone, time_s + side * span_s);

        /* the instant that shows our local time under the other offset */
        if (there != here && offset_s(zone, time_s + here - there) == there)
            return true;
    }
    return false;
}
