"""From plain types to a simulator, the shapes of its data, and the truth of one observation."""

import inspect
import math
from collections.abc import Mapping
from typing import Any, cast

from livetime.config import build, target_class
from livetime.errors import UserError, hint
from livetime.simulate.prior import Prior
from livetime.simulate.simulator import WHOLE, Simulator, check_kinds, stream


def build_simulator(config: Mapping[str, Any], threads: int | None = None) -> Simulator:
    """Build the simulator that a resolved config describes.

    The class of the group `simulator` says which of the other groups are needed.

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

    names = [name for name in ("prior", "source", "detector", "summary") if name in takes]
    parts = {name: build(config.get(name) or {}, name) for name in names}
    try:
        check_kinds(cls.kind, **{name: parts[name] for name in names if name != "prior"})
        return cast(Simulator, build(config["simulator"], "simulator", threads=threads, **parts))
    except UserError as error:
        # The sentences of simulators name the group themselves.
        raise UserError(str(error).removeprefix("simulator: ")) from None
    except ValueError as error:
        raise UserError(str(error)) from None


def shapes(simulator: Simulator) -> dict[str, Any]:
    """Find what an estimator must know of a simulator's data: arguments of `learn.nets.Shapes`.

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


def check_truth(given: Mapping[str, float], prior: Prior) -> None:
    """Refuse names that the prior does not have, and values that are not positive numbers.

    Arguments:
        given: name -> physical value.
        prior: of parameters and covariates.
    """
    for name, value in given.items():
        if name not in prior.ranges:
            raise UserError(f"truth.{name}", "is not in the prior", hint(name, prior.ranges))
        number = isinstance(value, int | float) and math.isfinite(value)
        may_be_zero = prior.ranges[name].low <= 0
        if not number or value < 0 or (value == 0 and not may_be_zero):
            problem = f"is {value!r}, but must be positive"
            raise UserError(f"truth.{name}", problem, "give a number above 0")


def draw_truth(
    simulator: Simulator, given: Mapping[str, float], seed: int
) -> tuple[dict[str, float], dict[str, str]]:
    """Complete physical values with a draw from the prior.

    Arguments:
        simulator: whose prior is drawn from.
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
        return simulator.events(truth, stream(seed, 0))
    except ValueError as error:
        raise unobservable("truth", error) from None


def unobservable(key: str, error: ValueError) -> UserError:
    """Word the refusal of a detector or simulator as problem and remedy.

    Arguments:
        key: of the setting that is refused.
        error: its sentence, with the remedy behind a semicolon if it has one.
    """
    statement, _, remedy = str(error).partition("; ")
    return UserError(key, f"cannot be observed: {statement}", remedy or "change it")
