"""One observation of two modules: light curve, events, dead-time filter, averaged periodograms, cospectrum, rebinning; beside stingray.

1000 counts/s incident on each module, 2.5 ms of dead time, a QPO and band-limited noise (fractional rms .1 and .2), powers of segments of
16 s in steps of 1/1024 s, rebinned by 3%. Both draw the light curve on a grid of --grid seconds. stingray: `TimingSimulator`, `simulate_times`,
`filter_for_deadtime`, and one `AveragedCrossspectrum`, which holds both periodograms and rebins all three; lists of times, the fastest way
that it has. Times are of one core (CPU time), medians of --repeats pairs after a warm-up.

The floor: the same normal and exponential numbers from the same generator, and the same Fourier transforms, in the same types and nothing
else. Two cores against one are measured by the clock, as `simulate` and `train` use them, once their processes have started; they tell
something on a machine with two free cores only.
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
    peer = f"stingray {stingray.__version__}"
    setup = {
        "seconds": seconds,
        "dt": DT,
        "grid": grid,
        "rate": PARAMS["rate"],
        "dead_time": DEAD_TIME,
        "segment_size": SEGMENT,
        "modules": 2,
    }

    def line(
        name: str, value: str, unit: str, ratio: np.ndarray, peer: str, threads: int = 1
    ) -> dict:
        middle = np.median(ratio)
        return row(
            f"{seconds} s, {name}",
            np.median(ms[value]),
            unit,
            peer,
            float(middle),
            **setup,
            threads=threads,
        )

    peers = {
        f"{peer}": ms["stingray"],
        f"{peer}, without its rebinning": ms["stingray"] - ms["rebin"],
    }
    told = {name: f"{name} ({np.median(values):.1f} ms)" for name, values in peers.items()}
    return [
        *(
            line("livetime", "ours", "ms of one core", values / ms["ours"], told[name])
            for name, values in peers.items()
        ),
        line(
            "floor",
            "floor",
            "ms of one core",
            ms["floor"] / ms["ours"],
            "share of it that livetime reaches",
        ),
        line("two cores", "two", "ms by the clock", ms["one"] / ms["two"], "one core", 2),
    ]


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
    """What makes one observation, and tells the CPU time of all of it and of its rebinning."""
    from stingray import AveragedCrossspectrum
    from stingray.filters import filter_for_deadtime
    from stingray.simulator import TimingSimulator
    from stingray.simulator.base import simulate_times

    from livetime.simulate.power_spectrum import PowerSpectrum

    n, gti = round(seconds / grid), [[0, seconds]]
    spectrum = PowerSpectrum({"qpo": "qpo", "noise": "noise"})

    def step() -> dict[str, float]:
        started = time.process_time()
        f = np.fft.rfftfreq(n, grid)[1:]
        power = spectrum.power(f, PARAMS)
        rms = float(np.sqrt(power.sum() * f[0]))
        curve = TimingSimulator(
            dt=grid, N=n, mean=PARAMS["rate"] * grid, rms=rms, tstart=grid / 2
        ).simulate(power)
        curve.counts = np.maximum(curve.counts, 0)
        lists = [filter_for_deadtime(simulate_times(curve), DEAD_TIME) for _ in range(2)]
        averaged = AveragedCrossspectrum.from_time_array(
            *lists,
            gti=gti,
            dt=DT,
            segment_size=SEGMENT,
            norm="leahy",
            power_type="real",
            silent=True,
        )
        before = time.process_time()
        averaged.rebin_log(REBIN)
        ended = time.process_time()
        return {"stingray": ended - started, "rebin": ended - before}

    return step
