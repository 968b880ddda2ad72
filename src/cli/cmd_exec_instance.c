/* cmd_exec_instance.c - the exec step of the process backend; run by scaler, not by people. */
#include <stdio.h>

#include "act/instance.h"
#include "cli/command.h"

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    (void)opts;
    return instance_exec(words[0], words[1], n_words > 2 ? words[2] : INSTANCE_MAIN);
}

static const struct conf_option options[] = {CONF_END};

const struct command command_exec_instance = {
    .name = "exec-instance",
    .summary = "become an instance (a step of `scaler run`)",
    .is_hidden = true,
    .words = "DIRECTORY ID [STEP]",
    .least_words = 2,
    .most_words = 3,
    .about = "A step of `scaler run`: the process becomes the instance that\n"
             "DIRECTORY/ID.json describes. It refuses to work without the lock that only a\n"
             "supervisor hands down.",
    .examples = "scaler exec-instance /var/lib/scaler/instances/web 8001\n"
                "    what `scaler run` runs to start instance 8001 of web\n",
    .options = options,
    .run = run,
};
