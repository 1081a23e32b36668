"""Simulate sources and detectors that differ from those of a training.

Each keeps the parameters of the training's source. So the posterior's coverage of those parameters
shows the harm, and the share of flagged observations shows whether the verdict notices.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.detector import Detector
from livetime.simulate.light_curve import LightCurve, Rate
from livetime.simulate.power_spectrum import PowerShapeName, PowerSpectrum
from livetime.simulate.timing import TimingSimulator

Floats = NDArray[np.floating[Any]]
Params = Mapping[str, float]

DRIFT = 2.0
"""Factor by which a drifting rate rises."""
FLARE_HEIGHT = 2.0
"""Ratio of the height of a flare to the mean rate."""
FLARE_WIDTH = 0.02
"""Standard deviation of a flare, as a share of the observation."""
MOVE = 0.2
"""The frequency of a moving QPO rises from 1 - MOVE to 1 + MOVE times its mean."""
BACKGROUND = 0.05
"""Share of the incident events that are an unknown constant background."""
LONGER = 1.1
"""Ratio of the dead time to the one that is assumed."""
HARMONIC_RMS = 0.5
"""Ratio of the rms of a harmonic to that of the fundamental."""
SECOND_QPO = (1.5, 4.0)
"""Range of the factor between the frequencies of two QPOs."""
BROKEN_DECADE = 10.0
"""Factor between the two breaks of a broken power law."""
PIVOT = 3.0
"""Hz; if the first QPO is below this frequency, the second lies above the first, else below."""


@dataclass(frozen=True)
class Extended(LightCurve):
    """Add components to a source; their parameters follow from those of the source.

    Arguments:
        qpo: name of the source's QPO.
        noise: name of the source's band-limited noise.
        make: gives the added components, and the values of their parameters.

    Examples:
        >>> source = Extended({"qpo": "qpo"}, qpo="qpo", make=add_harmonic)
        >>> source.parameters
        ('qpo_rms', 'qpo_frequency', 'qpo_quality', 'rate')
    """

    qpo: str = "qpo"
    noise: str = "noise"
    make: Callable[["Extended", Params, np.random.Generator], "Added"] | None = None

    def rate(self, params: Params, duration: float, rng: np.random.Generator) -> Rate:
        """Simulate the rate of one observation, see `LightCurve.rate`."""
        assert self.make is not None
        added = self.make(self, params, rng)
        components = {**self.components, **added.components}
        whole = LightCurve(components, self.dt, self.log_normal, self.stretch)
        return whole.rate({**params, **added.values}, duration, rng)


@dataclass(frozen=True)
class Added:
    """Keep added components, and the values of their parameters.

    Arguments:
        components: name -> shape.
        values: physical value of each parameter.

    Examples:
        >>> Added({"hump": "noise"}, {"hump_rms": 0.1, "hump_frequency": 20.0}).components
        {'hump': 'noise'}
    """

    components: Mapping[str, PowerShapeName]
    values: Params


def _qpo(name: str, rms: float, frequency: float, quality: float) -> Added:
    values = {f"{name}_rms": rms, f"{name}_frequency": frequency, f"{name}_quality": quality}
    return Added({name: "qpo"}, values)


def add_second_qpo(source: Extended, params: Params, rng: np.random.Generator) -> Added:
    """Add a QPO of equal rms and quality, 1.5 to 4 times above or below the QPO's frequency."""
    frequency = params[f"{source.qpo}_frequency"]
    factor = float(np.exp(rng.uniform(*np.log(SECOND_QPO))))
    other = frequency * factor if frequency < PIVOT else frequency / factor
    return _qpo("second", params[f"{source.qpo}_rms"], other, params[f"{source.qpo}_quality"])


def add_harmonic(source: Extended, params: Params, rng: np.random.Generator) -> Added:
    """Add a QPO of half the rms at twice the frequency, of the same quality."""
    rms = HARMONIC_RMS * params[f"{source.qpo}_rms"]
    frequency = 2 * params[f"{source.qpo}_frequency"]
    return _qpo("harmonic", rms, frequency, params[f"{source.qpo}_quality"])


def add_three_lorentzians(source: Extended, params: Params, rng: np.random.Generator) -> Added:
    """Add a harmonic, an equal subharmonic, and a broad hump at ten times the noise's frequency.

    With a QPO and band-limited noise these are the five Lorentzians of a black hole's
    hard-intermediate state.
    """
    harmonic = add_harmonic(source, params, rng)
    rms = HARMONIC_RMS * params[f"{source.qpo}_rms"]
    frequency = params[f"{source.qpo}_frequency"] / 2
    sub = _qpo("subharmonic", rms, frequency, params[f"{source.qpo}_quality"])
    hump = {
        "hump_rms": params[f"{source.noise}_rms"],
        "hump_frequency": 10 * params[f"{source.noise}_frequency"],
    }
    components: dict[str, PowerShapeName] = {
        **harmonic.components,
        **sub.components,
        "hump": "noise",
    }
    return Added(components, {**harmonic.values, **sub.values, **hump})


@dataclass(frozen=True)
class _BrokenSpectrum(PowerSpectrum):
    """Replace band-limited noise by a power law with two breaks.

    The power is flat below nu/10, falls as 1/f from there to nu, and as 1/f^2 above, where nu is
    the half-width of the noise. Its integral is the noise's.
    """

    noise: str = "noise"

    def power(self, f: Floats, params: Mapping[str, Any]) -> Floats:
        """Compute the summed power, see `PowerSpectrum.power`."""
        others = {name: shape for name, shape in self.components.items() if name != self.noise}
        total = PowerSpectrum(others).power(f, params) if others else np.zeros(np.shape(f))
        upper = params[f"{self.noise}_frequency"]
        lower = upper / BROKEN_DECADE
        norm = params[f"{self.noise}_rms"] ** 2 / (upper * (2 + np.log(BROKEN_DECADE)))
        slope = np.where(f < upper, 1.0, 2.0)
        return np.asarray(total + norm * (np.maximum(f, lower) / upper) ** -slope)


@dataclass(frozen=True)
class BrokenPowerLaw(LightCurve):
    """Replace a source's band-limited noise by a power law with two breaks, of the same rms.

    Arguments:
        noise: name of the band-limited noise.

    Examples:
        >>> source = BrokenPowerLaw({"noise": "noise"})
        >>> params = {"noise_rms": 0.1, "noise_frequency": 1.0}
        >>> power = source.spectrum.power(np.array([0.01, 0.1, 1.0, 10.0]), params)
        >>> (power / power[2]).round(3)
        array([10.  , 10.  ,  1.  ,  0.01])
    """

    noise: str = "noise"

    @property
    def spectrum(self) -> PowerSpectrum:
        """Return the power spectrum of the modelled process."""
        return _BrokenSpectrum(self.components, self.noise)


@dataclass(frozen=True)
class Modulated(LightCurve):
    """Multiply a source's rate by a function of time with the mean 1.

    Arguments:
        factor: of the places (N,) from 0 to 1, and a random generator.

    Examples:
        >>> source = Modulated({"noise": "noise"}, factor=rise)
        >>> params = {"noise_rms": 1e-6, "noise_frequency": 1.0, "rate": 90.0}
        >>> rate = source.rate(params, 64.0, np.random.default_rng(0))
        >>> rate.values[[0, -1]].round()
        array([ 60., 120.], dtype=float32)
    """

    factor: Callable[[Floats, np.random.Generator], Floats] | None = None

    def rate(self, params: Params, duration: float, rng: np.random.Generator) -> Rate:
        """Simulate the rate of one observation, see `LightCurve.rate`."""
        assert self.factor is not None
        steady = super().rate(params, duration, rng)
        n = len(steady.values)
        place = (np.arange(n, dtype=np.float32) + 0.5) / n
        factor = self.factor(place, rng)
        return Rate((steady.values * factor).astype(np.float32), steady.dt)


def rise(place: Floats, rng: np.random.Generator) -> Floats:
    """Rise evenly by the factor `DRIFT`."""
    return np.asarray(2 / (1 + DRIFT) * (1 + (DRIFT - 1) * place))


def flare(place: Floats, rng: np.random.Generator) -> Floats:
    """Rise and fall once, as a Gaussian of height `FLARE_HEIGHT` and width `FLARE_WIDTH`."""
    centre = rng.uniform(0.1, 0.9)
    factor = 1 + FLARE_HEIGHT * np.exp(-(((place - centre) / FLARE_WIDTH) ** 2) / 2)
    return np.asarray(factor / factor.mean())


@dataclass(frozen=True)
class MovingQpo(LightCurve):
    """Let the frequency of a QPO rise from 1 - `MOVE` to 1 + `MOVE` times its parameter.

    The QPO is drawn in a time that runs at that pace; all else stays steady.

    Arguments:
        qpo: name of the QPO.

    Examples:
        >>> source = MovingQpo({"qpo": "qpo"})
        >>> params = {"qpo_rms": 0.1, "qpo_frequency": 3.0, "qpo_quality": 8.0, "rate": 50.0}
        >>> len(source.rate(params, 4.0, np.random.default_rng(0)).values)
        1024
    """

    qpo: str = "qpo"

    def rate(self, params: Params, duration: float, rng: np.random.Generator) -> Rate:
        """Simulate the rate of one observation, see `LightCurve.rate`."""
        steps = round(duration / self.dt)
        moving = LightCurve({self.qpo: "qpo"}, self.dt, self.log_normal, self.stretch)
        steady, variance = moving._gaussian(params, steps, rng)
        place = (np.arange(steps) + 0.5) / steps
        pace = place * (1 - MOVE + MOVE * place)  # the integral of 1 - MOVE + 2 MOVE place
        values = np.interp(pace * steps, np.arange(steps) + 0.5, steady)

        others = {name: shape for name, shape in self.components.items() if name != self.qpo}
        if others:
            rest = LightCurve(others, self.dt, self.log_normal, self.stretch)
            drawn, more = rest._gaussian(params, steps, rng)
            values = values + drawn
            variance += more
        return self._rate_of(values.astype(np.float32), variance, params["rate"])


@dataclass(frozen=True)
class WithBackground(LightCurve):
    """Add a constant rate, `BACKGROUND` of all incident events, that the network does not model.

    Examples:
        >>> source = WithBackground({"noise": "noise"})
        >>> params = {"noise_rms": 1e-6, "noise_frequency": 1.0, "rate": 95.0}
        >>> source.rate(params, 4.0, np.random.default_rng(0)).values.mean().round(3).item()
        100.0
    """

    def rate(self, params: Params, duration: float, rng: np.random.Generator) -> Rate:
        """Simulate the rate of one observation, see `LightCurve.rate`."""
        alone = super().rate(params, duration, rng)
        constant = BACKGROUND / (1 - BACKGROUND) * params["rate"]
        return Rate((alone.values + constant).astype(np.float32), alone.dt)


@dataclass(frozen=True)
class OtherDetector(TimingSimulator):
    """Record events with a detector that differs from the one of the summary.

    Arguments:
        change: gives the detector that records instead of the assumed one.
    """

    change: Callable[[Detector], Detector] | None = None

    def _vector(self, params: Params, rng: np.random.Generator) -> NDArray[np.float32]:
        """Simulate one summary; NaN where the source has no valid rate."""
        assert self.change is not None
        assumed = self.detector_at(params)
        rate = self._incident(params, rng)
        if not np.isfinite(rate.values).all():
            return np.full(self.layout.size, np.nan, dtype=np.float32)
        events = self._record(self.change(assumed), rate, params, rng)
        return self._normalised(self.summary(events, assumed), assumed, params)


def lengthen_dead_time(detector: Detector) -> Detector:
    """Return a detector whose dead time is longer by the factor `LONGER`.

    NuSTAR's empirical histogram becomes a Gaussian of the same relative width, lengthened alike.
    """
    own = cast(DeadTime, detector)
    if own.dead_time != "nustar":
        return replace(own, dead_time=LONGER * (own.dead_time or 0.0))
    tau = own.distribution
    centre = (tau.low + tau.high) / 2
    deviation = np.sqrt(tau.probability @ (centre - tau.mean) ** 2)
    return replace(own, dead_time=LONGER * tau.mean, scatter=float(deviation / tau.mean))


def paralyze(detector: Detector) -> Detector:
    """Return a detector whose lost events cause dead time too."""
    return replace(cast(DeadTime, detector), paralyzable=True)


def with_source(simulator: TimingSimulator, kind: type[LightCurve], **more: Any) -> TimingSimulator:
    """Return a simulator with another source of the same components.

    Arguments:
        simulator: of the training.
        kind: class of the other source.
        more: further arguments of the class.
    """
    own = simulator.source
    common = {each.name: getattr(own, each.name) for each in fields(LightCurve)}
    return replace(simulator, source=kind(**common, **more))


def record_with(
    simulator: TimingSimulator, change: Callable[[Detector], Detector]
) -> TimingSimulator:
    """Return a simulator whose events are recorded by another detector.

    Arguments:
        simulator: of the training.
        change: gives the other detector.
    """
    own = {each.name: getattr(simulator, each.name) for each in fields(simulator) if each.init}
    return OtherDetector(**own, change=change)
