"""Answers without a network to a spectrum of photons, on the same summary vector and under the same prior.

`NaiveSpectrum` folds the model through the response and knows of no pile-up: Poisson counts, whose likelihood is the C-statistic
(Cash 1979). `DavisModel` has the mean of Davis's (2001) model and, of the core, the multinomial likelihood over frames.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlogy

from livetime.reference.sampler import posterior
from livetime.simulate.davis import Davis, log_likelihood
from livetime.simulate.prior import Samples
from livetime.simulate.spectral import SpectralSimulator

Floats = NDArray[np.float64]
STEP = 0.02
"""keV; of the grid on which photons' energies are added, well below what a CCD tells apart."""
POPULATION = 600
"""Draws in the annealed start of a chain."""


@dataclass(frozen=True)
class SpectralReference:
    """A posterior without a network.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws: number of draws that `fit` hands out.
        walkers, steps, max_steps: see `Reference`.
        background: counts/s expected in each group of the source's region, (G,); None for none.
    """

    simulator: SpectralSimulator
    draws: int = 4000
    walkers: int = 40
    steps: int = 500
    max_steps: int = 12000
    background: Floats | None = None

    name: ClassVar[str]

    @cached_property
    def _grouped(self) -> Floats:
        """The redistribution into groups, (E, G)."""
        response = self.simulator.detector.response
        return self.simulator.summary.group(response.matrix.toarray(), response)

    def expected(self, params: Mapping[str, ArrayLike], exposure: float) -> Floats:
        """Counts per group in an exposure in s, (n, G), background included."""
        raise NotImplementedError

    def log_likelihood(self, theta: ArrayLike, x: ArrayLike) -> Floats:
        """Log probability (n,) of the counts of x given theta (n, D) in sampling coordinates, up to a constant that depends on x alone."""
        counts, exposure = self.simulator.summary.counts(np.asarray(x), self.simulator.layout)
        return self._evaluate(np.atleast_2d(np.asarray(theta, dtype=np.float64)), counts, exposure)

    def fit(self, x: ArrayLike, seed: int = 0) -> Samples:
        """Draws from the posterior of x by emcee; the same for the same seed. A note says so if the chain did not converge."""
        prior, rng = self.simulator.prior, np.random.default_rng(seed)
        counts, exposure = self.simulator.summary.counts(np.asarray(x), self.simulator.layout)
        place, lengths = (
            rng.random((POPULATION, prior.dim)),
            (self.walkers, self.steps, self.max_steps),
        )
        return posterior(
            self.name,
            lambda theta: self._evaluate(theta, counts, exposure),
            prior,
            place,
            rng,
            *lengths,
            self.draws,
        )

    def _background(self, exposure: float) -> Floats | float:
        """Counts per group."""
        return 0.0 if self.background is None else self.background * exposure

    def _evaluate(self, theta: Floats, counts: NDArray[Any], exposure: float) -> Floats:
        raise NotImplementedError


@dataclass(frozen=True)
class NaiveSpectrum(SpectralReference):
    """The folded model, as if no photons fell together; alpha and PSF fraction are not in it, and keep their prior."""

    name: ClassVar[str] = "naive"

    def expected(self, params: Mapping[str, ArrayLike], exposure: float) -> Floats:
        return np.asarray(
            exposure * (self.simulator.rate(params) @ self._grouped) + self._background(exposure)
        )

    def _evaluate(self, theta: Floats, counts: NDArray[Any], exposure: float) -> Floats:
        expected = self.expected(self.simulator.prior.physical(theta), exposure)
        return np.asarray(
            np.maximum(xlogy(counts, expected) - expected - gammaln(counts + 1), -1e30).sum(axis=-1)
        )


@dataclass(frozen=True)
class DavisModel(SpectralReference):
    """Davis's (2001) model: the core's counts are multinomial over regions and frames, at most one in each; the wings' are Poisson's."""

    name: ClassVar[str] = "Davis model"

    @cached_property
    def _davis(self) -> Davis:
        return Davis(self.simulator.detector, STEP)

    def expected(self, params: Mapping[str, ArrayLike], exposure: float) -> Floats:
        core, poisson = self._parts(params, exposure)
        return self._davis.trials(exposure) * core + poisson

    def _parts(self, params: Mapping[str, ArrayLike], exposure: float) -> tuple[Floats, Floats]:
        """Probability that a region reads an event in each group per frame, and Poisson counts expected in the exposure; (n, G) each."""
        core, wings = self._davis.events(self.simulator.rate(params), params)
        return core @ self._grouped, exposure * (wings @ self._grouped) + self._background(exposure)

    def _evaluate(self, theta: Floats, counts: NDArray[Any], exposure: float) -> Floats:
        core, poisson = self._parts(self.simulator.prior.physical(theta), exposure)
        value = log_likelihood(counts, core, poisson, self._davis.trials(exposure))
        return np.where(np.isfinite(value), value, -1e30)


SPECTRAL: dict[str, type[SpectralReference]] = {"naive": NaiveSpectrum, "davis": DavisModel}
"""By the name that a config gives."""
