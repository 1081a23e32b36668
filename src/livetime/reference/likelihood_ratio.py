"""Define the likelihood-ratio test for a QPO."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livetime.p_values import rank_p_value
from livetime.reference.base import AnyFloats, Progress
from livetime.reference.dead_time import DeadTimeModel
from livetime.reference.exact import Exact
from livetime.simulate.periodograms import PeriodogramSimulator
from livetime.simulate.simulator import Simulator
from livetime.simulate.spectral import draws_spectra
from livetime.simulate.timing import TimingSimulator

Floats = NDArray[np.float64]

QUALITIES = (0.15, 0.5, 0.85)
"""Prior quantiles of the quality factors from which a search starts."""
AMPLITUDES = (0.1, 0.35, 0.6, 0.85)
"""Prior quantiles of the rms amplitudes from which a search starts."""
NAMES = ("qpo_rms", "qpo_frequency", "qpo_quality", "noise_rms", "noise_frequency")
"""Parameters of the fits, the QPO's first."""
BOOTSTRAPS = 200
"""Periodograms that are drawn for a p-value."""
LEARNING_RATE = 0.3
"""First step of the optimiser, in logits of prior quantiles."""


@dataclass(frozen=True)
class _Model:
    """What the expected power is made of, for B observations: each (B, 1, F).

    Arguments:
        observed: Leahy power of the channel with the source in it.
        noise: expected white noise.
        factor: expected power is `noise + factor S(f)`, S the source's in (fractional rms)^2/Hz.
        shape: of the Gamma distributions.
        frequency: Hz, (F,).
    """

    observed: Tensor
    noise: Tensor
    factor: Tensor
    shape: Tensor
    frequency: Tensor

    def log_likelihood(self, u: Tensor, edges: Tensor) -> Tensor:
        """Return the log-likelihood (B, S) less that of the data themselves.

        Arguments:
            u: logits (B, S, P) of prior quantiles; P is 2 without a QPO, 5 with one.
            edges: log10 of the box's edges, (2, P).
        """
        ratio = self.observed / self.expected(u, edges)
        # relative to the data's own likelihood, which keeps single precision accurate
        each = (ratio - 1 - torch.log(ratio)) * self.shape
        return -each.sum(-1)

    def expected(self, u: Tensor, edges: Tensor) -> Tensor:
        """Return the expected power (B, S, F), see `log_likelihood`."""
        return self.noise + self.factor * self._source_power(u, edges)

    def _source_power(self, u: Tensor, edges: Tensor) -> Tensor:
        """Return the source's power (B, S, F) in (fractional rms)^2/Hz."""
        log_values = edges[0] + (edges[1] - edges[0]) * torch.sigmoid(u)
        values = (10**log_values)[..., None]
        *qpo, rms, half_width = values.unbind(-2)
        f = self.frequency
        power = rms**2 * 2 / torch.pi * half_width / (f**2 + half_width**2)
        if qpo:
            amplitude, centre, quality = qpo
            w = centre / (2 * quality)
            below = (f - centre) ** 2 + w**2
            power = power + amplitude**2 / torch.pi * w / below
        return power


@dataclass(frozen=True)
class LikelihoodRatio:
    """Test for a QPO by twice the gain in the maximum Whittle log-likelihood.

    White noise and response are exact at the rate of the observation, to first order in the
    variability. For simulated periodograms they are those of the simulator. The maxima lie within
    the prior box. The optimiser Adam starts from several points of a grid over QPOs, with the best
    continuum. The statistic has no chi-square distribution, since the frequency is undefined
    without a QPO; see `likelihood_ratio_classifier.Threshold`.

    Arguments:
        simulator: whose prior has the classes `continuum` and `qpo`, and whose source is a QPO and
            band-limited noise.
        starts: number of frequencies of the grid over QPOs. At each, the best of QUALITIES and
            AMPLITUDES is a starting point.
        steps: of the optimiser.
        batch: observations at a time.

    Source: Protassov et al. 2002 (https://arxiv.org/abs/astro-ph/0201547).
    """

    simulator: TimingSimulator | PeriodogramSimulator
    starts: int = 48
    steps: int = 150
    batch: int = 25

    @classmethod
    def applies(cls, simulator: Simulator) -> bool:
        """Say whether the classes are continuum and QPO, and noise and response are known."""
        if list(simulator.prior.classes) != ["continuum", "qpo"] or draws_spectra(simulator):
            return False
        timing = cast(TimingSimulator, simulator)
        is_known = dict(timing.source.components) == {"qpo": "qpo", "noise": "noise"}
        return is_known and timing.detector.renewal

    def statistic(self, x: AnyFloats, progress: Progress | None = None) -> Floats:
        """Return 2 (ln L with a QPO - ln L without), (B,) for summaries (B, X)."""
        edges = self._edges()
        out = []
        for at in range(0, len(x), self.batch):
            rows = x[at : at + self.batch]
            out.append(self._gain(self._model(rows), edges))
            if progress:
                progress(len(rows))
        return np.asarray(2 * torch.cat(out).double().numpy())

    def drawn_statistic(
        self, x: AnyFloats, seed: int = 0, progress: Progress | None = None
    ) -> Floats:
        """Return the statistic (B,) of a periodogram drawn from the continuum of each summary.

        The continuum is the most likely one without a QPO, and the powers are drawn from their
        Gamma distributions about it.

        Arguments:
            x: summaries (B, X).
            seed: of the draws.
            progress: receives the number of summaries done since its last call.
        """
        edges = self._edges()
        rng = np.random.default_rng(seed)
        out = []
        for at in range(0, len(x), self.batch):
            model = self._model(x[at : at + self.batch])
            start = self._continua(len(model.observed))
            _, continuum = self._greatest(start, model, edges[:, 3:])
            expected = model.expected(continuum[:, None], edges[:, 3:]).double().numpy()
            shape = model.shape.double().numpy()
            drawn = torch.from_numpy(rng.gamma(shape, expected / shape)).float()
            out.append(self._gain(replace(model, observed=drawn), edges))
            if progress:
                progress(len(drawn))
        return np.asarray(2 * torch.cat(out).double().numpy())

    def p_value(
        self, x: AnyFloats, n: int = BOOTSTRAPS, seed: int = 0, progress: Progress | None = None
    ) -> float:
        """Return the probability of so large a statistic without a QPO, by a bootstrap.

        Periodograms are drawn from the continuum of this observation, and each is tested as the
        observed one. A threshold that is pooled over many continua is wrong for a single one.

        Arguments:
            x: summary (X,).
            n: number of drawn periodograms.
            seed: of the draws.
            progress: receives the number of periodograms done since its last call.

        Returns: (k + 1)/(n + 1), if k drawn statistics are at least as large as the
            observed one.
        """
        own = float(self.statistic(x[None])[0])
        drawn = self.drawn_statistic(np.repeat(x[None], n, axis=0), seed, progress)
        return float(rank_p_value(np.sort(drawn), own))

    def _edges(self) -> Tensor:
        """Return the edges (2, 5) of the prior box, in the order of NAMES."""
        prior = self.simulator.prior
        order = [prior.names.index(name) for name in NAMES]
        edges = np.stack([prior.low, prior.high])[:, order]
        return torch.from_numpy(edges).float()

    def _model(self, rows: AnyFloats) -> _Model:
        """Return the models of summaries (B, X), in single precision."""
        if Exact.applies(self.simulator):
            read = [self._read_exact(row) for row in rows]
        else:
            read = [self._read(row) for row in rows]
        columns = zip(*read, strict=True)
        observed, noise, factor, shape = (
            torch.from_numpy(np.stack(column)).float()[:, None] for column in columns
        )
        frequency = torch.from_numpy(self.simulator.layout.axis.values).float()
        return _Model(observed, noise, factor, shape, frequency)

    def _read(self, row: AnyFloats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return observed power, noise, factor of the source and shape (F,) behind dead time."""
        observed = self._dead_time_model.recorded_powers(row)
        factor = observed.total * observed.response
        return observed.channels[0], observed.noise[0], factor, observed.shape

    def _read_exact(self, row: AnyFloats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return observed power, noise, factor of the source and shape (F,) of a periodogram."""
        simulator = cast(PeriodogramSimulator, self.simulator)
        power, shape, rate = Exact(simulator).given(row)
        noise = simulator.noise or 2.0
        return power, np.full(len(power), noise), np.full(len(power), rate), shape

    @cached_property
    def _dead_time_model(self) -> DeadTimeModel:
        simulator = cast(TimingSimulator, self.simulator)
        return DeadTimeModel(simulator)

    def _gain(self, model: _Model, edges: Tensor) -> Tensor:
        """Return the gain (B,) of the log-likelihood that a QPO brings."""
        start = self._continua(len(model.observed))
        without, continuum = self._greatest(start, model, edges[:, 3:])
        beside = self._starts(continuum, model, edges)
        return self._greatest(beside, model, edges)[0] - without

    def _continua(self, n: int) -> Tensor:
        """Return the continua (n, S, 2) from which a fit without a QPO starts, as logits."""
        places = torch.cartesian_prod(torch.tensor([0.3, 0.7]), torch.tensor([0.25, 0.75]))
        return places.logit().expand(n, -1, -1)

    def _greatest(self, start: Tensor, model: _Model, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Return the greatest log-likelihood (B,) found from starts (B, S, P); its place (B, P)."""
        u = start.clone().requires_grad_()
        optimiser = torch.optim.Adam([u], lr=LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.steps)
        best = torch.full(u.shape[:2], -torch.inf)
        place = u.detach().clone()
        for _ in range(self.steps):
            optimiser.zero_grad()
            value = model.log_likelihood(u, edges)
            now = value.detach()
            better = now > best
            best = torch.where(better, now, best)
            place = torch.where(better[..., None], u.detach(), place)
            (-value.sum()).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        greatest, where = best.max(-1)
        return greatest, place[torch.arange(len(u)), where]

    @torch.no_grad()
    def _starts(self, continuum: Tensor, model: _Model, edges: Tensor) -> Tensor:
        """Return logits (B, S, 5): at each frequency the best QPO beside a continuum (B, 2)."""
        frequency = (torch.arange(self.starts) + 0.5) / self.starts
        amplitude = torch.tensor(AMPLITUDES)
        quality = torch.tensor(QUALITIES)
        places = torch.cartesian_prod(frequency, amplitude, quality)
        grid = places[:, [1, 0, 2]].logit()

        # A QPO takes power from the continuum: try the continuum as fitted, and lowered.
        points = []
        values = []
        for lower in (0.0, 1.0):
            beside = continuum[:, None].expand(-1, len(grid), -1) - torch.tensor([lower, 0.0])
            u = torch.cat([grid.expand(len(continuum), -1, -1), beside], dim=-1)
            value = model.log_likelihood(u, edges)
            points.append(u.reshape(len(u), self.starts, -1, 5))
            values.append(value.reshape(len(u), self.starts, -1))
        best = torch.cat(values, dim=2).argmax(dim=2)[..., None, None]
        return torch.cat(points, dim=2).gather(2, best.expand(-1, -1, 1, 5))[:, :, 0]
