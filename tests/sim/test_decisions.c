/* Four synthetic days: every change of the count with its binding reason, against a golden
 * file. SCALER_BLESS=1 writes it anew; look at the difference before you commit it. */
#include "lib/test.h"

#include "base/clk.h"
#include "base/file.h"
#include "base/str.h"
#include "lib/world.h"

static const char *golden_path(void)
{
    static char path[512];
    const char *root = getenv("SCALER_SOURCE_DIR");

    snprintf(path, sizeof path, "%s/tests/golden/decisions.txt", root ? root : ".");
    return path;
}

/* The load of step k: an outage at noon of day 2, silence in the morning of day 3, a crowd of
 * three times the usual in the evening of day 3. */
static double load_of(struct world *w, int k)
{
    double usual = world_usual_load(w);

    if (k >= 2 * 288 + 144 && k < 2 * 288 + 156)
        return 0;
    if (k >= 3 * 288 + 90 && k < 3 * 288 + 102)
        return NAN;
    return k >= 3 * 288 + 220 && k < 3 * 288 + 226 ? 3 * usual : usual;
}

static void record(struct world *w, struct str *out)
{
    const struct decide_reason *r = decision_binding(&w->d);
    char at[32];

    if (w->d.count == w->d.running)
        return;
    clk_format_time(w->now_ms, at, sizeof at);
    str_printf(out, "%s %d -> %d %s%s\n", at, w->d.running, w->d.count, r->rail,
               w->d.is_blind ? " blind" : "");
}

static void the_changes_of_four_days_are_those_recorded(void **state)
{
    struct str came = STR_EMPTY, golden = STR_EMPTY;
    struct world w;

    (void)state;
    world_init(&w, 5 * CLK_MINUTE_MS, CLK_DAY_MS, 1);
    for (int k = 0; k < 4 * 288; k++) {
        world_step(&w, load_of(&w, k));
        record(&w, &came);
    }
    if (getenv("SCALER_BLESS"))
        assert_int_equal(file_replace(golden_path(), came.data, came.len, 0644, NULL), 0);
    assert_int_equal(file_read(golden_path(), 1 << 20, &golden, NULL), 0);
    assert_string_equal(str_text(&came), str_text(&golden));
    str_clear(&came);
    str_clear(&golden);
    brain_free(w.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_changes_of_four_days_are_those_recorded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
