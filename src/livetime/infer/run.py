"""Open a finished run, and ask it for posteriors."""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from livetime.config import build
from livetime.errors import UserError
from livetime.learn.estimators import Classifier, PosteriorEstimator
from livetime.learn.module import LitEstimator
from livetime.learn.nets import Shapes
from livetime.learn.training import load
from livetime.simulate.counts_spectrum import EnergySpectrum
from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.pileup import PileUp
from livetime.simulate.prior import Prior, Samples
from livetime.simulate.simulator import GAIN, INCIDENT, LIVE, Simulator, TimingSimulator
from livetime.simulate.spectral import SpectralSimulator

Floats = NDArray[np.floating[Any]]
RUN = "run.json"
CONFIG = "config.json"
RANGE = "training_range.json"
METRICS = "metrics.json"
WIDTH = "width.json"
WIDTHS = (1.0, 1.05, 1.1, 1.2, 1.4, 2.0)
"""Factors by which a run's posteriors may be widened, and between which `diagnose.widening` interpolates."""
_FOLLOWS = {
    LIVE: ("live-time fraction", ""),
    INCIDENT: ("incident rate of the source", " counts/s"),
    GAIN: ("power over the noise of variability of 1 (fractional rms)^2/Hz", ""),
}


def build_simulator(
    config: Mapping[str, Any], threads: int | None = None
) -> TimingSimulator | SpectralSimulator:
    """The simulator that a resolved config describes: of spectra where the detector piles up, else of light curves; raises UserError."""
    parts = {name: build(config[name], name) for name in ("prior", "source", "detector", "summary")}
    spectral = isinstance(parts["detector"], PileUp)
    for name, kind in (("source", PhotonSpectrum), ("summary", EnergySpectrum)):
        if isinstance(parts[name], kind) != spectral:
            fits = (
                ("absorbed_powerlaw" if name == "source" else "energy_spectrum")
                if spectral
                else "another"
            )
            of = [type(parts[part]).__name__ for part in (name, "detector")]
            raise UserError(
                f"{name}={of[0]} does not go with detector={of[1]}; take {name}={fits}, or another detector"
            )
    try:
        return (SpectralSimulator if spectral else TimingSimulator)(**parts, threads=threads)
    except ValueError as error:
        raise UserError(str(error)) from None


def shapes(simulator: Simulator) -> dict[str, Any]:
    """What an estimator must know of a simulator's data: keyword arguments of `learn.nets.Shapes`, in plain types."""
    prior, layout = simulator.prior, simulator.layout
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


@dataclass(frozen=True)
class Posterior:
    """Equal mixture of an ensemble's estimates of p(theta | x), for one or many x.

    Arguments:
        members: trained estimators.
        x: summaries (B, X).
        prior: names the columns of theta.
        width: factor by which each is widened, see `diagnose.widening`.
    """

    members: tuple[LitEstimator, ...]
    x: torch.Tensor
    prior: Prior
    width: float = 1.0

    def _estimators(self) -> list[tuple[PosteriorEstimator, torch.Tensor]]:
        return [(m.estimator, m.standardise(self.x)) for m in self.members]

    @torch.no_grad()
    def sample(self, n: int, seed: int) -> Floats:
        """Draws (n, B, D) in sampling coordinates, all inside the prior box; the same seed gives the same draws."""
        counts = np.random.default_rng(seed).multinomial(
            n, [1 / len(self.members)] * len(self.members)
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            parts = [
                e.sample(int(k), x, self.width).double()
                for k, (e, x) in zip(counts, self._estimators(), strict=True)
                if k
            ]
        low, high = torch.from_numpy(self.prior.low), torch.from_numpy(self.prior.high)
        draws = torch.cat(parts).clamp(low, high).numpy()
        return draws[np.random.default_rng(seed).permutation(n)]

    @torch.no_grad()
    def log_prob(self, theta: Floats) -> Floats:
        """Log density (n, B) in sampling coordinates at theta (n, B, D); -inf outside the prior box."""
        t = torch.from_numpy(np.asarray(theta, dtype=np.float32))
        logs = torch.stack([e.log_prob(t, x, self.width) for e, x in self._estimators()])
        mixture = (torch.logsumexp(logs, 0) - np.log(len(logs))).double().numpy()
        return np.where(np.isfinite(self.prior.log_prob(theta)), mixture, -np.inf)

    def samples(self, n: int, seed: int) -> Samples:
        """`sample` of a single x as `Samples`."""
        return Samples(np.asarray(self.sample(n, seed)[:, 0], dtype=np.float64), self.prior)


@dataclass(frozen=True)
class Run:
    """A run folder: the resolved config, the members' weights, and what training saw.

    Arguments:
        folder: as `livetime train` printed it.
        config: resolved, in plain types.
    """

    folder: Path
    config: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """Raises: UserError if the folder is not a finished run.

        torch is held to one thread from here on: the same numbers on any machine's number of cores, and no slower.
        """
        torch.set_num_threads(1)
        folder = Path(folder)
        if not (folder / CONFIG).exists():
            raise UserError(
                f"run={folder} is not a run folder: it has no {CONFIG}; give the folder that `livetime train` printed"
            )
        try:
            config = dict(json.loads((folder / CONFIG).read_text()))
        except (TypeError, ValueError):
            raise UserError(f"{folder / CONFIG} is damaged; train again") from None
        groups = ("prior", "source", "detector", "summary", "estimator", "training", "trainer")
        if bad := [key for key in groups if not isinstance(config.get(key), dict)]:
            raise UserError(
                f"{folder / CONFIG} is damaged: {bad[0]} is missing or is no group of keys; train again"
            )
        if bad := [key for key in ("seed", "simulations") if not isinstance(config.get(key), int)]:
            raise UserError(
                f"{folder / CONFIG} is damaged: {bad[0]} is missing or is no whole number; train again"
            )
        if bad := [
            key
            for key in ("members", "folds")
            if not isinstance(config["training"].get(key, 1), int)
        ]:
            raise UserError(
                f"{folder / CONFIG} is damaged: training.{bad[0]} is no whole number; train again"
            )
        if not isinstance(config.get("name"), str):
            raise UserError(
                f"{folder / CONFIG} is damaged: name is missing or is no text; train again"
            )
        return cls(folder, config)

    @cached_property
    def simulator(self) -> TimingSimulator | SpectralSimulator:
        try:
            return build_simulator(self.config)
        except UserError as error:
            raise UserError(f"{self.folder / CONFIG} is damaged: {error}; or train again") from None

    @cached_property
    def members(self) -> tuple[LitEstimator, ...]:
        folders = sorted(self.folder.glob("member_*"))
        wanted = max(
            self.config["training"].get("members", 1), self.config["training"].get("folds", 1)
        )
        if len(folders) != wanted:
            mend = (
                "train again"
                if (self.folder / METRICS).exists()
                else f"train with resume={self.folder}"
            )
            raise UserError(
                f"{self.folder} has {len(folders)} of {wanted} members that its {CONFIG} asks for; {mend}"
            )
        members = tuple(load(folder) for folder in folders)
        known = Shapes(**shapes(self.simulator))
        for folder, member in zip(folders, members, strict=True):
            if Shapes(**member.hparams["shapes"]) != known:
                raise UserError(
                    f"{self.folder / CONFIG} no longer describes the weights of {folder.name}: it was changed, or livetime was; train again"
                )
        return members

    @property
    def widens(self) -> bool:
        """Whether the members are estimators of a posterior that can be widened."""
        return all(
            isinstance(m.estimator, PosteriorEstimator) and m.estimator.widens for m in self.members
        )

    @property
    def classifies(self) -> bool:
        return isinstance(self.members[0].estimator, Classifier)

    @torch.no_grad()
    def probabilities(self, x: Floats) -> Floats:
        """p(class | x) (B, K) of summaries (B, X): the mean of the members'. Raises UserError if the run learned parameters."""
        if not self.classifies:
            raise UserError(
                f"run={self.folder} learned parameters, not classes; take a run of a classifier"
            )
        rows = torch.from_numpy(np.atleast_2d(np.asarray(x, dtype=np.float32)))
        parts = [
            torch.stack(
                [m.estimator.probabilities(m.standardise(part)) for m in self.members]
            ).mean(0)
            for part in torch.split(rows, 2000)
        ]
        return np.asarray(torch.cat(parts).double().numpy())

    def loss(self, theta: Floats, x: torch.Tensor) -> torch.Tensor:
        """Mean of the members' losses, (B,): theta (B, D + C), with classes one more column, and summaries x (B, X)."""
        target = theta[:, -1:] if self.classifies else theta[:, : self.simulator.prior.dim]
        return torch.stack(
            [
                m.loss(torch.from_numpy(np.asarray(target, dtype=np.float32)), x)
                for m in self.members
            ]
        ).mean(0)

    def history(self) -> list[dict[str, list[float]]]:
        """Of each member, the losses at the end of each epoch: `epoch`, `train/loss` and `val/loss`, as its logs have them."""
        out = []
        for folder in sorted(self.folder.glob("member_*")):
            rows: dict[int, dict[str, float]] = {}
            logs = [
                *sorted(folder.glob("metrics_*.csv"), key=lambda log: int(log.stem[8:])),
                folder / "metrics.csv",
            ]
            for log in filter(Path.exists, logs):
                with log.open(newline="") as file:
                    for row in csv.DictReader(file):
                        filled = {
                            k: float(row[k]) for k in ("train/loss", "val/loss") if row.get(k)
                        }
                        rows.setdefault(int(row["epoch"]), {}).update(filled)
            whole = {epoch: row for epoch, row in sorted(rows.items()) if len(row) == 2}
            out.append(
                {
                    "epoch": list(map(float, whole)),
                    **{k: [row[k] for row in whole.values()] for k in ("train/loss", "val/loss")},
                }
            )
        return out

    def refuse_classifier(self) -> None:
        """Raises UserError if the run learned classes, and so has no posterior of parameters."""
        if self.classifies:
            raise UserError(
                f"run={self.folder} is a classifier ({', '.join(self.simulator.prior.classes)}), which has no posterior of parameters; "
                "take a run that learned them"
            )

    def posterior(self, x: Floats) -> Posterior:
        """For summaries (X,) or (B, X). Raises UserError if the run learned classes."""
        self.refuse_classifier()
        return self.widened(self.width)(x)

    def widened(self, width: float) -> Callable[[Floats], Posterior]:
        """`posterior` with another width."""
        prior = self.simulator.prior
        return lambda x: Posterior(
            self.members,
            torch.from_numpy(np.atleast_2d(np.asarray(x, dtype=np.float32))),
            prior,
            width,
        )

    @cached_property
    def width(self) -> float:
        """Factor by which the posteriors are widened; 1 for a run that has none. Raises UserError if its file is damaged."""
        path = self.folder / WIDTH
        try:
            width = float(json.loads(path.read_text())["width"]) if path.exists() else 1.0
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            raise UserError(f"{path} is damaged; train again") from None
        if not WIDTHS[0] <= width <= WIDTHS[-1]:
            raise UserError(
                f"{path} has a width of {width}, but it must be from {WIDTHS[0]} to {WIDTHS[-1]}; train again"
            )
        return width

    @cached_property
    def training_range(self) -> tuple[Floats, Floats]:
        """Least and greatest value of each entry of the summaries that training saw, (X,) each."""
        try:
            seen = json.loads((self.folder / RANGE).read_text())
            low, high = (
                np.array(seen["low"], dtype=np.float64),
                np.array(seen["high"], dtype=np.float64),
            )
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            raise UserError(f"{self.folder / RANGE} is missing or damaged; train again") from None
        fits = low.shape == high.shape == (self.simulator.layout.size,)
        if not (fits and np.isfinite([low, high]).all() and (low <= high).all()):
            raise UserError(f"{self.folder / RANGE} does not fit the run's summary; train again")
        return low, high

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """What the diagnosis at the end of training found. Raises UserError if the training is not finished, or its file is damaged."""
        path = self.folder / METRICS
        if not path.exists():
            raise UserError(
                f"run={self.folder} is not finished: it has no {METRICS}; go on with livetime train resume={self.folder}"
            )
        try:
            metrics = dict(json.loads(path.read_text()))
            if not (isinstance(metrics["good"], bool) and isinstance(metrics["verdict"], str)):
                raise TypeError
            return metrics
        except (OSError, ValueError, TypeError, KeyError):
            raise UserError(
                f"{path} is damaged; remove it, and livetime train resume={self.folder} makes it again"
            ) from None

    def own_diagnosis(self) -> list[str]:
        """A warning if the run was found wanting when it was diagnosed at the end of its training."""
        if self.metrics["good"]:
            return []
        return [
            f"of this network it was said after training: {self.metrics['verdict'].rstrip('.')}"
        ]

    def out_of_range(self, x: Floats) -> list[str]:
        """Warnings for a summary (X,) outside of what training saw, which name the quantity and both numbers."""
        low, high = self.training_range
        warnings = []
        for name, s in self.simulator.layout.slices.items():
            values, lo, hi = np.asarray(x[s], dtype=np.float64), low[s], high[s]
            if (
                drawn := self.simulator.prior.covariates.get(name)
                if name in self.simulator.known
                else None
            ):
                lo, hi = (
                    np.atleast_1d(drawn.to_sampling([drawn.low])),
                    np.atleast_1d(drawn.to_sampling([drawn.high])),
                )
            outside = np.maximum(lo - values, values - hi) / (hi - lo + 1e-9)
            worst = int(outside.argmax())
            if outside[worst] <= 1e-6:
                continue
            if name.startswith("rate") or name in ("segments", "exposure"):
                value, edges = 10 ** values[0], (10 ** lo[0], 10 ** hi[0])
                what, unit = {
                    "rate": ("count rate", " counts/s"),
                    "segments": ("number of segments", ""),
                    "exposure": ("exposure", " s"),
                }.get(name, (f"recorded rate of module {name[-1].upper()}", " counts/s"))
            elif drawn:
                value, edges = drawn.to_physical(values)[0], (drawn.low, drawn.high)
                what, unit = name.replace("_", " "), f" {drawn.unit}".rstrip()
            elif name in _FOLLOWS:
                value, edges, (what, unit) = (
                    10 ** values[0],
                    (10 ** lo[0], 10 ** hi[0]),
                    _FOLLOWS[name],
                )
            elif len(values) == 1:
                value, edges, what, unit = values[0], (lo[0], hi[0]), name.replace("_", " "), ""
            elif self.simulator.layout.unit == "keV":
                value, edges, unit = (
                    100 * values[worst] ** 2,
                    (100 * lo[worst] ** 2, 100 * hi[worst] ** 2),
                    "%",
                )
                what = f"share of the counts at {self.simulator.layout.frequency[worst]:.3g} keV"
            else:
                value, edges = (
                    2 * np.exp(values[worst]),
                    (2 * np.exp(lo[worst]), 2 * np.exp(hi[worst])),
                )
                count = int((outside > 1e-6).sum())
                what = f"{name} power at {self.simulator.layout.frequency[worst]:.3g} Hz ({count} of {len(values)} frequencies are outside)"
                unit = " (where 2 is the detector's noise)" if self.simulator.known else " (Leahy)"
            warnings.append(
                f"{what} is {value:.4g}{unit}, but training saw {edges[0]:.4g} to {edges[1]:.4g}: the answer is extrapolated"
            )
        return warnings
