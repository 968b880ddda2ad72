/* progress.c - see progress.h. */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"

#define QUIET_MS 1000 /* before the first line */
#define DRAW_MS 200   /* between two */

char *progress_line(const char *what, size_t done, size_t total, int64_t elapsed_ms, char *out,
                    size_t size)
{
    double s = (double)elapsed_ms / 1000, share = 1;

    if (total == 0) {
        snprintf(out, size, "%zu %s, %.0f a second", done, what,
                 s > 0 ? (double)done / s : 0.0);
        return out;
    }
    share = done < total ? (double)done / (double)total : 1;
    if (share > 0)
        snprintf(out, size, "%zu of %zu %s (%.0f %%), %.0f s left", done, total, what,
                 100 * share, s / share - s);
    else
        snprintf(out, size, "%zu of %zu %s", done, total, what);
    return out;
}

void progress_begin(struct progress *p, const char *what, const struct conf *opts)
{
    *p = (struct progress){.what = what, .began_mono_ms = clk_mono_ms()};
    p->shown_mono_ms = p->began_mono_ms + QUIET_MS - DRAW_MS;
    p->is_on = isatty(STDERR_FILENO) && strcmp(conf_string(opts, "log_level"), "error") != 0;
}

void progress_step(struct progress *p, size_t done, size_t total)
{
    int64_t now_ms;
    char line[120];

    if (!p->is_on)
        return;
    now_ms = clk_mono_ms();
    if (now_ms - p->shown_mono_ms < DRAW_MS)
        return;
    p->shown_mono_ms = now_ms;
    p->is_drawn = true;
    /* Back to the start of the line, the text, and nothing of a longer one before it. */
    fprintf(stderr, "\r%s\033[K",
            progress_line(p->what, done, total, now_ms - p->began_mono_ms, line, sizeof line));
}

void progress_end(struct progress *p)
{
    if (p->is_drawn)
        fputs("\r\033[K", stderr);
    p->is_drawn = false;
}
