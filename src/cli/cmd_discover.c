/* cmd_discover.c - `scaler discover URL`: what a Redis holds that could be a load, and the
 * configuration that reads it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/print.h"
#include "collect/source.h"

static const struct conf_option options[] = {
    PRINT_FORMAT_OPTION,
    {"user", CONF_STRING, "", 0, 200, "NAME", "ACL user of the server."},
    {"password_file", CONF_STRING, "", 0, 4000, "FILE", "File that holds the password alone."},
    {"password_env", CONF_STRING, "", 0, 200, "NAME",
     "Environment variable that holds the password."},
    {"ca_file", CONF_STRING, "", 0, 4000, "FILE", "Certificates to trust (rediss://)."},
    {"timeout", CONF_DURATION, "10s", 1, 600, "s", "Longest time to look."},
    CONF_END,
};

static const struct print_column columns[] = {
    {"key", "KEY", PRINT_LEFT},      {"layout", "LAYOUT", PRINT_LEFT},
    {"keys", "KEYS", PRINT_RIGHT},   {"step", "STEP", PRINT_RIGHT},
    {"ttl", "TTL", PRINT_RIGHT},     {"services", "SERVICES", PRINT_LEFT},
    {"options", "MORE", PRINT_LEFT}, {"note", "NOTE", PRINT_LEFT},
};

static int open_source(const struct source *s, const struct conf *opts, const char *url,
                       void **out, struct err *e)
{
    static const char *const names[] = {"user", "password_file", "password_env", "ca_file"};
    struct conf *c = NULL;
    int rc = conf_new(&c, s->options, e);

    if (rc == 0)
        rc = conf_set(c, "url", url, e);
    for (size_t i = 0; rc == 0 && i < sizeof names / sizeof names[0]; i++)
        if (conf_is_set(opts, names[i]))
            rc = conf_set(c, names[i], conf_string(opts, names[i]), e);
    if (rc == 0)
        rc = s->open(out, c, e);
    conf_free(c);
    return rc;
}

static int print_findings(const struct conf *opts, const struct source_finding *f, size_t n,
                          struct err *e)
{
    struct print *p;

    if (print_new(&p, stdout, print_format(opts), columns, sizeof columns / sizeof columns[0],
                  e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        char services[300];

        snprintf(services, sizeof services, "%s%s", f[i].services,
                 f[i].has_more_services ? ",..." : "");
        print_text(p, f[i].template_text);
        print_text(p, f[i].layout);
        print_int(p, (int64_t)f[i].n_keys);
        if (f[i].step_ms > 0)
            print_duration(p, f[i].step_ms);
        else
            print_text(p, NULL);
        if (f[i].ttl_ms > 0)
            print_duration(p, f[i].ttl_ms / 1000 * 1000);
        else
            print_text(p, NULL);
        print_text(p, services);
        print_text(p, f[i].options);
        print_text(p, f[i].note);
    }
    return print_end(p, e);
}

/* One connection setting as it stands in a file. */
static void print_setting(const struct conf *opts, const char *name)
{
    if (*conf_string(opts, name))
        printf(" %s = \"%s\";", name, conf_string(opts, name));
}

/* A configuration that loads as it is: the first finding, its first service, and a backend and
 * a capacity to be replaced. */
static void print_snippet(const struct conf *opts, const char *url,
                          const struct source_finding *f)
{
    char step[32], service[64];

    snprintf(service, sizeof service, "%.*s", (int)strcspn(f->services, ","), f->services);
    clk_format_duration(f->step_ms > 0 ? f->step_ms : CLK_MINUTE_MS, step, sizeof step);
    printf(
        "\n# A configuration that reads the first of them. Replace what stands in capacity,\n"
        "# limits and backend: they are examples.\n"
        "redis = { url = \"%s\";",
        url);
    print_setting(opts, "user");
    print_setting(opts, "password_file");
    print_setting(opts, "password_env");
    print_setting(opts, "ca_file");
    printf(" };\nservices = ({\n  name = \"%s\";\n"
           "  source = { type = \"redis\"; layout = \"%s\"; key = \"%s\"; %sstep = \"%s\"; };\n"
           "  backend = { type = \"process\"; command = [\"/srv/%s\", \"--port\", \"{port}\"]; "
           "ports = \"8001-8064\"; };\n"
           "  capacity = { per_instance = 100.0; };\n"
           "  objective = 0.001;\n"
           "  limits = { min = 1; max = 10; };\n});\n",
           *service ? service : "web", f->layout, f->template_text, f->options, step,
           *service ? service : "web");
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    const struct source *s = source_find("redis");
    struct source_finding *found = NULL;
    char seen[256] = "";
    struct err e = {0};
    void *source = NULL;
    size_t n = 0;
    int rc;

    (void)n_words;
    rc = open_source(s, opts, words[0], &source, &e);
    if (rc == 0)
        rc = s->discover(source, &found, &n, seen, sizeof seen,
                         clk_mono_ms() + conf_duration_ms(opts, "timeout"), &e);
    if (rc == 0 && n == 0 && print_format(opts) == PRINT_TABLE)
        printf("nothing found that looks like a load: %s; expected keys as "
               "rate:checkout:1700000000, sorted sets or streams\n",
               seen);
    else if (rc == 0)
        rc = print_findings(opts, found, n, &e);
    if (rc == 0 && n > 0 && print_format(opts) == PRINT_TABLE)
        print_snippet(opts, words[0], &found[0]);
    free(found);
    s->close(source);
    return rc == 0 ? EXIT_DONE : command_fail(&e);
}

const struct command command_discover = {
    .name = "discover",
    .summary = "look into a Redis and propose a configuration",
    .words = "URL",
    .least_words = 1,
    .most_words = 1,
    .about = "Walks at most 200,000 keys with SCAN, never with KEYS, and groups those whose\n"
             "names differ in time and service only. Nothing is written.",
    .examples = "scaler discover redis://127.0.0.1:6379/0\n"
                "    a table of what was found, and a configuration to start from\n",
    .options = options,
    .run = run,
};
