"""Define named parameters with ranges, scales and units, and samples of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Range:
    """Give one parameter a range; it is flat in its sampling coordinate from low to high.

    Arguments:
        low: in physical units.
        high: in physical units.
        scale: `log` makes log10 of the value the sampling coordinate, `sqrt` its square root.
        unit: for people.

    Raises: ValueError unless low is below high, above zero for `log`, and not negative for `sqrt`.

    Examples:
        >>> rate = Range(10.0, 1000.0, "log", "counts/s")
        >>> float(rate.to_sampling(100.0)), float(rate.to_physical(1.0))
        (2.0, 10.0)
    """

    low: float
    high: float
    scale: Literal["linear", "log", "sqrt"] = "linear"
    unit: str = ""
    __pydantic_config__ = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not np.isfinite([self.low, self.high]).all() or not self.low < self.high:
            raise ValueError(
                f"low is {self.low} and high is {self.high}, but must be finite, "
                "with low below high; change one of them"
            )
        if self.scale == "log" and not self.low > 0:
            raise ValueError(f"low is {self.low}, but must be above 0 on a log scale; raise it")
        if self.scale == "sqrt" and self.low < 0:
            raise ValueError(f"low is {self.low}, but must be 0 or more on a sqrt scale; raise it")

    def to_sampling(self, value: ArrayLike) -> Floats:
        """Convert physical values of any shape to the sampling coordinate."""
        numbers = np.asarray(value, dtype=np.float64)
        if self.scale == "log":
            return np.asarray(np.log10(numbers))
        if self.scale == "sqrt":
            return np.asarray(np.sqrt(numbers))
        return numbers

    def to_physical(self, value: ArrayLike) -> Floats:
        """Convert sampling coordinates of any shape to physical values."""
        numbers = np.asarray(value, dtype=np.float64)
        if self.scale == "log":
            return np.asarray(10**numbers)
        if self.scale == "sqrt":
            return np.asarray(numbers**2)
        return numbers


@dataclass(frozen=True)
class Bounds:
    """Give the edges, in physical units, of a class's box along one parameter."""

    low: float
    high: float
    __pydantic_config__ = {"extra": "forbid"}


@dataclass(frozen=True)
class Prior:
    """Describe a prior: a box over parameters and covariates, flat in sampling coordinates.

    Parameters are inferred; covariates are known for every observation. With classes the prior is
    a mixture of boxes with equal weights. A class has the ranges of `parameters`, unless it gives
    its own edges or one value. The value 0 of an rms means that the component is absent. theta
    then has one more column, the number of the class.

    Arguments:
        parameters: name -> range; their order is the order of theta's columns.
        covariates: name -> range; their columns follow those of the parameters, and are the
            same for all classes.
        classes: name -> parameter -> edges or value; empty, or two or more.

    Raises: ValueError that names the parameter, covariate or class.

    Examples:
        >>> prior = Prior({"rate": Range(10.0, 1000.0, "log", "counts/s")})
        >>> prior.physical(np.array([[2.0]]))["rate"]
        array([100.])
        >>> prior.log_prob(np.array([[2.0], [4.0]])).tolist()
        [-0.6931471805599453, -inf]
    """

    parameters: Mapping[str, Range]
    covariates: Mapping[str, Range] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, Bounds | float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.parameters:
            raise ValueError("parameters is empty, but a prior needs at least one; add one")
        both = set(self.parameters) & set(self.covariates)
        if both:
            raise ValueError(
                f"{', '.join(sorted(both))} is both a parameter and a covariate; remove one"
            )
        if len(self.classes) == 1:
            raise ValueError(
                f"classes has {next(iter(self.classes))} alone, but a classifier needs "
                "2 classes or more; add one"
            )
        for name, box in self.classes.items():
            for parameter, bounds in box.items():
                self._check_bounds(f"classes.{name}.{parameter}", parameter, bounds)

    def _check_bounds(self, key: str, parameter: str, bounds: Bounds | float) -> None:
        """Refuse edges or a value of a class outside of the parameter's range."""
        if parameter not in self.parameters:
            raise ValueError(
                f"{key} is not one of parameters; a class may change {', '.join(self.parameters)}"
            )
        r = self.parameters[parameter]
        within = f"parameters.{parameter}, {r.low} to {r.high}"
        if isinstance(bounds, Bounds):
            if not r.low <= bounds.low < bounds.high <= r.high:
                raise ValueError(
                    f"{key} goes from {bounds.low} to {bounds.high}, but must lie within {within}; "
                    "change it"
                )
        elif bounds != 0 and not r.low <= bounds <= r.high:
            raise ValueError(
                f"{key} is {bounds}, but must be low and high, or 0, or one number "
                f"within {within}; change it"
            )

    @property
    def dim(self) -> int:
        """Count the parameters, without covariates."""
        return len(self.parameters)

    @property
    def names(self) -> list[str]:
        """Name the parameters, without covariates."""
        return list(self.parameters)

    @property
    def ranges(self) -> dict[str, Range]:
        """Give parameters and covariates in the order of the columns."""
        return {**self.parameters, **self.covariates}

    @property
    def low(self) -> Floats:
        """Give the lower edges of the parameters in sampling coordinates, (D,)."""
        return _edges(self.parameters)[0]

    @property
    def high(self) -> Floats:
        """Give the upper edges of the parameters in sampling coordinates, (D,)."""
        return _edges(self.parameters)[1]

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw from the prior; the first rows do not depend on n.

        Returns: (n, D + C) in sampling coordinates, with classes (n, D + C + 1).
        """
        low, high = _edges(self.ranges)
        if not self.classes:
            return np.asarray(low + (high - low) * rng.random((n, len(low))))

        u = rng.random((n, len(low) + 1))
        number = np.floor(u[:, -1] * len(self.classes))
        boxes = np.array([self.box(name) for name in self.classes])
        edges = boxes[number.astype(int)]
        with np.errstate(invalid="ignore"):
            width = edges[..., 1] - edges[..., 0]
        span = np.where(np.isfinite(edges[..., 0]), width, 0.0)

        theta = np.tile(low, (n, 1)) + (high - low) * u[:, :-1]
        theta[:, : self.dim] = edges[..., 0] + span * u[:, : self.dim]
        return np.hstack([theta, number[:, None]])

    def box(self, name: str) -> Floats:
        """Find the edges (D, 2) of a class in sampling coordinates.

        The edges are equal where the class has one value. They are -inf for zero on a log scale.
        """
        edges = []
        for parameter, r in self.parameters.items():
            bounds = self.classes[name].get(parameter, Bounds(r.low, r.high))
            if not isinstance(bounds, Bounds):
                bounds = Bounds(bounds, bounds)
            with np.errstate(divide="ignore"):
                edges.append(r.to_sampling([bounds.low, bounds.high]))
        return np.array(edges)

    def physical(self, theta: ArrayLike) -> dict[str, Floats]:
        """Convert the columns of theta to physical units.

        Arguments:
            theta: (..., D) or (..., D + C) in sampling coordinates.

        Returns: name -> (...).
        """
        columns = np.asarray(theta, dtype=np.float64)
        return {
            name: r.to_physical(columns[..., i])
            for i, (name, r) in enumerate(self.ranges.items())
            if i < columns.shape[-1]
        }

    def theta(self, values: Mapping[str, ArrayLike]) -> Floats:
        """Convert physical values to sampling coordinates, the inverse of `physical`.

        Returns: (..., D + C) if the covariates are given, else (..., D).
        """
        columns = [r.to_sampling(values[name]) for name, r in self.ranges.items() if name in values]
        return np.stack(np.broadcast_arrays(*columns), axis=-1)

    def log_prob(self, theta: ArrayLike) -> Floats:
        """Compute the log density of the parameters in sampling coordinates.

        Arguments:
            theta: (..., D) or (..., D + C).

        Returns: (...); -inf outside the box.
        """
        parameters = np.asarray(theta, dtype=np.float64)[..., : self.dim]
        inside = ((parameters >= self.low) & (parameters <= self.high)).all(axis=-1)
        return np.where(inside, -np.log(self.high - self.low).sum(), -np.inf)


def _edges(ranges: Mapping[str, Range]) -> tuple[Floats, Floats]:
    """Find lower and upper edges in sampling coordinates."""
    low = np.array([float(r.to_sampling(r.low)) for r in ranges.values()])
    high = np.array([float(r.to_sampling(r.high)) for r in ranges.values()])
    return low, high


@dataclass(frozen=True)
class Samples:
    """Keep draws from a posterior, a network's or a reference's.

    Arguments:
        theta: (n, D) in sampling coordinates.
        prior: gives names, scales and units.
        notes: warnings on the draws, such as a chain that did not converge.

    Examples:
        >>> samples = Samples(np.array([[1.0], [2.0], [3.0]]), Prior({"rate": Range(1.0, 4.0)}))
        >>> samples.intervals()["rate"]["median"]
        2.0
    """

    theta: Floats
    prior: Prior
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Give median and 68% interval of each parameter in physical units."""
        lines = [f"{len(self.theta)} draws, median (68% interval):"]
        for name, row in self.intervals().items():
            numbers = f"{row['median']:.4g} ({row['lo68']:.4g} to {row['hi68']:.4g})"
            lines.append(f"  {name}: {numbers} {row['unit']}".rstrip())
        return "\n".join([*lines, *self.notes])

    def physical(self) -> dict[str, Floats]:
        """Give the draws in physical units, name -> (n,)."""
        return self.prior.physical(self.theta)

    def intervals(self) -> dict[str, dict[str, Any]]:
        """Find median, equal-tailed 68% and 95% intervals in physical units, and the unit."""
        out = {}
        for name, values in self.physical().items():
            quantiles = np.quantile(values, [0.025, 0.16, 0.5, 0.84, 0.975])
            lo95, lo68, median, hi68, hi95 = quantiles.tolist()
            out[name] = {
                "median": median,
                "lo68": lo68,
                "hi68": hi68,
                "lo95": lo95,
                "hi95": hi95,
                "unit": self.prior.ranges[name].unit,
            }
        return out
