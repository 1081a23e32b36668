"""Simulate photon spectra with the pile-up of a CCD."""

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
"""Photons of one simulation at the most; some 4e6 are drawn in a second."""

NEAR_EDGE = 1e-3
"""Distance of a corner from the edges of the prior, as a share of each range.

The edges themselves are never drawn, and a temperature of zero has no spectrum.
"""


@dataclass(frozen=True)
class SpectralSimulator(Simulator):
    """Simulate counts per channel group of a constant source, with response and pile-up.

    Arguments:
        prior: its parameters must be those of source and detector, and `exposure` in s one of its
            covariates.
        source: gives photons/cm^2/s in each energy bin.
        detector: turns them into events.
        summary: counts events in groups of channels.
        threads: cores to draw on; None for all.

    Raises: ValueError for a parameter that is missing, unknown or out of range, or a response that
        cannot be read.

    Examples:
        >>> from livetime.simulate.prior import Prior, Range
        >>> ranges = {
        ...     "powerlaw_norm": Range(1e-4, 1e-3, "log"),
        ...     "powerlaw_index": Range(1.0, 2.0),
        ...     "n_h": Range(0.1, 1.0, "log"),
        ... }
        >>> simulator = SpectralSimulator(
        ...     Prior(ranges, {"exposure": Range(1e3, 1e4, "log")}),
        ...     PhotonSpectrum({"powerlaw": "powerlaw"}, "wabs"),
        ...     PileUp(alpha=0.5, psf_fraction=0.9),
        ...     EnergySpectrum(),
        ... )
        >>> simulator.simulate(0, 2, seed=1)[1].shape == (2, simulator.layout.size)
        True
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
                    f"prior.parameters.{name}.low is {low:g}, but must not be negative; raise it"
                )
        _ = self.layout  # the band must lie within the response
        self._check_photons()

    def _check_photons(self) -> None:
        """Refuse a prior with spectra that are not finite, empty, or take too long to simulate."""
        totals = self._corner_rates()
        longest = self.prior.covariates["exposure"].high
        names = f"prior.parameters of {', '.join(self.source.parameters)}"
        if not np.isfinite(totals).all():
            raise ValueError(
                f"the source's spectrum is not finite somewhere in the prior; narrow {names}"
            )
        most = float(totals.max()) * longest
        if most > MAX_PHOTONS:
            raise ValueError(
                f"the prior's brightest source gives {most:.3g} photons in {longest:g} s, but "
                f"{MAX_PHOTONS:g} can be simulated; lower prior.covariates.exposure.high, or "
                f"narrow {names}"
            )
        if not most >= 1:
            raise ValueError(
                f"no source of the prior gives a count in {longest:g} s; widen {names}"
            )

    def _corner_rates(self) -> Floats:
        """Find the incident counts/s of sources near the corners of the prior."""
        names = [name for name in self.prior.ranges if name in self.source.parameters]
        place = np.array([NEAR_EDGE, 1 - NEAR_EDGE])
        sides = []
        for name in names:
            r = self.prior.ranges[name]
            low, high = r.to_sampling([r.low, r.high])
            sides.append(r.to_physical(low * (1 - place) + high * place))
        corners = np.array(list(product(*sides)))
        with np.errstate(all="ignore"):
            rates = self.rate(dict(zip(names, corners.T, strict=True)))
        return np.asarray(rates.sum(axis=-1))

    @cached_property
    def layout(self) -> Layout:
        """Describe the summary vector."""
        return self.summary.layout(self.detector)

    def identity(self) -> dict[str, Any]:
        """List all settings that change a simulation, except the seed.

        The response enters by its contents.
        """
        return {
            **self._prior_identity(),
            "source": {"class": type(self.source).__name__, **asdict(self.source)},
            "detector": self.detector.identity(),
            "summary": {"class": type(self.summary).__name__, **asdict(self.summary)},
        }

    def rate(self, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the incident counts/s A S in each energy bin of the response.

        Arguments:
            params: physical values of the source's parameters, numbers or (n,) each.

        Returns: (E,) or (n, E).
        """
        response = self.detector.response
        return self.source.photons(response.low, response.high, params) * response.area

    def events(self, params: Mapping[str, float], rng: np.random.Generator) -> FrameEvents:
        """Simulate one observation.

        Arguments:
            params: physical values of all parameters, and the exposure in s.
            rng: the only source of randomness.

        Raises: ValueError for more photons than can be drawn.
        """
        exposure = float(params["exposure"])
        rate = self._drawable(params, 0.0)
        return self.detector.record(rate, exposure, params, rng)

    def check_observable(self, params: Mapping[str, float]) -> None:
        """Refuse parameters that give no photon, or more photons than can be drawn.

        Raises: ValueError that names the photons and the limits.
        """
        self.detector.frames(float(params["exposure"]))
        self._drawable(params, 1.0)

    def _drawable(self, params: Mapping[str, float], least: float) -> Floats:
        """Compute the rate, and refuse less than `least` photons or more than can be drawn."""
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused
            rate = self.rate(params)
        exposure = float(params["exposure"])
        photons = float(rate.sum()) * exposure
        if not least <= photons <= MAX_PHOTONS:
            raise ValueError(
                f"the source gives {photons:.3g} photons in {exposure:g} s, but 1 to "
                f"{MAX_PHOTONS:g} can be simulated; choose another norm or exposure"
            )
        return rate

    def summaries(self, params: Mapping[str, Floats]) -> DrawOne:
        """Return a function of (i, rng) that draws the summary (X,) of simulation i.

        Arguments:
            params: physical values by name, (n,) each.
        """

        def draw_one(i: int, rng: np.random.Generator) -> NDArray[np.float32]:
            own = {name: float(values[i]) for name, values in params.items()}
            return self.summary(self.events(own, rng), self.detector, own["exposure"])

        return draw_one


def draws_spectra(simulator: Simulator) -> TypeGuard[SpectralSimulator]:
    """Say whether a simulator draws photon spectra."""
    return simulator.kind == "spectrum"
