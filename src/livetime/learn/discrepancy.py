"""Find where an observation differs from what its posterior predicts, and how rare that is.

A held-out simulation and draws from its posterior give residuals just as an observation does. So
the distribution of every statistic under a correct model is known from them, whatever the errors
of the emulator and of the posterior.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.p_values import is_ranked, rank_p_value, tail_p_value
from livetime.simulate.layout import Block, Layout

Floats = NDArray[np.floating[Any]]

SPECTRUM_PARTS = 5
"""Parts of a spectrum, of equal numbers of entries, each with statistics of its own."""
FILTER_QUALITIES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Quality factors of the Lorentzians that are searched for."""
FILTER_CENTROIDS = 60
"""Number of their centroids, from the lowest to the highest value of the axis."""
MIN_RESIDUAL_SCATTER = 1e-6
"""Standard deviation; residuals that scatter less count as constant."""


@dataclass(frozen=True)
class Discrepancy:
    """One statistic of an observation, and how rare it is.

    Arguments:
        name: of the statistic.
        p_value: share of held-out simulations whose statistic is at least as great.
        words: what was found, as a clause.

    Examples:
        >>> Discrepancy("distance", 0.001, "all residuals together are too large").p_value
        0.001
    """

    name: str
    p_value: float
    words: str


Statistic = tuple[Floats, Callable[[int], str]]
"""Values (N,), and a function that puts that of observation i into words."""


@dataclass(frozen=True)
class DiscrepancyTest:
    """Compare the residuals of an observation with those of held-out simulations.

    The statistics are: the mean square of all residuals and of each part of a spectrum; the sum of
    each part; the greatest response to a Lorentzian (matched filters); the longest run of residuals
    of one sign; and the greatest residual of a single number. Each has a p-value, see
    `livetime.p_values.tail_p_value`. The least of them is compared with the least of each
    held-out simulation, which allows for the number of statistics (Tippett's method).

    Arguments:
        layout: names the entries of a summary.
        mean: of the residuals of N held-out simulations, (X,).
        scatter: their standard deviation, (X,).
        response_scatter: standard deviation of the response of each filter, (T,).
        values: statistic -> its sorted values, (N,).
        least: sorted least p-values of the held-out simulations, (N,).

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> layout = Layout((Block("rate_a"), Block("rate_b")))
        >>> test = DiscrepancyTest.fit(layout, rng.standard_normal((1998, 2)))
        >>> test.p_values(np.array([[0.0, 9.0]])).tolist()
        [0.001]
        >>> test.find(np.array([0.0, 9.0]))[0].words
        'rate b is 9.3 standard deviations above the prediction'
    """

    layout: Layout
    mean: Floats
    scatter: Floats
    response_scatter: Floats
    values: Mapping[str, Floats]
    least: Floats

    @classmethod
    def fit(cls, layout: Layout, residuals: Floats) -> "DiscrepancyTest":
        """Find the distribution of every statistic.

        Half of the simulations scale the residuals and give the distribution of each statistic. The
        other half gives that of the least p-value. So the least p-value of an observation is as
        likely to have any rank as those of that half.

        Arguments:
            layout: names the entries of a summary.
            residuals: of held-out simulations, (2 N, X), see `emulator.emulator_residuals`.
        """
        scaling = residuals[::2]
        mean = scaling.mean(axis=0)
        scatter = scaling.std(axis=0)
        none = np.zeros(0)
        raw = cls(layout, mean, scatter, np.ones(len(_filters(layout))), {}, none)
        response_scatter = raw.responses(raw.standardise(scaling)).std(axis=0)

        scaled = cls(layout, mean, scatter, response_scatter, {}, none)
        statistics = scaled.statistics(scaling)
        values = {name: np.sort(found) for name, (found, _) in statistics.items()}
        ranked = cls(layout, mean, scatter, response_scatter, values, none)
        each = ranked._each_p_value(ranked.statistics(residuals[1::2]))
        least = np.sort(each.min(axis=0))
        return cls(layout, mean, scatter, response_scatter, values, least)

    def standardise(self, residuals: Floats) -> Floats:
        """Scale residuals (N, X) by those of held-out simulations; zero where those are equal."""
        varies = self.scatter > MIN_RESIDUAL_SCATTER
        divisor = np.where(varies, self.scatter, 1.0)
        return np.where(varies, (residuals - self.mean) / divisor, 0.0)

    def responses(self, standard: Floats) -> Floats:
        """Compute the response of each filter to standardised residuals: (N, X) to (N, T)."""
        return np.asarray(standard @ _filters(self.layout).T / self.response_scatter)

    def statistics(self, residuals: Floats) -> dict[str, Statistic]:
        """Compute all statistics of residuals (N, X), by name."""
        standard = self.standardise(residuals)
        responses = self.responses(standard)

        # Among equally rare discrepancies the first one is named: the most specific.
        out: dict[str, Statistic] = {}
        for name in self.layout.spectra:
            out |= dict(self._of_filters(responses, name))
        for name in self.layout.spectra:
            out |= dict(_of_spectrum(standard[:, self.layout.slices[name]], self.layout[name]))
        return out | dict(_overall(standard, self.layout))

    def p_values(self, residuals: Floats) -> Floats:
        """Find the family-wise p-value (N,) of residuals (N, X).

        A share p of the simulations of a correct model has a p-value of at most p.
        """
        each = self._each_p_value(self.statistics(residuals))
        return np.asarray(rank_p_value(-self.least[::-1], -each.min(axis=0)))

    def find(self, residual: Floats) -> tuple[Discrepancy, ...]:
        """List the discrepancies of one observation's residuals (X,), the rarest first.

        No p-value is below 1/(N + 1). Of those that are equal the most specific comes first.
        """
        statistics = self.statistics(residual[None])
        least = 1 / (len(self.least) + 1)
        each = self._each_p_value(statistics)[:, 0].clip(min=least)
        found = [
            Discrepancy(name, float(p), words(0))
            for (name, (_, words)), p in zip(statistics.items(), each, strict=True)
        ]
        return tuple(sorted(found, key=lambda discrepancy: discrepancy.p_value))

    def plain(self) -> dict[str, Any]:
        """Give all numbers as plain types."""
        return {
            "mean": _rounded(self.mean),
            "scatter": _rounded(self.scatter),
            "response_scatter": _rounded(self.response_scatter),
            "values": {name: _rounded(values) for name, values in self.values.items()},
            "least": self.least.tolist(),
        }

    @classmethod
    def from_plain(cls, layout: Layout, plain: Mapping[str, Any]) -> "DiscrepancyTest":
        """Make a test of what `plain` gave.

        Raises:
            ValueError: if it does not fit the layout, or its numbers are not those of a test.
        """
        values = {str(name): np.array(row, dtype=float) for name, row in plain["values"].items()}
        mean, scatter, response_scatter, least = (
            np.array(plain[name], dtype=float)
            for name in ("mean", "scatter", "response_scatter", "least")
        )
        test = cls(layout, mean, scatter, response_scatter, values, least)
        if not (test._can_scale() and all(map(is_ranked, (*values.values(), least)))):
            raise ValueError("the numbers are not those of a test of the summary")
        if set(test.statistics(np.zeros((1, layout.size)))) != set(values):
            raise ValueError("the statistics are not those of the summary")
        return test

    def _can_scale(self) -> bool:
        """Say whether mean and scatter can scale residuals of the layout."""
        size = self.layout.size
        rows = (self.mean, self.scatter, self.response_scatter)
        if [row.shape for row in rows] != [(size,), (size,), (len(_filters(self.layout)),)]:
            return False
        positive = (self.scatter >= 0).all() and (self.response_scatter > 0).all()
        return bool(positive and np.isfinite(np.concatenate(rows)).all())

    def _each_p_value(self, statistics: Mapping[str, Statistic]) -> Floats:
        """Find the p-value of each statistic, (K, N)."""
        rows = [tail_p_value(self.values[name], found) for name, (found, _) in statistics.items()]
        return np.array(rows)

    def _of_filters(self, responses: Floats, name: str) -> Iterator[tuple[str, Statistic]]:
        """Give the greatest response of the filters of one spectrum."""
        block = self.layout[name]
        before = self.layout.spectra[: self.layout.spectra.index(name)]
        first = sum(len(_lorentzians(self.layout[other])[0]) for other in before)
        own = responses[:, first : first + len(_lorentzians(block)[0])]
        yield f"feature of {name}", _greatest_response(own, block)


def _greatest_response(responses: Floats, block: Block) -> Statistic:
    """Give the greatest of the responses (N, T) of the filters of a spectrum."""
    centroid, quality = _lorentzians(block)
    at = np.abs(responses).argmax(axis=1)
    greatest = responses[np.arange(len(responses)), at]
    unit = block.axis.unit if block.axis else ""

    def words(i: int) -> str:
        kind = "an excess" if greatest[i] > 0 else "a deficit"
        size = f"{abs(greatest[i]):.1f} standard deviations"
        place = f"{centroid[at[i]]:.3g} {unit}"
        return f"{block.label} has {kind} of {size} at {place} (Q near {quality[at[i]]:g})"

    return np.abs(greatest), words


def _rounded(values: Floats) -> list[float]:
    """Round numbers (N,) to six digits."""
    return [float(f"{value:.6g}") for value in values.tolist()]


def _lorentzians(block: Block) -> tuple[Floats, Floats]:
    """List centroids and quality factors of the Lorentzians of a spectrum, (T,) each."""
    assert block.axis is not None
    low, high = block.axis.values[[0, -1]]
    centroids = np.geomspace(low, high, FILTER_CENTROIDS)
    grid = np.meshgrid(FILTER_QUALITIES, centroids, indexing="ij")
    return grid[1].ravel(), grid[0].ravel()


def _filters(layout: Layout) -> Floats:
    """Make the matched filters, (T, X); an entry that averages W powers has the weight sqrt(W)."""
    rows = []
    for name in layout.spectra:
        block = layout[name]
        axis = block.axis
        assert axis is not None
        centroid, quality = _lorentzians(block)
        half_width = centroid / (2 * quality)
        distance = axis.values - centroid[:, None]
        shape = 1 / (1 + (distance / half_width[:, None]) ** 2)
        filters = np.zeros((len(centroid), layout.size))
        filters[:, layout.slices[name]] = shape * np.sqrt(axis.averaged)
        rows.append(filters)
    return np.concatenate(rows) if rows else np.zeros((0, layout.size))


def _overall(standard: Floats, layout: Layout) -> Iterator[tuple[str, Statistic]]:
    """Give the greatest residual of a single number, and the mean square of all (N, X)."""
    numbers = [name for name in layout.slices if name not in layout.spectra]
    if numbers:
        part = standard[:, [layout.slices[name].start for name in numbers]]
        labels = [layout[name].label for name in numbers]
        yield "numbers", _greatest_number(part, labels)

    square = (standard**2).mean(axis=1)

    def words(i: int) -> str:
        return f"the mean square of all residuals is {square[i]:.2f}, where 1 is expected"

    yield "distance", (square, words)


def _greatest_number(part: Floats, labels: Sequence[str]) -> Statistic:
    """Give the greatest residual of single numbers (N, K) with their labels."""
    at = np.abs(part).argmax(axis=1)
    greatest = part[np.arange(len(part)), at]

    def words(i: int) -> str:
        side = "above" if greatest[i] > 0 else "below"
        size = abs(greatest[i])
        return f"{labels[at[i]]} is {size:.1f} standard deviations {side} the prediction"

    return np.abs(greatest), words


def _of_spectrum(standard: Floats, block: Block) -> Iterator[tuple[str, Statistic]]:
    """Give the statistics of a spectrum's residuals (N, F) in each part, and the longest run."""
    axis = block.axis
    assert axis is not None
    weight = np.sqrt(axis.averaged)
    for rows in np.array_split(np.arange(block.size), min(SPECTRUM_PARTS, block.size)):
        low, high = axis.values[rows[[0, -1]]]
        place = f"{block.label} from {low:.3g} to {high:.3g} {axis.unit}"
        part = standard[:, rows]
        square = (part**2).mean(axis=1)
        norm = np.sqrt((weight[rows] ** 2).sum())
        total = (part * weight[rows]).sum(axis=1) / norm
        key = f"{block.name} {low:.4g} to {high:.4g} {axis.unit}"
        yield f"scatter of {key}", (square, _scatter_words(place, square))
        yield f"level of {key}", (np.abs(total), _level_words(place, total))
    run = _longest_run(standard)

    def words(i: int) -> str:
        return f"{run[i]:.0f} residuals of {block.label} in a row have the same sign"

    yield f"run of {block.name}", (run, words)


def _scatter_words(place: str, square: Floats) -> Callable[[int], str]:
    return lambda i: f"the residuals of {place} have a mean square of {square[i]:.2f}, not 1"


def _level_words(place: str, total: Floats) -> Callable[[int], str]:
    def words(i: int) -> str:
        side = "above" if total[i] > 0 else "below"
        return f"{place} is {abs(total[i]):.1f} standard deviations {side} the prediction"

    return words


def _longest_run(standard: Floats) -> Floats:
    """Count the residuals (N, F) of the longest stretch of one sign, (N,)."""
    positive = standard > 0
    changes = np.ones((len(standard), standard.shape[1] + 1), dtype=bool)
    changes[:, 1:-1] = positive[:, 1:] != positive[:, :-1]
    row, column = np.nonzero(changes)
    length = np.diff(column, append=0)
    same_row = np.diff(row, append=-1) == 0
    longest = np.zeros(len(standard))
    np.maximum.at(longest, row[same_row], length[same_row].astype(float))
    return longest
