/* conf_file.h - one configuration file (libconfig's syntax) and its groups.
 *
 * Values stay text until conf_node_read hands them to the rows that know them; every fault goes
 * to a list with its file and line, also in included files, so that one run shows all. */
#ifndef SCALER_CONF_CONF_FILE_H
#define SCALER_CONF_CONF_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "conf/conf.h"
#include "conf/faults.h"

struct conf_file;

/* One setting: a group, a list or a value. Belongs to its file. */
struct conf_node;

/* Reads path and what it includes; includes are relative to the directory of path. Owner and
 * mode of each are checked. On -1 (ERR_CONFIG, ERR_NOMEM) `faults` has the reason: the first
 * fault of syntax. */
int conf_file_read(struct conf_file **out, const char *path, struct conf_faults *faults,
                   struct err *e);

/* The same from memory, without includes; `name` stands for the file in faults. */
int conf_file_parse(struct conf_file **out, const char *name, const char *text,
                    struct conf_faults *faults, struct err *e);
void conf_file_free(struct conf_file *f);

const struct conf_node *conf_file_root(const struct conf_file *f); /* a group */

/* Parts of a group or list. conf_node_member is NULL when there is no such setting. */
const struct conf_node *conf_node_member(const struct conf_node *group, const char *name);
size_t conf_node_count(const struct conf_node *n);
const struct conf_node *conf_node_at(const struct conf_node *n, size_t i);
const char *conf_node_name(const struct conf_node *n); /* "" in a list */
bool conf_node_is_group(const struct conf_node *n);
bool conf_node_is_list(const struct conf_node *n);     /* ( ... ) or [ ... ] */
const char *conf_node_text(const struct conf_node *n); /* of a quoted text; else NULL */

/* Where it is written: the path as a user would open it. Borrowed from the file. */
const char *conf_node_file(const struct conf_node *n);
unsigned conf_node_line(const struct conf_node *n);

/* Adds "file:line: message" at a setting. */
void conf_node_fault(const struct conf_node *n, struct conf_faults *faults, const char *fmt,
                     ...) PRINTF_LIKE(3, 4);

/* Sets the values of a group in whichever of confs[0..n) has a row of that name. Names in
 * `others` (ends with NULL; may be NULL) are left to the caller. What is in neither is a fault
 * with the closest known name. A group given for CONF_STRINGS becomes entries "name=value".
 * `owner` says whose group it is: "service \"checkout\": capacity". */
void conf_node_read(const struct conf_node *group, struct conf *const *confs, size_t n,
                    const char *const *others, const char *owner, struct conf_faults *faults);

/* Adds a fault at the group's line for every row without default that was not set. */
void conf_node_require(const struct conf_node *group, const struct conf *c, const char *owner,
                       struct conf_faults *faults);

#endif
