"""Kill the making of a bank and of a network at random moments: `python kills.py FOLDER N SEED`.

Each attempt runs in a fork of this process, so that kills strike the work and not the imports.
"""

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from random import Random

from livetime.learn.checkpoints import load
from livetime.learn.training import Member, fit
from livetime.settings import Trainer, Training
from livetime.simulate import bank as bank_module
from livetime.simulate.bank import Bank
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.prior import Prior, Range
from livetime.simulate.timing import TimingSimulator

SIMULATIONS = 64
SIMULATOR = TimingSimulator(
    Prior(
        {
            "noise_rms": Range(0.05, 0.3, "log"),
            "noise_frequency": Range(1.0, 5.0, "log", "Hz"),
            "rate": Range(50.0, 500.0, "log"),
        },
        {"segments": Range(1.0, 3.0)},
    ),
    LightCurve({"noise": "noise"}, dt=1 / 32),
    DeadTime(1, 2.5e-3),
    Periodogram(2.0, 1 / 32, 0.2),
)
NET = {"_target_": "livetime.learn.nets.MLP", "widths": [8], "dropout": 0.2}
ESTIMATOR = {"_target_": "livetime.learn.estimators.MixtureDensity", "components": 2, "net": NET}


def make(root: Path) -> None:
    """Simulate a bank and train a network, from where an earlier attempt was stopped."""
    prior = SIMULATOR.prior
    shapes = {
        "low": prior.low.tolist(),
        "high": prior.high.tolist(),
        "x_dim": SIMULATOR.layout.size,
    }
    bank = Bank.build(root / "banks", SIMULATOR, SIMULATIONS, 1)
    training = Training(epochs=12, batch_size=16, validation=0.2, schedule="constant")
    trainer = Trainer(accelerator="cpu")
    folder = root / "member_0"
    member = Member(folder, ESTIMATOR, training, trainer, shapes, bank.folder, SIMULATIONS, 1)
    fit(member, lambda *_: None)


def bits(root: Path) -> dict[str, str]:
    """Gather the checksums of shards and weights."""
    found = {path.name: path.read_bytes() for path in root.glob("banks/*/*.npz")}
    for name, values in load(root / "member_0").state_dict().items():
        found[name] = values.numpy().tobytes()
    return {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}


def attempt(root: Path) -> int:
    """Start to make everything in a fork, and return its process."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        make(root)
        code = 0
    finally:
        os._exit(code)


def main() -> None:
    """Kill n times, and print how many second starts finished, and with the same bits."""
    folder, n, random = Path(sys.argv[1]), int(sys.argv[2]), Random(int(sys.argv[3]))
    bank_module.SHARD = 8
    make(folder / "warm")
    started = time.monotonic()
    make(folder / "whole")
    seconds = time.monotonic() - started

    struck = finished = same = 0
    for i in range(n):
        root = folder / str(i)
        process = attempt(root)
        time.sleep(random.uniform(0, seconds))
        os.kill(process, signal.SIGKILL)
        struck += os.WIFSIGNALED(os.waitpid(process, 0)[1])
        code = os.waitpid(attempt(root), 0)[1]
        finished += code == 0
        same += code == 0 and bits(root) == bits(folder / "whole")
    print(json.dumps({"struck": struck, "finished": finished, "same": same}))


if __name__ == "__main__":
    main()
