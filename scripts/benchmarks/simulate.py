"""One observation of two modules, from light curve to rebinned periodograms, beside stingray.

The incident rate is 1000 counts/s in each module, with 2.5 ms of dead time, a QPO and band-limited
noise (fractional rms 0.1 and 0.2). Powers and the cospectrum are of segments of 16 s in steps of
1/1024 s, rebinned by 3%. Both draw the light curve on a grid of --grid seconds. stingray uses its
`Simulator`, `simulate_times`, `filter_for_deadtime` and one `AveragedCrossspectrum`, which has
both periodograms and rebins all three, with lists of times, its fastest way. Times are of one core
(CPU time), medians of --repeats pairs after a warm-up.

The floor: the same normal and exponential numbers from the same generator and the same Fourier
transforms, in the same types, and nothing else. Two cores and one are compared by the clock, as
`simulate` and `train` use them, once their processes have started. That needs two free cores.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks import row

PARAMS = {
    "qpo_rms": 0.1,
    "qpo_frequency": 5.0,
    "qpo_quality": 8.0,
    "noise_rms": 0.2,
    "noise_frequency": 1.0,
    "rate": 1000.0,
}
SEGMENT, DT, REBIN, DEAD_TIME = 16.0, 1 / 1024, 0.03, 2.5e-3


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument(
        "--seconds",
        type=int,
        nargs="+",
        default=[64, 1024],
        help="length of the observation, of whole segments",
    )
    parser.add_argument("--grid", type=float, default=1 / 64, help="step of the light curve in s")
    parser.add_argument("--repeats", type=int, default=11)


def rows(args: argparse.Namespace) -> list[dict]:
    """Measure, and return the rows of the table."""
    return [
        row for seconds in args.seconds for row in _observation(seconds, args.grid, args.repeats)
    ]


def _observation(seconds: int, grid: float, repeats: int) -> list[dict]:
    import stingray

    from livetime.simulate.simulator import MAX_THREADED

    n, many = max(4, 4096 // seconds), max(64, 65536 // seconds)
    simulator, theta = _ours(seconds, grid)
    floor, theirs = _floor(simulator, seconds), _stingray(seconds, grid)
    on_one, on_two = (replace(simulator, threads=cores) for cores in (1, 2))
    rows, more = np.repeat(theta, n, axis=0), np.repeat(theta, many, axis=0)
    one, long = (lambda rows=rows: on_one.draw(rows, 1) for rows in (rows, more))
    with on_two.cores(MAX_THREADED + 1) as cores:
        two = lambda: on_two.draw(more, 1, cores=cores)  # noqa: E731
        for step in (one, two, floor, theirs):
            step()
        found = [
            {
                "ours": _cpu(one) / n,
                "floor": _cpu(floor),
                **theirs(),
                "one": _wall(long) / many,
                "two": _wall(two) / many,
            }
            for _ in range(repeats)
        ]
    ms = {name: 1e3 * np.array([f[name] for f in found]) for name in found[0]}
    return _lines(seconds, grid, ms, f"stingray {stingray.__version__}")


def _lines(seconds: int, grid: float, ms: dict[str, np.ndarray], peer: str) -> list[dict]:
    """Make the rows of one length of observation from the milliseconds of each turn."""
    setup = {"seconds": seconds, "dt": DT, "grid": grid, "rate": PARAMS["rate"], "modules": 2}
    setup |= {"dead_time": DEAD_TIME, "segment_size": SEGMENT}
    core = "ms of one core"

    def line(name: str, of: str, unit: str, ratio: np.ndarray, peer: str, threads: int) -> dict:
        value = np.median(ms[of])
        middle = float(np.median(ratio))
        return row(f"{seconds} s, {name}", value, unit, peer, middle, **setup, threads=threads)

    without = ms["stingray"] - ms["rebin"]
    lines = []
    for label, values in ((peer, ms["stingray"]), (f"{peer}, without its rebinning", without)):
        middle = f"{label} ({np.median(values):.1f} ms)"
        lines.append(line("livetime", "ours", core, values / ms["ours"], middle, 1))
    reached = ms["floor"] / ms["ours"]
    lines.append(line("floor", "floor", core, reached, "share of it that livetime reaches", 1))
    faster = ms["one"] / ms["two"]
    lines.append(line("two cores", "two", "ms by the clock", faster, "one core", 2))
    return lines


def _cpu(step: Callable[[], object]) -> float:
    started = time.process_time()
    step()
    return time.process_time() - started


def _wall(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def _ours(seconds: int, grid: float):
    """The simulator, and the parameters (1, D + C) of the observation."""
    from livetime.simulate.dead_time_detector import DeadTime
    from livetime.simulate.light_curve import LightCurve
    from livetime.simulate.periodogram import Periodogram
    from livetime.simulate.prior import Prior, Range
    from livetime.simulate.timing import TimingSimulator

    segments = seconds / SEGMENT
    ranges = {
        name: Range(value / 2, 2 * value, "log")
        for name, value in {**PARAMS, "segments": segments}.items()
    }
    prior = Prior(ranges, {"segments": ranges.pop("segments")})
    source = LightCurve({"qpo": "qpo", "noise": "noise"}, dt=grid)
    simulator = TimingSimulator(
        prior, source, DeadTime(2, DEAD_TIME), Periodogram(SEGMENT, DT, REBIN)
    )
    return simulator, np.log10([[*PARAMS.values(), segments]])


def _floor(simulator, seconds: int) -> Callable[[], None]:
    from scipy import fft

    from livetime.simulate.periodogram import MAX_TRANSFORMED
    from livetime.simulate.simulator import stream

    source, summary, rng = simulator.source, simulator.summary, stream(1, 0)
    events = [
        len(times)
        for times in simulator.events({**PARAMS, "segments": seconds / SEGMENT}, rng).times
    ]
    long = fft.next_fast_len(int(np.ceil(seconds / source.dt * source.stretch)), real=True)
    spectrum = np.ones(long // 2 + 1, dtype=np.complex64)
    block = np.ones((max(1, MAX_TRANSFORMED // summary.bins), summary.bins), dtype=np.float32)
    blocks = round(seconds / SEGMENT / len(block)) * len(events)

    def step() -> None:
        rng.standard_normal((len(spectrum), 2), dtype=np.float32)
        fft.irfft(spectrum, n=long)
        for n in events:
            rng.standard_exponential(n)
        for _ in range(blocks):
            fft.rfft(block, axis=1)

    return step


def _stingray(seconds: int, grid: float) -> Callable[[], dict[str, float]]:
    """Return what makes one observation and measures its CPU time, and that of its rebinning."""
    from stingray import AveragedCrossspectrum
    from stingray.filters import filter_for_deadtime
    from stingray.simulator import Simulator
    from stingray.simulator.base import simulate_times

    from livetime.simulate.power_spectrum import PowerSpectrum

    n, gti = round(seconds / grid), [[0, seconds]]
    options = {"dt": DT, "segment_size": SEGMENT, "norm": "leahy", "power_type": "real"}
    options |= {"silent": True}
    spectrum = PowerSpectrum({"qpo": "qpo", "noise": "noise"})

    def step() -> dict[str, float]:
        started = time.process_time()
        f = np.fft.rfftfreq(n, grid)[1:]
        power = spectrum.power(f, PARAMS)
        rms = float(np.sqrt(power.sum() * f[0]))
        curve = Simulator(
            dt=grid, N=n, mean=PARAMS["rate"] * grid, rms=rms, tstart=grid / 2
        ).simulate(power)
        curve.counts = np.maximum(curve.counts, 0)
        lists = [filter_for_deadtime(simulate_times(curve), DEAD_TIME) for _ in range(2)]
        averaged = AveragedCrossspectrum.from_time_array(*lists, gti=gti, **options)
        before = time.process_time()
        averaged.rebin_log(REBIN)
        ended = time.process_time()
        return {"stingray": ended - started, "rebin": ended - before}

    return step
