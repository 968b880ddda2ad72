/* cmd_advise.c - `scaler advise`: a brain for any scheduler, over a pipe. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "cli/advise.h"
#include "cli/command.h"

static const struct conf_option options[] = {
    {"objective", CONF_DOUBLE, "0.001", 0.000001, 0.2, "share",
     "Share of requests allowed above capacity."},
    {"cost_ratio", CONF_DOUBLE, "auto", 1, 1000000, "",
     "Instead of an objective: price of a request above capacity over that of idle capacity."},
    {"burst", CONF_DOUBLE, "0.03", 0, 1, "share",
     "Deviation of the load within one step, as a share of it; it cannot be seen in the "
     "rates."},
    {"scale_outs", CONF_INT, "50", 1, 100000, "a day",
     "Budget of scale-outs a day that the price of a change is steered to."},
    CONF_END,
};

/* Answers one line. False when the answer cannot be written. */
static bool answer(struct advise *a, const char *line, size_t n, size_t at, struct str *reply,
                   bool *is_end)
{
    struct err e = {0};

    str_reset(reply);
    if (advise_line(a, line, n, reply, is_end, &e) != 0)
        fprintf(stderr, "scaler: standard input:%zu: %s\n", at, e.msg);
    return fwrite(str_text(reply), 1, reply->len, stdout) == reply->len && fflush(stdout) == 0;
}

static int serve(struct advise *a, struct err *e)
{
    struct str reply = STR_EMPTY;
    bool is_end = false, is_written = true;
    char *line = NULL;
    size_t room = 0, at = 0;
    ssize_t n;
    int rc = 0;

    while (!is_end && is_written && (n = getline(&line, &room, stdin)) >= 0) {
        size_t len = (size_t)n;

        at++;
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            len--;
        if (len > 0)
            is_written = answer(a, line, len, at, &reply, &is_end);
    }
    if (!is_written)
        rc = err_set(e, ERR_IO, "standard output: cannot write: %s", strerror(errno));
    else if (ferror(stdin))
        rc = err_set(e, ERR_IO, "standard input: cannot read: %s", strerror(errno));
    free(line);
    str_clear(&reply);
    return rc;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    struct advise *a = NULL;
    struct brain_setup setup;
    struct err e = {0};
    int rc;

    (void)words;
    (void)n_words;
    brain_setup_init(&setup);
    brain_setup_from(&setup, opts, NULL, NULL, NULL);
    setup.noise = conf_double(opts, "burst");
    setup.outs_a_day = (int)conf_int(opts, "scale_outs");
    rc = advise_new(&a, &setup, &e);
    if (rc == 0)
        rc = serve(a, &e);
    advise_free(a);
    return rc == 0 ? EXIT_DONE : command_fail(&e);
}

const struct command command_advise = {
    .name = "advise",
    .summary = "answer a scheduler: one JSON line in, the count with its reasons out",
    .words = "",
    .least_words = 0,
    .most_words = 0,
    .about =
        "Reads lines of JSON from standard input and answers each with one line.\n"
        "\n"
        "  "
        "{\"type\":\"init\",\"step_s\":60,\"cap\":100,\"startup_s\":300,\"min\":1,\"max\":50}\n"
        "  {\"type\":\"step\",\"now\":1524615000,\"rate\":950.0,\"ready\":10,\"pending\":2}\n"
        "\n"
        "rate is the mean load of the last step in requests per second, null when it\n"
        "is unknown; cap what one instance carries. The answer's desired is the\n"
        "count of ready and pending instances wanted from now on. It learns as it\n"
        "goes: within a day a forecast, within two its own quantile and headroom. A\n"
        "line that cannot be used is answered with {\"error\":...}.\n",
    .examples = "scaler advise --objective 0.001\n"
                "    keep the share of requests above capacity below 0.1 %\n",
    .options = options,
    .run = run,
};
