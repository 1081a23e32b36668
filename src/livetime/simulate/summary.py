"""Define summaries, which turn a list of events into one vector."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from livetime.simulate.detector import Detector, Events
from livetime.simulate.layout import Block, Layout


class Summary(ABC):
    """Turn the events of an observation into one vector.

    Simulated and observed events go through the same summary. A new summary is a frozen dataclass
    that inherits from this class. It has the fields `segment_size` and `dt`, and the methods
    `layout` and `__call__`.
    """

    segment_size: float
    """Length in s of the stretches into which good time is cut."""
    dt: float
    """Width in s of the bins in which events are counted."""

    simulators: ClassVar[tuple[str, ...]] = ("events",)
    """Kinds of simulators that take this summary."""
    is_periodogram: ClassVar[bool] = False
    """Say whether the vector is of averaged periodograms, so that `from_counts` takes counts."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Name the parameters that the summary adds to those of source and detector."""
        return ()

    def check(self, detector: Detector) -> None:
        """Refuse a detector that the summary cannot be used with.

        Raises: ValueError with the remedy.
        """
        return None

    @abstractmethod
    def layout(self, detector: Detector) -> Layout:
        """Describe the vector."""

    @abstractmethod
    def __call__(self, events: Events, detector: Detector) -> NDArray[np.float32]:
        """Make the vector (X,) that `layout` describes; not finite where there are no counts.

        Arguments:
            events: times and good time intervals.
            detector: the one of this observation, see `Detector.at`.
        """

    def from_counts(self, modules: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Make the vector from counts in bins of dt, (segments, bins) for each module.

        The counts are overwritten.
        """
        raise ValueError(f"{type(self).__name__} takes events, not counts; call it with events")

    def assign_energies(
        self, events: Events, params: Mapping[str, float], rng: np.random.Generator
    ) -> Events:
        """Give simulated events energies, as the parameters of the summary require.

        Arguments:
            events: as the detector recorded them.
            params: physical values by name.
            rng: the only source of randomness.
        """
        return events

    def identity(self) -> dict[str, Any]:
        """List all settings that change the vector, in plain types."""
        return {"class": type(self).__name__, **asdict(self)}  # type: ignore[call-overload]


def rate_blocks(modules: int) -> list[Block]:
    """Describe the recorded rate of each module, `rate_a` and `rate_b`."""
    return [
        Block(
            f"rate_{letter}",
            label=f"recorded rate of module {letter.upper()}",
            unit="counts/s",
            transform="log10",
        )
        for letter in "ab"[:modules]
    ]


def segments_block() -> Block:
    """Describe the number of averaged segments."""
    return Block("segments", label="number of segments", transform="log10")
