"""Pile-up: simulations per second, and evaluations of Davis's model beside sherpa's JDPileup.

Observations are those of pileup_npe: photon spectrum, frames, response and summary are all in the
time. Davis's model is timed without the photon spectrum and without the redistribution, which
sherpa's caller does apart. Photons per energy bin go in (for sherpa on its own grid), and good
events per energy bin come out. Ours has the step of the reference that `infer` and `compare` fit.
Another row gives the agreement of the two, in groups of 8 channels after the redistribution. Rates
of one thread are in CPU time, so that other processes hardly count. Each is the best of several
turns.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks import row
from livetime.config import ROOT

MEANS = (0.1, 0.5, 1.0, 2.0)
"""Photons per frame and region."""
TRUTH = {"powerlaw_index": 1.7, "n_h": 0.5, "alpha": 0.5, "psf_fraction": 0.95, "exposure": 3e4}
GROUPS = {
    "simulator": "spectral",
    "source": "absorbed_powerlaw",
    "detector": "acis",
    "summary": "energy_spectrum",
    "prior": "pileup",
}
"""Of the experiment pileup_npe."""
BATCH = 100
SHERPA_CELL = 15 / 4096
"""Step in keV of sherpa's grid. Its sums of p photons come out (p - 1)/2 cells too high."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--n", type=int, default=4000, help="observations simulated over the prior")
    parser.add_argument("--turns", type=int, default=7)


def rows(args: argparse.Namespace) -> list[dict]:
    """Measure, and return the rows of the table."""
    return [*_simulated(args.n, args.turns), *_davis(args.turns)]


def _per_second(
    work: Callable[[], object], n: int, turns: int, clock: Callable[[], float] = time.process_time
) -> float:
    work()  # compiles, and fills caches
    spent = []
    for _ in range(turns):
        started = clock()
        work()
        spent.append(clock() - started)
    return n / min(spent)


def _simulated(n: int, turns: int) -> list[dict]:
    """Observations per second at stated brightness, and over the prior on one core and on two."""
    from omegaconf import OmegaConf

    from livetime.simulate.build import build_simulator

    files = {group: ROOT / "configs" / group / f"{name}.yaml" for group, name in GROUPS.items()}
    config = {group: OmegaConf.to_container(OmegaConf.load(path)) for group, path in files.items()}
    one, two = (build_simulator(config, threads) for threads in (1, 2))
    out = []
    for mean in MEANS:
        photons = {**TRUTH, "powerlaw_norm": 1e-4}
        photons["powerlaw_norm"] *= mean / float(
            one.detector.mean_photons(one.rate(photons), TRUTH["psf_fraction"])
        )
        theta = one.prior.theta({name: np.full(n // 20, value) for name, value in photons.items()})
        rate = _per_second(lambda theta=theta: one.draw(theta, 1), len(theta), turns)
        out.append(
            row(
                f"observations of {TRUTH['exposure'] / 1e3:g} ks, {mean:g} photons per frame",
                rate,
                "per s of one core",
            )
        )
    return [*out, *_over_the_prior(one, two, n)]


def _over_the_prior(one, two, n: int) -> list[dict]:
    """Measure observations per second over the whole prior, on one core and on two."""
    from livetime.simulate.simulator import MAX_THREADED

    theta = one.theta(0, n, 1)
    alone = _per_second(lambda: one.draw(theta, 1), n, 2)
    label = "observations over the prior of pileup_npe, one thread"
    out = [row(label, alone, "per s of one core")]
    for workers, simulator in ((1, one), (2, two)):
        with simulator.cores(MAX_THREADED + 1) as cores:
            simulator.draw(theta[:100], 1, cores=cores)  # its processes have started

            def work(simulator=simulator, cores=cores) -> None:
                simulator.draw(theta, 1, cores=cores)

            rate = _per_second(work, n, 2, time.perf_counter)
        label = f"the same, {workers} core{'s' * (workers > 1)}, as the clock goes"
        out.append(row(label, rate, "per s"))
    return out


def _davis(turns: int) -> list[dict]:
    """Evaluate Davis's model, one rate vector at a time and in batches, beside sherpa's."""
    from livetime.reference.spectral import ENERGY_STEP
    from livetime.simulate.davis import Davis
    from livetime.simulate.pileup import PileUp

    detector = PileUp(alpha=0.5, psf_fraction=0.95)
    davis, response = Davis(detector, ENERGY_STEP), detector.response
    photons = _photons(response.low, response.high)
    out = []
    for mean in MEANS:
        norm = mean / float(detector.mean_photons(photons, 0.95))
        batch = np.tile(norm * photons, (BATCH, 1))
        peer = _sherpa(detector, norm, turns)
        name = f"Davis, {mean:g} photons per frame"
        unit = "per s of one core"
        for many, rate in ((1, batch[0]), (BATCH, batch)):

            def work(rate=rate, turns_of_batch=BATCH // many) -> None:
                for _ in range(turns_of_batch):
                    davis.events(rate, {})

            ours = _per_second(work, BATCH, turns)
            label = f"{name}, {'one' if many == 1 else many} at a time"
            if peer is None:
                out.append(row(label, ours, unit, "sherpa is not installed: no peer"))
                continue
            out.append(row(label, ours, unit, f"sherpa JDPileup {peer[0]:.0f}", ours / peer[0]))
        if peer:
            label = f"{name}, greatest difference from sherpa"
            out.append(row(label, peer[1], "of a group's counts", "0.5 to 8 keV"))
    return out


def _photons(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Compute counts/s A S from 0.2 to 12 keV: a power law times a smooth area, on any grid."""
    from livetime.simulate.photon_spectrum import power_law_photons

    low, high = np.clip(low, 0.2, 12.0), np.clip(high, 0.2, 12.0)
    out, inside = np.zeros(len(low)), high > low
    middle = (low[inside] + high[inside]) / 2
    photons = power_law_photons(
        low[inside], high[inside], np.ones(1), np.array([TRUTH["powerlaw_index"]])
    )
    out[inside] = photons * 600 * np.exp(-(np.log(middle / 1.6) ** 2) / (2 * 0.8**2))
    return out


def _sherpa(detector, norm: float, turns: int) -> tuple[float, float] | None:
    """Measure sherpa's model: evaluations per second, and the largest difference from ours.

    Ours is shifted as sherpa's sums are. None if sherpa is not installed.
    """
    try:
        from sherpa.astro.models import JDPileup
    except ImportError:
        return None
    from livetime.reference.spectral import ENERGY_STEP
    from livetime.simulate.davis import Davis

    response, exposure, ready = detector.response, 3.2 * 20_000, {}

    def source(low: np.ndarray, high: np.ndarray, *_: object) -> np.ndarray:
        if len(low) not in ready:
            ready[len(low)] = norm * _photons(low, high)
        return ready[len(low)]

    model, flat = JDPileup(), np.ones(len(response.low))
    grades = [detector.alpha, detector.g0, detector.psf_fraction, detector.regions]
    pars = [*grades, detector.frame_time, detector.fracexp, 30]

    def once() -> np.ndarray:
        return model.calc(pars, flat, exposure, response.low, response.high, flat, source)

    speed = _per_second(lambda: [once() for _ in range(20)], 20, turns)
    moved = replace(detector)
    shift = SHERPA_CELL / 2
    vars(moved)["response"] = replace(
        response, low=response.low + shift, high=response.high + shift
    )
    incident = norm * _photons(response.low, response.high)
    ours = Davis(moved, ENERGY_STEP).expected(incident, exposure, {})
    band = (response.e_min > 0.5) & (response.e_max < 8)
    group = np.arange(response.channels)[band] // 8
    ours, theirs = (
        np.bincount(group, x[band])[np.unique(group)] for x in (ours, response.redistribute(once()))
    )
    return speed, float(np.abs(ours / theirs - 1).max())
