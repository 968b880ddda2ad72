/* sample.c - the commented configuration and the shell completion; see manual.h.
 *
 * In the configuration "##" starts a remark and "#" a setting, so that an editor or a test can
 * switch every setting on by taking one # away. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/manual.h"
#include "service/config.h"
#include "service/guard_conf.h"

enum { LINE_WIDTH = 96 };

/* A remark, broken at blanks. */
static void add_remark(struct str *out, int indent, const char *text)
{
    size_t at = 0;

    for (const char *p = text; *p;) {
        size_t n = strcspn(p, " ");

        if (at == 0 || at + 1 + n > LINE_WIDTH) {
            str_printf(out, "%s##%*s", at > 0 ? "\n" : "", indent, "");
            at = 2 + (size_t)indent;
        }
        str_printf(out, " %.*s", (int)n, p);
        at += 1 + n;
        p += n + strspn(p + n, " ");
    }
    str_add(out, "\n");
}

/* A value that the row takes: its default, or a place-holder where there is none. */
static void add_value(struct str *out, const struct conf_option *row)
{
    const char *def = row->def && row->def[0] ? row->def : NULL;
    const char *unit = row->unit && row->unit[0] ? row->unit : "...";

    switch (row->type) {
    case CONF_BOOL:
    case CONF_INT:
    case CONF_DOUBLE:
        if (def && strcmp(def, "auto") == 0)
            str_add(out, "\"auto\"");
        else if (def)
            str_add(out, def);
        else
            str_printf(out, "%.15g", row->least > 0 ? row->least : 1);
        break;
    case CONF_DURATION:
        str_printf(out, "\"%s\"", def ? def : "1m");
        break;
    case CONF_ENUM:
        str_printf(out, "\"%.*s\"", (int)strcspn(def ? def : unit, "|"), def ? def : unit);
        break;
    case CONF_STRING:
        str_printf(out, "\"%s\"", def ? def : row->def ? "" : unit);
        break;
    case CONF_STRINGS:
        if (def)
            str_printf(out, "[\"%s\"]", def);
        else
            str_printf(out, row->def ? "[]" : "[\"%s\"]", unit);
        break;
    }
}

static void add_setting(struct str *out, int indent, const struct conf_option *row)
{
    struct str text = STR_EMPTY;

    str_add(&text, row->help);
    str_add(&text, " (");
    manual_range(&text, row);
    str_add(&text, !row->def ? "; required)" : row->def[0] ? ")" : "; unset by default)");
    add_remark(out, indent, str_text(&text));
    str_printf(out, "#%*s%s = ", indent, "", row->name);
    add_value(out, row);
    str_add(out, ";\n");
    str_clear(&text);
}

static void add_settings(struct str *out, int indent, const struct conf_option *rows)
{
    for (; rows->name; rows++)
        add_setting(out, indent, rows);
}

static void add_group(struct str *out, int indent, const char *name,
                      const struct conf_option *rows)
{
    str_printf(out, "#%*s%s = {\n", indent, "", name);
    add_settings(out, indent + 2, rows);
    str_printf(out, "#%*s};\n", indent, "");
}

/* A plug-in's group of a service; the first of the table is the one that is not remarked. */
static void add_plugin(struct str *out, const char *group, const struct conf_option *own,
                       const char *type, const char *summary, const struct conf_option *rows)
{
    str_add(out, "##\n");
    add_remark(out, 2, summary);
    str_printf(out, "#  %s = {\n#    type = \"%s\";\n", group, type);
    for (; own->name; own++)
        if (strcmp(own->name, "type") != 0)
            add_setting(out, 4, own);
    add_settings(out, 4, rows);
    str_add(out, "#  };\n");
}

/* Further plug-ins stand as remarks, since a group may be given once. */
static void add_other_plugin(struct str *out, const char *group, const char *type,
                             const char *summary, const struct conf_option *rows)
{
    struct str text = STR_EMPTY;

    str_printf(&text, "Or %s = { type = \"%s\"; ... }: %s. Its options:", group, type, summary);
    for (; rows->name; rows++)
        str_printf(&text, " %s%s", rows->name, rows[1].name ? "," : ".");
    str_add(out, "##\n");
    add_remark(out, 2, str_text(&text));
    str_clear(&text);
}

static void add_service_group(struct str *out, enum service_group id)
{
    const struct service_group_row *g = &service_groups[id];

    if (id == SERVICE_SOURCE) {
        for (size_t i = 0; source_table[i]; i++) {
            const struct source *s = source_table[i];

            if (i == 0)
                add_plugin(out, "source", g->options, s->name, s->summary, s->query_options);
            else
                add_other_plugin(out, "source", s->name, s->summary, s->query_options);
        }
    } else if (id == SERVICE_BACKEND) {
        for (size_t i = 0; backend_table[i]; i++) {
            const struct backend *b = backend_table[i];

            if (i == 0)
                add_plugin(out, "backend", g->options, b->name, b->summary, b->options);
            else
                add_other_plugin(out, "backend", b->name, b->summary, b->options);
        }
    } else if (g->name[0]) {
        str_add(out, "##\n");
        add_group(out, 2, g->name, g->options);
    } else {
        add_settings(out, 2, g->options);
    }
}

/* A guard of each kind would be two names: the row of the other kind is a remark. */
static void add_guard(struct str *out)
{
    const struct source *s = source_table[0];

    str_add(out, "##\n");
    add_remark(out, 2,
               "How full the instances are: over its limit or without a fresh value a guard "
               "keeps what runs, over its limit it adds. Each has a source of its own.");
    str_add(out, "#  guards = ( {\n");
    for (const struct conf_option *row = guard_options; row->name; row++) {
        if (strcmp(row->name, "most") != 0) {
            add_setting(out, 4, row);
            continue;
        }
        str_add(out, "##\n");
        add_remark(out, 4, "Instead of target, most:");
        add_remark(out, 4, row->help);
    }
    str_printf(out, "#    source = {\n#      type = \"%s\";\n", s->name);
    for (const struct conf_option *row = guard_source_options; row->name; row++)
        if (strcmp(row->name, "type") != 0)
            add_setting(out, 6, row);
    for (const struct conf_option *row = s->query_options; row->name; row++)
        if (strcmp(row->name, "units") != 0) /* a guard's values are levels */
            add_setting(out, 6, row);
    str_add(out, "#    };\n#  } );\n");
}

void manual_sample(struct str *out)
{
    str_add(out,
            "## scaler.cfg - every option with its default. A line with one # is a "
            "setting: take the #\n"
            "## away to change it. See scaler.cfg(5); check with `scaler check`.\n"
            "## Text and durations stand in quotes. Secrets stand in files of their own.\n\n");
    add_settings(out, 0, config_daemon_options);
    str_add(out, "\n## Health, metrics and status over HTTP.\n");
    add_group(out, 0, "api", config_api_options);
    for (size_t i = 0; source_table[i]; i++) {
        str_add(out, "\n");
        add_remark(out, 0, source_table[i]->summary);
        add_group(out, 0, source_table[i]->name, source_table[i]->options);
    }
    str_add(out, "\n## What holds for every service unless it says otherwise, key by key: any "
                 "of the settings\n## of a service but its name.\n#defaults = {\n#};\n"
                 "\n## The services. Each may instead be a file of services_dir, without the "
                 "braces.\n#services = (\n#{\n");
    for (size_t i = 0; i < SERVICE_GROUPS; i++)
        add_service_group(out, (enum service_group)i);
    add_guard(out);
    str_add(out, "#}\n#);\n");
}

/* The words of one command's options. */
static void add_flags(struct str *out, const struct conf_option *rows)
{
    for (; rows->name; rows++) {
        str_add(out, " --");
        for (const char *p = rows->name; *p; p++)
            str_printf(out, "%c", *p == '_' ? '-' : *p);
    }
}

/* After an option with a fixed set of values, those values; after one for a file, files. */
static void add_values(struct str *out, const struct conf_option *rows)
{
    for (; rows->name; rows++) {
        bool is_file = strcmp(rows->unit, "FILE") == 0 || strcmp(rows->unit, "DIR") == 0;

        if (rows->type != CONF_ENUM && !is_file)
            continue;
        str_add(out, "        --");
        for (const char *p = rows->name; *p; p++)
            str_printf(out, "%c", *p == '_' ? '-' : *p);
        str_add(out, ") ");
        if (is_file) {
            str_add(out, "mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); return ;;\n");
            continue;
        }
        str_add(out, "values=\"");
        for (const char *p = rows->unit; *p; p++)
            str_printf(out, "%c", *p == '|' ? ' ' : *p);
        str_add(out, "\" ;;\n");
    }
}

static void add_command_case(struct str *out, const struct command *c)
{
    str_printf(out, "    %s)\n        case $before in\n", c->name);
    add_values(out, c->options);
    add_values(out, command_global_options);
    str_add(out, "        esac\n        flags=\"");
    add_flags(out, c->options);
    add_flags(out, command_global_options);
    str_add(out, "\"\n        ;;\n");
}

void manual_completion(struct str *out)
{
    str_add(out, "# scaler's completion for bash, made by `scaler man --page completion`.\n"
                 "_scaler()\n{\n"
                 "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                 "    local command=${COMP_WORDS[1]} flags=\"\" values=\"\"\n\n"
                 "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
                 "        mapfile -t COMPREPLY < <(compgen -W \"help");
    for (size_t i = 0; command_table[i]; i++) {
        if (!command_table[i]->is_hidden)
            str_printf(out, " %s", command_table[i]->name);
    }
    str_add(out, " --help --version\" -- \"$word\")\n        return\n    fi\n"
                 "    case $command in\n");
    for (size_t i = 0; command_table[i]; i++) {
        if (!command_table[i]->is_hidden)
            add_command_case(out, command_table[i]);
    }
    str_add(out, "    esac\n"
                 "    if [ -n \"$values\" ]; then\n"
                 "        mapfile -t COMPREPLY < <(compgen -W \"$values\" -- \"$word\")\n"
                 "    elif [ \"${word:0:1}\" = - ]; then\n"
                 "        mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$word\")\n"
                 "    else\n"
                 "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                 "    fi\n}\n"
                 "complete -F _scaler scaler\n");
}
