/* faults.c - see faults.h. */
#include "conf/faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/vec.h"

static bool is_known(const struct conf_faults *f, const char *text)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->items[i].text, text) == 0)
            return true;
    return false;
}

/* Takes over text. */
static void keep(struct conf_faults *f, struct str *text, size_t place_len, bool is_warning)
{
    if (text->failed || vec_reserve(&f->items, &f->cap, f->n + 1, sizeof *f->items) != 0) {
        f->failed = true;
        str_clear(text);
        return;
    }
    if (is_known(f, str_text(text))) {
        str_clear(text);
        return;
    }
    f->n_errors += !is_warning;
    if (f->n >= CONF_FAULTS_MOST) {
        str_clear(text);
        return;
    }
    f->items[f->n++] = (struct conf_fault){
        .text = text->data, .place_len = place_len, .is_warning = is_warning};
}

static void __attribute__((format(printf, 5, 0)))
add(struct conf_faults *f, bool is_warning, const char *file, unsigned line, const char *fmt,
    va_list args)
{
    struct str text = STR_EMPTY;
    char message[512];
    size_t place_len;

    vsnprintf(message, sizeof message, fmt, args);
    if (file && line > 0)
        str_printf(&text, "%s:%u: ", file, line);
    else if (file)
        str_printf(&text, "%s: ", file);
    place_len = text.len;
    str_add(&text, message);
    keep(f, &text, place_len, is_warning);
}

void conf_faults_error(struct conf_faults *f, const char *file, unsigned line, const char *fmt,
                       ...)
{
    va_list args;

    va_start(args, fmt);
    add(f, false, file, line, fmt, args);
    va_end(args);
}

void conf_faults_warn(struct conf_faults *f, const char *file, unsigned line, const char *fmt,
                      ...)
{
    va_list args;

    va_start(args, fmt);
    add(f, true, file, line, fmt, args);
    va_end(args);
}

bool conf_faults_has(const struct conf_faults *f, const struct conf_fault *warning)
{
    const char *words = warning->text + warning->place_len;

    for (size_t i = 0; i < f->n; i++)
        if (f->items[i].is_warning &&
            strcmp(f->items[i].text + f->items[i].place_len, words) == 0)
            return true;
    return false;
}

int conf_faults_result(const struct conf_faults *f, struct err *e)
{
    const struct conf_fault *first = f->items;

    if (f->failed)
        return err_nomem(e);
    if (f->n_errors == 0)
        return 0;
    while (first < f->items + f->n && first->is_warning)
        first++;
    if (first == f->items + f->n)
        return err_set(e, ERR_CONFIG, "%zu faults", f->n_errors);
    if (f->n_errors == 1)
        return err_set(e, ERR_CONFIG, "%s", first->text);
    return err_set(e, ERR_CONFIG, "%.200s (and %zu more: see scaler check)", first->text,
                   f->n_errors - 1);
}

void conf_faults_clear(struct conf_faults *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->items[i].text);
    free(f->items);
    *f = (struct conf_faults){0};
}
