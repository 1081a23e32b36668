"""Simulation i depends on (seed, i) alone; what does not fit together is refused; and the numbers
stay what they are."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from livetime.check.other_sources import OtherDetector
from livetime.simulate.counts_spectrum import EnergySpectrum
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.features import Features
from livetime.simulate.frames import FramePileUp
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.periodograms import PeriodogramSimulator
from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.pileup import PileUp
from livetime.simulate.prior import Bounds, Prior, Range
from livetime.simulate.simulator import PRIOR_STREAM, VERSION, Simulator, stream
from livetime.simulate.spectral import SpectralSimulator
from livetime.simulate.timing import TimingSimulator

REFERENCE = Path(__file__).parent / f"reference_v{VERSION}.json"

RANGES = {
    "qpo_rms": Range(0.03, 0.5, "log"),
    "qpo_frequency": Range(0.5, 10.0, "log", "Hz"),
    "qpo_quality": Range(2.0, 20.0, "log"),
    "noise_rms": Range(0.03, 0.5, "log"),
    "noise_frequency": Range(0.3, 5.0, "log", "Hz"),
    "rate": Range(20.0, 2000.0, "log", "counts/s"),
}
SEGMENTS = {"segments": Range(2.0, 6.0, "log")}
SIMULATOR = TimingSimulator(
    Prior(RANGES, SEGMENTS),
    LightCurve({"qpo": "qpo", "noise": "noise"}, dt=1 / 64),
    DeadTime(2, "nustar"),
    Periodogram(4.0, 1 / 64, 0.1),
)
LINEAR = replace(
    SIMULATOR,
    prior=Prior(
        {
            "noise_rms": Range(0.05, 0.15),
            "noise_frequency": Range(0.3, 3.0),
            "rate": Range(20.0, 500.0),
        },
        SEGMENTS,
    ),
    source=LightCurve({"noise": "noise"}, dt=1 / 64, log_normal=False),
    detector=DeadTime(1, 0.0),
)
POWERLAW = replace(
    SIMULATOR,
    prior=Prior(
        {
            "powerlaw_norm": Range(0.001, 0.01),
            "powerlaw_index": Range(1.0, 2.0),
            "rate": Range(5.0, 500.0),
        },
        SEGMENTS,
    ),
    source=LightCurve({"powerlaw": "powerlaw"}, dt=1 / 64, stretch=4.0),
    detector=DeadTime(1, 2.5e-3),
)
ALL = {
    "qpo and noise, nustar": SIMULATOR,
    "linear noise, ideal": LINEAR,
    "power law, constant dead time": POWERLAW,
}
EACH = pytest.mark.parametrize("simulator", ALL.values(), ids=ALL)
NOISE = {
    "noise_rms": Range(0.05, 0.3),
    "noise_frequency": Range(0.3, 3.0),
    "rate": Range(50.0, 500.0, "log", "counts/s"),
}
KNOWN = {
    "dead_time": Range(1e-6, 5e-3, "sqrt", "s"),
    "detectors": Range(1.0, 56.0, "log"),
    "background_share": Range(0.0, 0.5),
    "kept_fraction": Range(0.2, 1.0, "log"),
}
NOISE_SOURCE = LightCurve({"noise": "noise"}, dt=1 / 64)
EVERY_KIND = {
    **ALL,
    "events, any detector": TimingSimulator(
        Prior(NOISE, {**SEGMENTS, **KNOWN}),
        NOISE_SOURCE,
        DeadTime(1, None, detectors=None, background=None, kept_fraction=None),
        Periodogram(4.0, 1 / 64, 0.1),
    ),
    "events, stability": TimingSimulator(
        Prior(NOISE, {**SEGMENTS, **KNOWN}),
        NOISE_SOURCE,
        DeadTime(1, None, detectors=None, background=None, kept_fraction=None),
        Periodogram(4.0, 1 / 64, 0.1, stability=True),
    ),
    "events, frames": TimingSimulator(
        Prior({**NOISE, "alpha": Range(0.0, 1.0), "psf_fraction": Range(0.3, 0.7)}, SEGMENTS),
        NOISE_SOURCE,
        FramePileUp(1 / 64, 0.0),
        Periodogram(4.0, 1 / 64, 0.1),
    ),
    "events, features and classes": TimingSimulator(
        Prior(
            {**NOISE, "hardness": Range(0.1, 1.0)},
            {"segments": Range(1.0, 2.0)},
            {"weak": {"noise_rms": Bounds(0.05, 0.1)}, "strong": {"noise_rms": Bounds(0.2, 0.3)}},
        ),
        NOISE_SOURCE,
        DeadTime(2, 1e-3),
        Features(),
    ),
    "periodograms": PeriodogramSimulator(
        Prior(
            {"noise_rms": Range(0.05, 0.3), "noise_level": Range(1.5, 2.5)},
            {"noise_frequency": Range(0.3, 3.0), "rate": NOISE["rate"], **SEGMENTS},
        ),
        NOISE_SOURCE,
        Periodogram(4.0, 1 / 64, 0.1),
        noise=None,
    ),
    "spectrum": SpectralSimulator(
        Prior(
            {
                "powerlaw_norm": Range(1e-4, 1e-3, "log"),
                "powerlaw_index": Range(1.0, 2.0),
                "n_h": Range(0.1, 1.0, "log"),
                "alpha": Range(0.0, 1.0),
            },
            {"exposure": Range(1e3, 5e3, "log", "s")},
        ),
        PhotonSpectrum({"powerlaw": "powerlaw"}, "wabs"),
        PileUp(psf_fraction=0.9),
        EnergySpectrum(grades=True, annuli=True),
    ),
}
KINDS = pytest.mark.parametrize("simulator", EVERY_KIND.values(), ids=EVERY_KIND)


# --- the same bits --------------------------------------------------------------------------------


@KINDS
def test_the_number_of_threads_does_not_matter(simulator):
    one, two, five = (replace(simulator, threads=t).simulate(0, 40, 7) for t in (1, 2, 5))
    for other in (two, five):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    assert np.isfinite(one[1]).all()


@KINDS
def test_rows_do_not_depend_on_how_many_are_drawn(simulator):
    theta, x = simulator.simulate(0, 30, 7)
    for start, stop in ((0, 10), (10, 30), (29, 30)):
        np.testing.assert_array_equal(simulator.theta(start, stop, 7), theta[start:stop])
        part = simulator.simulate(start, stop, 7)
        np.testing.assert_array_equal(part[0], theta[start:stop])
        np.testing.assert_array_equal(part[1], x[start:stop])
    np.testing.assert_array_equal(simulator.draw(theta[12:15], 7, start=12), x[12:15])


@KINDS
def test_the_layout_describes_the_vector(simulator):
    theta, x = simulator.simulate(0, 3, 7)
    layout = simulator.layout
    assert x.dtype == np.float32
    assert x.shape == (3, layout.size)
    assert theta.shape == (3, len(simulator.prior.ranges) + bool(simulator.prior.classes))
    names = layout.names()
    assert len(set(names)) == len(names) == layout.size

    parts = layout.split(x)
    np.testing.assert_array_equal(np.hstack(list(parts.values())), x)
    for block in layout.blocks:
        assert block.label
        assert (block.axis is not None) == (block.name in layout.spectra)
        if block.axis is not None:
            assert len(block.axis.values) == len(block.axis.averaged) == block.size
            assert (np.diff(block.axis.values) > 0).all()
        assert np.isfinite(block.to_physical(parts[block.name])).all()


@KINDS
def test_physical_values_of_known_blocks_are_those_of_the_prior(simulator):
    theta, x = simulator.simulate(0, 20, 7)
    params = simulator.prior.physical(theta)
    parts = simulator.layout.split(x)
    shared = set(parts) & set(simulator.prior.covariates)
    assert shared >= {*simulator.detector_covariates} | ({"segments", "exposure"} & set(parts))
    for name in shared:
        found = simulator.layout[name].to_physical(parts[name][:, 0])
        np.testing.assert_allclose(found, params[name], rtol=1e-5)


@KINDS
def test_the_identity_is_plain_and_does_not_depend_on_threads(simulator):
    identity = simulator.identity()
    assert identity == replace(simulator, threads=3).identity()
    assert json.loads(json.dumps(identity))["kind"] == simulator.kind


def test_every_kind_of_simulator_is_among_them():
    def classes(base):
        for cls in base.__subclasses__():
            yield cls
            yield from classes(cls)

    own = {cls for cls in classes(Simulator) if cls.__module__.startswith("livetime.")}
    own.discard(OtherDetector)  # records for stress tests, and is of the kind of its parent
    assert own == {type(simulator) for simulator in EVERY_KIND.values()}
    assert len({cls.kind for cls in own}) == len(own)


def test_seeds_and_indices_give_different_streams():
    keys = [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
        (2**40, 1),
        (1, 2**40),
        (1, PRIOR_STREAM),
        (0, PRIOR_STREAM),
    ]
    draws = [tuple(stream(*key).random(4)) for key in keys]
    assert len(set(draws)) == len(keys)
    a, b = SIMULATOR.simulate(0, 5, 1), SIMULATOR.simulate(0, 5, 2)
    assert not np.isin(a[0][:, :-1], b[0][:, :-1]).any()
    again = np.repeat(a[0][:1], 2, axis=0)  # the same parameters, another index
    x = SIMULATOR.draw(again, 1)
    assert not np.array_equal(x[0], x[1])


# --- what is simulated ----------------------------------------------------------------------------


def test_segments_are_whole_numbers_and_their_count_is_what_the_summary_finds():
    theta, x = SIMULATOR.simulate(0, 60, 3)
    segments = SIMULATOR.prior.physical(theta)["segments"]
    np.testing.assert_allclose(segments, np.round(segments), rtol=1e-12)
    assert set(np.round(segments)) == {2, 3, 4, 5, 6}
    np.testing.assert_allclose(
        x[:, SIMULATOR.layout.slices["segments"]].ravel(), np.log10(segments), atol=1e-6
    )


def test_parameters_lie_in_the_prior():
    theta = SIMULATOR.theta(0, 500, 3)
    assert np.isfinite(SIMULATOR.prior.log_prob(theta)).all()


def test_the_recorded_rate_is_that_of_the_parameters():
    quiet = replace(
        SIMULATOR,
        prior=Prior(
            {**RANGES, "qpo_rms": Range(0.001, 0.002), "noise_rms": Range(0.001, 0.002)}, SEGMENTS
        ),
    )
    theta, x = quiet.simulate(0, 200, 4)
    params = quiet.prior.physical(theta)
    r, tau = params["rate"], quiet.detector.mean_dead_time
    expected = r / (1 + r * tau)
    variance = expected / (1 + r * tau) ** 2 + expected**3 * 0.21e-3**2  # of renewals, per second
    for name in ("rate_a", "rate_b"):
        found = 10 ** x[:, quiet.layout.slices[name]].ravel().astype(float)
        z = (found - expected) / np.sqrt(variance / (4 * params["segments"]))
        assert np.abs(z).max() < 5
        assert abs(z.mean()) < 4 / np.sqrt(len(z))


def test_a_linear_rate_that_goes_negative_is_a_simulation_that_is_not_finite():
    wild = replace(
        LINEAR, prior=Prior({**LINEAR.prior.parameters, "noise_rms": Range(0.05, 1.0)}, SEGMENTS)
    )
    theta, x = wild.simulate(0, 60, 5)
    rms = wild.prior.physical(theta)["noise_rms"]
    finite = np.isfinite(x).all(axis=1)
    assert finite[rms < 0.15].all()
    assert not finite[rms > 0.6].any()
    assert np.isnan(x[~finite]).all()


def test_processes_draw_the_same_and_count_every_simulation_once(monkeypatch):
    monkeypatch.setattr("livetime.simulate.simulator.MAX_THREADED", 10)
    seen = []
    theta, x = replace(SIMULATOR, threads=2).simulate(3, 70, 7, seen.append)
    known, y = replace(SIMULATOR, threads=1).simulate(3, 70, 7)
    np.testing.assert_array_equal(theta, known)
    np.testing.assert_array_equal(x, y)
    assert sum(seen) == 67


@pytest.mark.parametrize("few", [10, 1000])
def test_what_is_interrupted_is_not_drawn_to_its_end(monkeypatch, few):
    monkeypatch.setattr("livetime.simulate.simulator.MAX_THREADED", few)
    drawn = []

    def stop(n):
        drawn.append(n)
        raise KeyboardInterrupt

    with replace(SIMULATOR, threads=2).cores(500) as cores, pytest.raises(KeyboardInterrupt):
        SIMULATOR.simulate(0, 500, 1, stop, cores)
    assert len(drawn) == 1


def test_progress_counts_every_simulation_once():
    seen = []
    replace(SIMULATOR, threads=2).simulate(3, 20, 1, seen.append)
    assert sum(seen) == 17


# --- refusals -------------------------------------------------------------------------------------


def without(name):
    return {k: v for k, v in RANGES.items() if k != name}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prior": Prior(without("rate"), SEGMENTS)}, ["prior.parameters", "rate"]),
        ({"prior": Prior(without("qpo_quality"), SEGMENTS)}, ["prior.parameters", "qpo_quality"]),
        ({"prior": Prior(RANGES)}, ["prior.covariates", "segments"]),
        ({"prior": Prior({**RANGES, **SEGMENTS})}, ["segments", "prior.covariates"]),
        (
            {"prior": Prior({**RANGES, "qpo_rsm": Range(0, 1)}, SEGMENTS)},
            ["qpo_rsm", "did you mean qpo_rms?"],
        ),
        ({"prior": Prior({**RANGES, "zzz": Range(0, 1)}, SEGMENTS)}, ["zzz", "noise_frequency"]),
        ({"prior": Prior(RANGES, {**SEGMENTS, "tau": Range(0, 1)})}, ["tau"]),
        (
            {"prior": Prior(RANGES, {"segments": Range(0.4, 6.0)})},
            ["prior.covariates.segments.low", "at least 1 segment"],
        ),
        (
            {"prior": Prior({**RANGES, "qpo_frequency": Range(0.2, 5)}, SEGMENTS)},
            ["summary.segment_size", "qpo_frequency.low", "5 s"],
        ),
        ({"summary": Periodogram(2.0, 1 / 64)}, ["summary.segment_size", "noise_frequency.low"]),
        ({"source": LightCurve({"qpo": "qpo", "noise": "noise"}, dt=1 / 16)}, ["source.dt"]),
    ],
)
def test_refusals_name_the_key(change, words):
    with pytest.raises(ValueError, match=words[0]) as error:
        replace(SIMULATOR, **change)
    assert len(str(error.value).splitlines()) == 1
    for word in words:
        assert word in str(error.value)


# --- the numbers ----------------------------------------------------------------------------------


def some_numbers(simulator):
    """Every seventh entry of three simulations, and the last, rounded.

    Few events: where one lies within rounding of the edge of a bin, another machine may put it on
    the other side.
    """
    parameters = {**simulator.prior.parameters, "rate": Range(10.0, 100.0, "log")}
    simulator = replace(simulator, prior=Prior(parameters, {"segments": Range(1.0, 2.0)}))
    theta, x = simulator.simulate(0, 3, seed=20)
    keep = sorted({*range(0, x.shape[1], 7), *range(x.shape[1] - 3, x.shape[1])})
    return {
        "theta": [[float(f"{v:.7g}") for v in row] for row in theta],
        "x": [[float(f"{v:.6g}") for v in row[keep]] for row in x],
    }


@EACH
def test_the_numbers_of_this_version_have_not_changed(simulator):
    """`VERSION` distinguishes banks: numbers that change without it mix two kinds."""
    name = next(k for k, v in ALL.items() if v is simulator)
    say = (
        "the numbers changed: raise simulator.VERSION and store new ones "
        f"(run {Path(__file__).name} as a script)"
    )
    assert REFERENCE.exists(), say
    stored, found = json.loads(REFERENCE.read_text())[name], some_numbers(simulator)
    for part in ("theta", "x"):
        np.testing.assert_allclose(found[part], stored[part], rtol=1e-4, atol=1e-4, err_msg=say)


if __name__ == "__main__":
    REFERENCE.write_text(
        json.dumps({name: some_numbers(simulator) for name, simulator in ALL.items()}, indent=1)
        + "\n"
    )
