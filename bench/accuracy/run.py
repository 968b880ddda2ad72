"""Rolling-origin accuracy of `scaler forecast`, beside repeating a day or a week and, where they are installed,
statsmodels' Holt-Winters and R's forecast package.

  run.py --traces FOLDER --program build/release/scaler [--grids 300,3600] [--every K] [--only NAME,...] [--holt-winters]
         [--r stlf_ets,stlf_arima,auto_arima] [--out ROWS.csv]

R's peers see a day and, from two weeks on, a week: stlf over mstl with ETS or ARIMA, auto.arima with Fourier terms. CPU is
that of the whole process for scaler and R alike, start-up included; a peer that fails at an origin counts there as the day.

FOLDER holds CSV files of two columns with a header: unix time, value; one file a trace. Values are averaged onto each
grid (seconds a cell); a trace is left out of a grid finer than its own spacing. Gaps are filled alike for every method
(a week back, else a day back, else a straight line) and not scored.

Origins: 40 evenly spaced over the last third of a trace (every Kth of them), at least 7 days in. History: the 28 days
before. Forecast: 24 h; the first hour and all of it are scored. MASE is scaled by the in-history error of repeating the
day; wQL is the mean over p10, p50, p90, p95, p99; coverage is pooled over origins. Needs numpy only."""
import argparse, csv, io, os, resource, subprocess, sys, tempfile
import numpy as np

LEVELS = (0.1, 0.5, 0.9, 0.95, 0.99)
DAY_S = 86400


def load(path, grid):
    d = np.genfromtxt(path, delimiter=',', skip_header=1, usecols=(0, 1))
    d = d[np.isfinite(d).all(axis=1)]
    if len(d) < 2 or np.median(np.diff(np.sort(d[:, 0]))) > grid:
        return None
    cell = d[:, 0].astype(np.int64) // grid
    at = cell - cell.min()
    count = np.bincount(at)
    with np.errstate(invalid='ignore'):
        y = np.bincount(at, weights=d[:, 1]) / count
    return int(cell.min()) * grid, fill(y, grid), count > 0


def fill(y, grid):
    y = y.copy()
    for i in np.flatnonzero(np.isnan(y)):
        for back in (7 * DAY_S // grid, DAY_S // grid):
            if np.isnan(y[i]) and i >= back:
                y[i] = y[i - back]
    bad, at = np.isnan(y), np.arange(len(y))
    if bad.any():
        y[bad] = np.interp(at[bad], at[~bad], y[~bad])
    return y


def children_s():
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime


def scaler(program, x, start, grid, day):
    """Point and quantiles of the next day, and the CPU seconds of the process."""
    with tempfile.NamedTemporaryFile('w', suffix='.csv') as f:
        f.write('timestamp_unix,value\n')
        f.writelines('%d,%.8g\n' % (start + i * grid, v) for i, v in enumerate(x))
        f.flush()
        before = children_s()
        r = subprocess.run([program, 'forecast', '--history', f.name, '--step', str(grid), '--horizon', '24h', '--format',
                            'csv'], capture_output=True, text=True, check=True)
        cpu_s = children_s() - before
    rows = list(csv.DictReader(io.StringIO(r.stdout)))[:day]
    column = {p: np.array([float(row['p%g' % (100 * p)]) for row in rows]) for p in LEVELS}
    return column[0.5], column, cpu_s


def holt_winters(x, day):
    from statsmodels.tsa.holtwinters import ExponentialSmoothing
    import warnings
    warnings.simplefilter('ignore')
    return np.asarray(ExponentialSmoothing(x, trend='add', seasonal='add', seasonal_periods=day).fit().forecast(day))


R_PEERS = {'stlf_ets': 'stlf(y, h = h, level = l)', 'stlf_arima': 'stlf(y, h = h, level = l, method = "arima")',
           'auto_arima': 'forecast(auto.arima(y, seasonal = FALSE, xreg = fourier(y, K = k)), level = l, xreg = fourier(y, K = k, h = h))'}
R_SCRIPT = """suppressMessages(library(forecast)); x <- scan("%s", quiet = TRUE); h <- %d; l <- c(80, 90, 98)
p <- if (length(x) >= 14 * h) c(h, 7 * h) else h; y <- msts(x, p); k <- if (length(p) > 1) c(min(10, h / 2 - 1), 10) else min(10, h / 2 - 1)
f <- %s; write.table(cbind(f$mean, f$lower[, 1], f$upper), col.names = FALSE, row.names = FALSE)"""


def r_peer(name, x, day):
    """As scaler() does, of one of R_PEERS."""
    with tempfile.NamedTemporaryFile('w', suffix='.txt') as f:
        f.writelines('%.8g\n' % v for v in x)
        f.flush()
        before = children_s()
        r = subprocess.run(['Rscript', '--vanilla', '-e', R_SCRIPT % (f.name, day, R_PEERS[name])], capture_output=True, text=True)
        cpu_s = children_s() - before
    if r.returncode != 0:
        print('R %s failed: %s' % (name, r.stderr.strip().splitlines()[-1:]), file=sys.stderr)
        return x[-day:], None, cpu_s
    q = np.maximum(np.array([[float(v) for v in line.split()] for line in r.stdout.splitlines()]), 0)
    return q[:, 0], dict(zip(LEVELS, (q[:, 1], q[:, 0], q[:, 2], q[:, 3], q[:, 4]))), cpu_s


def score(y, point, levels, scale):
    out = {'mase': np.abs(y - point).mean() / scale if scale > 0 else np.nan}
    if levels and np.abs(y).sum() > 0:
        loss = [2 * np.maximum(p * (y - q), (p - 1) * (y - q)).sum() for p, q in levels.items()]
        out['wql'] = np.mean(loss) / np.abs(y).sum()
        for p in (0.9, 0.95, 0.99):
            out['cover%g' % (100 * p)] = (y <= levels[p]).mean()
    return out


def run_trace(name, path, grid, args):
    found = load(path, grid)
    day = DAY_S // grid
    if not found or len(found[1]) < 8 * day:
        return
    t0, y, known = found
    low = max(len(y) - len(y) // 3, 7 * day)
    for o in np.unique(np.linspace(low, len(y) - day, 40).astype(int))[::args.every]:
        x = y[max(0, o - 28 * day):o]
        scale = np.abs(x[day:] - x[:-day]).mean()
        methods = {'day': (x[-day:], None, 0), 'week': (x[-7 * day:-6 * day], None, 0)}
        methods['scaler'] = scaler(args.program, x, t0 + (o - len(x)) * grid, grid, day)
        if args.holt_winters:
            methods['holt_winters'] = (holt_winters(x, day), None, 0)
        methods.update({m: r_peer(m, x, day) for m in args.r})
        for method, (point, levels, cpu_s) in methods.items():
            for label, h in (('1h', max(1, 3600 // grid)), ('24h', day)):
                k = known[o:o + h]
                if k.any():
                    s = score(y[o:o + h][k], point[:h][k], {p: q[:h][k] for p, q in levels.items()} if levels else None, scale)
                    yield dict(grid=grid, trace=name, origin=o, method=method, horizon=label, cpu_s=cpu_s, **s)


def mean(rows, key, method, horizon):
    v = [r[key] for r in rows if r['method'] == method and r['horizon'] == horizon and np.isfinite(r.get(key, np.nan))]
    return np.mean(v) if v else np.nan


def show(grid, rows, methods):
    names = sorted({r['trace'] for r in rows})
    by = {n: [r for r in rows if r['trace'] == n] for n in names}
    print('\nsteps of %d s: %d origins; MASE, mean over traces' % (grid, len({(r['trace'], r['origin']) for r in rows})))
    for m in methods:
        print('  %-13s 1h %.3f  24h %.3f' % (m, *(np.mean([mean(by[n], 'mase', m, h) for n in names]) for h in ('1h', '24h'))))
    for m in [m for m in methods if any(r['method'] == m and 'wql' in r for r in rows)]:
        for h in ('1h', '24h'):
            print('  %s, %s: wQL %.3f; covers (pooled) p90 %.1f p95 %.1f p99 %.1f %%' % (
                m, h, np.nanmean([mean(by[n], 'wql', m, h) for n in names]),
                *(100 * mean(rows, c, m, h) for c in ('cover90', 'cover95', 'cover99'))))
    print('  %-32s %8s %8s %8s %8s %10s %10s' % ('trace', 'MASE 1h', 'MASE 24h', 'wQL 24h', 'p99 24h', '1h/naive', '24h/naive'))
    for n in names:
        ratio = [mean(by[n], 'mase', 'scaler', h) / min(mean(by[n], 'mase', m, h) for m in ('day', 'week')) for h in ('1h', '24h')]
        print('  %-32s %8.3f %8.3f %8.3f %8.3f %10.2f %10.2f' % (n, *(mean(by[n], 'mase', 'scaler', h) for h in ('1h', '24h')),
              mean(by[n], 'wql', 'scaler', '24h'), mean(by[n], 'cover99', 'scaler', '24h'), *ratio))
    for m in [m for m in methods if any(r['method'] == m and r['cpu_s'] > 0 for r in rows)]:
        print('  CPU of a %s process, median: %.1f ms' % (m, 1e3 * np.median([r['cpu_s'] for r in rows if r['method'] == m])))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--traces', required=True)
    ap.add_argument('--program', required=True)
    ap.add_argument('--grids', default='300,3600')
    ap.add_argument('--every', type=int, default=1)
    ap.add_argument('--only', default='')
    ap.add_argument('--holt-winters', action='store_true')
    ap.add_argument('--r', default='', help='of %s' % ','.join(R_PEERS))
    ap.add_argument('--out')
    args = ap.parse_args()
    args.r = [m for m in args.r.split(',') if m]
    unknown = [m for m in args.r if m not in R_PEERS]
    if unknown:
        ap.error('--r: %s: not one of %s' % (unknown[0], ', '.join(R_PEERS)))
    files = sorted(f for f in os.listdir(args.traces) if f.endswith('.csv'))
    every = []
    for grid in map(int, args.grids.split(',')):
        rows = []
        for f in files:
            if not args.only or f[:-4] in args.only.split(','):
                rows += run_trace(f[:-4], os.path.join(args.traces, f), grid, args)
        if rows:
            show(grid, rows, ['scaler', 'week', 'day'] + ['holt_winters'] * args.holt_winters + args.r)
        every += rows
    if args.out and every:
        with open(args.out, 'w', newline='') as f:
            w = csv.DictWriter(f, sorted({k for r in every for k in r}))
            w.writeheader()
            w.writerows(every)
    return 0 if every else sys.exit('no trace in %s is long and fine enough' % args.traces)


if __name__ == '__main__':
    main()
