"""List what a posterior estimator can be tested on beyond the source of its training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.check import other_sources as others
from livetime.errors import UserError, hint
from livetime.infer.run import Run
from livetime.simulate.power_spectrum import PowerShapeName
from livetime.simulate.timing import TimingSimulator, draws_events

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Other:
    """Describe a source, or a detector, that differs from those of a training.

    Arguments:
        words: what it is.
        make: gives its simulator; None where the parameters differ instead.
        needs: shapes of power that the source must have exactly once, `shapes` for any named ones,
            `qpo_rms` for a QPO whose rms is a parameter, and `log_normal` or `dead_time`.
        lost: parameters that have no meaning for this source.

    Examples:
        >>> SOURCES["harmonic"].needs
        ('qpo',)
    """

    words: str
    make: Callable[[TimingSimulator], TimingSimulator] | None
    needs: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def _extended(
    make: Callable[..., others.Added],
) -> Callable[[TimingSimulator], TimingSimulator]:
    """Return a function that adds components to a simulator's source."""

    def extend(simulator: TimingSimulator) -> TimingSimulator:
        names = {shape: _component(simulator, shape) for shape in ("qpo", "noise")}
        return others.with_source(simulator, others.Extended, make=make, **names)

    return extend


def _component(simulator: TimingSimulator, shape: PowerShapeName) -> str:
    """Name the only component of a shape; an empty word if there is not exactly one."""
    names = simulator.source.spectrum.names_of_shape(shape)
    return names[0] if len(names) == 1 else ""


def _linear(simulator: TimingSimulator) -> TimingSimulator:
    return replace(simulator, source=replace(simulator.source, log_normal=False))


def _modulated(
    factor: Callable[..., Any],
) -> Callable[[TimingSimulator], TimingSimulator]:
    return lambda simulator: others.with_source(simulator, others.Modulated, factor=factor)


def _broken(simulator: TimingSimulator) -> TimingSimulator:
    noise = _component(simulator, "noise")
    return others.with_source(simulator, others.BrokenPowerLaw, noise=noise)


def _moving(simulator: TimingSimulator) -> TimingSimulator:
    return others.with_source(simulator, others.MovingQpo, qpo=_component(simulator, "qpo"))


def _background(simulator: TimingSimulator) -> TimingSimulator:
    return others.with_source(simulator, others.WithBackground)


def _recorded_by(
    change: Callable[..., Any],
) -> Callable[[TimingSimulator], TimingSimulator]:
    return lambda simulator: others.record_with(simulator, change)


SOURCES = {
    "linear": Other(
        "a linear light curve, whose parameters are those of the rate",
        _linear,
        ("shapes", "log_normal"),
    ),
    "drift": Other(
        "a rate that drifts by a factor of 2 over the observation",
        _modulated(others.rise),
        ("shapes",),
    ),
    "flare": Other(
        "a Gaussian flare to 3 times the rate, with a standard deviation of 2% of the observation",
        _modulated(others.flare),
        ("shapes",),
    ),
    "two_qpo": Other(
        "a second QPO of equal rms and quality factor", _extended(others.add_second_qpo), ("qpo",)
    ),
    "harmonic": Other(
        "a harmonic with half the rms of the QPO", _extended(others.add_harmonic), ("qpo",)
    ),
    "five_lorentzians": Other(
        "five Lorentzians: harmonic, subharmonic and a broad hump beside QPO and noise",
        _extended(others.add_three_lorentzians),
        ("qpo", "noise"),
    ),
    "broken_powerlaw": Other(
        "a power law with two breaks in place of the band-limited noise",
        _broken,
        ("noise",),
        ("noise_frequency",),
    ),
    "frequency_drift": Other(
        "a QPO whose frequency rises by a factor of 1.5 over the observation",
        _moving,
        ("qpo",),
    ),
    "background": Other("a constant background of 5% that is not known", _background, ("shapes",)),
    "dead_time_error": Other(
        "a dead time 10% longer than assumed",
        _recorded_by(others.lengthen_dead_time),
        ("dead_time",),
    ),
    "paralyzable": Other("a paralyzable detector", _recorded_by(others.paralyze), ("dead_time",)),
    "no_qpo": Other("a source without a QPO", None, ("qpo_rms",)),
}
"""Name of another source -> what it is."""


def check_sources(run: Run, names: Sequence[str]) -> None:
    """Refuse names of sources on which a run cannot be tested.

    Arguments:
        run: a finished run.
        names: of `SOURCES`.

    Raises:
        UserError: for a name that is unknown, given twice, or does not apply to the run.
    """
    for i, name in enumerate(map(str, names)):
        if name in names[:i]:
            raise UserError("stress", f"has {name} twice", "give each once")
        if name not in SOURCES:
            raise UserError("stress", f"has {name}, which is not a source", hint(name, SOURCES))
        problem = _problem(run, name)
        if problem:
            raise UserError("stress", f"has {name}, but run {run.folder} {problem}", "leave it out")


def _problem(run: Run, name: str) -> str:
    """Say why a source does not apply to a run; empty if it does."""
    simulator = run.simulator
    if run.question.name != "posterior" or not draws_events(simulator):
        return "did not learn the parameters of light curves"
    for need in SOURCES[name].needs:
        problem = _LACKS[need](simulator)
        if problem:
            return problem
    return ""


def _lacks_one(shape: PowerShapeName, what: str) -> Callable[[TimingSimulator], str]:
    problem = f"does not have exactly one {what}"
    return lambda simulator: "" if _component(simulator, shape) else problem


def _lacks_shapes(simulator: TimingSimulator) -> str:
    return "" if simulator.source.components else "has a source without named shapes"


def _lacks_log_normal(simulator: TimingSimulator) -> str:
    return "" if simulator.source.log_normal else "was trained on linear light curves"


def _lacks_dead_time(simulator: TimingSimulator) -> str:
    plain = simulator.detector.law and not simulator.detector_covariates
    return "" if plain else "has no known non-paralyzable dead time"


def _lacks_qpo_rms(simulator: TimingSimulator) -> str:
    return "" if qpo_rms_names(simulator) else "does not look for a QPO"


_LACKS: dict[str, Callable[[TimingSimulator], str]] = {
    "qpo": _lacks_one("qpo", "QPO"),
    "noise": _lacks_one("noise", "band-limited noise component"),
    "qpo_rms": _lacks_qpo_rms,
    "shapes": _lacks_shapes,
    "log_normal": _lacks_log_normal,
    "dead_time": _lacks_dead_time,
}
"""What a source needs -> why a simulator does not have it; empty if it does."""


def qpo_rms_names(simulator: TimingSimulator) -> list[str]:
    """List the parameters that are the rms of a QPO."""
    names = [f"{name}_rms" for name in simulator.source.spectrum.names_of_shape("qpo")]
    return [name for name in names if name in simulator.prior.parameters]


def simulate_source(
    simulator: TimingSimulator,
    name: str,
    theta: Floats,
    seed: int,
    progress: Callable[[int], object] | None = None,
) -> NDArray[Any]:
    """Simulate another source with the same parameters.

    Arguments:
        simulator: of the training.
        name: of `SOURCES`.
        theta: parameters and covariates, (N, D + C).
        seed: of the simulations.
        progress: receives the number of simulations done since its last call.

    Returns:
        summaries (N, X), not finite where a linear rate would be negative.
    """
    theta = np.array(theta, dtype=np.float64)
    make = SOURCES[name].make
    if make is None:
        _remove_qpos(simulator, theta)
        return simulator.draw(theta, seed, progress=progress)
    return make(simulator).draw(theta, seed, progress=progress)


def _remove_qpos(simulator: TimingSimulator, theta: Floats) -> None:
    """Set the rms of every QPO to zero, which is minus infinity on a logarithmic scale."""
    prior = simulator.prior
    for name in qpo_rms_names(simulator):
        with np.errstate(divide="ignore"):
            theta[:, prior.names.index(name)] = prior.ranges[name].to_sampling(0.0)
