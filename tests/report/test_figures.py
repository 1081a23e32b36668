"""Every figure has labelled axes with units, and labels that neither overlap nor stand outside."""

import re

import numpy as np
import pytest
from drawn import outside, overlaps
from matplotlib.figure import Figure

from livetime.check.calibration import Calibration
from livetime.check.classification import Classification
from livetime.check.coverage_map import coverage_map
from livetime.report.figures import calibration, classes, comparison, predictive, training
from livetime.report.style import OKABE_ITO, PALETTE, look, save_figure
from livetime.simulate.prior import Prior, Range

rng = np.random.default_rng(0)
N = 400
PRIOR = Prior(
    {
        "qpo_rms": Range(0.03, 0.5, "log"),
        "qpo_frequency": Range(0.5, 20.0, "log", "Hz"),
        "rate": Range(20.0, 2000.0, "log", "counts/s"),
    },
    {"segments": Range(8.0, 64.0, "log")},
)
CLASSES = ["hard", "hard_intermediate", "soft"]
LABELS = rng.integers(3, size=N)
METHODS = ("network", "naive", "dead_time_model")
FREQUENCY = np.geomspace(0.1, 100.0, 40)


def calibrated() -> Calibration:
    theta = PRIOR.sample(N, rng)
    z = rng.normal(size=(N, 3))
    ranks = rng.random((N, 3))
    hpd = rng.random(N)
    truth = theta[:, :3]
    covariates = {"segments": theta[:, 3]}
    return Calibration(PRIOR, ranks, hpd, z, ranks, truth, truth, hpd, 399, covariates)


def classified(skill: float) -> Classification:
    odds = np.exp(rng.normal(size=(N, 3)) + skill * np.eye(3)[LABELS])
    return Classification(CLASSES, LABELS, odds / odds.sum(axis=1, keepdims=True))


def channel(edges=None) -> predictive.Channel:
    power = 2 + 1 / FREQUENCY
    noise = 0.1 * power * rng.normal(size=(51, 40))
    curves = {"naive": power, "dead_time_model": 1.01 * power}
    observed, *draws = power + noise
    title = "A+B: source and noise"
    return predictive.Channel(
        title, FREQUENCY, observed, 0.1 * power, np.array(draws), curves, 2.0, edges
    )


def compared() -> Figure:
    rows = [
        {
            "cell": {"rate": rate, "qpo_rms": rms},
            "method": method,
            "bias": 0.01 - (method == "naive"),
            "bias_error": 0.02,
            "half_width": 0.1,
        }
        for rate in (100.0, 1000.0)
        for rms in (0.1, 0.2)
        for method in METHODS
    ]
    coverage = dict.fromkeys(METHODS, 0.67)
    return comparison.comparison(rows, "ln qpo_frequency", "rate", "qpo_rms", coverage)


def injected() -> Figure:
    rows = [
        {
            "rate": rate,
            "method": method,
            "quantity": quantity,
            "median": 0.1,
            "lo68": 0.09,
            "hi68": 0.12,
        }
        for rate in (100.0, 1000.0)
        for method in ("bright_source", *METHODS)
        for quantity in ("qpo_rms", "qpo_frequency", "powerlaw_index", "noise_rms")
    ]
    return comparison.injection(rows)


def mapped() -> Figure:
    found = calibrated()
    rate, rms = (
        PRIOR.ranges[k].to_physical(found.mean[:, i]) for k, i in (("rate", 2), ("qpo_rms", 0))
    )
    both = [coverage_map(found, ("rate x dead time", "rms"), (2.5e-3 * rate, rms))]
    return calibration.coverage_map([*both, coverage_map(found, ("rms", "segments"), (rms, rate))])


def lost() -> Figure:
    losses = {"epoch": [0.0, 1.0, 2.0], "train/loss": [3.0, 2.0, 1.0], "val/loss": [3.0, 2.0, 2.2]}
    return training.history([losses, losses])


def salient() -> Figure:
    spectra = {"A+B": (FREQUENCY, 1 / FREQUENCY)}
    return training.saliency(spectra, {"rate_a": 1.0, "segments": 0.1}, "frequency (Hz)")


RESULTS = {
    "network": classified(3.0),
    "majority": classified(0.0),
    "boosted_trees": classified(2.0),
}
ENTRIES = [
    classes.Entry("recorded rate of module A (counts/s)", 10 ** rng.normal(2, 0.2, N), log=True),
    classes.Entry("slope", rng.normal(size=N)),
    classes.Entry("number of segments", rng.integers(1, 5, N).astype(float), log=True),
]
DRAWN = {
    "coverage": lambda: calibration.coverage(calibrated()),
    "terciles": lambda: calibration.terciles(calibrated()),
    "sbc_ranks": lambda: calibration.sbc_ranks(calibrated()),
    "coverage_map": mapped,
    "confusion": lambda: classes.confusion(RESULTS["network"]),
    "curves": lambda: classes.classifier_curves(RESULTS),
    "probabilities": lambda: classes.class_probabilities(
        {name: dict(zip(CLASSES, r.probability[0], strict=True)) for name, r in RESULTS.items()},
        dict.fromkeys(CLASSES, 1 / len(CLASSES)),
    ),
    "entries": lambda: classes.entry_histograms(ENTRIES, LABELS, CLASSES),
    "spectra": lambda: classes.class_spectra(
        {"power spectrum": (FREQUENCY, 2 + rng.random((N, 40)))},
        LABELS,
        CLASSES,
        ("frequency (Hz)", "power (Leahy)"),
    ),
    "correlations": lambda: classes.correlations(
        rng.normal(size=(N, 20)), [f"flux_percentile_ratio_mid_{i}" for i in range(20)]
    ),
    "components": lambda: classes.principal_components(rng.normal(size=(N, 4)), LABELS, CLASSES),
    "power_spectra": lambda: predictive.power_spectra([channel(), channel()]),
    "energy_spectra": lambda: predictive.energy_spectra([channel(np.geomspace(0.1, 100.0, 41))]),
    "history": lost,
    "importance": lambda: training.importance({"sum 1 to 2 Hz": (0.3, 0.1), "rate_a": (0.1, 0.0)}),
    "saliency": salient,
    "comparison": compared,
    "injection": injected,
}
UNITS = {
    "power_spectra": ["Hz", "Leahy", "sigma"],
    "energy_spectra": ["keV", "s$^{-1}$ keV$^{-1}$", "sigma"],
    "history": ["nats"],
    "importance": ["nats"],
    "saliency": ["nats", "Hz"],
    "comparison": ["counts"],
    "injection": ["counts", "%", "Hz"],
    "coverage_map": ["%"],
    "entries": ["counts/s"],
}


@pytest.mark.parametrize("name", DRAWN)
def test_axes_are_labelled_and_labels_stand_apart(name):
    figure = DRAWN[name]()
    assert isinstance(figure, Figure)
    shown = [ax for ax in figure.axes if ax.get_visible()]
    shared = {str(figure.get_supxlabel()), str(figure.get_supylabel())}
    for ax in shown:
        outer = ax.get_subplotspec()
        if outer is not None and outer.is_last_row():
            assert ax.get_xlabel() or figure.get_supxlabel(), name
        if outer is not None and outer.is_first_col():
            assert ax.get_ylabel() or figure.get_supylabel(), name
    words = " ".join([ax.get_xlabel() + " " + ax.get_ylabel() for ax in shown] + sorted(shared))
    for unit in UNITS.get(name, []):
        assert unit in words
    assert overlaps(figure) == []
    assert outside(figure) == []


def test_residuals_in_sigma_stand_under_every_spectrum():
    figure = predictive.power_spectra([channel(), channel()])
    labels = [ax.get_ylabel() for ax in figure.axes]
    assert labels == ["power (Leahy)", r"residual ($\sigma$)"] * 2


def test_residuals_of_a_perfect_model_have_unit_variance():
    one = channel()
    assert 0.6 < one.residuals.std() < 1.5


def test_a_residual_beyond_the_panel_is_an_arrow():
    one = channel()
    far = predictive.Channel("", FREQUENCY, one.observed + 99.0, one.error, one.predicted)
    low = predictive.power_spectra([far]).axes[1]
    markers = {line.get_marker() for line in low.lines}
    assert "^" in markers


def test_colours_can_be_distinguished_by_everybody():
    assert set(PALETTE) - {"#777777"} <= set(OKABE_ITO)
    methods = ("network", "naive", "dead_time_model", "averaged_dead_time_model")
    assert len({look(name).colour for name in methods}) == 4
    assert len({look(name).line for name in methods}) == 4


def test_a_figure_is_saved_as_png_of_200_dpi_and_as_pdf(tmp_path):
    figure = DRAWN["history"]()
    path = save_figure(figure, tmp_path / "history")
    assert path.read_bytes()[:4] == b"\x89PNG"
    width = int.from_bytes(path.read_bytes()[16:20], "big")
    assert width == round(200 * figure.get_figwidth())
    assert re.match(rb"%PDF", (tmp_path / "history.pdf").read_bytes())
