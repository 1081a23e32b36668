"""Simulate a count rate with a given power spectrum, linear or log-normal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from livetime.simulate.power_spectrum import PowerShapeName, PowerSpectrum

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Rate:
    """Keep an incident rate on a grid: `values[k]` in counts/s from k dt to (k + 1) dt.

    Arguments:
        values: incident counts/s in each step, shape (N,).
        dt: step in s.

    Examples:
        >>> Rate(np.full(4, 100, dtype=np.float32), 0.5).duration
        2.0
    """

    values: NDArray[np.float32]
    dt: float

    @property
    def duration(self) -> float:
        """Return the length N dt in s."""
        return len(self.values) * self.dt


@dataclass(frozen=True)
class FrequencyGrid:
    """Synthesise a Gaussian process on so many steps, with random Fourier amplitudes.

    Arguments:
        length: even number of steps.
        dt: step in s.

    Examples:
        >>> grid = FrequencyGrid.for_steps(100, 0.5, 1.25)
        >>> grid.length, grid.frequency[:3].round(4).tolist()
        (128, [0.0078, 0.0156, 0.0312])
    """

    length: int
    dt: float

    @classmethod
    def for_steps(cls, steps: int, dt: float, stretch: float) -> "FrequencyGrid":
        """Return a grid that is longer than `steps` by the factor `stretch`, and fast."""
        even_length = int(np.ceil(steps * stretch)) + 1 & ~1
        return cls(fft.next_fast_len(even_length, real=True), dt)

    @property
    def df(self) -> float:
        """Return the spacing of the frequencies in Hz."""
        return 1 / (self.length * self.dt)

    @property
    def frequency(self) -> Floats:
        """Return the frequencies in Hz, (length/2 + 1,).

        The zero-frequency term has the power between 0 and df/2, which only f > 0 gives: its
        frequency is df/2.
        """
        f = np.arange(self.length // 2 + 1) * self.df
        f[0] = self.df / 2
        return f

    def draw(self, power: Floats, rng: np.random.Generator) -> tuple[NDArray[np.float32], float]:
        """Draw one realisation, and find the variance.

        Arguments:
            power: one-sided power density at `frequency`; its first entry is halved in place.
            rng: the only source of randomness.

        Returns: values (length,), and their variance.
        """
        power[0] /= 2
        variance = float(power.sum() * self.df)

        amplitude = (self.length / 2 * np.sqrt(power * self.df)).astype(np.float32)
        draws = rng.standard_normal((len(power), 2), dtype=np.float32)
        draws *= amplitude[:, None]
        transform = draws.view(np.complex64)[:, 0]
        transform[0] = 2 * transform[0].real
        return fft.irfft(transform, n=self.length, overwrite_x=True), variance


def check_steps(dt: float, stretch: float) -> None:
    """Refuse a step that is not positive, or a stretch below 1.

    Arguments:
        dt: step of the rate in s.
        stretch: ratio of the synthesised length to the used length.

    Raises: ValueError that names the number and its limit.
    """
    if not 0 < dt < np.inf:
        raise ValueError(f"dt is {dt}, but must be positive and finite; give a step in s")
    if not 1 <= stretch < np.inf:
        raise ValueError(f"stretch is {stretch}, but must be finite and at least 1; change it")


@runtime_checkable
class Source(Protocol):
    """Give the incident rate of a variable source: what `TimingSimulator` needs.

    A source whose power is no sum of named shapes has no `components`. References that need the
    expected power of named shapes then do not apply.
    """

    simulators: ClassVar[tuple[str, ...]]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def dt(self) -> float:
        """Return the step of the rate in s."""

    @property
    def stretch(self) -> float:
        """Return the ratio of the synthesised length to the used length."""

    @property
    def log_normal(self) -> bool:
        """Say whether the rate is the exponential of a Gaussian process with this spectrum."""

    @property
    def components(self) -> Mapping[str, PowerShapeName]:
        """Return the named shapes of the power spectrum; empty for another power spectrum."""

    @property
    def spectrum(self) -> PowerSpectrum:
        """Return the power spectrum of the modelled process."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the parameters; the last one is `rate`."""

    def rate(self, params: Mapping[str, float], duration: float, rng: np.random.Generator) -> Rate:
        """Draw one realisation of the rate, see `LightCurve.rate`."""


@dataclass(frozen=True)
class LightCurve:
    """Simulate a rate whose power spectrum is a sum of shapes (Timmer & Koenig 1995).

    Log-normal: `rate = mean exp(g - var(g)/2)`, and g is Gaussian with the power spectrum. The
    parameters are those of the *log rate*. The mean rate is exact in expectation, and the rate is
    never negative (Uttley, McHardy & Vaughan 2005).

    Linear: `rate = mean (1 + g)`. A realisation that is negative somewhere becomes NaN, because
    clipping would lower its rms.

    A realisation is cut out of a longer one, with the zero-frequency term drawn too. Power below
    the lowest frequency thus leaks in, as it does in nature. The rms of a realisation scatters
    about the parameter.

    Arguments:
        components: name -> shape of the power spectrum, see `PowerSpectrum`.
        dt: step of the rate in s; there is no power above 1/(2 dt).
        log_normal: whether the rate is log-normal rather than linear.
        stretch: ratio of the synthesised length to the used length, at least 1.

    Raises: ValueError for a step that is not positive, a stretch below 1 or no component.

    Source: Timmer & Koenig (1995, A&A 300, 707),
    https://ui.adsabs.harvard.edu/abs/1995A&A...300..707T, and Uttley, McHardy & Vaughan (2005,
    MNRAS 359, 345), https://ui.adsabs.harvard.edu/abs/2005MNRAS.359..345U

    Examples:
        >>> source = LightCurve({"noise": "noise"})
        >>> source.parameters
        ('noise_rms', 'noise_frequency', 'rate')
        >>> params = {"noise_rms": 0.2, "noise_frequency": 1.0, "rate": 100.0}
        >>> len(source.rate(params, 2.0, np.random.default_rng(0)).values)
        512
    """

    components: Mapping[str, PowerShapeName]
    dt: float = 1 / 256
    log_normal: bool = True
    stretch: float = 1.25

    simulators: ClassVar[tuple[str, ...]] = ("events", "periodograms")

    def __post_init__(self) -> None:
        check_steps(self.dt, self.stretch)
        PowerSpectrum(self.components)

    @property
    def spectrum(self) -> PowerSpectrum:
        """Return the power spectrum of the modelled process."""
        return PowerSpectrum(self.components)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the spectrum's parameters, and `rate`."""
        return (*self.spectrum.parameters, "rate")

    def rate(self, params: Mapping[str, float], duration: float, rng: np.random.Generator) -> Rate:
        """Draw one realisation of the rate.

        Arguments:
            params: physical value of each of `parameters`; `rate` is the mean incident rate in
                counts/s per module.
            duration: length in s.
            rng: the only source of randomness.

        Returns: the rate on round(duration/dt) steps.
        """
        steps = round(duration / self.dt)
        values, variance = self._gaussian(params, steps, rng)
        return self._rate_of(values, variance, params["rate"])

    def _gaussian(
        self, params: Mapping[str, float], steps: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], float]:
        """Draw the Gaussian process g on so many steps, and find its variance."""
        grid = FrequencyGrid.for_steps(steps, self.dt, self.stretch)
        power = self.spectrum.power(grid.frequency, params)
        longer, variance = grid.draw(power, rng)
        return longer[:steps], variance

    def _rate_of(self, values: NDArray[np.float32], variance: float, mean: float) -> Rate:
        """Turn a Gaussian process into a rate in place; NaN where a linear rate is negative."""
        if self.log_normal:
            values -= np.float32(variance / 2)
            np.exp(values, out=values)
        else:
            values += 1
            if values.min() < 0:
                values[:] = np.nan
        values *= np.float32(mean)
        return Rate(values, self.dt)
