"""Objects from the plain types of a resolved config: the simulator, and the shapes of its data."""

from collections.abc import Mapping
from typing import Any

from livetime.config import build
from livetime.errors import UserError
from livetime.simulate.counts_spectrum import EnergySpectrum
from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.pileup import PileUp
from livetime.simulate.simulator import Simulator, TimingSimulator
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
