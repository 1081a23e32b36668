"""Robustness: what a run says of sources that are not those it was trained on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from livetime.check.calibration import LEVELS, Calibration, calibrate
from livetime.errors import UserError
from livetime.infer.run import Run
from livetime.progress import progress
from livetime.simulate.light_curve import LightCurve, Rate
from livetime.simulate.timing import TimingSimulator

Floats = NDArray[np.floating[Any]]
SOURCES = {
    "linear": "of a linear light curve, whose parameters are those of the rate",
    "drift": "of a rate that drifts by a factor of 2 over the observation",
    "no_qpo": "without a QPO",
}
FACTOR = 2.0
"""By which a drifting rate rises."""
CLAIM = 1.5
"""A QPO is claimed where less than 5% of the posterior of its rms lies below so many times the prior's lower edge."""
PARTS = 5
"""Of the simulations, by rate, in each of which the upper limit is told."""


@dataclass(frozen=True)
class Drifting(LightCurve):
    """A light curve whose rate rises evenly, by `FACTOR` from the start of the observation to its end; its mean is what it was."""

    def rate(self, params: Mapping[str, float], duration: float, rng: np.random.Generator) -> Rate:
        steady = super().rate(params, duration, rng)
        place = (np.arange(len(steady.values), dtype=np.float32) + 0.5) / len(steady.values)
        return Rate(
            steady.values * (2 / (1 + FACTOR) * (1 + (FACTOR - 1) * place)).astype(np.float32),
            steady.dt,
        )


def refuse(run: Run, names: Sequence[str]) -> None:
    """Raises UserError for a source that there is not, that stands there twice, or that says nothing of the run."""
    for i, name in enumerate(map(str, names)):  # a list in the list is no word
        if name in names[:i]:
            raise UserError(f"stress has {name} twice; give each once")
        if name not in SOURCES:
            raise UserError(
                f"stress has {name}, which is not known; there are: {', '.join(SOURCES)}"
            )
        simulator = cast(TimingSimulator, run.simulator)
        if run.question.name == "class" or simulator.kind != "events":
            raise UserError(
                f"stress={name} is for posteriors of light curves' parameters; run={run.folder} is none of these, leave it out"
            )
        if name == "linear" and not simulator.source.log_normal:
            raise UserError(f"stress=linear is what run={run.folder} was trained on; leave it out")
        if name == "no_qpo" and not _qpos(simulator):
            raise UserError(
                f"stress=no_qpo is for runs that look for a QPO, which run={run.folder} does not; leave it out"
            )


def _qpos(simulator: TimingSimulator) -> list[str]:
    """Parameters that are the rms of a QPO."""
    names = [
        f"{name}_rms"
        for name, shape in simulator.source.spectrum.components.items()
        if shape == "qpo"
    ]
    return [name for name in names if name in simulator.prior.parameters]


def simulate(
    simulator: TimingSimulator,
    name: str,
    theta: Floats,
    seed: int,
    done: Callable[[int], object] | None = None,
) -> Floats:
    """Summaries (N, X) of another source with the same parameters theta (N, D + C); not finite where there is none."""
    source = simulator.source
    if name == "drift":
        source = Drifting(source.components, source.dt, source.log_normal, source.stretch)
    elif name == "linear":
        source = replace(source, log_normal=False)
    theta = np.array(theta, dtype=np.float64)
    for qpo in _qpos(simulator) if name == "no_qpo" else ():
        with np.errstate(divide="ignore"):
            theta[:, simulator.prior.names.index(qpo)] = simulator.prior.ranges[qpo].to_sampling(
                0.0
            )
    return replace(simulator, source=source).draw(
        np.asarray(theta, dtype=np.float64), seed, progress=done
    )


def beside(run: Run, normal: Calibration, theta: Floats, x: Floats, seed: int) -> dict[str, Any]:
    """Coverage and mean z on another source's summaries (N, X), and on the run's own with the same parameters.

    Arguments:
        normal: calibration on the run's own N simulations.
        theta: their parameters (N, D + C).
        seed: of the posterior draws.
    """
    keep = np.isfinite(x).all(axis=1)
    if keep.sum() < 100:
        return {"n": int(keep.sum()), "left_out": float(1 - keep.mean())}
    other = calibrate(run.posterior, theta[keep, : normal.prior.dim], x[keep], seed)
    same = replace(normal, ranks=normal.ranks[keep], hpd=normal.hpd[keep], z=normal.z[keep])
    told = {
        key: {f"{level:g}": c.coverage(level) for level in LEVELS}
        for key, c in (("coverage", other), ("own_coverage", same))
    }
    bias = {
        key: dict(zip(c.names, c.z.mean(axis=0).tolist(), strict=True))
        for key, c in (("mean_z", other), ("own_mean_z", same))
    }
    return {"n": int(keep.sum()), "left_out": float(1 - keep.mean()), **told, **bias}


def limits(run: Run, name: str, x: Floats, seed: int, draws: int = 999, batch: int = 40) -> Floats:
    """One-sided 95% lower and upper limits of a parameter, (N, 2), physical."""
    r, rows = run.simulator.prior.parameters[name], []
    column = run.simulator.prior.names.index(name)
    for start in range(0, len(x), batch):
        sample = run.posterior(x[start : start + batch]).sample(draws, seed + start)[:, :, column]
        rows.append(np.quantile(sample, [0.05, 0.95], axis=0).T)
    return r.to_physical(np.concatenate(rows))


def claims(run: Run, theta: Floats, absent: Floats, present: Floats, seed: int) -> dict[str, Any]:
    """How often a QPO is claimed that is not there, and that is; and the upper limit on the rms of one that is not, by incident rate.

    Arguments:
        theta: (N, D + C).
        absent, present: summaries (N, X) without the QPO and with it.
    """
    simulator, out = cast(TimingSimulator, run.simulator), dict[str, Any]()
    rate = simulator.prior.physical(theta[:, : len(simulator.prior.ranges)])["rate"]
    for name in _qpos(simulator):
        edge = CLAIM * simulator.prior.parameters[name].low
        without, seen = limits(run, name, absent, seed), limits(run, name, present, seed)
        rows = []
        for part in np.array_split(np.argsort(rate, kind="stable"), PARTS):
            lo, median, hi = np.quantile(without[part, 1], [0.16, 0.5, 0.84]).tolist()
            claimed = float((without[part, 0] > edge).mean())
            row = {
                "low": float(rate[part[0]]),
                "high": float(rate[part[-1]]),
                "n": len(part),
                "claimed": claimed,
            }
            rows.append(row | {"upper_limit95": median, "lo68": lo, "hi68": hi})
        shares = {
            "claimed": float((without[:, 0] > edge).mean()),
            "claimed_where_there_is_one": float((seen[:, 0] > edge).mean()),
        }
        out[name] = {"threshold": edge, **shares, "by_rate": rows}
    return out


def ask(
    run: Run,
    simulator: TimingSimulator,
    name: str,
    normal: Calibration,
    theta: Floats,
    x: Floats,
    seed: int,
) -> dict[str, Any]:
    """What a run says of one of `SOURCES`, in plain types.

    Arguments:
        simulator: the run's, with the threads that are to be used.
        normal: calibration on the run's own simulations,
        theta, x: which are these, (N, D + C) and (N, X).
        seed: of what is simulated and drawn.
    """
    with progress(f"simulate {name}", len(theta), "simulations") as bar:
        other = simulate(simulator, name, theta, seed, bar.advance)
    if name != "no_qpo":
        return beside(run, normal, theta, other, seed)
    finite = np.isfinite(other).all(axis=1)
    if finite.sum() < PARTS:
        return {"n": int(finite.sum()), "qpos": {}}
    return {
        "n": int(finite.sum()),
        "qpos": claims(run, theta[finite], other[finite], x[finite], seed),
    }
