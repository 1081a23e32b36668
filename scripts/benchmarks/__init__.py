"""Long measurements, against a peer in the same run: a module for each, with `arguments` of its command line and the `rows` it gives.

A row is {name, value, unit, peer, ratio}, and may say more.
"""

import argparse
import json

import numpy as np


def held_out(text: str) -> int:
    """A number of simulations, as an argument."""
    if (n := int(text)) < 100:
        raise argparse.ArgumentTypeError(
            f"{n}, but scores cannot be told from fewer than 100 simulations"
        )
    return n


def row(
    name: str, value: float, unit: str, peer: str = "", ratio: float | None = None, **more: object
) -> dict:
    """One line of the table; `ratio` is ours over the peer's, above 1 where ours is better."""
    return {"name": name, "value": float(value), "unit": unit, "peer": peer, "ratio": ratio, **more}


def bank(run):
    """Of the simulations that a run was trained with."""
    from livetime.infer.run import RUN
    from livetime.simulate.bank import Bank

    return Bank.open(
        run.folder.resolve().parents[1]
        / "banks"
        / json.loads((run.folder / RUN).read_text())["bank"]
    )


def log_prob(run, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Log probability (n,) of parameters under a run's posteriors."""
    parts = zip(np.array_split(theta, 20), np.array_split(x, 20), strict=True)
    return np.concatenate([run.posterior(s).log_prob(t[None])[0] for t, s in parts])
