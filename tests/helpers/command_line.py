"""Commands in miniature, as a person types them, for tests."""

import pytest

from livetime.cli.main import main
from livetime.config import CONFIGS

EXPERIMENTS = sorted(path.stem for path in (CONFIGS / "experiment").glob("*.yaml"))
SHORT = [
    "debug=fast_dev_run",
    "prior.covariates.segments.low=2",
    "prior.covariates.segments.high=4",
]
SMALL = [
    *SHORT,
    "estimator/net=mlp",
    "estimator.net.widths=[16]",
    "estimator.hidden_features=[8]",
    "estimator.num_transforms=1",
]
FLOWS = ("demo", "deadtime_npe", "deadtime_npe_single")
SPECTRA = ("pileup_npe",)
STATES = ("states_mlp", "states_perceptron")
MINIATURES = {
    **dict.fromkeys(
        (*FLOWS, "deadtime_npe_any", "lorentzians_npe", "free_npe", "pileup_timing_npe"), SMALL
    ),
    **{
        name: ["debug=fast_dev_run", "prior.covariates.exposure.high=6e3", *SMALL[len(SHORT) :]]
        for name in SPECTRA
    },
    **{name: [*SHORT, "prior.covariates.rate.high=60"] for name in STATES},
    "lightcurve_npe": [
        *SHORT,
        "prior.parameters.rate.low=5",
        "prior.parameters.rate.high=10",
    ],  # hours of a faint source
}
QPO_AND_NOISE = {
    "qpo_frequency": 5,
    "qpo_quality": 8,
    "noise_rms": 0.1,
    "noise_frequency": 1,
    "segments": 4,
}
"""Physical values that a comparison keeps fixed."""
CLASSIFIERS = ("qpo_cnn", "qpo_mlp", "qpo_whittle", "states_mlp", "states_perceptron")


def run(capsys, *words):
    """The last line that a command prints, which must end well."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    captured = capsys.readouterr()
    assert stop.value.code == 0, captured.err
    return captured.out.splitlines()[-1]


def refused(capsys, *words):
    """The one line that says what is wrong."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.startswith("error: "), error
    assert error.count("\n") == 1, error
    return error
