"""Give a trained run what its verdicts need: an emulator, and a calibrated test."""

from typing import TYPE_CHECKING

from livetime.commands.settings import VERDICT_SEED
from livetime.config import check
from livetime.outputs import write_json
from livetime.progress import progress, say
from livetime.settings import Trainer, Training

if TYPE_CHECKING:
    from livetime.commands.train import TrainSettings
    from livetime.infer.run import Run
    from livetime.learn.training import Member
    from livetime.simulate.bank import Bank

INFLATION_SIMULATIONS = 5000
"""The most simulations of the validation split that measure the inflation of the posteriors."""
MAX_EMULATED = 100_000
"""The most simulations that an emulator is trained on."""
EMULATOR = {"_target_": "livetime.learn.emulator.Emulator"}
EPOCHS = 20
BATCH_SIZE = 250
WEIGHT_DECAY = 0.01


def calibrate_verdict(run: "Run", settings: "TrainSettings", bank: "Bank") -> None:
    """Train the emulator of a run, and calibrate its discrepancy test on fresh simulations.

    Arguments:
        run: whose members are trained; nothing is done unless it learned a posterior.
        settings: of its training.
        bank: of its simulations.
    """
    from livetime.check.assessment import HeldOut
    from livetime.check.discrepancies import fit_discrepancies
    from livetime.infer.run import DISCREPANCIES
    from livetime.learn.training import fit

    if run.question.name != "posterior":
        return
    member = _emulator(run, settings, bank)
    with progress("train emulator", EPOCHS, "epochs") as bar:
        fit(member, lambda epochs, loss: bar.advance(epochs, f"validation loss {loss:.3f}"))

    path = run.folder / DISCREPANCIES
    if path.exists():
        return
    n = check(Training, settings.training, "training").test
    held_out = HeldOut.simulate(run, n, settings.seed + VERDICT_SEED, settings.threads)
    write_json(path, fit_discrepancies(run, held_out).plain())


def _emulator(run: "Run", settings: "TrainSettings", bank: "Bank") -> "Member":
    """Plan the training of the emulator: parameters and covariates are its input."""
    from livetime.infer.run import EMULATOR_FOLDER
    from livetime.learn.training import Member
    from livetime.simulate.build import shapes

    own = check(Training, settings.training, "training")
    simulations = min(settings.simulations, MAX_EMULATED)
    left = int(simulations * (1 - own.validation)) - 1
    training = Training(
        epochs=min(EPOCHS, own.epochs),
        batch_size=max(1, min(BATCH_SIZE, left)),
        weight_decay=WEIGHT_DECAY,
        validation=own.validation,
    )
    edges = [r.to_sampling([r.low, r.high]).tolist() for r in run.simulator.prior.ranges.values()]
    low = [edge[0] for edge in edges]
    high = [edge[1] for edge in edges]
    return Member(
        folder=run.folder / EMULATOR_FOLDER,
        estimator=dict(EMULATOR),
        training=training,
        trainer=check(Trainer, settings.trainer, "trainer"),
        shapes={**shapes(run.simulator), "low": low, "high": high},
        bank=bank.folder,
        simulations=simulations,
        seed=settings.seed % 2**32,
    )


def measure_inflation(run: "Run", bank: "Bank", training: Training) -> None:
    """Find the inflation that makes the joint regions cover, on the validation split.

    Arguments:
        run: whose members are trained.
        bank: of its simulations.
        training: settings, which say what the validation split is.
    """
    import torch

    from livetime.check.inflation import MAX_TRIALS, find_inflation, inflation_blocks
    from livetime.infer.posterior import MAX_INFLATION
    from livetime.infer.run import INFLATION
    from livetime.learn.data import split

    theta, x = bank.load(run.config["simulations"])
    prior = run.simulator.prior
    layout = run.simulator.layout
    part = split(len(x), training)[1]
    theta = theta[part][:INFLATION_SIMULATIONS, : prior.dim]
    x = x[part][:INFLATION_SIMULATIONS]
    names = inflation_blocks(layout, prior)
    numbers = {name: x[:, layout.slices[name].start].astype(float) for name in names}
    with progress("inflate", MAX_TRIALS, "factors") as bar:
        inflation = find_inflation(
            run.inflated,
            numbers,
            theta,
            x,
            run.config["seed"],
            bar.advance,
        )
    write_json(run.folder / INFLATION, {**inflation.plain(), "simulations": len(x)})

    factors = inflation.factors(layout, torch.from_numpy(x))
    low, high = (float(edge) for edge in torch.aminmax(factors))
    if low == MAX_INFLATION:
        say(f"posteriors are inflated by {low:g}, the limit, and may still be too narrow")
    elif high > 1:
        say(f"posteriors are inflated by {low:.3f} to {high:.3f}, so that validation regions cover")
