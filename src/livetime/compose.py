"""Compose the config of an experiment with Hydra, outside of the command line."""

from collections.abc import Sequence
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from livetime.config import CONFIGS
from livetime.errors import UserError, hint


def compose_experiment(name: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Compose the config of an experiment from the YAML files, in plain types.

    Arguments:
        name: of a file in configs/experiment.
        overrides: further settings, in Hydra's grammar.

    Raises:
        UserError: if there is no such experiment.

    Examples:
        >>> compose_experiment("demo")["name"]
        'demo'
    """
    known = sorted(path.stem for path in (CONFIGS / "experiment").glob("*.yaml"))
    if name not in known:
        raise UserError("experiment", f"is {name}, which does not exist", hint(str(name), known))
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        composed = hydra_compose("experiment", [f"experiment={name}", *overrides])
    plain: Any = OmegaConf.to_container(composed, resolve=True)
    return dict(plain)
