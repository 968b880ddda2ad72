"""What a forecast costs beside statsmodels' Holt-Winters, on one series in one run: CPU seconds (user and system, from
getrusage), median of ROUNDS rounds taken in turns.

  forecast_peers.py --program build/release/scaler --bench build/release/bench/bench_forecast [--rounds 5] [--curve]

In process: bench_forecast's ensemble (fit with all its backtests) and its linear model (fit alone), against
ExponentialSmoothing(trend add, season add of a day).fit().forecast(a day). Whole process: `scaler forecast` from a CSV file
to JSON, against a python3 that reads the same file, fits, forecasts and writes JSON. Threads of the numeric libraries
are held to one. --curve: the whole process over histories of 1 day to a year, also of awkward lengths."""
import argparse, json, os, resource, statistics, subprocess, sys, tempfile

for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ[name] = '1'
import numpy as np

STEP_S = 300
DAY = 86400 // STEP_S


def series(cells):
    """A day, a weekend, noise: 20 to 200 requests a second."""
    t = np.arange(cells)
    at = 2 * np.pi * (t % DAY) / DAY
    week = np.where(t // DAY % 7 >= 5, 0.6, 1)
    noise = 1 + 0.1 * np.random.default_rng(1).uniform(-0.5, 0.5, cells)
    return 100 * (1 + 0.6 * np.sin(at) + 0.2 * np.sin(2 * at)) * week * noise + 20


def write(path, y):
    with open(path, 'w') as f:
        f.write('timestamp_unix,value\n')
        f.writelines('%d,%.6f\n' % (1700006400 + i * STEP_S, v) for i, v in enumerate(y))


def cpu_s(who):
    u = resource.getrusage(who)
    return u.ru_utime + u.ru_stime


def process_s(command):
    before = cpu_s(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return cpu_s(resource.RUSAGE_CHILDREN) - before


def holt_winters(y):
    from statsmodels.tsa.holtwinters import ExponentialSmoothing
    import warnings
    warnings.simplefilter('ignore')
    return ExponentialSmoothing(y, trend='add', seasonal='add', seasonal_periods=DAY).fit().forecast(DAY)


def peer(path):
    """What the process of the peer does."""
    y = np.genfromtxt(path, delimiter=',', skip_header=1, usecols=1)
    json.dump([float(v) for v in holt_winters(y)], sys.stdout)


def in_process_s(y):
    before = cpu_s(resource.RUSAGE_SELF)
    holt_winters(y)
    return cpu_s(resource.RUSAGE_SELF) - before


def bench_s(program):
    out = subprocess.run([program, '28', str(STEP_S)], capture_output=True, text=True, check=True).stdout
    row = {r.split()[0]: r.split() for r in out.splitlines() if r}
    return float(row['ensemble'][2]) / 1e6, float(row['linear'][1]) / 1e6


def forecast_command(program, path):
    return [program, 'forecast', '--history', path, '--horizon', '24h', '--format', 'json']


def curve(program, path, rounds):
    print('\nhistory, cells: CPU ms of a whole `scaler forecast` process (median of %d)' % rounds)
    for cells in (DAY, 3 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 8069, 56 * DAY, 91 * DAY, 182 * DAY, 365 * DAY, 105137):
        write(path, series(cells))
        ms = 1e3 * statistics.median(process_s(forecast_command(program, path)) for _ in range(rounds))
        print('  %7.1f days %7d cells %8.1f ms' % (cells / DAY, cells, ms))


def main():
    if len(sys.argv) == 3 and sys.argv[1] == 'peer':
        return peer(sys.argv[2])
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--program', required=True)
    ap.add_argument('--bench', required=True)
    ap.add_argument('--rounds', type=int, default=5)
    ap.add_argument('--curve', action='store_true')
    args = ap.parse_args()
    y = series(28 * DAY)
    taken = {'ensemble': [], 'linear': [], 'peer in process': [], 'scaler process': [], 'peer process': []}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'history.csv')
        write(path, y)
        for _ in range(args.rounds):
            ensemble, linear = bench_s(args.bench)
            taken['ensemble'].append(ensemble)
            taken['linear'].append(linear)
            taken['peer in process'].append(in_process_s(y))
            taken['scaler process'].append(process_s(forecast_command(args.program, path)))
            taken['peer process'].append(process_s([sys.executable, __file__, 'peer', path]))
        middle = {k: statistics.median(v) for k, v in taken.items()}
        for k, v in taken.items():
            print('%-16s %9.2f ms (%.2f .. %.2f)' % (k, 1e3 * middle[k], 1e3 * min(v), 1e3 * max(v)))
        print('in process: %.0f x the ensemble with its backtests, %.0f x one linear model' % (
            middle['peer in process'] / middle['ensemble'], middle['peer in process'] / middle['linear']))
        print('whole process: %.1f x' % (middle['peer process'] / middle['scaler process']))
        if args.curve:
            curve(args.program, path, 3)
    return 0


if __name__ == '__main__':
    sys.exit(main())
