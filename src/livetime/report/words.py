"""Put numbers and parameters into words: names, symbols, units, uncertainties."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from livetime.report.units import power_of_ten, unit_math, unit_text
from livetime.simulate.prior import Prior


@dataclass(frozen=True)
class Quantity:
    """Describe a parameter, a covariate or an entry of a summary.

    Arguments:
        words: its name in running text.
        symbol: its symbol in mathtext, without dollars; empty for none.
        unit: its unit as a prior writes it, such as `counts/s`; empty for none.
        factor: number that converts a physical value to this unit.
        power: power of ten that multiplies the unit on an axis.

    >>> rms = Quantity("QPO rms", r"\\sigma", "%", 100.0)
    >>> rms.text
    'QPO rms (%)'
    >>> rms.axis
    '$\\\\sigma$ (%)'
    """

    words: str
    symbol: str = ""
    unit: str = ""
    factor: float = 1.0
    power: int = 0

    @property
    def text(self) -> str:
        """Give name and unit in plain text."""
        if not self.unit:
            return self.words
        unit = unit_text(self.unit)
        return f"{self.words} ({unit})"

    @property
    def axis(self) -> str:
        """Give the label of an axis: the symbol, or else the name, and the unit."""
        name = f"${self.symbol}$" if self.symbol else self.words
        unit = unit_math(self.unit, self.power)
        return f"{name} ({unit})" if unit else name

    def scaled(self, power: int) -> "Quantity":
        """Give the same quantity in units of a power of ten; a power of 0 changes nothing."""
        factor = self.factor * 10.0**-power
        return replace(self, factor=factor, power=power)

    @property
    def long_axis(self) -> str:
        """Give the long label of an axis: name, symbol and unit."""
        if not self.symbol:
            return self.axis
        return f"{self.words} {self.axis}"


_FIELDS = {
    "rms": Quantity("rms", r"\mathrm{rms}", "%", 100.0),
    "frequency": Quantity("frequency", r"\nu", "Hz"),
    "centroid": Quantity("centroid", r"\nu_0", "Hz"),
    "quality": Quantity("quality factor", "Q"),
    "norm": Quantity("norm", "K"),
    "index": Quantity("index", r"\beta"),
    "temperature": Quantity("temperature", "kT", "keV"),
}
"""What a component of a power spectrum or photon spectrum has."""
_COMPONENTS = {"qpo": "QPO", "powerlaw": "power-law", "blackbody": "black-body"}
_SHORT = {"powerlaw": "PL", "blackbody": "BB"}

_KNOWN = {
    "n_h": Quantity("absorbing column", r"N_\mathrm{H}", "1e22/cm^2"),
    "alpha": Quantity("grade migration", r"\alpha"),
    "psf_fraction": Quantity("PSF fraction", r"f_\mathrm{PSF}"),
    "rate": Quantity("incident rate", "r", "counts/s"),
    "hardness": Quantity("hardness ratio", "H"),
    "noise_level": Quantity("noise level", r"P_\mathrm{noise}", "Leahy"),
    "noise_frequency": Quantity("noise half-width", r"\nu_\mathrm{noise}", "Hz"),
    "dead_time": Quantity("dead time", r"\tau", "s"),
    "detectors": Quantity("detectors", "n"),
    "background_share": Quantity("background share", r"f_\mathrm{bkg}"),
    "kept_fraction": Quantity("kept fraction", r"f_\mathrm{kept}"),
    "segments": Quantity("segments averaged", "M"),
    "exposure": Quantity("exposure", "T", "s"),
    "live_fraction": Quantity("live-time fraction", r"f_\mathrm{live}"),
    "incident_rate": Quantity("incident rate", "r", "counts/s"),
    "joint": Quantity("joint region"),
    "rms": Quantity("total rms", r"\mathrm{rms}", "%", 100.0),
    "rate x dead time": Quantity("events per dead time", r"r\,\tau"),
}


def prior_units(prior: Prior) -> dict[str, str]:
    """Give the unit of every parameter and covariate of a prior."""
    ranges = prior.ranges.items()
    return {name: bounds.unit for name, bounds in ranges}


def quantity(name: str, units: Mapping[str, str] | None = None) -> Quantity:
    """Describe a parameter or covariate by its name.

    Arguments:
        name: such as `qpo_frequency`, `n_h`.
        units: name -> unit of every parameter of the prior. They replace the usual units. A norm
            in photons makes `powerlaw_index` the photon index.

    >>> quantity("qpo_frequency").axis
    '$\\\\nu_\\\\mathrm{QPO}$ (Hz)'
    >>> quantity("powerlaw_index", {"powerlaw_norm": "photons/cm^2/s/keV"}).words
    'photon index'
    """
    units = units or {}
    photons = any("keV" in unit for unit in units.values())
    found = _KNOWN.get(name) or _component(name, photons)
    own = units.get(name, "")
    if own and found.factor == 1:
        return replace(found, unit=own)
    return found


def _component(name: str, photons: bool) -> Quantity:
    """Put `<component>_<field>` into words, and return any other name as it is."""
    component, _, field = name.rpartition("_")
    if not component or field not in _FIELDS:
        return Quantity(name.replace("_", " "))
    if field == "index" and photons:
        return Quantity("photon index", r"\Gamma")

    found = _FIELDS[field]
    words = _COMPONENTS.get(component, component.replace("_", " "))
    if field == "norm":
        words += " norm at 1 keV" if photons else " norm at 1 Hz"
        return Quantity(words, f"{found.symbol}_{_subscript(component)}", "")
    subscript = _subscript(component)
    symbol = f"{found.symbol}_{subscript}"
    return replace(found, words=f"{words} {found.words}", symbol=symbol)


def _subscript(component: str) -> str:
    spaced = component.replace("_", r"\ ")
    known = _COMPONENTS.get(component, spaced)
    short = _SHORT.get(component, known)
    return rf"\mathrm{{{short}}}"


# Numbers.


_INTERVAL = ("median", "lo68", "hi68")
"""Keys of a median and its 68% interval."""


def digits(value: float) -> str:
    """Write a number with three significant digits, and a power of ten if needed.

    >>> digits(999.7), digits(0.0321), digits(3.2e-6), digits(0.0)
    ('1000', '0.0321', '3.20 × 10⁻⁶', '0')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    exponent = _exponent(value)
    if _needs_power(exponent):
        return f"{value / 10.0**exponent:.2f} × {power_of_ten(exponent)}"
    return f"{value:.{max(0, 2 - exponent)}f}"


def interval(row: Mapping[str, Any], factor: float = 1.0) -> str:
    """Write a median and its 68% interval, with two significant digits of the uncertainty.

    Arguments:
        row: has `median`, `lo68` and `hi68`.
        factor: factor for all three values.

    >>> interval({"median": 1001.2, "lo68": 990.4, "hi68": 1015.2})
    '1001 (990 to 1015)'
    >>> interval({"median": 3.12e-5, "lo68": 3.0e-5, "hi68": 3.3e-5})
    '3.12 (3.00 to 3.30) × 10⁻⁵'
    """
    physical = [float(row[key]) for key in _INTERVAL]
    values = [factor * value for value in physical]
    exponent = _exponent(values[0])
    end = ""
    if _needs_power(exponent):
        values = [value / 10.0**exponent for value in values]
        end = f" × {power_of_ten(exponent)}"
    places = decimals(*values)
    texts = [f"{value:.{places}f}" for value in values]
    median, low, high = texts
    return f"{median} ({low} to {high}){end}"


def decimals(median: float, low: float, high: float) -> int:
    """Count the decimals that show two significant digits of the smaller half of an interval.

    >>> decimals(0.203, 0.191, 0.216)
    3
    """
    halves = (median - low, high - median)
    positive = [half for half in halves if half > 0]
    fallback = abs(median) / 100
    smallest = min(positive, default=fallback)
    if smallest == 0 or not math.isfinite(smallest):
        return 2
    return min(8, max(0, 1 - _exponent(smallest)))


def _exponent(value: float) -> int:
    """Find the power of ten of the first of three significant digits."""
    if value == 0 or not math.isfinite(value):
        return 0
    return int(f"{abs(value):.2e}".partition("e")[2])


def _needs_power(exponent: int) -> bool:
    return not -3 <= exponent <= 5


def median_math(median: float, low: float, high: float) -> str:
    r"""Write a median and its 68% interval in mathtext.

    >>> median_math(3.12, 2.87, 3.33)
    '$3.12^{+0.21}_{-0.25}$'
    >>> median_math(3.1e-5, 3e-5, 3.3e-5)
    '$3.10^{+0.20}_{-0.10}\\times10^{-5}$'
    """
    exponent = _exponent(median)
    end = ""
    if _needs_power(exponent):
        scale = 10.0**-exponent
        median *= scale
        low *= scale
        high *= scale
        end = rf"\times10^{{{exponent}}}"
    places = decimals(median, low, high)
    upper = f"{high - median:.{places}f}"
    lower = f"{median - low:.{places}f}"
    bounds = f"^{{+{upper}}}_{{-{lower}}}"
    return f"${median:.{places}f}{bounds}{end}$"


# Entries of a summary.


_BLOCKS = {
    "sum": "A+B",
    "difference": "A−B",
    "rate_a": "recorded rate, module A",
    "rate_b": "recorded rate, module B",
    "rate_outer": "rate, outer annulus",
    "outer": "outer annulus",
    "bad": "share of bad grades",
    "gain": "response over noise",
}


def entry(name: str) -> str:
    """Describe an entry, or a group of entries, of a summary.

    >>> entry("sum 0.25 to 1 Hz"), entry("rate_a"), entry("power_colour_1")
    ('A+B 0.25 to 1 Hz', 'recorded rate, module A', 'power colour 1')
    """
    block, space, rest = name.partition(" ")
    words = _BLOCKS.get(block) or quantity(block).words
    return f"{words}{space}{rest}"
