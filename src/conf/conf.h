/* conf.h - the values of one table of option rows, defaults filled in.
 *
 * A `struct conf` is what a file's group, a service's group or a command line became after
 * every value was checked against its row. It copies all text; rows are borrowed and must
 * outlive it (they are static tables). Getters assert that the name is in the table and of
 * the right type: asking for another is a mistake of ours, never of a user. */
#ifndef SCALER_CONF_CONF_H
#define SCALER_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "conf/option.h"

struct conf;

/* All defaults. ERR_NOMEM. The caller frees. */
int conf_new(struct conf **out, const struct conf_option *rows, struct err *e);
void conf_free(struct conf *c);

/* An independent copy, to override some values (defaults of services). ERR_NOMEM. */
int conf_copy(struct conf **out, const struct conf *c, struct err *e);

/* Sets one value from text; for CONF_STRINGS appends one entry (the first call replaces the
 * default). ERR_CONFIG for an unknown name (with the closest known one), a value that is no
 * such type, or one out of range: the message tells what was found and what is right, without
 * naming a file or a line (the caller wraps). */
int conf_set(struct conf *c, const char *name, const char *text, struct err *e);

/* Replaces a CONF_STRINGS option by texts[0..n), which may be none. ERR_CONFIG, ERR_NOMEM. */
int conf_set_list(struct conf *c, const char *name, const char *const *texts, size_t n,
                  struct err *e);

/* ERR_CONFIG naming the first option without default that was not set. */
int conf_check_required(const struct conf *c, struct err *e);

/* Reads "--name value", "--name=value" and, for bools, "--name" and "--no-name" from argv[1..];
 * '-' and '_' are the same in names; single letters are not supported. Words that are no
 * option are kept in order in `words` (argv's own pointers; room for argc) and counted in
 * *n_words; "--" ends the options; "-" alone is a word. ERR_CONFIG as conf_set, the option
 * named. */
int conf_parse_args(struct conf *c, int argc, char **argv, const char **words, size_t *n_words,
                    struct err *e);

/* Getters. Strings are borrowed until the next conf_set or conf_free. An option that is "auto",
 * or unset with the default "", reads as 0, NAN (CONF_DOUBLE), "auto" or "": ask conf_is_set
 * and conf_is_auto first. */
bool conf_bool(const struct conf *c, const char *name);
int64_t conf_int(const struct conf *c, const char *name);
double conf_double(const struct conf *c, const char *name);
int64_t conf_duration_ms(const struct conf *c, const char *name);
const char *conf_string(const struct conf *c,
                        const char *name); /* also CONF_ENUM; never NULL */
size_t conf_strings(const struct conf *c, const char *name, const char *const **out);

bool conf_is_set(const struct conf *c, const char *name); /* given by the user */
bool conf_is_auto(const struct conf *c,
                  const char *name); /* is (by default or choice) "auto" */

/* Notes that the user gave a value that is no such thing, so that nobody complains that it is
 * missing. Copies know it too; the next good conf_set forgets it. */
void conf_note_faulty(struct conf *c, const char *name);
bool conf_is_faulty(const struct conf *c, const char *name);

/* The name in the table closest to a misspelt one, or NULL (str_closest). */
const char *conf_closest(const struct conf_option *rows, const char *name);

/* The rows it was made from. */
const struct conf_option *conf_rows(const struct conf *c);

/* A number that no other state of any conf of this process has: equal stamps mean that nothing
 * was set since. Cheap; for caches of what was read out of it. */
uint64_t conf_stamp(const struct conf *c);

/* 64-bit FNV-1a over all names and values: equal for equal settings, whether written or
 * defaults. */
uint64_t conf_hash(const struct conf *c);
uint64_t conf_hash_text(const char *text); /* of a text alone, the same way */

#endif
