"""Define the settings of training, machine, references and observations, with limits.

Each is the keyword arguments of one group of configs; `livetime.config.check` makes it from
plain types.
"""

import math
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal

from livetime.errors import UserError

MIN_TEST = 100
"""The fewest simulations that show whether a network is calibrated."""

MAX_SEED = 2**63 - 1
"""The largest seed of NumPy's generators that torch's take too."""

DRAWS_RANGE = (100, 1_000_000)
"""The fewest and the most draws from a posterior."""


def check_seed(seed: int) -> None:
    """Refuse a seed that is no whole number from 0 to 2^63 - 1."""
    if not isinstance(seed, Integral) or not 0 <= seed <= MAX_SEED:
        problem = f"is {seed!r}, but must be a whole number from 0 to 2^63 - 1"
        raise UserError("seed", problem, "choose another")


def check_draws(draws: int) -> None:
    """Refuse a number of draws that is too small for intervals, or too large for the memory."""
    low, high = DRAWS_RANGE
    if not isinstance(draws, Integral) or not low <= draws <= high:
        problem = f"is {draws!r}, but must be a whole number from {low} to {high}"
        raise UserError("draws", problem, "give a number in this range")


@dataclass(frozen=True)
class Training:
    """Set the training: everything here may change its result.

    Arguments:
        epochs: the most passes over the training split.
        batch_size: simulations a step: 1 is stochastic gradient descent, null takes all of them.
        optimizer: `adamw` (Loshchilov & Hutter 2019) or `sgd`.
        lr: peak learning rate.
        schedule: `onecycle` (Smith & Topin 2018), `cosine` (from lr to zero) or `constant`.
        weight_decay: of AdamW.
        penalty: factor of the sum of |w|^penalty_norm over all weights, added to the mean loss.
        penalty_norm: 1 is the lasso, 2 is ridge; biases have no penalty.
        clip: largest norm of the gradient.
        validation: fraction of the simulations for early stopping and the best checkpoint.
        patience: number of epochs without a better validation loss after which training stops.
        members: size of the ensemble, whose members have their own seeds and form a mixture.
        folds: number k of folds. Above 1 each fold has one member (k-fold cross-validation,
            stratified by class).
        pca: number of principal components of the summary that the net gets; null for all entries.
        test: number of fresh simulations that test the finished run.

    Raises:
        ValueError: for a number out of range, or several members a fold.

    Examples:
        >>> Training(folds=5).trainings
        5
    """

    epochs: int = 60
    batch_size: int | None = 1000
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: float = 2e-3
    schedule: Literal["onecycle", "cosine", "constant"] = "onecycle"
    weight_decay: float = 1e-4
    penalty: float = 0.0
    penalty_norm: float = 2.0
    clip: float = 5.0
    validation: float = 0.05
    patience: int = 20
    members: int = 1
    folds: int = 1
    pca: int | None = None
    test: int = 1000

    def __post_init__(self) -> None:
        _check_positive(self, "epochs", "batch_size", "lr", "clip", "patience", "members")
        _check_positive(self, "folds", "pca", "penalty_norm")
        _check_range(self, weight_decay=(0, math.inf), penalty=(0, math.inf))
        if self.folds > 1 and self.members > 1:
            raise ValueError(
                f"members is {self.members}, but folds is {self.folds} and each fold has one "
                "member; set one of them to 1"
            )
        if not 0 < self.validation < 1:
            raise ValueError(
                f"validation is {self.validation}, but must be a fraction between 0 and 1; "
                "give one such as 0.05"
            )
        if self.test < MIN_TEST:
            raise ValueError(
                f"test is {self.test}, but calibration needs {MIN_TEST} simulations; give that many"
            )

    @property
    def trainings(self) -> int:
        """Count the networks to train: members, or folds."""
        return max(self.members, self.folds)


@dataclass(frozen=True)
class Trainer:
    """Set the machine: nothing here may change the result.

    Arguments:
        accelerator, precision: as of `lightning.Trainer`.
        threads: torch threads of each process.
        processes: members that are trained at the same time; null for one per core.

    Raises:
        ValueError: for a number below 1.

    Examples:
        >>> Trainer(accelerator="cpu").precision
        '32-true'
    """

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"] = "auto"
    precision: Literal["32-true", "64-true", "bf16-true", "16-mixed", "bf16-mixed"] = "32-true"
    threads: int = 1
    processes: int | None = None

    def __post_init__(self) -> None:
        _check_range(self, threads=(1, math.inf), processes=(1, math.inf))


@dataclass(frozen=True)
class Reference:
    """Set which references answer beside the network.

    Arguments:
        names: of `livetime.reference`; may be empty; null for all that apply to the run.

    Examples:
        >>> Reference(("naive",)).names
        ('naive',)
    """

    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ObservationFiles:
    """Set the files of an observation, and the part to use.

    Arguments:
        path: event file, or one for each module.
        spectrum: spectrum of counts (PHA or PI file), for a run of spectra.
        arf, rmf, background_spectrum: files of a spectrum; null for those that its header names.
        row: of a file of type II, whose rows are spectra, from 1; null for its only one.
        gti: `file` for the good time intervals of the files; `full` to ignore them; else a FITS
            file of intervals, which are intersected with those of the files.
        margin: s that are left out at both ends of each good time interval.
        exclude: numbers of the detectors or CCDs whose events are left out.
        start, stop: s since the start of the first common good time interval; null for all.
        hard: lowest energy in keV of a hard event, for a hardness; null for that of the run.
        band: energies in keV, from the first up to but without the second; null for all.
        dead_time: s per event of a detector; null for that of the file or its mission.
        detectors: number of detectors in the list; null for those that the file names.
        background: recorded counts/s of background in each module; null for 0.
        kept_fraction: fraction of the events that screening kept; null to derive it from the live
            time.

    The last four settings are for a run that takes any detector.

    Raises:
        ValueError: for a number out of range, or both events and a spectrum.

    Examples:
        >>> ObservationFiles(path=("A.evt", "B.evt"), band=(3.0, 10.0)).gti
        'file'
    """

    path: tuple[str, ...] = ()
    spectrum: str | None = None
    arf: str | None = None
    rmf: str | None = None
    background_spectrum: str | None = None
    row: int | None = None
    gti: str = "file"
    margin: float = 0.0
    exclude: tuple[int, ...] = ()
    start: float | None = None
    stop: float | None = None
    hard: float | None = None
    band: tuple[float, float] | None = None
    dead_time: float | None = None
    detectors: int | None = None
    background: float | None = None
    kept_fraction: float | None = None

    def __post_init__(self) -> None:
        if self.path and self.spectrum:
            raise ValueError(
                "path and spectrum are both given; give events for a run of light curves, or a "
                "spectrum for one of spectra"
            )
        _check_band(self.band)
        _check_positive(self, "hard")
        _check_range(self, row=(1, math.inf), margin=(0, math.inf))
        _check_range(self, dead_time=(0, 1), detectors=(1, 1000))
        _check_range(self, background=(0, 1e9), kept_fraction=(1e-3, 1))


@dataclass(frozen=True)
class Injection:
    """Set the bright source whose events are recorded by the detector of a run.

    Arguments:
        path: event file, or OGIP light curve (RATE or COUNTS).
        rates: incident counts/s per module to which the source is scaled; null for three rates
            within the prior.
        gti, start, stop, band: as of `ObservationFiles`.

    Raises:
        ValueError: for no rates, a rate that is not positive or is given twice, or a bad band.

    Examples:
        >>> Injection(path="bright.lc", rates=(300.0, 1000.0)).gti
        'file'
    """

    path: str | None = None
    rates: tuple[float, ...] | None = None
    gti: Literal["file", "full"] = "file"
    start: float | None = None
    stop: float | None = None
    band: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        _check_band(self.band)
        if self.rates is None:
            return
        positive = all(0 < rate < math.inf for rate in self.rates)
        if not (self.rates and positive):
            raise ValueError(
                f"rates is {list(self.rates)}, but must be positive numbers of counts/s; "
                "give one or more"
            )
        different = {f"{rate:g}" for rate in self.rates}
        if len(different) < len(self.rates):
            raise ValueError(f"rates is {list(self.rates)}, with one twice; give each once")


def _check_positive(settings: Any, *names: str) -> None:
    """Raise ValueError for a value that is not above zero and finite; None passes."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and not 0 < value < math.inf:
            raise ValueError(
                f"{name} is {value}, but must be above zero and finite; give a positive number"
            )


def _check_range(settings: Any, **bounds: tuple[float, float]) -> None:
    """Raise ValueError for a value outside its bounds, or not finite; None passes."""
    for name, (low, high) in bounds.items():
        value = getattr(settings, name)
        if value is None or (low <= value <= high and math.isfinite(value)):
            continue
        limit = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        raise ValueError(f"{name} is {value}, but must be {limit}; give such a number")


def _check_band(band: tuple[float, float] | None) -> None:
    """Raise ValueError for a band of energies that does not rise."""
    if band is None:
        return
    if not all(0 <= energy < math.inf for energy in band):
        raise ValueError(
            f"band is {band[0]:g} to {band[1]:g}, but energies in keV are finite and not "
            "negative; give such energies"
        )
    if not band[0] < band[1]:
        raise ValueError(
            f"band is {band[0]:g} to {band[1]:g}, but must go from one energy in keV to a "
            "higher one; exchange them"
        )
