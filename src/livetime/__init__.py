"""Turn X-ray observations that dead time or pile-up has distorted into posteriors.

Examples:
    >>> import livetime
    >>> sorted(livetime.__all__)
    ['compare', 'load', 'read', 'simulate']

A network is loaded once, and then answers any number of observations:

    network = livetime.load("outputs/deadtime_npe/2026-11-26_140000_0a1b2c")
    observation = livetime.read("A.evt", "B.evt", band=(3, 10))
    answer = network.infer(observation)
    answer.save("my_source")
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livetime.interface import compare, load, read, simulate

__all__ = ["compare", "load", "read", "simulate"]


class _Simulate(ModuleType):
    """The room `livetime.simulate`, which can be called like the function of the interface."""

    def __call__(self, experiment: str, seed: int = 1, **truth: float) -> Any:
        """Simulate one observation; see `livetime.interface.simulate`."""
        interface = importlib.import_module("livetime.interface")
        return interface.simulate(experiment, seed, **truth)


class _Package(ModuleType):
    """This package: its room `simulate` has the name of a function of the interface."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Make the room callable when Python's import binds it to its name."""
        if name == "simulate" and isinstance(value, ModuleType):
            value.__class__ = _Simulate
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Import the interface when one of its functions is first used: torch takes seconds."""
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("livetime")
    if name == "simulate":
        return importlib.import_module("livetime.simulate")
    if name not in __all__:
        raise AttributeError(f"module livetime has no attribute {name}")
    return getattr(importlib.import_module("livetime.interface"), name)


def __dir__() -> list[str]:
    """List what the package offers, for completion."""
    return [*__all__, "__version__"]
