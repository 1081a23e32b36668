"""Simulations of photon spectra behind a CCD's pile-up."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.counts_spectrum import EnergySpectrum
from livetime.simulate.periodogram import Layout
from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.pileup import FrameEvents, PileUp
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.float64]
MOST = 1e9
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

    def __post_init__(self) -> None:
        self._refuse_other_parameters(
            (*self.source.parameters, *self.detector.parameters, "exposure"), ("exposure",)
        )
        for name in self.detector.parameters:
            r = self.prior.ranges[name]
            if not 0 <= r.low < r.high <= 1:
                raise ValueError(
                    f"prior.parameters.{name} goes from {r.low:g} to {r.high:g}, but must lie between 0 and 1"
                )
        for name in (
            "n_h",
            *(n for n in self.source.parameters if n.endswith(("_norm", "_temperature"))),
        ):
            if name in self.prior.ranges and self.prior.ranges[name].low < 0:
                raise ValueError(
                    f"prior.parameters.{name}.low is {self.prior.ranges[name].low:g}, but must not be negative"
                )
        self.detector.frames(self.prior.covariates["exposure"].low)
        _ = self.layout
        if self.detector.threshold <= self.summary.low:
            raise ValueError(
                f"detector.upper_threshold is {self.detector.threshold:g} keV, above which events are lost, but must be above summary.low, "
                f"here {self.summary.low:g} keV"
            )
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
        if (most := float(totals.max()) * longest) > MOST:
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
        return self.summary.layout(self.detector.response)

    def identity(self) -> dict[str, Any]:
        """All that shapes a simulation but the seed, in plain types; the response by its contents."""
        detector = {
            f.name: getattr(self.detector, f.name)
            for f in fields(self.detector)
            if f.name not in ("arf", "rmf")
        }
        summary = {
            name: value for name, value in asdict(self.summary).items() if name != "annuli" or value
        }  # older banks keep their names
        return {
            **self._prior_identity(),
            "source": {"class": type(self.source).__name__, **asdict(self.source)},
            "detector": {
                "class": type(self.detector).__name__,
                **detector,
                "response": self.detector.response.digest,
            },
            "summary": {"class": type(self.summary).__name__, **summary},
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
        if not (most := float(rate.sum()) * exposure) <= MOST:
            raise ValueError(
                f"the source gives {most:.3g} photons in {exposure:g} s, but no more than {MOST:g} are simulated"
            )
        return self.detector.record(rate, exposure, params, rng)

    def summaries(
        self, params: Mapping[str, NDArray[np.float64]]
    ) -> Callable[[int, np.random.Generator], NDArray[np.float32]]:
        def one(i: int, rng: np.random.Generator) -> NDArray[np.float32]:
            own = {name: float(values[i]) for name, values in params.items()}
            return self.summary(self.events(own, rng), self.detector.response, own["exposure"])

        return one
