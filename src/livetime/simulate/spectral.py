"""Simulations of photon spectra behind a CCD's pile-up."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product
from typing import Any, ClassVar, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.counts_spectrum import EnergySpectrum
from livetime.simulate.frame_events import FrameEvents
from livetime.simulate.layout import Layout
from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.pileup import PileUp
from livetime.simulate.simulator import DrawOne, Kind, Simulator, check_kinds

Floats = NDArray[np.float64]
MAX_PHOTONS = 1e9
"""Photons of one simulation, of which some 4e6 are drawn in a second."""


@dataclass(frozen=True)
class SpectralSimulator(Simulator):
    """Of a constant source: its photon spectrum, through frames and response, to counts per group of channels.

    Arguments:
        prior: its parameters must be those of source and detector, and `exposure` in s one of its covariates.
        source, detector, summary: see their modules.
        threads: cores to draw on; None for all.

    Raises: ValueError that names a parameter which is missing, unknown or out of reach, or a response that cannot be read.
    """

    source: PhotonSpectrum
    detector: PileUp
    summary: EnergySpectrum

    kind: ClassVar[Kind] = "spectrum"

    def __post_init__(self) -> None:
        check_kinds(self.kind, source=self.source, detector=self.detector, summary=self.summary)
        wanted = (*self.source.parameters, *self.detector.parameters, "exposure")
        self._check_names(wanted, ("exposure",))
        self.detector.check(self.prior, self.summary)
        for name in self.source.parameters:
            positive = name == "n_h" or name.endswith(("_norm", "_temperature"))
            low = self.prior.ranges[name].low
            if positive and low < 0:
                raise ValueError(
                    f"prior.parameters.{name}.low is {low:g}, but must not be negative"
                )
        _ = self.layout
        self._refuse_photons()

    def _refuse_photons(self) -> None:
        """Rates near the corners of the prior: what is not finite, or takes for ever, is told of before anything is simulated."""
        ranges = {
            name: r for name, r in self.prior.ranges.items() if name in self.source.parameters
        }
        near = np.array(
            [1e-3, 1 - 1e-3]
        )  # the edges themselves are never drawn, and a temperature of zero has no spectrum
        sides = [
            r.to_physical(r.to_sampling(r.low) * (1 - near) + r.to_sampling(r.high) * near)
            for r in ranges.values()
        ]
        corners = np.array(list(product(*sides)))
        with np.errstate(all="ignore"):
            totals = self.rate(dict(zip(ranges, corners.T, strict=True))).sum(axis=-1)
        if not np.isfinite(totals).all():
            raise ValueError(
                f"the source's spectrum is not finite somewhere in the prior; narrow prior.parameters of {', '.join(ranges)}"
            )
        longest = self.prior.covariates["exposure"].high
        if (most := float(totals.max()) * longest) > MAX_PHOTONS:
            raise ValueError(
                f"the prior's brightest source gives {most:.3g} photons in its longest exposure of {longest:g} s, too many to simulate; "
                f"lower prior.covariates.exposure.high, or narrow prior.parameters of {', '.join(ranges)}"
            )
        if not totals.max() * longest >= 1:
            raise ValueError(
                f"no source of the prior gives a count in {longest:g} s; widen prior.parameters of {', '.join(ranges)}"
            )

    @cached_property
    def layout(self) -> Layout:
        """Describe the summary vector."""
        return self.summary.layout(self.detector)

    def identity(self) -> dict[str, Any]:
        """List all that shapes a simulation, except the seed; the response by its contents."""
        return {
            **self._prior_identity(),
            "source": {"class": type(self.source).__name__, **asdict(self.source)},
            "detector": self.detector.identity(),
            "summary": {"class": type(self.summary).__name__, **asdict(self.summary)},
        }

    def rate(self, params: Mapping[str, ArrayLike]) -> Floats:
        """Incident counts/s A S in each energy bin of the response, (..., E), of physical parameters, numbers or (n,)."""
        response = self.detector.response
        return self.source.photons(response.low, response.high, params) * response.area

    def events(self, params: Mapping[str, float], rng: np.random.Generator) -> FrameEvents:
        """One observation with the given physical parameters and exposure. Raises ValueError for more photons than can be drawn."""
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused
            rate = self.rate(params)
        exposure = float(params["exposure"])
        if not (most := float(rate.sum()) * exposure) <= MAX_PHOTONS:
            raise ValueError(
                f"the source gives {most:.3g} photons in {exposure:g} s, but no more than {MAX_PHOTONS:g} are simulated"
            )
        return self.detector.record(rate, exposure, params, rng)

    def summaries(self, params: Mapping[str, NDArray[np.float64]]) -> DrawOne:
        def one(i: int, rng: np.random.Generator) -> NDArray[np.float32]:
            own = {name: float(values[i]) for name, values in params.items()}
            return self.summary(self.events(own, rng), self.detector, own["exposure"])

        return one


def draws_spectra(simulator: Simulator) -> TypeGuard[SpectralSimulator]:
    """Ask whether a simulator draws photon spectra."""
    return simulator.kind == "spectrum"
