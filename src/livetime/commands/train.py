"""`livetime train`: simulate, train every member of an ensemble, and check the run."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from livetime.commands.run_folder import alone, is_whole, refuse_other_run
from livetime.commands.settings import TEST_SEED, ExperimentSettings, check_count
from livetime.commands.simulate import build_bank, check_bank_size
from livetime.commands.trainable import refuse_untrainable
from livetime.commands.verdict import calibrate_verdict, measure_inflation
from livetime.config import check
from livetime.errors import UserError
from livetime.outputs import TRAIN_AGAIN, outputs_folder, provenance, read_json, stamp, write_json
from livetime.progress import progress, say
from livetime.settings import Trainer, Training

if TYPE_CHECKING:
    from livetime.check.assessment import Assessment
    from livetime.infer.run import Run
    from livetime.learn.training import Member
    from livetime.simulate.bank import Bank
    from livetime.simulate.simulator import Simulator

NOT_SHOWN = ("outputs", "resume", "threads")
"""Overrides that do not shape a run, and have no column in the HPARAMS tab."""


@dataclass
class TrainSettings(ExperimentSettings):
    """Choose the network to train and the machine.

    Arguments:
        trainer: keyword arguments of `livetime.config.Trainer`.
        threads: number of simulating threads; None for one per core.
        resume: folder of a training that was stopped; its own settings are used.

    Raises:
        UserError: for a number of simulations or threads out of range.

    Examples:
        >>> TrainSettings(name="demo").simulations
        100000
    """

    trainer: dict[str, Any] = field(default_factory=dict)
    threads: int | None = None
    resume: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("threads", self.threads)
        check_bank_size(self.simulations)

    @property
    def plain(self) -> dict[str, Any]:
        """Give all settings that a run folder keeps, in plain types."""
        config = asdict(self)
        del config["resume"]
        return config


def train(
    settings: TrainSettings, overrides: Sequence[str] = (), folder: Path | None = None
) -> tuple[Path, float]:
    """Simulate, train every member, and check the run on fresh simulations.

    Arguments:
        settings: the experiment and the machine.
        overrides: differences from the experiment, for the record.
        folder: the run folder; None for a new one below `outputs/<name>`.

    Returns: the run folder and the held-out loss.
    """
    from livetime.check.assess import assess
    from livetime.check.assessment import HeldOut
    from livetime.simulate.build import build_simulator

    settings, folder = _choose(settings, folder, overrides)
    training = check(Training, settings.training, "training")
    trainer = check(Trainer, settings.trainer, "trainer")
    simulator = build_simulator(settings.plain, settings.threads)
    refuse_untrainable(settings, training, trainer, simulator)

    started = time.time()
    root = outputs_folder(settings.outputs)
    bank = build_bank(simulator, settings.simulations, settings.seed, root)
    seen = _training_range(simulator, bank, settings.simulations)
    simulated = time.time()

    folder = folder or root / settings.name / stamp()
    with alone(folder):
        known = _begin(folder, settings, overrides, bank, seen)
        results = _fit(folder, _members(folder, settings, simulator, bank))
        trained = time.time()

        run = _open_trained(folder, bank, settings)
        held_out = HeldOut.simulate(run, training.test, settings.seed + TEST_SEED, settings.threads)
        assessment = assess(run, held_out, lambda: bank.load(settings.simulations))
        seconds = {
            "simulated": simulated - started,
            "trained": trained - simulated,
            "diagnosed": time.time() - trained,
        }
        _write(folder, settings, _hparams(settings, known), assessment, results, seconds)
    return folder, assessment.loss


def _choose(
    settings: TrainSettings, folder: Path | None, overrides: Sequence[str]
) -> tuple[TrainSettings, Path | None]:
    """Choose the settings and the folder of a training: new, in a sweep, or resumed."""
    if settings.resume:
        folder = Path(settings.resume)
        settings = _resumed(settings, folder, overrides)
    elif folder:
        refuse_other_run(folder, settings.plain)
    return settings, folder


def _resumed(settings: TrainSettings, folder: Path, overrides: Sequence[str]) -> TrainSettings:
    """Take the settings of a training that was stopped, and the machine of this one."""
    from livetime.infer.run import CONFIG, METRICS, RUN, Run

    if not (folder / CONFIG).exists():
        raise UserError(
            "resume",
            f"is {folder}, which is not a run folder: it has no {CONFIG}",
            "give the folder of a training that was stopped",
        )
    changed = [o for o in overrides if not o.startswith(("resume=", "trainer.", "threads="))]
    if changed:
        raise UserError(
            changed[0].partition("=")[0],
            "cannot be changed by a resumed training",
            f"its settings are in {folder / CONFIG}",
        )
    run = Run.open(folder)
    if (folder / RUN).exists():
        _ = run.simulator  # refuses a config that was changed
    if (folder / METRICS).exists() and is_whole(run):
        raise UserError("resume", f"is {folder}, which is finished", "start a new training")

    known = [f.name for f in fields(TrainSettings) if f.name in run.config]
    try:
        kept = TrainSettings(**{name: run.config[name] for name in known})
        check(Training, kept.training, "training")
    except (TypeError, ValueError) as error:
        wrong = str(error) if isinstance(error, UserError) else "a value is of another type"
        raise UserError(str(folder / CONFIG), f"is damaged: {wrong}", TRAIN_AGAIN) from None
    return replace(kept, trainer=settings.trainer, threads=settings.threads)


def _begin(
    folder: Path,
    settings: TrainSettings,
    overrides: Sequence[str],
    bank: "Bank",
    seen: dict[str, Any],
) -> list[str]:
    """Write what a run folder lacks: its origin, what training sees, and last its configuration.

    Returns: the overrides with which the run began.
    """
    from livetime.infer.run import CONFIG, RANGE, RUN

    if not (folder / RUN).exists():
        record = {
            "name": settings.name,
            "overrides": list(overrides),
            "seed": settings.seed,
            **provenance(),
            "bank": bank.folder.name,
        }
        write_json(folder / RUN, record)
    record = read_json(folder / RUN, "delete it and resume the training")
    known = [str(word) for word in record.get("overrides", [])]
    write_json(folder / RANGE, seen)

    # The configuration is the sign of a run folder: what can be resumed has it.
    if not (folder / CONFIG).exists():
        write_json(folder / CONFIG, settings.plain)
    say(f"run folder: {folder}")
    return known


def _training_range(simulator: "Simulator", bank: "Bank", simulations: int) -> dict[str, Any]:
    """Find the lowest and highest value of each entry of the summaries.

    Every shard is read before a run folder is made, so that a damaged one leaves none.
    """
    x = bank.load(simulations)[1]
    names = simulator.layout.names()
    low = x.min(axis=0)
    high = x.max(axis=0)
    constant = [name for name, same in zip(names, low == high, strict=True) if same]
    if constant:
        say(f"equal in all simulations, so of no use to the network: {', '.join(constant)}")
    return {"names": names, "low": low.tolist(), "high": high.tolist()}


def _members(
    folder: Path, settings: TrainSettings, simulator: "Simulator", bank: "Bank"
) -> list["Member"]:
    """Plan the training of each member, with a seed of its own."""
    from livetime.learn.training import Member
    from livetime.simulate.build import shapes

    training = check(Training, settings.training, "training")
    trainer = check(Trainer, settings.trainer, "trainer")
    known = shapes(simulator)
    members = []
    for i in range(training.trainings):
        seed = np.random.SeedSequence([settings.seed, i]).generate_state(1)[0]
        member = Member(
            folder=folder / f"member_{i}",
            estimator=dict(settings.estimator),
            training=training,
            trainer=trainer,
            shapes=known,
            bank=bank.folder,
            simulations=settings.simulations,
            seed=int(seed),
            fold=i,
            overfit=settings.overfit,
        )
        members.append(member)
    return members


def _fit(folder: Path, members: list["Member"]) -> list[dict[str, float]]:
    """Train all members.

    Returns: validation loss, epochs and number of weights of each member.
    """
    from livetime.learn.training import fit_ensemble

    try:
        with progress("train", members[0].training.epochs * len(members), "epochs") as bar:

            def advance(member: int, epochs: int, loss: float) -> None:
                bar.advance(epochs, f"member {member}, validation loss {loss:.3f}")

            return fit_ensemble(members, advance)
    except KeyboardInterrupt:
        say(f"stopped; it can be resumed from its run folder, {folder}")
        raise


def _open_trained(folder: Path, bank: "Bank", settings: TrainSettings) -> "Run":
    """Open the run, once it has what its posteriors and verdicts need."""
    import torch

    from livetime.infer.run import INFLATION, Run

    torch.set_num_threads(1)  # as in every other command
    run = Run.open(folder)
    training = check(Training, settings.training, "training")
    if run.has_inflation and not (folder / INFLATION).exists():
        measure_inflation(run, bank, training)
    calibrate_verdict(run, settings, bank)
    return run


def _write(
    folder: Path,
    settings: TrainSettings,
    hparams: dict[str, Any],
    assessment: "Assessment",
    results: list[dict[str, float]],
    seconds: dict[str, float],
) -> None:
    """Write numbers, figures, the page and the logs of TensorBoard, and print the verdict."""
    from livetime.infer.run import METRICS
    from livetime.report import assessment as report

    losses = [member["val_loss"] for member in results]
    loss = float(np.mean(losses))
    scatter = float(np.std(losses))
    report.save(assessment, folder, f"livetime: {settings.name}, {folder.name}")
    report.write_tensorboard(assessment, folder, hparams, loss)

    numbers = {
        **assessment.numbers(),
        "members": results,
        "val_loss": loss,
        "val_loss_std": scatter,
        "simulations": settings.simulations,
        "seconds": seconds,
    }
    write_json(folder / METRICS, numbers)
    folds = settings.training.get("folds", 1)
    if folds > 1:
        say(f"validation loss of {folds} folds: {loss:.4f}, standard deviation {scatter:.4f}")
    say(report.words(assessment))


def _hparams(settings: TrainSettings, overrides: Sequence[str]) -> dict[str, Any]:
    """List what distinguishes runs in the HPARAMS tab, which shows five columns at first."""
    shown: dict[str, Any] = {
        "experiment": settings.name,
        "simulations": settings.simulations,
        "training.lr": settings.training["lr"],
    }
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        if key in shown or key in NOT_SHOWN or key.startswith("trainer"):
            continue
        try:
            shown[key] = float(value)
        except ValueError:
            shown[key] = value
    return shown
