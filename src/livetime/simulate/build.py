"""Build a simulator from plain types; find the shapes of its data, and the truth of a draw."""

import inspect
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, cast

from livetime.config import build, target_class
from livetime.errors import UserError, hint
from livetime.simulate.prior import Prior
from livetime.simulate.simulator import WHOLE, Simulator, check_kinds, stream

SIMULATOR_GROUPS = ("prior", "source", "detector", "summary", "simulator")
"""Config groups that describe a simulation, as the keys of its errors begin."""


def build_simulator(config: Mapping[str, Any], threads: int | None = None) -> Simulator:
    """Build the simulator that a resolved config describes.

    The class of the group `simulator` determines which of the other groups are needed.

    Arguments:
        config: has the groups `simulator`, `prior`, `source`, `summary` and, where the simulator
            takes one, `detector`, each in plain types.
        threads: cores to draw on; None for all. The numbers do not depend on it.

    Raises:
        UserError: if a part cannot be built, or the parts do not fit together.
    """
    cls = cast(type[Simulator], target_class(config["simulator"], "simulator"))
    takes = inspect.signature(cls).parameters
    if config.get("detector") and "detector" not in takes:
        problem = f"is given, but {cls.__name__} takes none"
        raise UserError("detector", problem, "take detector null, or another simulator")

    names = [name for name in SIMULATOR_GROUPS if name in takes]
    parts = {name: build(config.get(name) or {}, name) for name in names}
    try:
        check_kinds(cls.kind, **{name: parts[name] for name in names if name != "prior"})
        return cast(Simulator, build(config["simulator"], "simulator", threads=threads, **parts))
    except ValueError as error:
        raise _misfit(str(error)) from None


def _misfit(sentence: str) -> UserError:
    """Split a sentence that names its key, `prior.parameters lacks rate; ...`, into three parts."""
    statement, _, remedy = sentence.removeprefix("simulator is refused: ").partition("; ")
    remedy = remedy or "give another value"
    key, _, problem = statement.partition(" ")
    if key.partition(".")[0] in SIMULATOR_GROUPS:
        return UserError(key, problem, remedy)
    return UserError("simulator", f"is refused: {statement}", remedy)


def shapes(simulator: Simulator) -> dict[str, Any]:
    """Describe the data of a simulator for an estimator: the arguments of `learn.nets.Shapes`.

    Arguments:
        simulator: gives the prior box, the layout of a summary, and the classes.
    """
    prior = simulator.prior
    layout = simulator.layout
    return {
        "low": prior.low.tolist(),
        "high": prior.high.tolist(),
        "x_dim": layout.size,
        "channels": len(layout.spectra),
        "bins": len(layout.axis.values),
        "classes": list(prior.classes),
    }


def check_truth(given: Mapping[str, float], prior: Prior, outside_prior: bool = False) -> None:
    """Refuse names that a prior does not have, and values outside of its ranges.

    Arguments:
        given: name -> physical value.
        prior: of parameters and covariates.
        outside_prior: whether any positive value is taken, within or outside of the ranges.

    Raises:
        UserError: that names the value and the range.
    """
    for name, value in given.items():
        check_values(prior, f"truth.{name}", name, [value], outside_prior)


def check_values(
    prior: Prior, key: str, name: str, values: Sequence[float], outside_prior: bool = False
) -> None:
    """Refuse values of a parameter or covariate outside of its prior range.

    Arguments:
        prior: of parameters and covariates.
        key: of the setting, for the message.
        name: of the parameter.
        values: in physical units.
        outside_prior: whether any positive value is taken.

    Raises:
        UserError: for an unknown name, and for a value that is not a number, outside of the range,
            or not whole where it must be.
    """
    if name not in prior.ranges:
        raise UserError(key, "is not in the prior", hint(name, prior.ranges))
    if len(values) == 0:
        raise UserError(key, "is empty", "give one value or more")
    known = prior.ranges[name]
    for value in values:
        number = isinstance(value, numbers.Real) and math.isfinite(value)
        positive = number and (value > 0 or (value == 0 and known.low <= 0))
        inside = number and known.low <= value <= known.high
        if not inside and not (outside_prior and positive):
            remedy = "give a number above 0" if outside_prior or not positive else "stay inside"
            limits = f"the prior goes from {known.low:g} to {known.high:g} {known.unit}".rstrip()
            raise UserError(key, f"is {_plain(values)}, but {limits}", remedy)
        if name in WHOLE and value % 1:
            raise UserError(key, f"is {_plain(values)}, but must be whole", "round it")


def _plain(values: Sequence[float]) -> str:
    """Write one value without brackets, several with them."""
    return str(values[0] if len(values) == 1 else list(values))


def draw_truth(
    simulator: Simulator, given: Mapping[str, float], seed: int
) -> tuple[dict[str, float], dict[str, str]]:
    """Complete physical values with a draw from the prior.

    Arguments:
        simulator: its prior gives the draw.
        given: name -> physical value; the others are drawn.
        seed: of the draw.

    Returns:
        name -> physical value, and `class` -> name if the prior has classes.
    """
    theta = simulator.theta(0, 1, seed)
    classes = list(simulator.prior.classes)
    label = {"class": classes[int(theta[0, -1])]} if classes else {}
    truth = {}
    for name, values in simulator.prior.physical(theta).items():
        value = float(given.get(name, values[0]))
        truth[name] = float(max(1, round(value))) if name in WHOLE else value
    return truth, label


def record_observation(simulator: Simulator, truth: Mapping[str, float], seed: int) -> Any:
    """Simulate what the detector records of one observation.

    Arguments:
        simulator: of events or spectra.
        truth: name -> physical value, of every parameter and covariate.
        seed: of all random numbers.

    Raises:
        UserError: for a truth that the detector cannot record.
    """
    try:
        simulator.check_observable(truth)
        return simulator.events(truth, stream(seed, 0))
    except ValueError as error:
        raise unobservable("truth", error) from None


def unobservable(key: str, error: ValueError) -> UserError:
    """Describe the refusal of a detector or simulator as problem and remedy.

    Arguments:
        key: of the setting that is refused.
        error: its sentence, with the remedy behind a semicolon if it has one.
    """
    statement, _, remedy = str(error).partition("; ")
    return UserError(key, f"cannot be observed: {statement}", remedy or "give another value")
