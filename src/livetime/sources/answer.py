"""Turn posterior draws of a source's parameters into its power spectrum and components."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.simulator import Simulator
from livetime.simulate.timing import draws_events
from livetime.sources.general import GeneralSource

Floats = NDArray[np.floating[Any]]

RMS_BANDS = ((0.1, 1.0), (1.0, 10.0), (10.0, 60.0))
"""Bands in Hz whose rms is given."""
FINE_STEPS = 16
"""Steps in a frequency bin over which the power is averaged."""
MAX_DRAWS = 4000
"""Draws from which the power spectrum is computed, at the most."""
POWER_BATCH = 500
"""Draws whose power is computed together."""
UNITS_OF = {"frequency": "Hz", "centroid": "Hz"}
"""Last word of a name -> unit."""


def general_source(simulator: Simulator) -> GeneralSource | None:
    """Return the source of a simulator if it has no named shapes, else None."""
    if not draws_events(simulator) or simulator.source.components:
        return None
    return cast(GeneralSource, simulator.source)


@dataclass(frozen=True)
class SourceAnswer:
    """Keep the power and the derived quantities of each posterior draw.

    Arguments:
        edges: of the frequency bins in Hz, (B + 1,).
        power: of the rate in each bin, in (fractional rms)^2/Hz, (n, B).
        derived: rms in `RMS_BANDS` and the source's own quantities, by name, (n,).
        probabilities: of statements about the source, by their words.

    Examples:
        >>> from livetime.sources.free import FreePower
        >>> source = FreePower(bins=2, frequency=(1.0, 4.0))
        >>> draws = {"rms": [0.2, 0.2], "power1": [0.5, 0.5], "power2": [0.5, 0.5]}
        >>> SourceAnswer.from_draws(source, draws).table()["freq"].round(2)
        array([1.25, 5.  ])
    """

    edges: Floats
    power: Floats
    derived: Mapping[str, Floats]
    probabilities: Mapping[str, float]

    @classmethod
    def from_draws(cls, source: GeneralSource, params: Mapping[str, ArrayLike]) -> "SourceAnswer":
        """Compute the answer from the first `MAX_DRAWS` draws.

        Arguments:
            source: of the simulator.
            params: physical value of each of the source's parameters, (n,).
        """
        some = {name: np.asarray(values)[:MAX_DRAWS] for name, values in params.items()}
        derived = {
            f"rms_{low:g}_to_{high:g}_Hz": source.band_rms(some, low, high)
            for low, high in RMS_BANDS
        }
        derived |= source.derived(some)
        power = mean_power(source, source.edges, some)
        return cls(source.edges, power, derived, source.probabilities(some))

    @property
    def covariance(self) -> Floats:
        """Return the covariance of the power between bins, (B, B)."""
        return np.asarray(np.cov(self.power, rowvar=False))

    def table(self) -> dict[str, Floats]:
        """Tabulate the power of each bin: mean, standard deviation, and quantiles.

        Returns: `freq` and `half_width` in Hz, `power`, `power_err`, `lo95`, `lo68`, `median`,
            `hi68` and `hi95`, (B,) each.
        """
        low, high = self.edges[:-1], self.edges[1:]
        quantiles = np.quantile(self.power, [0.025, 0.16, 0.5, 0.84, 0.975], axis=0)
        names = ("lo95", "lo68", "median", "hi68", "hi95")
        return {
            "freq": (low + high) / 2,
            "half_width": (high - low) / 2,
            "power": self.power.mean(axis=0),
            "power_err": self.power.std(axis=0, ddof=1),
            **dict(zip(names, quantiles, strict=True)),
        }

    def intervals(self) -> dict[str, dict[str, Any]]:
        """Find intervals of derived quantities, from the draws in which they are defined."""
        out = {}
        for name, values in self.derived.items():
            known = values[np.isfinite(values)]
            if len(known) == 0:
                continue
            quantiles = np.quantile(known, [0.025, 0.16, 0.5, 0.84, 0.975]).tolist()
            row = dict(zip(("lo95", "lo68", "median", "hi68", "hi95"), quantiles, strict=True))
            out[name] = {**row, "unit": derived_unit(name)}
        return out

    def summary(self) -> dict[str, Any]:
        """List derived quantities and probabilities in plain types."""
        return {"derived": self.intervals(), "probabilities": dict(self.probabilities)}


def derived_unit(name: str) -> str:
    """Return the unit of a derived quantity; empty for none.

    Examples:
        >>> derived_unit("lorentzian1_frequency")
        'Hz'
    """
    return UNITS_OF.get(name.rpartition("_")[-1], "")


def mean_power(source: GeneralSource, edges: Floats, params: Mapping[str, ArrayLike]) -> Floats:
    """Average the power of the rate over frequency bins.

    Arguments:
        source: with these parameters.
        edges: of the bins in Hz, (B + 1,).
        params: physical value of each parameter, (n,).

    Returns: (n, B) in (fractional rms)^2/Hz.
    """
    steps = (np.arange(FINE_STEPS) + 0.5) / FINE_STEPS
    f = edges[:-1, None] + np.diff(edges)[:, None] * steps
    arrays = {name: np.atleast_1d(np.asarray(values)) for name, values in params.items()}
    n = max(map(len, arrays.values()))

    rows = []
    for start in range(0, n, POWER_BATCH):
        batch = {name: values[start : start + POWER_BATCH] for name, values in arrays.items()}
        power = source.power(f.ravel(), batch)
        rows.append(power.reshape(len(power), *f.shape).mean(axis=-1))
    return np.concatenate(rows)
