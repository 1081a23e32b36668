"""From plain types to a simulator, the shapes of its data, and the truth of one observation."""

import math
from collections.abc import Mapping
from typing import Any

from livetime.config import build
from livetime.errors import UserError, hint
from livetime.simulate.counts_spectrum import EnergySpectrum
from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.pileup import PileUp
from livetime.simulate.prior import Prior
from livetime.simulate.simulator import WHOLE, Simulator, TimingSimulator
from livetime.simulate.spectral import SpectralSimulator


def build_simulator(
    config: Mapping[str, Any], threads: int | None = None
) -> TimingSimulator | SpectralSimulator:
    """Build the simulator that a resolved config describes.

    Arguments:
        config: has the groups `prior`, `source`, `detector` and `summary`, each in plain types.
        threads: cores to draw on; None for all. The numbers do not depend on it.

    Raises:
        UserError: if a part cannot be built, or the parts do not fit together.
    """
    parts = {name: build(config[name], name) for name in ("prior", "source", "detector", "summary")}
    spectral = isinstance(parts["detector"], PileUp)
    for name, kind in (("source", PhotonSpectrum), ("summary", EnergySpectrum)):
        if isinstance(parts[name], kind) != spectral:
            detector = type(parts["detector"]).__name__
            problem = f"is {type(parts[name]).__name__}, which does not fit detector {detector}"
            raise UserError(name, problem, f"take another {name}, or another detector")

    cls = SpectralSimulator if spectral else TimingSimulator
    try:
        return cls(**parts, threads=threads)
    except UserError:
        raise
    except ValueError as error:
        raise UserError(str(error)) from None


def shapes(simulator: Simulator) -> dict[str, Any]:
    """Find what an estimator must know of a simulator's data: arguments of `learn.nets.Shapes`.

    Arguments:
        simulator: gives the prior box, the layout of a summary, and the classes.
    """
    prior = simulator.prior
    layout = simulator.layout
    bins = len(layout.frequency)
    channels = sum(s.stop - s.start == bins for s in layout.slices.values())
    return {
        "low": prior.low.tolist(),
        "high": prior.high.tolist(),
        "x_dim": layout.size,
        "channels": channels,
        "bins": bins,
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
