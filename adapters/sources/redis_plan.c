/* redis_plan.c - a service's options for reading Redis, checked and ready to use. */
#include <stdlib.h>
#include <string.h>

#include "adapters/sources/redis_work.h"

static int read_templates(struct plan *p, const struct conf *options, struct err *e)
{
    p->key_text = strdup(conf_string(options, "key"));
    p->field_text = strdup(conf_string(options, "field"));
    if (!p->key_text || !p->field_text)
        return err_nomem(e);
    if (template_parse(&p->key, p->key_text, e) != 0)
        return err_wrap(e, "key");
    if (template_parse(&p->field, p->field_text, e) != 0)
        return err_wrap(e, "field");
    p->has_field = *p->field_text != '\0';
    return 0;
}

static int read_zone(struct plan *p, const char *name, struct err *e)
{
    if (strcmp(name, "UTC") == 0)
        return 0;
    p->zone = g_time_zone_new_identifier(name);
    if (p->zone)
        return 0;
    return err_set(e, ERR_CONFIG,
                   "timezone \"%.60s\": not in the system's list (write it as Europe/Berlin)",
                   name);
}

int plan_read(struct plan *p, const struct conf *options, struct err *e)
{
    *p = (struct plan){.layout = redis_layout_find(conf_string(options, "layout"))};
    if (!p->layout)
        return err_set(e, ERR_CONFIG,
                       "layout is missing: write counter, hash, hash_day, zset, stream, total "
                       "or timeseries");
    p->is_counts = strcmp(conf_string(options, "units"), "counts") == 0 ||
                   strcmp(p->layout->name, "total") == 0;
    p->is_zero = strcmp(conf_string(options, "absence"), "zero") == 0;
    p->has_time_members = strcmp(conf_string(options, "member"), "time:value") == 0;
    p->time_unit_ms = strcmp(conf_string(options, "time_unit"), "ms") == 0 ? 1 : 1000;
    p->ttl_ms = conf_is_auto(options, "ttl") ? 0 : conf_duration_ms(options, "ttl");
    p->overlap = conf_int(options, "overlap");
    if (read_templates(p, options, e) != 0 ||
        read_zone(p, conf_string(options, "timezone"), e) != 0 ||
        p->layout->check(&p->key, &p->field, e) != 0) {
        plan_clear(p);
        return -1;
    }
    return 0;
}

void plan_clear(struct plan *p)
{
    if (p->zone)
        g_time_zone_unref(p->zone);
    free(p->key_text);
    free(p->field_text);
    *p = (struct plan){0};
}
