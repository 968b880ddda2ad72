/* value.h - one option's value: from text, checked against its row. Used by conf.c alone. */
#ifndef SCALER_CONF_VALUE_H
#define SCALER_CONF_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "conf/option.h"

struct conf_list {
    size_t n;
    size_t cap;
    char **items; /* owned */
};

/* 16 bytes, since a large fleet keeps some hundred of them a service. Zeros: not set. */
struct conf_value {
    union {
        bool b;
        int64_t i; /* whole number, or milliseconds */
        double d;
        char *text;             /* owned; NULL: the row's default */
        struct conf_list *list; /* owned; NULL: empty */
    };
    bool is_set;       /* given by the user */
    bool is_auto;      /* "auto" by default or choice */
    bool is_faulty;    /* the user gave a value that is none; the one before stands */
    bool is_inherited; /* came by conf_new or conf_copy: the next entry of a list replaces it */
};

/* Reads the row's default; asserts that it is a good one. ERR_NOMEM. */
int conf_value_init(struct conf_value *v, const struct conf_option *row, struct err *e);
void conf_value_clear(struct conf_value *v, const struct conf_option *row);

/* Reads text as the row's type and checks the range; a list gains one entry. On an error the
 * value is as before. ERR_CONFIG: the message says what is wrong with the text and what would
 * be right, without the option's name or the text. ERR_NOMEM. */
int conf_value_set(struct conf_value *v, const struct conf_option *row, const char *text,
                   struct err *e);

/* Replaces a list by texts[0..n). As conf_value_set; on an error the list is as before. */
int conf_value_set_list(struct conf_value *v, const struct conf_option *row,
                        const char *const *texts, size_t n, struct err *e);

int conf_value_copy(struct conf_value *to, const struct conf_value *from,
                    const struct conf_option *row, struct err *e); /* ERR_NOMEM */

/* Continues a 64-bit FNV-1a hash over the value (not over how it came about). */
uint64_t conf_value_hash(const struct conf_value *v, const struct conf_option *row,
                         uint64_t hash);

#endif
