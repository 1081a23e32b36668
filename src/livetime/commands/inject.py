"""`livetime inject`: record a bright source with a run's detector, and compare answers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livetime.commands.runs import applicable_references, open_posterior_run
from livetime.commands.settings import RunSettings, result_folder
from livetime.config import check
from livetime.errors import UserError
from livetime.outputs import new_folder, outputs_folder, refuse_existing, stamp
from livetime.settings import Injection, Reference, check_draws


@dataclass
class InjectSettings(RunSettings):
    """Set the bright source and the detector that records it.

    Arguments:
        inject: keyword arguments of `livetime.config.Injection`.
        fixed: physical values of the detector's covariates, for a run that takes any detector.
        draws: from the network's posterior.
        reference: keyword arguments of `livetime.config.Reference`.

    Raises:
        UserError: for a number of draws out of range.

    Examples:
        >>> InjectSettings(run="outputs/demo/1", inject={"path": "bright.evt"}).draws
        10000
    """

    inject: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, float] = field(default_factory=dict)
    draws: int = 10_000
    reference: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_draws(self.draws)


def inject(settings: InjectSettings) -> Path:
    """Compare network and references with the posterior of the source without dead time.

    Returns: the folder of the table and the figure.
    """
    injection = check(Injection, settings.inject, "inject")
    reference = check(Reference, settings.reference, "reference")
    if not injection.path:
        raise UserError(
            "inject.path", "is missing", "give an event file or light curve of a bright source"
        )
    path = Path(injection.path)
    default = outputs_folder() / "inject" / f"{path.stem}_{stamp()}"
    folder = result_folder(settings.output, default)
    refuse_existing(folder, settings.overwrite, [path])
    run = open_posterior_run(settings.run)

    from livetime.check.inject import (
        InjectionPlan,
        check_injection,
        default_rates,
        inject_source,
    )
    from livetime.files.bright_source import open_bright_source
    from livetime.report.injection import save_injection

    fixed = dict(settings.fixed)
    rates = injection.rates or default_rates(run)
    plan = InjectionPlan(rates, fixed, settings.draws, settings.seed)
    summary, most = check_injection(run, plan)
    names = applicable_references(run, reference)
    source = open_bright_source(injection, summary, most)
    with new_folder(folder, settings.overwrite, [path, run.folder]) as aside:
        injected = inject_source(run, source, plan, names)
        record = {"run": str(run.folder), "seed": settings.seed, "fixed": fixed}
        save_injection(injected, record, aside)
    return folder
