"""Long measurements, against a peer in the same run.

Each is a module with the `arguments` of its command line and the `rows` of its table. A row is
{name, value, unit, peer, ratio}, and may have more.
"""

import argparse
import json

import numpy as np


def held_out(text: str) -> int:
    """Parse a number of held-out simulations, 100 or more."""
    if (n := int(text)) < 100:
        raise argparse.ArgumentTypeError(f"{n}, but scores need 100 simulations or more")
    return n


def row(
    name: str, value: float, unit: str, peer: str = "", ratio: float | None = None, **more: object
) -> dict:
    """Make one line of the table; `ratio` is ours over the peer's, above 1 where ours is better."""
    return {"name": name, "value": float(value), "unit": unit, "peer": peer, "ratio": ratio, **more}


def bank(run):
    """Open the simulations that a run was trained with."""
    from livetime.infer.run import RUN
    from livetime.simulate.bank import Bank

    return Bank.open(
        run.folder.resolve().parents[1]
        / "banks"
        / json.loads((run.folder / RUN).read_text())["bank"]
    )


def log_prob(run, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Compute the log probability (n,) of parameters under a run's posteriors."""
    parts = zip(np.array_split(theta, 20), np.array_split(x, 20), strict=True)
    return np.concatenate([run.posterior(s).log_prob(t[None])[0] for t, s in parts])
