"""How forecasts from little history did: coverage and width of `scaler forecast` where only minutes to days are known.

  short.py --traces FOLDER --program build/release/scaler [--origins 8] [--steps 10,60,300,3600] [--only NAME,...]

FOLDER as for run.py. Histories of 10 min to 5 days are cut out at evenly spaced origins and forecast 24 h ahead, or 1 h
where that is refused (exit 3). Values of a trace coarser than the step are spread evenly, or, for counts below 10,000 a
cell, drawn as Poisson counts (fixed seed). Printed a line for each span, step and horizon: share of what came at or
below p10, p50, p90, p95, p99; width = median over forecasts of mean (p95 - p10) over the mean of what came; worst = the largest p99 over the
largest value of history or what came. Needs numpy only."""
import argparse, csv, io, os, subprocess, tempfile
from collections import defaultdict
import numpy as np

SPANS = {'10m': 600, '1h': 3600, '3h': 10800, '12h': 43200, '1d': 86400, '2d': 172800, '5d': 432000}
LEVELS = ('p10', 'p50', 'p90', 'p95', 'p99')


def load(path, step, rng):
    d = np.genfromtxt(path, delimiter=',', skip_header=1, usecols=(0, 1))
    d = d[np.isfinite(d).all(axis=1)]
    d = d[np.argsort(d[:, 0])]
    own = int(np.median(np.diff(d[:, 0])))
    if own > step:
        k = own // step
        if own % step or k > 10:
            return None
        low = d[:, 1].max() < 10000
        fine = rng.poisson(np.repeat(np.maximum(d[:, 1], 0) / k, k)) if low else np.repeat(d[:, 1], k)
        return np.repeat(d[:, 0], k).astype(np.int64) + np.tile(np.arange(k) * step, len(d)), fine.astype(float)
    cell = (d[:, 0] // step).astype(np.int64)
    at = cell - cell[0]
    n = np.bincount(at)
    sums = np.bincount(at, weights=d[:, 1])
    k = n > 0
    return (np.flatnonzero(k) + cell[0]) * step, sums[k] / n[k]


def forecast(program, t, v, step, horizon):
    with tempfile.NamedTemporaryFile('w', suffix='.csv') as f:
        f.write('timestamp_unix,value\n')
        f.writelines('%d,%.8g\n' % x for x in zip(t, v))
        f.flush()
        r = subprocess.run([program, 'forecast', '--history', f.name, '--step', str(step), '--horizon', '%ds' % horizon,
                            '--format', 'csv'], capture_output=True, text=True)
    if r.returncode == 3:
        return None
    if r.returncode != 0:
        raise RuntimeError(r.stderr)
    return list(csv.DictReader(io.StringIO(r.stdout)))


widths = defaultdict(list)


def note(cells, key, rows, truth, seen):
    q = {p: np.array([float(r[p]) for r in rows]) for p in LEVELS}
    y = np.array([truth.get(int(r['timestamp_unix']), np.nan) for r in rows])
    k = np.isfinite(y)
    if not k.any():
        return
    c = cells[key]
    c['n'] += 1
    for p in LEVELS:
        c[p] += (y[k] <= q[p][k] + 1e-9).mean()
    widths[key].append((q['p95'] - q['p10'])[k].mean() / max(y[k].mean(), 1e-9))
    c['worst'] = max(c['worst'], q['p99'].max() / max(y[k].max(), seen, 1e-9))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--traces', required=True)
    ap.add_argument('--program', required=True)
    ap.add_argument('--origins', type=int, default=8)
    ap.add_argument('--steps', default='10,60,300,3600')
    ap.add_argument('--only', default='')
    args = ap.parse_args()
    cells = defaultdict(lambda: defaultdict(float))
    for name in sorted(f for f in os.listdir(args.traces) if f.endswith('.csv')):
        if args.only and name[:-4] not in args.only.split(','):
            continue
        for step in map(int, args.steps.split(',')):
            found = load(os.path.join(args.traces, name), step, np.random.default_rng(7))
            if not found:
                continue
            t, v = found
            truth = dict(zip(t.tolist(), v.tolist()))
            for o in np.linspace(t[0] + 6 * 86400, t[-1] - 86400 - step, args.origins):
                o = int(o) // step * step
                for label, span in SPANS.items():
                    k = (t >= o - span) & (t < o)
                    if span // step < 8 or k.sum() < 0.9 * span / step:
                        continue
                    for horizon in (86400, 3600):
                        rows = forecast(args.program, t[k], v[k], step, horizon)
                        if rows is None:
                            cells[span, step, horizon]['refused'] += 1
                            continue
                        if horizon == 86400:
                            note(cells, (span, step, 86400), rows, truth, v[k].max())
                        note(cells, (span, step, 3600), rows[:3600 // step], truth, v[k].max())
                        break
    print('%-5s %5s %4s %5s %7s' % ('span', 'step', 'far', 'n', 'refused') + ''.join(' %6s' % p for p in LEVELS) + '  width  worst')
    spans = {s: label for label, s in SPANS.items()}
    for (span, step, horizon), c in sorted(cells.items()):
        n = max(c['n'], 1)
        print('%-5s %5d %3dh %5d %7d' % (spans[span], step, horizon // 3600, c['n'], c['refused']) +
              ''.join(' %6.3f' % (c[p] / n) for p in LEVELS) + ' %6.2f %6.2f' % (np.median(widths[span, step, horizon] or [np.nan]), c['worst']))


if __name__ == '__main__':
    main()
