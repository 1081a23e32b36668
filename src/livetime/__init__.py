"""Turn X-ray observations that dead time or pile-up has distorted into posteriors.

Example:
    >>> import livetime
    >>> sorted(livetime.__all__)
    ['compare', 'load', 'read', 'simulate']

A network is loaded once, and then answers any number of observations:

    network = livetime.load("outputs/deadtime_npe/2026-11-26_140000_0a1b2c")
    observation = livetime.read("A.evt", "B.evt", band=(3, 10))
    answer = network.infer(observation)
    answer.save("my_source")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livetime.interface import compare, load, read, simulate

__all__ = ["compare", "load", "read", "simulate"]


def __getattr__(name: str) -> Any:
    """Import the interface when one of its functions is first used: torch takes seconds."""
    if name == "__version__":
        from importlib import metadata

        return metadata.version("livetime")
    if name not in __all__:
        raise AttributeError(f"module livetime has no attribute {name}")
    from livetime import interface

    return getattr(interface, name)


def __dir__() -> list[str]:
    """List what the package offers, for completion."""
    return [*__all__, "__version__"]
