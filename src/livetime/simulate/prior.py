"""Named parameters with ranges, scales and units; and samples of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Range:
    """One parameter: flat in its sampling coordinate between low and high.

    Arguments:
        low, high: in physical units.
        scale: `log` makes log10 of the value the sampling coordinate, `sqrt` its square root.
        unit: for people.

    Raises: ValueError if low >= high, for a log scale that is not above zero, or for a square root of what is below zero.
    """

    low: float
    high: float
    scale: Literal["linear", "log", "sqrt"] = "linear"
    unit: str = ""
    __pydantic_config__ = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not np.isfinite([self.low, self.high]).all() or not self.low < self.high:
            raise ValueError(
                f"low is {self.low} and high is {self.high}, but low must be below high"
            )
        if self.scale == "log" and not self.low > 0:
            raise ValueError(f"low is {self.low}, but a range on a log scale must start above zero")
        if self.scale == "sqrt" and self.low < 0:
            raise ValueError(
                f"low is {self.low}, but a range on a scale of square roots must not start below zero"
            )

    def to_sampling(self, value: ArrayLike) -> Floats:
        value = np.asarray(value, dtype=np.float64)
        return np.asarray(
            np.log10(value)
            if self.scale == "log"
            else np.sqrt(value)
            if self.scale == "sqrt"
            else value
        )

    def to_physical(self, value: ArrayLike) -> Floats:
        value = np.asarray(value, dtype=np.float64)
        return np.asarray(
            10**value if self.scale == "log" else value**2 if self.scale == "sqrt" else value
        )


@dataclass(frozen=True)
class Bounds:
    """Edges, in physical units, of a class's box along one parameter."""

    low: float
    high: float
    __pydantic_config__ = {"extra": "forbid"}


@dataclass(frozen=True)
class Prior:
    """A box, flat in sampling coordinates, over parameters (to be inferred) and covariates (known for every observation).

    With classes it is an even mixture of boxes: each class has the ranges of `parameters` but where it gives its own edges, or one
    value (0 for the rms of what is not there). theta then has one more column, the number of the class.

    Arguments:
        parameters: name -> range; their order is the order of theta's columns.
        covariates: likewise; their columns follow those of the parameters, and are the same for all classes.
        classes: name -> parameter -> edges or value; empty, or two or more.

    >>> prior = Prior({"rate": Range(10.0, 1000.0, "log", "counts/s")})
    >>> prior.physical(np.array([[2.0]]))["rate"]
    array([100.])
    """

    parameters: Mapping[str, Range]
    covariates: Mapping[str, Range] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, Bounds | float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.parameters:
            raise ValueError("parameters is empty, but a prior needs at least one")
        if both := set(self.parameters) & set(self.covariates):
            raise ValueError(
                f"{', '.join(sorted(both))} stands among both parameters and covariates"
            )
        if len(self.classes) == 1:
            raise ValueError(
                f"classes has {next(iter(self.classes))} alone, but there is nothing to tell apart with fewer than two"
            )
        for name, box in self.classes.items():
            for parameter, bounds in box.items():
                if parameter not in self.parameters:
                    raise ValueError(
                        f"classes.{name}.{parameter} is not one of parameters; a class may change {', '.join(self.parameters)}"
                    )
                if isinstance(bounds, Bounds):
                    r = self.parameters[parameter]
                    if not r.low <= bounds.low < bounds.high <= r.high:
                        raise ValueError(
                            f"classes.{name}.{parameter} goes from {bounds.low} to {bounds.high}, "
                            f"but must lie within parameters.{parameter}, {r.low} to {r.high}"
                        )
                elif (
                    bounds != 0
                    and not self.parameters[parameter].low
                    <= bounds
                    <= self.parameters[parameter].high
                ):
                    raise ValueError(
                        f"classes.{name}.{parameter} is {bounds}, but must be low and high, or 0, or one number within "
                        f"parameters.{parameter}, {self.parameters[parameter].low} to {self.parameters[parameter].high}"
                    )

    @property
    def dim(self) -> int:
        """Number of parameters, without covariates."""
        return len(self.parameters)

    @property
    def names(self) -> list[str]:
        return list(self.parameters)

    @property
    def ranges(self) -> dict[str, Range]:
        """Parameters and covariates, in the order of the columns."""
        return {**self.parameters, **self.covariates}

    @property
    def low(self) -> Floats:
        """Lower edges in sampling coordinates, parameters only, (D,)."""
        return np.array([float(r.to_sampling(r.low)) for r in self.parameters.values()])

    @property
    def high(self) -> Floats:
        return np.array([float(r.to_sampling(r.high)) for r in self.parameters.values()])

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """Draws (n, D + C), with classes (n, D + C + 1), in sampling coordinates; the first rows do not depend on n."""
        low = np.array([float(r.to_sampling(r.low)) for r in self.ranges.values()])
        high = np.array([float(r.to_sampling(r.high)) for r in self.ranges.values()])
        if not self.classes:
            return np.asarray(low + (high - low) * rng.random((n, len(low))))
        u = rng.random((n, len(low) + 1))
        number = np.floor(u[:, -1] * len(self.classes))
        edges = np.array([self.box(name) for name in self.classes])[number.astype(int)]
        with np.errstate(invalid="ignore"):
            span = np.where(np.isfinite(edges[..., 0]), edges[..., 1] - edges[..., 0], 0.0)
        theta = np.tile(low, (n, 1)) + (high - low) * u[:, :-1]
        theta[:, : self.dim] = edges[..., 0] + span * u[:, : self.dim]
        return np.hstack([theta, number[:, None]])

    def box(self, name: str) -> Floats:
        """Edges (D, 2) of a class in sampling coordinates; both the same where it has one value, -inf for zero on a log scale."""
        out = []
        for parameter, r in self.parameters.items():
            bounds = self.classes[name].get(parameter, Bounds(r.low, r.high))
            low, high = (
                (bounds.low, bounds.high) if isinstance(bounds, Bounds) else (bounds, bounds)
            )
            with np.errstate(divide="ignore"):
                out.append([float(r.to_sampling(low)), float(r.to_sampling(high))])
        return np.array(out)

    def physical(self, theta: ArrayLike) -> dict[str, Floats]:
        """Columns by name in physical units; theta (..., D) or (..., D + C), each value (...)."""
        theta = np.asarray(theta, dtype=np.float64)
        return {
            name: r.to_physical(theta[..., i])
            for i, (name, r) in enumerate(self.ranges.items())
            if i < theta.shape[-1]
        }

    def theta(self, values: Mapping[str, ArrayLike]) -> Floats:
        """The inverse of `physical`: (..., D + C) if the covariates are given, else (..., D)."""
        columns = [r.to_sampling(values[name]) for name, r in self.ranges.items() if name in values]
        return np.stack(np.broadcast_arrays(*columns), axis=-1)

    def log_prob(self, theta: ArrayLike) -> Floats:
        """Log density of the parameters in sampling coordinates, (...); -inf outside the box."""
        theta = np.asarray(theta, dtype=np.float64)[..., : self.dim]
        inside = ((theta >= self.low) & (theta <= self.high)).all(axis=-1)
        return np.where(inside, -np.log(self.high - self.low).sum(), -np.inf)


@dataclass(frozen=True)
class Samples:
    """Draws from a posterior, a network's or a reference's.

    Arguments:
        theta: (n, D) in sampling coordinates.
        prior: gives names, scales and units.
        notes: what the reader must know of them, such as a chain that did not converge.
    """

    theta: Floats
    prior: Prior
    notes: tuple[str, ...] = ()

    def physical(self) -> dict[str, Floats]:
        return self.prior.physical(self.theta)

    def intervals(self) -> dict[str, dict[str, Any]]:
        """Per parameter: median, equal-tailed 68% and 95% intervals and unit, in physical units."""
        out = {}
        for name, values in self.physical().items():
            lo95, lo68, median, hi68, hi95 = np.quantile(
                values, [0.025, 0.16, 0.5, 0.84, 0.975]
            ).tolist()
            out[name] = {
                "median": median,
                "lo68": lo68,
                "hi68": hi68,
                "lo95": lo95,
                "hi95": hi95,
                "unit": self.prior.ranges[name].unit,
            }
        return out
