"""Simulate periodograms from Whittle's likelihood, without events."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.dead_time_detector import IDEAL, DeadTime
from livetime.simulate.detector import Events
from livetime.simulate.layout import Layout
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.simulator import DrawOne, Kind, Simulator, check_kinds
from livetime.simulate.timing import check_times

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PeriodogramSimulator(Simulator):
    """Draw periodograms from the distribution that Whittle's likelihood assumes.

    A power averaged over M segments and W Fourier frequencies is drawn as `P Gamma(M W)/(M W)`.
    Its expectation is `P = noise + rate S(f)`. Here S is the power of the source in (fractional
    rms)^2/Hz at the mean frequency of the bin. Powers are independent, and all events are
    recorded. The likelihood is then exact, so that the best possible posterior is known.

    Arguments:
        prior: its parameters must be those of the source except `rate`, which is a covariate, as
            is `segments`; with `noise=None` also `noise_level`.
        source: gives the power spectrum.
        summary: gives frequencies and segments.
        noise: white-noise level in Leahy units; None makes it the parameter `noise_level`.
        threads: cores to draw on; None for all.

    Raises: ValueError that names a parameter which is missing, unknown or out of range.

    Source: Whittle (1953, Ark. Mat. 2, 423); Barret & Vaughan (2012, ApJ 746, 131), eq. 17.

    Examples:
        >>> from livetime.simulate.prior import Prior, Range
        >>> prior = Prior(
        ...     {"powerlaw_norm": Range(1e-3, 1e-2, "log"), "powerlaw_index": Range(1.0, 2.0)},
        ...     {"rate": Range(50, 100), "segments": Range(8, 16)},
        ... )
        >>> source = LightCurve({"powerlaw": "powerlaw"}, dt=1 / 16)
        >>> simulator = PeriodogramSimulator(prior, source, Periodogram(4.0, 1 / 16))
        >>> simulator.simulate(0, 3, seed=1)[1].shape == (3, simulator.layout.size)
        True
    """

    source: LightCurve
    summary: Periodogram
    noise: float | None = 2.0

    kind: ClassVar[Kind] = "periodograms"

    def __post_init__(self) -> None:
        if self.noise is not None and not 0 < self.noise < np.inf:
            raise ValueError(
                f"noise is {self.noise}, but must be positive; take 2 for photons, "
                "or null for a parameter"
            )
        check_kinds(self.kind, source=self.source, summary=self.summary)
        if self.summary.stability:
            raise ValueError(
                "summary.stability needs the events of each segment, which are not drawn here; "
                "set it to false"
            )
        level = () if self.noise is not None else ("noise_level",)
        self._check_names((*self.source.parameters, *level, "segments"), ("rate", "segments"))
        check_times(self.prior, self.source, self.summary)

    @cached_property
    def layout(self) -> Layout:
        """Describe the summary vector, which is that of a single module."""
        return self.summary.layout(self.detector)

    @property
    def detector(self) -> DeadTime:
        """Give the detector that the powers assume: one module that records every event."""
        return IDEAL

    def summarise(self, events: Events, params: Mapping[str, float]) -> NDArray[np.float32]:
        """Turn recorded events into the summary vector that `layout` describes.

        Arguments:
            events: of a file.
            params: not needed.
        """
        return self.summary(events, self.detector)

    def identity(self) -> dict[str, Any]:
        """List all settings that change a simulation, except the seed, in plain types."""
        return {
            **self._prior_identity(),
            "source": {"class": type(self.source).__name__, **asdict(self.source)},
            "summary": self.summary.identity(),
            "noise": self.noise,
        }

    def events(self, params: Mapping[str, float], rng: np.random.Generator) -> Events:
        """Refuse to draw events, since this simulator has none.

        Raises: ValueError in every case.
        """
        raise ValueError(
            "simulator draws periodograms and no events; take the timing simulator with a detector"
        )

    def expected(self, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the expected Leahy powers `noise + rate S(f)`.

        Arguments:
            params: physical values of source, `rate` and, where it is a parameter, `noise_level`,
                numbers or (n,) each.

        Returns: (F,) or (n, F).
        """
        source = self.source.spectrum.power(self.layout.axis.values, params)
        noise = np.asarray(params.get("noise_level", self.noise), dtype=np.float64)[..., None]
        rate = np.asarray(params["rate"], dtype=np.float64)[..., None]
        return np.asarray(noise + rate * source)

    def draw_powers(self, expected: Floats, shape: Floats, rng: np.random.Generator) -> Floats:
        """Draw one periodogram about the expected one.

        Arguments:
            expected: Leahy powers (F,).
            shape: number M W of independent powers in each average, (F,).
            rng: the only source of randomness.

        Returns: Leahy powers (F,).
        """
        return np.asarray(expected * rng.standard_gamma(shape) / shape)

    def summaries(self, params: Mapping[str, Floats]) -> DrawOne:
        """Return a function of (i, rng) that draws the summary (X,) of simulation i.

        Arguments:
            params: physical values by name, (n,) each.
        """
        expected = self.expected(params)
        averaged = self.layout.axis.averaged.astype(np.float64)

        def draw_one(i: int, rng: np.random.Generator) -> NDArray[np.float32]:
            segments = round(float(params["segments"][i]))
            power = self.draw_powers(expected[i], segments * averaged, rng)
            return self.summary.vector([power], [float(params["rate"][i])], segments)

        return draw_one


def draws_periodograms(simulator: Simulator) -> TypeGuard[PeriodogramSimulator]:
    """Say whether a simulator draws periodograms without events."""
    return simulator.kind == "periodograms"
