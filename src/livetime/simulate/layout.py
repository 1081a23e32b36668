"""Describe the layout of a summary vector: named blocks with axis, label and unit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Transform = Literal["identity", "log10", "square_root", "ln_half", "root_percent"]

TO_PHYSICAL: dict[Transform, Callable[[Floats], Floats]] = {
    "identity": lambda value: value,
    "log10": lambda value: 10**value,
    "square_root": lambda value: value**2,
    "ln_half": lambda value: 2 * np.exp(value),
    "root_percent": lambda value: 100 * value**2,
}
"""Inverse of what a summary does to a physical number before it enters the vector.

`ln_half` is ln(P/2) of a power P, and `root_percent` the root of a share, given in percent.
"""

OF_SCALE: dict[str, Transform] = {"linear": "identity", "log": "log10", "sqrt": "square_root"}
"""The transform that the sampling coordinate of a `Range` with this scale is."""


@dataclass(frozen=True, eq=False)
class Axis:
    """Describe the axis of the entries of a block, such as frequency or energy.

    Arguments:
        values: mean frequency, or nominal energy, of each entry, shape (F,), in `unit`.
        unit: unit of the values.
        averaged: number W of Fourier frequencies, or of channels, in each entry, shape (F,).
        name: quantity for axis labels.

    Examples:
        >>> Axis(np.array([1.0, 2.5]), "Hz", np.array([1, 2])).label
        'frequency [Hz]'
    """

    values: Floats
    unit: str
    averaged: Integers
    name: str = "frequency"

    @property
    def label(self) -> str:
        """Name the quantity with its unit, as a figure's axis does."""
        return f"{self.name} [{self.unit}]"


@dataclass(frozen=True, eq=False)
class Block:
    """Describe consecutive entries of a summary vector that belong together.

    Arguments:
        name: key of the block, such as `sum` or `rate_a`.
        size: number of entries.
        axis: axis of the entries; None for a single number.
        label: words for people; by default the name without underscores.
        unit: unit of the physical value.
        transform: function that was applied to the physical value; see `TO_PHYSICAL`.

    Examples:
        >>> Block("rate_a", label="recorded rate", unit="counts/s", transform="log10").label
        'recorded rate'
    """

    name: str
    size: int = 1
    axis: Axis | None = None
    label: str = ""
    unit: str = ""
    transform: Transform = "identity"

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.name.replace("_", " "))

    def to_physical(self, values: ArrayLike) -> Floats:
        """Convert entries back to physical values, by inverting `transform`.

        Arguments:
            values: entries of summary vectors, any shape.

        Returns: numbers of the same shape in `unit`.

        Examples:
            >>> float(Block("rate_a", transform="log10").to_physical(2.0))
            100.0
        """
        numbers = np.asarray(values, dtype=np.float64)
        return np.asarray(TO_PHYSICAL[self.transform](numbers))

    def names(self) -> list[str]:
        """Name each entry in words: `sum at 1.25 Hz`, or the block's own name."""
        if self.axis is None:
            return [self.name]
        unit = self.axis.unit
        return [f"{self.name} at {value:.4g} {unit}" for value in self.axis.values]


@dataclass(frozen=True, eq=False)
class Layout:
    """Describe a summary vector as a sequence of blocks.

    Arguments:
        blocks: in the order of the vector; their names are unique.

    Raises: ValueError if two blocks have the same name.

    Examples:
        >>> axis = Axis(np.array([1.0, 2.0]), "Hz", np.array([1, 1]))
        >>> layout = Layout((Block("power", 2, axis), Block("segments", transform="log10")))
        >>> layout.size, layout.spectra, layout.names()
        (3, ['power'], ['power at 1 Hz', 'power at 2 Hz', 'segments'])
        >>> float(layout["segments"].to_physical(1.0))
        10.0
    """

    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        names = [block.name for block in self.blocks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two blocks of the summary are called {twice[0]}; rename one")

    def __getitem__(self, name: str) -> Block:
        """Return the block of that name."""
        return next(block for block in self.blocks if block.name == name)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Give the place of each block in the vector, by name."""
        stops = np.cumsum([block.size for block in self.blocks]).tolist()
        return {
            block.name: slice(stop - block.size, stop)
            for block, stop in zip(self.blocks, stops, strict=True)
        }

    @property
    def size(self) -> int:
        """Count the entries of the vector."""
        return sum(block.size for block in self.blocks)

    @property
    def spectra(self) -> list[str]:
        """Name the blocks with an axis; the others are single numbers."""
        return [block.name for block in self.blocks if block.axis is not None]

    @property
    def module_rates(self) -> list[str]:
        """Name the blocks with the recorded rate of each module."""
        return [block.name for block in self.blocks if block.name in ("rate_a", "rate_b")]

    @property
    def axis(self) -> Axis:
        """Give the axis of the first spectrum; an empty one where there is no spectrum."""
        axes = [block.axis for block in self.blocks if block.axis is not None]
        return axes[0] if axes else Axis(np.zeros(0), "", np.zeros(0, dtype=np.int64))

    def names(self) -> list[str]:
        """Name each entry of the vector in words: `sum at 1.25 Hz`, `rate_a`."""
        return [name for block in self.blocks for name in block.names()]

    def split(self, x: ArrayLike) -> dict[str, NDArray[Any]]:
        """Cut vectors (..., X) into blocks (..., size), by name."""
        vector = np.asarray(x)
        return {name: vector[..., place] for name, place in self.slices.items()}

    def extended(self, blocks: Sequence[Block]) -> "Layout":
        """Return the same layout with further blocks at the end."""
        return Layout((*self.blocks, *blocks))
