/* chart.c - see chart.h. */
#include "cli/chart.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/str.h"

#define ROWS 12
#define MARGIN 10 /* columns of the scale at the left */
#define HISTORY_PLOTTED_DAYS 7

extern char **environ;

bool chart_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *v = getenv(names[i]);

        if (v && v[0])
            return strstr(v, "UTF-8") || strstr(v, "utf8") || strstr(v, "UTF8");
    }
    return false;
}

/* What one column shows: the means of the cells under it; NAN where there are none. */
struct column {
    double past, mid, low, high;
};

/* The forecast's level that stands for the top of the band. */
static size_t band_level(const struct forecast *f)
{
    size_t q = f->n_levels - 1;

    while (q > 0 && f->levels[q] > 0.96)
        q--;
    return q;
}

static void fill_columns(struct column *columns, size_t n, const struct series *history,
                         size_t shown, const struct forecast *f)
{
    size_t total = shown + f->horizon, high = f->n_levels > 0 ? band_level(f) : 0;

    for (size_t i = 0; i < n; i++) {
        size_t from = i * total / n, to = (i + 1) * total / n, past = 0, next = 0;
        struct column c = {0, 0, 0, 0};

        for (size_t t = from; t < to || t == from; t++) {
            if (t < shown) {
                double v = history->values[history->n - shown + t];

                c.past += isfinite(v) ? v : 0;
                past += isfinite(v) != 0;
            } else {
                const double *row = f->values + (t - shown) * f->n_levels;

                c.mid += f->point[t - shown];
                c.low += f->n_levels > 0 ? row[0] : f->point[t - shown];
                c.high += f->n_levels > 0 ? row[high] : f->point[t - shown];
                next++;
            }
        }
        c.past = past > 0 ? c.past / (double)past : NAN;
        c.mid = next > 0 ? c.mid / (double)next : NAN;
        c.low = next > 0 ? c.low / (double)next : NAN;
        c.high = next > 0 ? c.high / (double)next : NAN;
        columns[i] = c;
    }
}

static const char *cell(const struct column *c, double bottom, double top, bool is_utf8)
{
    if (isfinite(c->mid) && c->mid >= bottom && c->mid < top)
        return is_utf8 ? "\u2501" : "=";
    if (isfinite(c->past) && c->past >= bottom && c->past < top)
        return is_utf8 ? "\u2022" : "*";
    if (isfinite(c->high) && c->high >= bottom && c->low < top)
        return is_utf8 ? "\u2591" : ":";
    return " ";
}

int chart_print(FILE *file, const struct series *history, size_t shown,
                const struct forecast *f, bool is_utf8, int width, struct err *e)
{
    size_t n = width > MARGIN + 20 ? (size_t)width - MARGIN - 1 : 20;
    struct column *columns;
    double most = 0;

    if (shown > history->n)
        shown = history->n;
    if (n > shown + f->horizon)
        n = shown + f->horizon;
    columns = malloc((n + 1) * sizeof *columns);
    if (!columns)
        return err_nomem(e);
    fill_columns(columns, n, history, shown, f);
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fmax(fmax(columns[i].past, columns[i].high), columns[i].mid));
    if (!(most > 0))
        most = 1;
    most *= 1.001;
    for (int r = ROWS - 1; r >= 0; r--) {
        double bottom = most * r / ROWS, top = most * (r + 1) / ROWS;

        fprintf(file, "%9.4g %s", top, is_utf8 ? "\u2502" : "|");
        for (size_t i = 0; i < n; i++)
            fputs(cell(&columns[i], bottom, top, is_utf8), file);
        fputc('\n', file);
    }
    fprintf(file, "%*s %s history, %s p50, %s p10 to p95\n", MARGIN, "",
            is_utf8 ? "\u2022" : "*", is_utf8 ? "\u2501" : "=", is_utf8 ? "\u2591" : ":");
    free(columns);
    return ferror(file) ? err_set(e, ERR_IO, "cannot write: %s", strerror(errno)) : 0;
}

/* ---- gnuplot ---- */

/* The cells of `came` that the forecast speaks of. */
static void add_came(struct str *s, const struct forecast *f, const struct series *came)
{
    int64_t end_ms = f->start_ms + (int64_t)f->horizon * f->step_ms;

    str_add(s, "$came << EOD\n");
    for (size_t i = 0; came && i < came->n; i++) {
        int64_t time_ms = series_time_ms(came, i);

        if (time_ms >= f->start_ms && time_ms < end_ms && isfinite(came->values[i]))
            str_printf(s, "%" PRId64 " %.8g\n", time_ms / 1000, came->values[i]);
    }
    str_add(s, "EOD\n");
}

static void add_script(struct str *s, const struct series *history, const struct forecast *f,
                       const struct series *came)
{
    size_t keep = (size_t)(HISTORY_PLOTTED_DAYS * CLK_DAY_MS / history->step_ms);
    size_t high = f->n_levels > 0 ? band_level(f) : 0;

    if (keep > 2 * f->horizon + 2)
        keep = 2 * f->horizon + 2;
    if (keep > history->n)
        keep = history->n;
    str_add(s, "$past << EOD\n");
    for (size_t i = history->n - keep; i < history->n; i++)
        if (isfinite(history->values[i]))
            str_printf(s, "%" PRId64 " %.8g\n", series_time_ms(history, i) / 1000,
                       history->values[i]);
    str_add(s, "EOD\n$next << EOD\n");
    for (size_t h = 0; h < f->horizon; h++) {
        const double *row = f->values + h * f->n_levels;

        str_printf(s, "%" PRId64 " %.8g %.8g %.8g\n",
                   (f->start_ms + (int64_t)h * f->step_ms) / 1000, f->point[h],
                   f->n_levels > 0 ? row[0] : f->point[h],
                   f->n_levels > 0 ? row[high] : f->point[h]);
    }
    str_add(s, "EOD\n");
    if (came)
        add_came(s, f, came);
    str_add(s, "plot $next using 1:3:4 with filledcurves fillcolor '#c6dbef' "
               "title 'p10 to p95', $past using 1:2 with lines linecolor '#555555' "
               "title 'history', $next using 1:2 with lines linewidth 2 "
               "linecolor '#08519c' title 'p50'");
    if (came)
        str_add(s, ", $came using 1:2 with lines linecolor '#d94801' title 'what came'");
    str_add(s, "\n");
}

static int write_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, data, n);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return -1;
        data += k;
        n -= (size_t)k;
    }
    return 0;
}

/* Its standard output, where a terminal without `set output` draws, is the open file. */
static int run_gnuplot(const struct str *script, int file, struct err *e)
{
    char *argv[] = {(char[]){"gnuplot"}, (char[]){"-"}, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2], rc, status = 0;
    pid_t child;
    void (*old)(int);

    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(e, ERR_IO, "cannot make a pipe: %s", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, file, STDOUT_FILENO);
    rc = posix_spawnp(&child, "gnuplot", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    if (rc != 0) {
        close(ends[1]);
        if (rc == ENOENT)
            return err_set(e, ERR_IO, "gnuplot is not installed (apt-get install gnuplot-nox)");
        return err_set(e, ERR_IO, "cannot start gnuplot: %s", strerror(rc));
    }
    old = signal(SIGPIPE, SIG_IGN); /* gnuplot may end early; its status tells */
    write_all(ends[1], script->data, script->len);
    signal(SIGPIPE, old);
    close(ends[1]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(e, ERR_IO, "gnuplot failed; its message is above");
    return 0;
}

static int draw_into(const char *path, int file, const struct str *body, struct err *e)
{
    const char *dot = strrchr(path, '.');
    struct str script = STR_EMPTY;
    int rc;

    str_printf(&script, "set terminal %s size 1000,400 background 'white'\n",
               dot && strcmp(dot, ".svg") == 0 ? "svg" : "png");
    str_add(&script, "set xdata time\nset timefmt '%s'\nset yrange [0:*]\nset grid\n"
                     "set format x \"%d %b\\n%H:%M\"\nset key top left\n");
    str_add_n(&script, str_text(body), body->len);
    rc = script.failed || body->failed ? err_nomem(e) : run_gnuplot(&script, file, e);
    str_clear(&script);
    return rc;
}

int chart_draw(const char *path, const struct str *script, struct err *e)
{
    const char *dot = strrchr(path, '.');
    int file, rc;

    if (!dot || (strcmp(dot, ".svg") != 0 && strcmp(dot, ".png") != 0))
        return err_set(e, ERR_CONFIG, "--plot: \"%s\" ends neither in .svg nor in .png", path);
    file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0)
        return err_set(e, ERR_IO, "--plot %s: cannot write: %s", path, strerror(errno));
    rc = draw_into(path, file, script, e);
    if (close(file) != 0 && rc == 0)
        rc = err_set(e, ERR_IO, "cannot write: %s", strerror(errno));
    return rc == 0 ? 0 : err_wrap(e, "--plot %s", path);
}

int chart_plot(const char *path, const struct series *history, const struct forecast *f,
               const struct series *came, struct err *e)
{
    struct str script = STR_EMPTY;
    int rc;

    add_script(&script, history, f, came);
    rc = chart_draw(path, &script, e);
    str_clear(&script);
    return rc;
}
