"""Spectra behind pile-up: the summary contains the counts, simulations follow Davis's model, and a
bank knows the response by its contents."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from livetime.simulate.counts_spectrum import EnergySpectrum
from livetime.simulate.davis import Davis
from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.pileup import PileUp
from livetime.simulate.prior import Prior, Range
from livetime.simulate.response import analytic_response
from livetime.simulate.simulator import stream
from livetime.simulate.spectral import SpectralSimulator

RESPONSE = analytic_response()
PARAMETERS = {
    "n_h": Range(0.05, 10.0, "log"),
    "powerlaw_index": Range(0.5, 3.0),
    "powerlaw_norm": Range(3e-6, 3e-3, "log"),
    "alpha": Range(0.0, 1.0),
    "psf_fraction": Range(0.85, 1.0),
}
EXPOSURE = {"exposure": Range(5e3, 1e5, "log", "s")}
SIMULATOR = SpectralSimulator(
    Prior(PARAMETERS, EXPOSURE),
    PhotonSpectrum({"powerlaw": "powerlaw"}),
    PileUp(),
    EnergySpectrum(),
)
TRUTH = {
    "n_h": 0.5,
    "powerlaw_index": 1.7,
    "powerlaw_norm": 4e-4,
    "alpha": 0.6,
    "psf_fraction": 0.9,
    "exposure": 4e5,
}


def test_groups_are_as_wide_as_asked_and_cover_the_band_once():
    summary = EnergySpectrum(0.5, 8.0, resolution=0.5)
    energies = summary.energies(RESPONSE)
    centre = (energies[1:] + energies[:-1]) / 2
    width = np.diff(energies)
    assert energies[0] <= 0.5 + 0.0146
    assert energies[-1] >= 8.0 - 0.0146
    assert (np.abs(width - 0.5 * RESPONSE.resolution(centre)) < 2 * 0.0146).all()
    counts = np.arange(RESPONSE.channels)
    edges = summary.edges(RESPONSE)
    assert summary.group(counts, RESPONSE).sum() == counts[edges[0] : edges[-1]].sum()


def test_the_resolution_is_that_of_the_gaussian():
    """Of the analytic response: sigma^2 = w^2 (N^2 + F E/w); channels of 14.6 eV blur the quantiles
    by no more than two of them."""
    energy = np.array([1.0, 3.0, 6.0])
    exact = 2.355 * np.sqrt(3.65e-3**2 * 100 + 0.115 * 3.65e-3 * energy)
    np.testing.assert_allclose(RESPONSE.resolution(energy), exact, atol=2 * 0.0146)


@pytest.mark.parametrize("grades", [False, True])
@pytest.mark.parametrize("brightness", [0.0, 0.1, 30.0, 3000.0])
def test_counts_can_be_had_back_from_the_vector(grades, brightness):
    summary = EnergySpectrum(grades=grades)
    layout = summary.layout(SIMULATOR.detector)
    counts = np.random.default_rng(1).poisson(brightness, len(layout.axis.values)).astype(float)
    x = summary.vector(counts, 12345.0, bad=3.0)
    assert x.shape == (layout.size,)
    back, exposure = summary.counts(x, layout)
    assert (back == counts).all()
    assert exposure == pytest.approx(12345.0, rel=1e-5)


@pytest.mark.parametrize("grades", [False, True])
def test_counts_of_two_annuli_come_back_together(grades):
    summary = EnergySpectrum(grades=grades, annuli=True)
    layout = summary.layout(SIMULATOR.detector)
    inner, outer = (
        np.random.default_rng(1)
        .poisson([[30.0], [2.0]], (2, len(layout.axis.values)))
        .astype(float)
    )
    x = summary.vector(inner, 12345.0, 3.0, outer)
    assert x.shape == (layout.size,)
    assert list(layout.slices) == [
        "spectrum",
        "outer",
        "rate",
        "rate_outer",
        *(["bad"] if grades else []),
        "exposure",
    ]
    assert layout.spectra == ["spectrum", "outer"]
    assert (summary.counts(x, layout)[0] == inner + outer).all()
    with pytest.raises(ValueError, match="needs counts of two annuli"):
        summary.vector(inner, 1.0)
    with pytest.raises(ValueError, match="needs counts of one place"):
        EnergySpectrum().vector(inner, 1.0, outer=outer)


def test_the_core_piles_up_and_the_outer_annulus_does_not():
    """Both against Davis's model, and together they are what is seen without annuli."""
    truth = {**TRUTH, "psf_fraction": 0.85}
    events, model, rate = (
        SIMULATOR.events(truth, stream(3, 0)),
        Davis(SIMULATOR.detector),
        SIMULATOR.rate(truth),
    )
    inner, outer = (events.counts(RESPONSE.channels, place) for place in (False, True))
    assert (inner + outer == events.counts(RESPONSE.channels)).all()
    assert (events.photons[events.outer] == 1).all()
    trials, core = model.trials(truth["exposure"]), model.core(rate, truth)
    wings = truth["exposure"] * model.wings(rate, truth)
    assert stats.binomtest(int(inner.sum()), trials, float(core.sum())).pvalue > 0.001
    use = wings > 30
    assert stats.chi2.sf(((outer - wings)[use] ** 2 / wings[use]).sum(), use.sum()) > 0.001
    summary = EnergySpectrum(annuli=True)
    both, alone = (
        s(events, SIMULATOR.detector, truth["exposure"]) for s in (summary, SIMULATOR.summary)
    )
    back, plain = (
        s.counts(x, s.layout(SIMULATOR.detector))[0]
        for s, x in ((summary, both), (SIMULATOR.summary, alone))
    )
    assert (back == plain).all()


def test_background_is_of_the_outer_annulus():
    background = np.full(RESPONSE.channels, 1e-3)
    events = SIMULATOR.detector.record(
        SIMULATOR.rate(TRUTH), 1e4, TRUTH, stream(4, 0), background=background
    )
    assert events.outer[events.photons == 0].all()
    assert not events.outer[events.photons > 1].any()


def test_the_variance_of_a_group_does_not_depend_on_its_counts():
    rng = np.random.default_rng(2)
    mean = np.array([4.0, 20.0, 100.0, 1000.0])
    counts = rng.poisson(mean, (20_000, 4)).astype(float)
    shares = np.sqrt(counts + 0.375)
    np.testing.assert_allclose(4 * shares.var(axis=0), 1.0, atol=0.06)


def test_simulated_counts_follow_davis():
    """400,000 s of one photon in two frames; chi-square over groups of 50 counts or more,
    multinomial core (p > 0.001)."""
    events = SIMULATOR.events(TRUTH, stream(3, 0))
    counts = SIMULATOR.summary.group(events.counts(RESPONSE.channels), RESPONSE)
    model, rate = Davis(SIMULATOR.detector), SIMULATOR.rate(TRUTH)
    core, wings = (
        SIMULATOR.summary.group(p, RESPONSE)
        for p in (model.core(rate, TRUTH), model.wings(rate, TRUTH))
    )
    trials = model.trials(TRUTH["exposure"])
    mean = trials * core + TRUTH["exposure"] * wings
    use = mean > 50
    covariance = np.diag(mean[use]) - trials * np.outer(core[use], core[use])
    d = (counts - mean)[use]
    assert use.sum() > 80
    assert stats.chi2.sf(d @ np.linalg.solve(covariance, d), use.sum()) > 0.001


def test_a_simulation_depends_on_seed_and_number_alone():
    theta, x = SIMULATOR.simulate(0, 8, 5)
    later = replace(SIMULATOR, threads=1).simulate(4, 8, 5)
    assert (x[4:] == later[1]).all()
    assert (theta[4:] == later[0]).all()
    assert np.isfinite(x).all()


def test_bad_grades_rise_with_the_flux():
    graded = replace(SIMULATOR, summary=EnergySpectrum(grades=True))
    place = graded.layout.slices["bad"]
    theta = graded.prior.theta(
        {name: np.array([value, value]) for name, value in {**TRUTH, "exposure": 5e4}.items()}
    )
    column = list(graded.prior.ranges).index("powerlaw_norm")
    theta[:, column] = [-5.0, -3.0]
    bad = graded.draw(theta, 1)[:, place].ravel()
    assert bad[1] > bad[0] + 1


def test_two_fluxes_can_give_the_same_counts():
    """With alpha = 0 a region reads `mu exp(-mu)` events a frame: below and above one photon a flux
    has a twin, which differs in shape alone."""
    params = {**TRUTH, "alpha": 0.0, "psf_fraction": 1.0}
    model = Davis(SIMULATOR.detector)
    norms = np.geomspace(1e-4, 2e-2, 60)
    total = np.array(
        [model.core(SIMULATOR.rate({**params, "powerlaw_norm": n}), params).sum() for n in norms]
    )
    top = total.argmax()
    assert 0 < top < len(norms) - 1
    low = np.interp(total[top] / 2, total[: top + 1], norms[: top + 1])
    high = np.interp(-total[top] / 2, -total[top:], norms[top:])
    assert high > 5 * low


def test_the_identity_is_of_contents():
    assert SIMULATOR.identity() == replace(SIMULATOR, threads=2).identity()
    assert SIMULATOR.identity()["detector"]["response"] == RESPONSE.digest
    assert "arf" not in SIMULATOR.identity()["detector"]
    assert replace(SIMULATOR, summary=EnergySpectrum(annuli=True)).identity()["summary"]["annuli"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"prior": Prior({k: v for k, v in PARAMETERS.items() if k != "alpha"}, EXPOSURE)},
            "prior.parameters lacks alpha",
        ),
        ({"prior": Prior(PARAMETERS)}, "prior.covariates lacks exposure"),
        ({"prior": Prior({**PARAMETERS, **EXPOSURE})}, "known for every observation"),
        ({"prior": Prior({**PARAMETERS, "alpha": Range(0.0, 1.5)}, EXPOSURE)}, "between 0 and 1"),
        (
            {"prior": Prior({**PARAMETERS, "n_h": Range(-1.0, 1.5)}, EXPOSURE)},
            "must not be negative",
        ),
        ({"prior": Prior(PARAMETERS, {"exposure": Range(1.0, 2.0)})}, "no frame"),
        (
            {"prior": Prior({**PARAMETERS, "n_h": Range(1e6, 1e7)}, EXPOSURE)},
            "no source of the prior gives a count",
        ),
        (
            {"prior": Prior({**PARAMETERS, "powerlaw_norm": Range(1e9, 1e10)}, EXPOSURE)},
            "can be simulated",
        ),
        (
            {"prior": Prior({**PARAMETERS, "powerlaw_index": Range(0.0, 1e4)}, EXPOSURE)},
            "not finite somewhere in the prior",
        ),
        ({"detector": PileUp(upper_threshold=0.1)}, "upper_threshold is 0.1 keV"),
        ({"summary": EnergySpectrum(0.5, 20.0)}, "lie within the response's channels"),
    ],
)
def test_what_cannot_be_simulated_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        replace(SIMULATOR, **change)


def test_more_photons_than_can_be_drawn_are_refused_at_once():
    with pytest.raises(ValueError, match="can be simulated"):
        SIMULATOR.events({**TRUTH, "powerlaw_norm": 1e9}, stream(1, 0))


@pytest.mark.parametrize(
    ("low", "high", "resolution"),
    [(2.0, 1.0, 0.5), (-1.0, 1.0, 0.5), (0.5, 8.0, 0.0), (0.5, float("inf"), 0.5)],
)
def test_a_summary_that_cannot_be_is_refused(low, high, resolution):
    with pytest.raises(ValueError, match="but must"):
        EnergySpectrum(low, high, resolution)
