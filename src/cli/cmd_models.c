/* cmd_models.c - `scaler models`: what can stand in `model = ...`. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/print.h"
#include "forecast/model.h"

static const struct conf_option options[] = {
    PRINT_FORMAT_OPTION,
    CONF_END,
};

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    static const struct print_column columns[] = {{"name", "NAME", PRINT_LEFT},
                                                  {"summary", "SUMMARY", PRINT_LEFT}};
    struct err e = {0};
    struct print *p;

    (void)words;
    (void)n_words;
    if (print_new(&p, stdout, print_format(opts), columns, 2, &e) != 0)
        return command_fail(&e);
    for (size_t i = 0; model_table[i]; i++) {
        print_text(p, model_table[i]->name);
        print_text(p, model_table[i]->summary);
    }
    return print_end(p, &e) == 0 ? EXIT_DONE : command_fail(&e);
}

const struct command command_models = {
    .name = "models",
    .summary = "list the forecasting models",
    .words = "",
    .examples = "scaler models\n    what --model and `model = ...` accept",
    .options = options,
    .run = run,
};
