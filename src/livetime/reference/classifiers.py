"""Classifiers without a network, on the same summaries: majority, logistic regression, boosted trees, and the likelihood-ratio test."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor

from livetime.reference.exact import Exact
from livetime.reference.whittle import DeadTimeModel
from livetime.simulate.periodograms import PeriodogramSimulator
from livetime.simulate.simulator import Simulator
from livetime.simulate.timing import TimingSimulator

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]
QUALITIES = (0.15, 0.5, 0.85)
AMPLITUDES = (0.1, 0.35, 0.6, 0.85)
"""Places in the box where a QPO is looked for."""
Probabilities = Callable[[Floats], Floats]
"""Summaries (B, X) -> p(class | x) (B, K)."""


@dataclass(frozen=True)
class Fitted:
    """A classifier that has learned: what it says of summaries, its number of parameters, the seconds that learning took, and plain
    types that are enough to ask it again, where there are such."""

    probabilities: Probabilities
    parameters: int
    seconds: float
    plain: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Logistic:
    """Logistic regression on standardised summaries, as plain numbers: p(class | x) is the softmax of (x - mean)/scale @ weights + bias.

    Arguments:
        mean, scale: (X,).
        weights: (X, K).
        bias: (K,).
    """

    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats

    @classmethod
    def fit(cls, x: Floats, labels: Labels) -> "Logistic":
        """scikit-learn's, with its default ridge penalty."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(x)
        found = LogisticRegression(max_iter=1000).fit(scaler.transform(x), labels)
        weights, bias = found.coef_.T, found.intercept_
        if weights.shape[1] == 1:  # of two classes the second's
            weights, bias = (
                np.concatenate([0 * weights, weights], axis=1),
                np.concatenate([0 * bias, bias]),
            )
        return cls(scaler.mean_, scaler.scale_, weights, bias)

    def probabilities(self, x: Floats) -> Floats:
        """(B, K) for summaries (B, X)."""
        return np.asarray(softmax((x - self.mean) / self.scale @ self.weights + self.bias, axis=1))


def learned(x: Floats, labels: Labels, k: int) -> dict[str, Fitted]:
    """scikit-learn's classifiers, trained on summaries (N, X) of known class (N,), and the one that always says the commonest class."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    share = np.bincount(labels, minlength=k) / len(labels)
    start = time.perf_counter()
    logistic = Logistic.fit(x, labels)
    half = time.perf_counter()
    trees = HistGradientBoostingClassifier(early_stopping=True, random_state=0).fit(x, labels)
    end = time.perf_counter()
    weights = (len(logistic.mean) + 1) * (k if k > 2 else 1)
    plain = {name: value.tolist() for name, value in asdict(logistic).items()}
    leaves = sum(tree.get_n_leaf_nodes() for row in trees._predictors for tree in row)
    return {
        "majority": Fitted(lambda rows: np.tile(share, (len(rows), 1)), k, 0.0),
        "logistic_regression": Fitted(logistic.probabilities, weights, half - start, plain),
        "boosted_trees": Fitted(trees.predict_proba, leaves, end - half),
    }


@dataclass(frozen=True)
class Threshold:
    """What the values of a test's statistic mean, from simulations of known class.

    Arguments:
        statistic: of the simulations, (N,).
        label: 1 where there is what the test looks for, else 0, (N,).
    """

    statistic: Floats
    label: Labels

    def probabilities(self, statistic: Floats) -> Floats:
        """(B, 2) for values (B,), by logistic regression on ln(1 + statistic)."""
        from sklearn.linear_model import LogisticRegression

        known, asked = (np.log1p(np.maximum(s, 0))[:, None] for s in (self.statistic, statistic))
        return np.asarray(LogisticRegression().fit(known, self.label).predict_proba(asked))

    def false_alarm(self, statistic: float) -> float:
        """p-value: how often a simulation without what is looked for has a statistic at least as large."""
        without = self.statistic[self.label == 0]
        return float(((without >= statistic).sum() + 1) / (len(without) + 1))


@dataclass(frozen=True)
class LikelihoodRatio:
    """Is there a QPO? Twice the gain in the greatest Whittle log-likelihood that a QPO brings over the continuum alone.

    White noise and response are the exact ones of the detector's dead time at the observation's rate, to first order in the variability;
    those of `PeriodogramSimulator` are as simulated. The maxima lie within the prior box; a grid over QPOs beside the best continuum tells where Adam
    starts, from several places at once. The statistic has no chi-square distribution, a QPO's frequency having no meaning without one
    (Protassov et al. 2002): see `Threshold`.

    Arguments:
        simulator: whose prior has the classes `continuum` and `qpo`, and whose source is a QPO and band-limited noise.
        starts: frequencies of the grid over QPOs; from the best of QUALITIES and AMPLITUDES at each the optimiser starts.
        steps: of the optimiser.
        batch: observations at a time.
    """

    simulator: TimingSimulator | PeriodogramSimulator
    starts: int = 48
    steps: int = 150
    batch: int = 25

    @classmethod
    def of(cls, simulator: Simulator) -> "LikelihoodRatio | None":
        """The test of a simulator's observations; None where it does not apply."""
        if simulator.kind == "spectrum":
            return None
        simulator = cast(TimingSimulator, simulator)
        described = dict(simulator.source.components) == {"qpo": "qpo", "noise": "noise"}
        applies = (
            described
            and simulator.detector.renewal
            and list(simulator.prior.classes) == ["continuum", "qpo"]
        )
        return cls(simulator) if applies else None

    def _known(self, row: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Observed power of the channel that holds the source, expected noise, factor of the source's power, and Gamma shape, each (F,)."""
        if self.simulator.kind == "periodograms":
            simulator = cast(PeriodogramSimulator, self.simulator)
            power, shape, rate = Exact(simulator).given(row)
            return (
                power,
                np.full(len(power), simulator.noise or 2.0),
                np.full(len(power), rate),
                shape,
            )
        data = self._dead_time_model.data(row)
        return data.channels[0], data.noise[0], data.total * data.response, data.shape

    @cached_property
    def _dead_time_model(self) -> DeadTimeModel:
        return DeadTimeModel(cast(TimingSimulator, self.simulator))

    def _log_likelihood(self, u: Tensor, known: Sequence[Tensor], edges: Tensor) -> Tensor:
        """(B, S) less that of the data themselves, at logits u (B, S, P) of places in the box `edges` (2, P); P is 2 without a QPO."""
        observed, noise, factor, shape = (k[:, None] for k in known)
        f = torch.from_numpy(self.simulator.layout.axis.values).float()
        *qpo, rms, half = (10 ** (edges[0] + (edges[1] - edges[0]) * torch.sigmoid(u)))[
            ..., None
        ].unbind(-2)
        power = rms**2 * 2 / torch.pi * half / (f**2 + half**2)
        if qpo:
            amplitude, centre, quality = qpo
            w = centre / (2 * quality)
            power = power + amplitude**2 / torch.pi * w / ((f - centre) ** 2 + w**2)
        ratio = observed / (noise + factor * power)
        return -((ratio - 1 - torch.log(ratio)) * shape).sum(
            -1
        )  # small numbers, for single precision

    def _greatest(
        self, start: Tensor, known: Sequence[Tensor], edges: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The greatest log-likelihood (B,) that the optimiser finds from starts (B, S, P), and its place (B, P)."""
        u = start.clone().requires_grad_()
        optimiser = torch.optim.Adam([u], lr=0.3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.steps)
        best, place = torch.full(u.shape[:2], -torch.inf), u.detach().clone()
        for _ in range(self.steps):
            optimiser.zero_grad()
            now = self._log_likelihood(u, known, edges)
            better = now.detach() > best
            best, place = (
                torch.where(better, now.detach(), best),
                torch.where(better[..., None], u.detach(), place),
            )
            (-now.sum()).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        most, where = best.max(-1)
        return most, place[torch.arange(len(u)), where]

    @torch.no_grad()
    def _starts(self, continuum: Tensor, known: Sequence[Tensor], edges: Tensor) -> Tensor:
        """Logits (B, S, 5): at each frequency the best QPO of the grid beside a continuum (B, 2)."""
        frequency = (torch.arange(self.starts) + 0.5) / self.starts
        grid = torch.cartesian_prod(frequency, torch.tensor(AMPLITUDES), torch.tensor(QUALITIES))[
            :, [1, 0, 2]
        ].logit()
        found, value = [], []
        for lower in (0.0, 1.0):  # a QPO takes power from the continuum
            beside = continuum[:, None].expand(-1, len(grid), -1) - torch.tensor([lower, 0.0])
            u = torch.cat([grid.expand(len(continuum), -1, -1), beside], dim=-1)
            found.append(u.reshape(len(u), self.starts, -1, 5))
            value.append(self._log_likelihood(u, known, edges).reshape(len(u), self.starts, -1))
        u, said = torch.cat(found, dim=2), torch.cat(value, dim=2)
        return u.gather(2, said.argmax(dim=2)[..., None, None].expand(-1, -1, 1, 5))[:, :, 0]

    def statistic(self, x: Floats, progress: Callable[[int], object] | None = None) -> Floats:
        """2 (ln L with a QPO - ln L without), (B,) for summaries (B, X)."""
        prior = self.simulator.prior
        order = [
            prior.names.index(name)
            for name in ("qpo_rms", "qpo_frequency", "qpo_quality", "noise_rms", "noise_frequency")
        ]
        edges = torch.from_numpy(np.stack([prior.low, prior.high])[:, order]).float()
        continuum = torch.cartesian_prod(
            torch.tensor([0.3, 0.7]), torch.tensor([0.25, 0.75])
        ).logit()
        out = []
        for at in range(0, len(x), self.batch):
            rows = [self._known(row) for row in x[at : at + self.batch]]
            known = [
                torch.from_numpy(np.stack(column)).float() for column in zip(*rows, strict=True)
            ]
            without, at_best = self._greatest(
                continuum.expand(len(rows), -1, -1), known, edges[:, 3:]
            )
            out.append(
                2 * (self._greatest(self._starts(at_best, known, edges), known, edges)[0] - without)
            )
            if progress:
                progress(len(rows))
        return np.asarray(torch.cat(out).double().numpy())
