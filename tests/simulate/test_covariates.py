"""What is known of an observation's detector is drawn with every simulation, and stands in its
summary vector."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from livetime.simulate.bank import bank_hash
from livetime.simulate.binned_dead_time import counts_are_faster
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.dead_time_laws import MIN_LIVE_FRACTION
from livetime.simulate.light_curve import LightCurve, Rate
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.prior import Prior, Range
from livetime.simulate.simulator import stream
from livetime.simulate.timing import TimingSimulator

PARAMETERS = {
    "noise_rms": Range(0.03, 0.3, "log"),
    "noise_frequency": Range(0.3, 5.0, "log"),
    "rate": Range(20.0, 1000.0, "log"),
}
SEGMENTS = {"segments": Range(2.0, 6.0, "log")}
KNOWN = {
    "dead_time": Range(1e-6, 5e-3, "log", "s"),
    "detectors": Range(1.0, 56.0, "log"),
    "background_share": Range(0.0, 0.5),
    "kept_fraction": Range(0.2, 1.0, "log"),
}
SOURCE, SUMMARY = LightCurve({"noise": "noise"}, dt=1 / 64), Periodogram(4.0, 1 / 64, 0.1)
ANY = TimingSimulator(
    Prior(PARAMETERS, {**SEGMENTS, **KNOWN}),
    SOURCE,
    DeadTime(1, None, detectors=None, background=None, kept_fraction=None),
    SUMMARY,
)
PLAIN = TimingSimulator(Prior(PARAMETERS, SEGMENTS), SOURCE, DeadTime(1, 1e-3), SUMMARY)


def test_the_events_are_those_of_the_detector_with_these_options():
    theta = ANY.theta(0, 20, 5)
    for i, row in enumerate(theta):
        params = {name: float(value) for name, value in ANY.prior.physical(row).items()}
        share, rate = params["background_share"], params["rate"]
        own = DeadTime(
            1,
            params["dead_time"],
            0.0,
            False,
            round(params["detectors"]),
            share / (1 - share) * rate,
            params["kept_fraction"],
        )
        plain = TimingSimulator(Prior(PARAMETERS, SEGMENTS), SOURCE, own, SUMMARY)
        a, b = (simulator.events(params, stream(5, i)).times[0] for simulator in (ANY, plain))
        np.testing.assert_array_equal(a, b)
        constant = Rate(np.full(256, rate, dtype=np.float32), 1 / 64)
        if not counts_are_faster(
            own, constant, SUMMARY.dt, rate
        ):  # else it is counted without events
            x = ANY.draw(row[None], 5, start=i)[0]
            np.testing.assert_allclose(
                ANY.raw(x), SUMMARY(plain.events(params, stream(5, i)), own), rtol=1e-5, atol=1e-5
            )
        assert ANY.at(params).identity() == plain.identity()


def test_the_summary_ends_with_the_covariates_and_the_live_time_fraction():
    theta, x = ANY.simulate(0, 50, 6)
    layout, own = ANY.layout, SUMMARY.layout(DeadTime(1, 0.0))
    assert list(layout.slices) == [*own.slices, *KNOWN, "live_fraction", "incident_rate", "gain"]
    assert layout.spectra == own.spectra
    assert len(layout.names()) == layout.size == x.shape[1] == own.size + 7
    columns = list(ANY.prior.ranges)
    for name in KNOWN:
        np.testing.assert_allclose(
            x[:, layout.slices[name]].ravel(), theta[:, columns.index(name)], rtol=1e-6
        )
    detectors = ANY.prior.physical(theta)["detectors"]
    np.testing.assert_allclose(detectors, np.round(detectors), rtol=1e-12)
    assert len(set(np.round(detectors))) > 10


def test_live_time_fraction_and_incident_rate_are_those_of_a_constant_source():
    """1/(1 + q), q incident events of a detector in a dead time; whatever was screened away, and
    without the background."""
    params = {
        "dead_time": 2e-3,
        "detectors": 3.0,
        "background_share": 0.25,
        "kept_fraction": 0.5,
        "rate": 900.0,
        "segments": 64.0,
    }
    constant = Rate(np.full(256 * 64, 900.0, dtype=np.float32), 1 / 64)
    own = ANY.detector_at(params)
    x = np.array(
        [
            ANY.summarise(own.record(constant, np.random.default_rng(seed)), params)
            for seed in range(40)
        ]
    ).astype(float)
    for name, expected in (("live_fraction", 1 / (1 + 400 * 2e-3)), ("incident_rate", 900.0)):
        found = 10 ** x[:, ANY.layout.slices[name]].ravel()
        assert abs(found.mean() - expected) < 4 * found.std(ddof=1) / 40**0.5
        assert found.std() < 0.02 * expected


@pytest.mark.parametrize(
    ("kept_fraction", "share", "detectors", "rate"),
    [
        (1.0, 0.0, 1.0, 900.0),
        (0.9, 0.0, 1.0, 900.0),
        (1.0, 0.3, 3.0, 900.0),
        (0.3, 0.1, 20.0, 300.0),
    ],
)
def test_gain_is_what_weak_variability_adds_to_the_white_noise(
    kept_fraction, share, detectors, rate
):
    """Slow variability of a power S adds gain times S to a noise of 1."""
    known = {
        "dead_time": 2.5e-3,
        "detectors": detectors,
        "background_share": share,
        "kept_fraction": kept_fraction,
    }
    params = {**known, "noise_rms": 0.08, "noise_frequency": 0.5, "rate": rate, "segments": 6.0}
    x = ANY.draw(
        np.repeat(ANY.prior.theta({k: np.array([v]) for k, v in params.items()}), 800, axis=0), 9
    ).astype(float)
    slow = ANY.layout.axis.values < 2
    source = SOURCE.spectrum.power(ANY.layout.axis.values[slow], params)
    added = np.exp(x[:, ANY.layout.slices["power"]][:, slow]) - 1
    found, gain = (
        (added @ source) / (source @ source),
        10 ** x[:, ANY.layout.slices["gain"]].ravel(),
    )
    assert gain.std() < 0.2 * gain.mean()
    assert (
        abs(found.mean() / gain.mean() - 1) < 0.03 + 4 * found.std(ddof=1) / 800**0.5 / gain.mean()
    )


def test_a_list_that_lives_less_than_it_can_has_the_least_live_time_fraction():
    params = {
        "dead_time": 5e-3,
        "detectors": 1.0,
        "background_share": 0.0,
        "kept_fraction": 0.5,
        "rate": 900.0,
        "segments": 2.0,
    }
    events = DeadTime(1, 5e-3).record(
        Rate(np.full(512, 900.0, dtype=np.float32), 1 / 64), np.random.default_rng(1)
    )  # none is screened away
    assert 10 ** float(
        ANY.summarise(events, params)[ANY.layout.slices["live_fraction"]][0]
    ) == pytest.approx(MIN_LIVE_FRACTION)


def test_rates_are_those_of_the_law_over_the_whole_prior():
    quiet = replace(
        ANY, prior=replace(ANY.prior, parameters={**PARAMETERS, "noise_rms": Range(1e-4, 2e-4)})
    )
    theta, x = quiet.simulate(0, 200, 7)
    z = []
    for row, values in zip(theta, x, strict=True):
        params = {name: float(value) for name, value in quiet.prior.physical(row).items()}
        own, duration = quiet.detector_at(params), 4 * params["segments"]
        expected, fano = (
            float(own.recorded(params["rate"])),
            float(own.white_noise([0.01], params["rate"])[0]) / 2,
        )
        found = 10 ** float(values[quiet.layout.slices["rate_a"]][0])
        z.append((found - expected) / np.sqrt(expected * fano / duration))
    assert 1e-4 < stats.chi2.sf((np.array(z) ** 2).sum(), len(z)) < 1 - 1e-4
    assert abs(np.mean(z)) < 4 / len(z) ** 0.5


def test_powers_of_a_constant_source_are_2_over_the_noise_of_any_detector():
    quiet = replace(
        ANY, prior=replace(ANY.prior, parameters={**PARAMETERS, "noise_rms": Range(1e-4, 2e-4)})
    )
    theta, x = quiet.simulate(0, 200, 8)
    segments, place = (
        np.round(quiet.prior.physical(theta)["segments"]),
        quiet.layout.slices["power"],
    )
    weight = segments[:, None] * quiet.layout.axis.averaged
    power = np.exp(x[:, place].astype(float))
    z = (power - 1) * np.sqrt(weight)
    assert abs((z * np.sqrt(weight)).sum() / np.sqrt(weight.sum())) < 4
    assert abs((z**2).mean() - 1) < 4 * np.sqrt((2 + 6 / weight).mean() / z.size)
    raw = np.exp([quiet.raw(row)[place] for row in x])
    assert abs(((raw - 1) * weight).sum() / np.sqrt(weight.sum())) > 6  # as it would not be without


def test_one_covariate_alone():
    one = replace(
        ANY,
        detector=DeadTime(1, None),
        prior=Prior(PARAMETERS, {**SEGMENTS, "dead_time": KNOWN["dead_time"]}),
    )
    assert list(one.layout.slices)[-4:] == ["dead_time", "live_fraction", "incident_rate", "gain"]
    assert np.isfinite(one.simulate(0, 3, 1)[1]).all()


def test_a_paralyzable_detector_has_no_covariates():
    with pytest.raises(
        ValueError,
        match=r"detector.paralyzable is true, but dead_time is a covariate",
    ):
        replace(ANY, detector=replace(ANY.detector, paralyzable=True))


def test_incident_is_the_inverse_of_recorded():
    rate = np.geomspace(1, 5000, 20)
    for detector in (
        DeadTime(1, 2e-3),
        DeadTime(1, 1e-3, detectors=5, background=30.0, kept_fraction=0.4),
        DeadTime(1, 0.0, background=30.0),
    ):
        np.testing.assert_allclose(detector.incident(detector.recorded(rate)), rate, rtol=1e-6)
        np.testing.assert_allclose(detector.source_share(rate), rate / (rate + detector.background))


def test_a_detector_without_covariates_is_the_same_for_every_observation():
    for detector in (DeadTime(2), DeadTime(1, 1e-3, detectors=3)):
        assert detector.covariates == ()
        assert detector.at({}) is detector
    assert PLAIN.detector_covariates == ()
    assert PLAIN.at({}) is PLAIN
    assert PLAIN.layout.size == SUMMARY.layout(DeadTime(1, 0.0)).size
    assert replace(PLAIN, detector=DeadTime(1, 0.0)).detector_at({}) == DeadTime(1, 0.0)


def test_banks_of_detectors_with_and_without_covariates_are_told_apart():
    fixed = replace(
        ANY,
        detector=replace(ANY.detector, kept_fraction=1.0),
        prior=Prior(PARAMETERS, without("kept_fraction")),
    )
    assert len({bank_hash(s, 1) for s in (PLAIN, ANY, fixed)}) == 3
    assert PLAIN.identity()["detector"]["histogram"] == [[1e-3], [1e-3], [1.0]]
    assert PLAIN.identity()["prior"] == [
        [n, n in SEGMENTS, r.low, r.high, r.scale] for n, r in {**PARAMETERS, **SEGMENTS}.items()
    ]


def test_what_is_not_known_cannot_be_asked():
    for ask in (
        lambda d: d.mean_dead_time,
        lambda d: d.recorded(100.0),
        lambda d: d.record(Rate(np.ones(8, np.float32), 1.0), None),
    ):
        with pytest.raises(ValueError, match=r"covariate; take the detector of one observation"):
            ask(ANY.detector)
    assert not DeadTime(1, None).renewal


def without(name):
    return {k: v for k, v in {**SEGMENTS, **KNOWN}.items() if k != name}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prior": Prior(PARAMETERS, without("dead_time"))}, ["prior.covariates lacks dead_time"]),
        (
            {
                "prior": Prior(
                    {**PARAMETERS, "kept_fraction": KNOWN["kept_fraction"]},
                    without("kept_fraction"),
                )
            },
            ["kept_fraction", "put it under prior.covariates"],
        ),
        ({"detector": DeadTime(1, 1e-3)}, ["prior has dead_time"]),
        (
            {
                "prior": Prior(
                    PARAMETERS, {**without("background_share"), "background_share": Range(0.0, 1.0)}
                )
            },
            ["background_share", "below 1"],
        ),
        (
            {"prior": Prior(PARAMETERS, {**without("detectors"), "detectors": Range(0.2, 5.0)})},
            ["prior.covariates", "detectors is 0"],
        ),
        (
            {
                "prior": Prior(
                    PARAMETERS, {**without("kept_fraction"), "kept_fraction": Range(0.2, 1.5)}
                )
            },
            ["prior.covariates", "kept_fraction is 1.5"],
        ),
        (
            {"prior": Prior(PARAMETERS, {**without("dead_time"), "dead_time": Range(0.0, 2.0)})},
            ["prior.covariates", "dead_time is 2.0"],
        ),
    ],
)
def test_refusals_name_the_key(change, words):
    with pytest.raises(ValueError, match=r"\w") as error:
        replace(ANY, **change)
    assert len(str(error.value).splitlines()) == 1
    for word in words:
        assert word in str(error.value)
