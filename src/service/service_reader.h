/* service_reader.h - what reads the groups of a service: for service_conf.c and guard_conf.c.
 */
#ifndef SCALER_SERVICE_SERVICE_READER_H
#define SCALER_SERVICE_SERVICE_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "service/service_conf.h"

enum { READER_OWNER_BYTES = 200, READER_MOST_TYPES = 64 };

/* One service on its way from the file. */
struct reader {
    struct service_conf *s;
    const struct conf_node *node;        /* NULL: no defaults are given */
    const struct service_conf *defaults; /* NULL while the defaults themselves are read */
    char owner[READER_OWNER_BYTES];      /* `service "checkout"` */
    struct conf_faults *faults;
    bool has_query_fault, has_backend_fault; /* the rows were not read as written */
};

/* `owner: group`, in a static-free buffer of the caller. */
const char *reader_group_owner(const struct reader *r, const char *name,
                               char out[READER_OWNER_BYTES]);

/* What a group's own text says for `name`, before its rows are known; NULL nothing. */
const char *reader_early_text(const struct conf_node *group, const char *name);

/* Adds "unknown type" with the known ones. */
void reader_unknown_type(struct reader *r, const struct conf_node *at, const char *kind,
                         const char *type, const char *const *names, size_t n);
void reader_unknown_source(struct reader *r, const struct conf_node *at, const char *type);

/* The plug-in's values: a copy of the defaults' when they are of the same type. ERR_NOMEM. */
int reader_plugin_conf(struct conf **out, const struct conf *defaults,
                       const struct conf_option *rows, struct err *e);

/* Finds the connection: `from` by name, else the first group of the type. *source stays as it
 * is, and there is a fault, when there is none. */
void reader_find_source(struct reader *r, const struct conf_node *at, const char *from,
                        const char *type, const struct config_source *sources, size_t n,
                        const struct source **source, size_t *index);

#endif
