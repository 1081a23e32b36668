"""Define references for photon spectra: the folded model, and Davis's model of pile-up."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlogy

from livetime.reference.annealing import Density
from livetime.reference.base import SampledReference
from livetime.simulate.davis import Davis, multinomial_log_likelihood
from livetime.simulate.simulator import Simulator
from livetime.simulate.spectral import SpectralSimulator, draws_spectra

Floats = NDArray[np.float64]

ENERGY_STEP = 0.02
"""Grid on which the energies of photons are added, in keV; well below a CCD's resolution."""
IMPOSSIBLE = -1e30
"""Log-likelihood of what cannot be: finite, so that a chain can start there."""


@dataclass(frozen=True)
class SpectralReference(SampledReference):
    """Fit counts in groups of channels; a subclass defines `likelihood`.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws, walkers, steps, max_steps: see `SampledReference`.
        background: counts/s expected in each group of the source's region, (G,); None for none.
    """

    simulator: SpectralSimulator
    background: Floats | None = None

    @classmethod
    def applies(cls, simulator: Simulator) -> bool:
        """Say whether the data are a spectrum of photons."""
        return draws_spectra(simulator)

    @cached_property
    def _grouped(self) -> Floats:
        """Return the redistribution into groups, (E, G)."""
        response = self.simulator.detector.response
        return self.simulator.summary.group(response.matrix.toarray(), response)

    def _background(self, exposure: float | Floats) -> Floats:
        """Return the counts per group of the background, (G,) or (n, G); 0 for none."""
        if self.background is None:
            return np.zeros(1)
        return np.asarray(self.background * exposure)


@dataclass(frozen=True)
class NaiveSpectrum(SpectralReference):
    """Fit the folded model with Poisson counts (the C-statistic), as if no photons piled up.

    alpha and the PSF fraction are not in the model, so that their posterior is their prior.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws, walkers, steps, max_steps: see `SampledReference`.
        background: counts/s expected in each group of the source's region, (G,); None for none.

    Source: Cash 1979 (ApJ 228, 939).
    """

    name: ClassVar[str] = "naive"
    label: ClassVar[str] = "naive"

    def expected(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Return the expected counts (n, G) of each group, background included, as `spectrum`.

        Arguments:
            params: physical, each a number or (n,); `exposure` in s among them.
        """
        exposure = _exposure(params)
        rate = self.simulator.rate(params) @ self._grouped
        counts = np.asarray(exposure * rate + self._background(exposure))
        return {"spectrum": np.atleast_2d(counts)}

    def likelihood(self, x: ArrayLike) -> Density:
        """Return the Poisson log probability of a summary x (X,) as a function of theta (n, D)."""
        counts, exposure = self.simulator.summary.counts(np.asarray(x), self.simulator.layout)
        constant = gammaln(counts + 1)

        def evaluate(theta: Floats) -> Floats:
            physical = self.simulator.prior.physical(theta)
            expected = self.expected({**physical, "exposure": exposure})["spectrum"]
            each = xlogy(counts, expected) - expected - constant
            return np.asarray(np.maximum(each, IMPOSSIBLE).sum(axis=-1))

        return evaluate


@dataclass(frozen=True)
class DavisModel(SpectralReference):
    """Fit Davis's model of pile-up: a multinomial core, with one event per region and frame.

    A region gives at most one event per frame. Counts of the wings and of the background have a
    Poisson distribution.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws, walkers, steps, max_steps: see `SampledReference`.
        background: counts/s expected in each group of the source's region, (G,); None for none.

    Source: Davis 2001 (ApJ 562, 575).
    """

    name: ClassVar[str] = "davis"
    label: ClassVar[str] = "Davis model"

    def expected(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Return the expected counts (n, G) of each group, background included, as `spectrum`.

        Arguments:
            params: physical, each a number or (n,); `exposure` in s must be one number.
        """
        exposure = float(np.ravel(params["exposure"])[0])
        core, poisson = self._parts(params, exposure)
        counts = self._davis.trials(exposure) * core + poisson
        return {"spectrum": np.atleast_2d(counts)}

    def likelihood(self, x: ArrayLike) -> Density:
        """Return the log probability of a summary x (X,) as a function of theta (n, D)."""
        counts, exposure = self.simulator.summary.counts(np.asarray(x), self.simulator.layout)
        trials = self._davis.trials(exposure)

        def evaluate(theta: Floats) -> Floats:
            params = self.simulator.prior.physical(theta)
            core, poisson = self._parts(params, exposure)
            value = multinomial_log_likelihood(counts, core, poisson, trials)
            return np.where(np.isfinite(value), value, IMPOSSIBLE)

        return evaluate

    @cached_property
    def _davis(self) -> Davis:
        return Davis(self.simulator.detector, ENERGY_STEP)

    def _parts(self, params: Mapping[str, ArrayLike], exposure: float) -> tuple[Floats, Floats]:
        """Return the core's probability per frame and region, and Poisson's counts, (n, G) each."""
        rate = self.simulator.rate(params)
        core, wings = self._davis.events(rate, params)
        poisson = exposure * (wings @ self._grouped) + self._background(exposure)
        grouped = core @ self._grouped
        return grouped, poisson


def _exposure(params: Mapping[str, ArrayLike]) -> float | Floats:
    """Return the exposure in s as a number, or as a column (n, 1)."""
    exposure = np.asarray(params["exposure"], dtype=np.float64)
    return exposure[:, None] if exposure.ndim else float(exposure)
