/* help.c - see help.h. */
#include "cli/help.h"

#include <string.h>

enum { FLAG_COLUMN = 30, LINE_WIDTH = 96 };

const char *help_value(const struct conf_option *row)
{
    switch (row->type) {
    case CONF_BOOL:
        return "";
    case CONF_INT:
        return "N";
    case CONF_DOUBLE:
        return "NUMBER";
    case CONF_DURATION:
        return "DURATION";
    case CONF_ENUM:
        return row->unit;
    case CONF_STRING:
    case CONF_STRINGS:
        break;
    }
    return row->unit && row->unit[0] ? row->unit : "TEXT";
}

/* Appends text broken at blanks, every line but the first indented by `indent`, where
 * the text starts too. */
static void add_wrapped(struct str *out, const char *text, size_t indent)
{
    size_t at = indent;

    while (*text) {
        size_t n = strcspn(text, " ");

        if (at > indent && at + 1 + n > LINE_WIDTH) {
            str_printf(out, "\n%*s", (int)indent, "");
            at = indent;
        }
        str_printf(out, "%s%.*s", at > indent ? " " : "", (int)n, text);
        at += n + (at > indent);
        text += n + strspn(text + n, " ");
    }
    str_add(out, "\n");
}

static void add_flag(struct str *out, const struct conf_option *row)
{
    str_add(out, "  --");
    for (const char *p = row->name; *p; p++)
        str_printf(out, "%c", *p == '_' ? '-' : *p);
    if (row->type != CONF_BOOL)
        str_printf(out, " %s", help_value(row));
}

static void add_option(struct str *out, const struct conf_option *row)
{
    struct str text = STR_EMPTY;
    size_t start = out->len;
    size_t column;

    add_flag(out, row);
    column = out->len - start;
    if (column + 2 > FLAG_COLUMN)
        str_printf(out, "\n%*s", FLAG_COLUMN, "");
    else
        str_printf(out, "%*s", (int)(FLAG_COLUMN - column), "");
    str_add(&text, row->help);
    if (row->type == CONF_STRINGS)
        str_add(&text, " May be repeated.");
    if (!row->def)
        str_add(&text, " Required.");
    else if (row->def[0] && row->type != CONF_BOOL)
        str_printf(&text, " [%s]", row->def);
    add_wrapped(out, str_text(&text), FLAG_COLUMN);
    str_clear(&text);
}

static void add_options(struct str *out, const char *title, const struct conf_option *rows)
{
    if (!rows[0].name)
        return;
    str_printf(out, "\n%s:\n", title);
    for (; rows->name; rows++)
        add_option(out, rows);
}

void help_program(struct str *out)
{
    str_add(out, "Predictive autoscaler: forecasts request rates and scales ahead of them.\n\n"
                 "usage: scaler COMMAND [OPTIONS]\n"
                 "       scaler COMMAND --help\n"
                 "       scaler --version\n\n"
                 "Commands:\n");
    for (size_t i = 0; command_table[i]; i++) {
        if (!command_table[i]->is_hidden)
            str_printf(out, "  %-14s %s\n", command_table[i]->name, command_table[i]->summary);
    }
    add_options(out, "Options of every command", command_global_options);
    str_add(out, "\nDurations: 30s, 5m, 2h, 1d; a plain number is seconds.\n"
                 "Exit codes: 0 done, 1 failed, 2 usage or configuration, "
                 "3 not enough history.\n");
}

/* Each line of an example or paragraph, indented. */
static void add_indented(struct str *out, const char *text, const char *indent)
{
    while (*text) {
        size_t n = strcspn(text, "\n");

        if (n > 0)
            str_add(out, indent);
        str_add_n(out, text, n);
        str_add(out, "\n");
        text += n + (text[n] == '\n');
    }
}

void help_command(struct str *out, const struct command *command)
{
    str_printf(out, "scaler %s - %s\n\nusage: scaler %s%s%s [OPTIONS]\n", command->name,
               command->summary, command->name, command->words[0] ? " " : "", command->words);
    if (command->about) {
        str_add(out, "\n");
        add_indented(out, command->about, "");
    }
    add_options(out, "Options", command->options);
    add_options(out, "Options of every command", command_global_options);
    str_add(out, "\nExamples:\n");
    add_indented(out, command->examples, "  ");
}
