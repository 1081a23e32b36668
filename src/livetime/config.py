"""A leaf: the root schema, the checks, and the one place where a config becomes objects.

Only targets under `livetime.` are ever looked up, so that a run folder which somebody sends cannot name any other callable.
"""

import importlib
import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError, validate_call

from livetime.errors import UserError, hint

T = TypeVar("T")

PACKAGE = Path(__file__).parent
ROOT = PACKAGE.parents[1] if (PACKAGE.parents[1] / "configs").is_dir() else Path.cwd()
"""The checkout; the working folder where the package is installed without one."""

CONFIGS = ROOT / "configs" if (ROOT / "configs").is_dir() else PACKAGE / "configs"


@dataclass(frozen=True)
class Training:
    """Science: what may change the result of training.

    Arguments:
        epochs: passes over the training split, at the most.
        batch_size: simulations a step: 1 is stochastic gradient descent, null takes all of them.
        optimizer: `adamw` (Loshchilov & Hutter 2019) or `sgd`.
        lr: peak learning rate.
        schedule: `onecycle` (Smith & Topin 2018), `cosine` (from lr to zero) or `constant`.
        weight_decay: of AdamW.
        penalty: factor of the sum of |w|^penalty_norm over all weights (not biases), which is added to the mean loss;
        penalty_norm: 1 is the lasso, 2 is ridge.
        clip: largest norm of the gradient.
        validation: fraction of the simulations that is held out for early stopping and the choice of the best checkpoint.
        patience: epochs without a better validation loss before training stops.
        members: size of the ensemble; each member has its own seed and they are sampled as a mixture.
        folds: above 1, k-fold cross-validation: one member for each fold, validated on it; stratified by class.
        pca: number of principal components of the standardised summary, found on the training split, that the net is given; null for none.
        test: number of fresh simulations on which the finished run is diagnosed.
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
        for name in (
            "epochs",
            "batch_size",
            "lr",
            "clip",
            "patience",
            "members",
            "folds",
            "pca",
            "penalty_norm",
        ):
            if (value := getattr(self, name)) is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} is {value}, but must be above zero and finite")
        if self.folds > 1 and self.members > 1:
            raise ValueError(
                f"folds is {self.folds} and members is {self.members}, but every fold has one member; set members=1"
            )
        if not 0 < self.validation < 1:
            raise ValueError(
                f"validation is {self.validation}, but must be a fraction between 0 and 1"
            )
        if self.test < 100:
            raise ValueError(
                f"test is {self.test}, but calibration cannot be told from fewer than 100 simulations"
            )
        for name in ("weight_decay", "penalty"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}, but must not be negative")

    @property
    def trainings(self) -> int:
        """Number of networks: members, or folds."""
        return max(self.members, self.folds)


@dataclass(frozen=True)
class Trainer:
    """The machine: what must not change the result.

    Arguments:
        accelerator, precision: as of `lightning.Trainer`.
        threads: torch threads of each process.
        processes: members that are trained at the same time; null for one a core.
    """

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"] = "auto"
    precision: Literal["32-true", "64-true", "bf16-true", "16-mixed", "bf16-mixed"] = "32-true"
    threads: int = 1
    processes: int | None = None

    def __post_init__(self) -> None:
        for name in ("threads", "processes"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} is {value}, but must be at least 1")


@dataclass(frozen=True)
class Reference:
    """The answers without a network.

    Arguments:
        names: which ones; may be empty; null for all that apply to the run's detector.
    """

    names: (
        tuple[
            Literal[
                "naive",
                "dead_time_model",
                "averaged_dead_time_model",
                "frame_model",
                "exact",
                "davis",
            ],
            ...,
        ]
        | None
    ) = None


@dataclass(frozen=True)
class ObservationFiles:
    """Which events, or which spectrum, to infer from.

    Arguments:
        path: event file, or one for each module.
        spectrum: a spectrum of counts (PHA or PI file), for a run of spectra.
        arf, rmf, background_spectrum: that go with it; null for those that its header names.
        gti: `file` for the good time intervals of the files; `full` to do without.
        start, stop: s since the start of the first common good time interval; null for all.
        hard: energy in keV from which on an event is hard, for a run whose features have a hardness;
            null for that of the run.
        band: energies in keV that are used, without the second; null for all events.
        dead_time: for a run that takes any: s per event of a detector, 0 for none; null for that of the file or its mission. Likewise
        detectors: number of them in the list; null for those that the file names.
        background: recorded counts/s (of each module) that are not the source's; null for none.
        kept_fraction: fraction of the recorded events that screening kept; null for what the live time says.

    Raises: ValueError for a channel below 0, a band or a detector that is none, or both events and a spectrum.
    """

    path: tuple[str, ...] = ()
    spectrum: str | None = None
    arf: str | None = None
    rmf: str | None = None
    background_spectrum: str | None = None
    gti: Literal["file", "full"] = "file"
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
                "both path and spectrum are given; take events for a run of light curves, or a spectrum for one of spectra"
            )
        if self.band is not None and not 0 <= self.band[0] < self.band[1] < math.inf:
            raise ValueError(
                f"band is {self.band[0]:g} to {self.band[1]:g}, but must go from one energy in keV to a higher one"
            )
        for name, least, most in (
            ("dead_time", 0.0, 1.0),
            ("detectors", 1, 1000),
            ("background", 0.0, 1e9),
            ("kept_fraction", 1e-3, 1.0),
        ):
            if (value := getattr(self, name)) is not None and not least <= value <= most:
                raise ValueError(f"{name} is {value}, but must be from {least:g} to {most:g}")
        if self.hard is not None and not 0 < self.hard < math.inf:
            raise ValueError(f"hard is {self.hard}, but must be an energy in keV above 0")


@dataclass(frozen=True)
class Injection:
    """What is passed through a run's detector, with a known answer.

    Arguments:
        path: event file, or OGIP light curve (RATE or COUNTS), of a bright source.
        rates: incident counts/s per module to which it is scaled; null for three inside the run's prior.
        gti, start, stop, band: as of `ObservationFiles`.

    Raises: ValueError for no rates, rates that are not positive or stand there twice, or a band that is none.
    """

    path: str | None = None
    rates: tuple[float, ...] | None = None
    gti: Literal["file", "full"] = "file"
    start: float | None = None
    stop: float | None = None
    band: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.rates is not None and not (
            self.rates and all(0 < rate < math.inf for rate in self.rates)
        ):
            raise ValueError(
                f"rates is {list(self.rates)}, but must be one or more positive numbers of counts/s"
            )
        if self.rates is not None and len({f"{rate:g}" for rate in self.rates}) < len(self.rates):
            raise ValueError(
                f"rates is {list(self.rates)}, of which two are the same; give each once"
            )
        ObservationFiles(band=self.band)


def check(cls: type[T], value: Any, where: str) -> T:
    """A settings dataclass from plain types; unknown keys, wrong types and bad values become one sentence."""
    known = inspect.signature(cls).parameters
    for key in value:
        if key not in known:
            raise UserError(f"{where}.{key} is not known; {hint(key, known)}")
    try:
        return TypeAdapter(cls).validate_python(dict(value))
    except ValidationError as error:
        raise UserError(_sentence(error, where)) from None


def target(node: Mapping[str, Any], where: str) -> Any:
    """Return the class that a group node names by `_target_`.

    Raises: UserError if there is none, or it is not a class of livetime.
    """
    path = node.get("_target_")
    if not isinstance(path, str):
        raise UserError(f"{where} has no _target_; choose one with {where}=<name>")
    if not path.startswith("livetime."):
        raise UserError(f"{where}._target_ is {path}, but only targets under livetime. are allowed")
    module, _, name = path.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise UserError(f"{where}._target_ is {path}, which does not exist") from None
    if not (inspect.isclass(cls) and cls.__module__.startswith("livetime.")):
        raise UserError(f"{where}._target_ is {path}, which is not a class of livetime")
    return cls


def build(node: Mapping[str, Any], where: str, **extra: Any) -> Any:
    """The object that a group node names by `_target_`, its arguments checked by name and type.

    Arguments:
        node: plain types, as from `OmegaConf.to_container`.
        where: the group, for messages.
        extra: arguments that do not come from the config.

    Raises: UserError.
    """
    cls = target(node, where)
    known = [p for p in inspect.signature(cls).parameters if p not in extra]
    for key in node:
        if key != "_target_" and key not in known:
            raise UserError(f"{where}.{key} is not known; {hint(str(key), known)}")
    kwargs = {str(k): v for k, v in node.items() if k != "_target_"}
    try:
        instance = cls.__new__(cls)
        validate_call(config=ConfigDict(arbitrary_types_allowed=True))(cls.__init__)(
            instance, **kwargs, **extra
        )
        return instance
    except UserError:  # of a node inside this one
        raise
    except ValidationError as error:
        raise UserError(_sentence(error, where)) from None
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None


def _sentence(error: ValidationError, where: str) -> str:
    """The first finding of a pydantic error, with all that a union would have taken, in one sentence."""
    errors = error.errors()
    paths = [
        tuple(
            str(p)
            for p in e["loc"]
            if not str(p).startswith(("function-", "literal[", "float", "dict", "int"))
        )
        for e in errors
    ]
    messages = [
        str(e["msg"]).removeprefix("Value error, ")
        for e, path in zip(errors, paths, strict=True)
        if path == paths[0]
    ]
    message = ", or ".join(m[:1].lower() + m[1:] for m in dict.fromkeys(messages)).replace(
        "a valid tuple", "a list in brackets, [...]"
    )
    if errors[0]["type"].startswith("unexpected"):
        return f"{'.'.join([where, *paths[0]])} is not known; take it out"
    if errors[0]["type"] == "missing" and paths[0] and paths[0][-1].isdigit():
        return f"{'.'.join([where, *paths[0][:-1]])} is {list(errors[0]['input'])}, too few values; give all of them"
    given = errors[0]["input"]
    return f"{'.'.join([where, *paths[0]])}: {message}" + (
        f", but it is {given!r}" if isinstance(given, str | int | float | bool) else ""
    )
