/* manual.c - the manual pages; see manual.h. */
#include "cli/manual.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "cli/command.h"
#include "cli/help.h"
#include "service/config.h"
#include "service/guard_conf.h"

/* Text that troff must print as it is. */
static void add_escaped(struct str *out, const char *text)
{
    bool is_line_start = true;

    for (; *text; text++) {
        if (is_line_start && (*text == '.' || *text == '\''))
            str_add(out, "\\&");
        if (*text == '\\')
            str_add(out, "\\e");
        else if (*text == '-')
            str_add(out, "\\-");
        else
            str_add_n(out, text, 1);
        is_line_start = *text == '\n';
    }
}

/* A heading or paragraph macro with one argument. */
static void add_macro(struct str *out, const char *macro, const char *text)
{
    str_printf(out, "%s \"", macro);
    add_escaped(out, text);
    str_add(out, "\"\n");
}

static void add_bound(struct str *out, const struct conf_option *row, double bound)
{
    char text[32];

    if (row->type == CONF_DURATION) {
        clk_format_duration((int64_t)(bound * 1000.0), text, sizeof text);
        str_add(out, text);
    } else {
        str_printf(out, "%.15g", bound);
    }
}

void manual_range(struct str *out, const struct conf_option *row)
{
    static const char *const kinds[] = {
        [CONF_BOOL] = "true or false",    [CONF_INT] = "whole number", [CONF_DOUBLE] = "number",
        [CONF_DURATION] = "duration",     [CONF_STRING] = "text",      [CONF_ENUM] = "one of",
        [CONF_STRINGS] = "list of texts",
    };
    bool has_bounds = (row->least != 0 || row->most != 0) && isfinite(row->most) &&
                      row->type != CONF_STRING && row->type != CONF_STRINGS;

    str_add(out, kinds[row->type]);
    for (const char *p = row->type == CONF_ENUM ? row->unit : ""; *p;) {
        size_t n = strcspn(p, "|");

        str_printf(out, " \"%.*s\"%s", (int)n, p, p[n] ? "," : "");
        p += n + (p[n] == '|');
    }
    if (has_bounds) {
        str_add(out, ", ");
        add_bound(out, row, row->least);
        str_add(out, " to ");
        add_bound(out, row, row->most);
    }
    if ((row->type == CONF_INT || row->type == CONF_DOUBLE) && row->unit && row->unit[0])
        str_printf(out, " (%s)", row->unit);
}

/* One option as a tagged paragraph. `is_flag`: as on a command line, else as in a file. */
static void add_option(struct str *out, const struct conf_option *row, bool is_flag)
{
    struct str range = STR_EMPTY;

    str_add(out, ".TP\n.B ");
    if (is_flag)
        str_add(out, "\\-\\-");
    for (const char *p = row->name; *p; p++)
        str_printf(out, "%s", *p == '_' ? (is_flag ? "\\-" : "_") : (char[]){*p, '\0'});
    if (is_flag && row->type != CONF_BOOL) {
        str_add(out, " ");
        add_escaped(out, help_value(row));
    }
    str_add(out, "\n");
    add_escaped(out, row->help);
    manual_range(&range, row);
    range.data[0] = (char)toupper((unsigned char)range.data[0]);
    str_add(out, "\n");
    add_escaped(out, str_text(&range));
    if (!row->def)
        str_add(out, "; required.\n");
    else if (row->def[0])
        str_printf(out, "; default %s.\n", row->def);
    else
        str_add(out, "; unset by default.\n");
    str_clear(&range);
}

static void add_options(struct str *out, const struct conf_option *rows, bool is_flag)
{
    for (; rows->name; rows++)
        add_option(out, rows, is_flag);
}

static void add_title(struct str *out, const char *name, const char *section, const char *what)
{
    str_printf(out, ".TH \"%s\" \"%s\" \"\" \"scaler %s\" \"User manual\"\n.SH NAME\n", name,
               section, SCALER_VERSION);
    add_escaped(out, what);
    str_add(out, "\n");
}

/* Paragraphs; indented lines, such as JSON, are kept as they are. */
static void add_about(struct str *out, const char *text)
{
    bool is_kept = false;

    while (*text) {
        size_t n = strcspn(text, "\n");
        char line[256];

        if ((*text == ' ') != is_kept && n > 0) {
            is_kept = !is_kept;
            str_add(out, is_kept ? ".nf\n" : ".fi\n");
        }
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        if (n > 0)
            add_escaped(out, line);
        str_add(out, n > 0 ? "\n" : ".PP\n");
        text += n + (text[n] == '\n');
    }
    if (is_kept)
        str_add(out, ".fi\n");
}

static void add_command(struct str *out, const struct command *c)
{
    struct str usage = STR_EMPTY;

    str_printf(&usage, "scaler %s%s%s [OPTIONS]", c->name, c->words[0] ? " " : "", c->words);
    add_macro(out, ".SS", str_text(&usage));
    str_clear(&usage);
    add_escaped(out, c->summary);
    str_add(out, ".\n");
    if (c->about) {
        str_add(out, ".PP\n");
        add_about(out, c->about);
    }
    add_options(out, c->options, true);
    str_add(out, ".PP\nExamples:\n.PP\n.nf\n");
    add_escaped(out, c->examples);
    str_add(out, "\n.fi\n");
}

void manual_program(struct str *out)
{
    add_title(out, "SCALER", "1", "scaler - predictive autoscaler");
    str_add(out,
            ".SH SYNOPSIS\n.B scaler\n.I COMMAND\n[OPTIONS]\n"
            ".br\n.B scaler\n.I COMMAND\n.B \\-\\-help\n"
            ".SH DESCRIPTION\nForecasts the request rates of services and starts and stops "
            "their instances ahead of them. Every decision says why it was made. Nothing is "
            "changed until a service's mode says so.\n.PP\n"
            "Durations are written 30s, 5m, 2h or 1d; a plain number is seconds. Times are "
            "RFC 3339 or seconds since 1970.\n.SH COMMANDS\n");
    for (size_t i = 0; command_table[i]; i++) {
        if (!command_table[i]->is_hidden)
            add_command(out, command_table[i]);
    }
    str_add(out, ".SH OPTIONS OF EVERY COMMAND\n");
    add_options(out, command_global_options, true);
    str_add(
        out,
        ".SH EXIT STATUS\n.TP\n.B 0\nDone.\n.TP\n.B 1\nFailed.\n.TP\n.B 2\n"
        "Usage or configuration.\n.TP\n.B 3\nNot enough history.\n"
        ".SH ENVIRONMENT\n.TP\n.B SCALER_CONFIG\nThe configuration where \\-\\-config is not "
        "given.\n.TP\n.B SCALER_STATE_DIR\nThe state directory where neither \\-\\-state\\-dir "
        "nor the configuration says.\n.TP\n.B NO_COLOR\nNo colours when set.\n"
        ".SH FILES\n.TP\n.I /etc/scaler/scaler.cfg\nThe configuration; see\n"
        ".BR scaler.cfg (5).\n.TP\n.I /var/lib/scaler\nHistory, decisions and instances.\n"
        ".SH SEE ALSO\n.BR scaler.cfg (5)\n");
}

static void add_service_groups(struct str *out)
{
    for (size_t i = 0; i < SERVICE_GROUPS; i++) {
        const struct service_group_row *g = &service_groups[i];
        char title[64];

        snprintf(title, sizeof title, "%s = { ... }", g->name);
        if (g->name[0])
            add_macro(out, ".SS", title);
        if (g->about)
            add_about(out, g->about);
        add_options(out, g->options, false);
    }
}

static void add_guards(struct str *out)
{
    add_macro(out, ".SS", "guards = ( { ... }, ... )");
    str_add(
        out,
        "Measures of how full the instances are, at most eight, read at the service's step; "
        "they are never forecast. Over its limit or without a fresh value (stale_steps) a "
        "guard keeps everything that runs, above max as well; over its limit it also raises "
        "the count. One that has no value while nobody asks for anything keeps a service "
        "from shrinking: end such a query with\n.BR \"or vector(0)\" .\n"
        "Each entry has a group source = { ... } with the options of its type, whose values "
        "are taken as they are. The guards of defaults hold for services without any.\n");
    add_options(out, guard_options, false);
    add_macro(out, ".SS", "guards: source = { ... }");
    add_options(out, guard_source_options, false);
}

static void add_summary(struct str *out, const char *summary, const char *about)
{
    add_escaped(out, summary);
    str_add(out, ".\n");
    if (about) {
        str_add(out, ".PP\n");
        add_about(out, about);
    }
}

static void add_source(struct str *out, const struct source *s)
{
    add_macro(out, ".SS", s->name);
    add_summary(out, s->summary, s->about);
    str_printf(out, ".PP\nThe connection, %s = { ... } on the top level:\n", s->name);
    add_options(out, s->options, false);
    str_printf(out, ".PP\nWhat a service asks, source = { type = \"%s\"; ... }:\n", s->name);
    add_options(out, s->query_options, false);
}

void manual_config(struct str *out)
{
    add_title(out, "SCALER.CFG", "5", "scaler.cfg - configuration of scaler");
    str_add(
        out,
        ".SH DESCRIPTION\nSettings are NAME = VALUE; in groups { ... }, lists ( ... ) and "
        "arrays [ ... ]. Text and durations stand in quotes; # starts a comment; @include "
        "\"FILE\" at the start of a line reads another file, relative to this one. The file "
        "must belong to the user or root and be writable by nobody else. Secrets stand in "
        "files of their own. Every fault is listed by\n.BR \"scaler check\" .\n"
        "The running daemon reads the file again on SIGHUP; a faulty file changes nothing.\n"
        ".SH TOP LEVEL\n");
    add_options(out, config_daemon_options, false);
    str_add(out, ".TP\n.B services\nA list of services, ( { ... }, { ... } ); see SERVICES.\n"
                 ".TP\n.B defaults\nA group of what holds for every service unless it says "
                 "otherwise, key by key.\n"
                 ".TP\n.B sources\nA list of connections, for several of one type: ( { name = "
                 "\"eu\"; type = \"redis\"; ... } ).\n");
    add_macro(out, ".SS", "api = { ... }");
    add_options(out, config_api_options, false);
    str_add(out, ".SH SERVICES\n");
    add_service_groups(out);
    add_guards(out);
    str_add(out, ".SH SOURCES\n");
    for (size_t i = 0; source_table[i]; i++)
        add_source(out, source_table[i]);
    str_add(out, ".SH BACKENDS\n");
    for (size_t i = 0; backend_table[i]; i++) {
        add_macro(out, ".SS", backend_table[i]->name);
        add_summary(out, backend_table[i]->summary, backend_table[i]->about);
        add_options(out, backend_table[i]->options, false);
    }
    str_add(out, ".SH SEE ALSO\n.BR scaler (1)\n");
}
