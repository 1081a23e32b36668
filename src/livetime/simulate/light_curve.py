"""Simulate a count rate with a given power spectrum, linear or log-normal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from livetime.simulate.power_spectrum import PowerShapeName, PowerSpectrum


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
        stretch: length that is synthesised over the length that is used, at least 1.

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
        if not 0 < self.dt < np.inf:
            raise ValueError(f"dt is {self.dt}, but a time step in seconds must be positive")
        if not 1 <= self.stretch < np.inf:
            raise ValueError(f"stretch is {self.stretch}, but must be at least 1")
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
        if self.log_normal:
            values -= np.float32(variance / 2)
            np.exp(values, out=values)
        else:
            values += 1
            if values.min() < 0:
                values[:] = np.nan
        values *= np.float32(params["rate"])
        return Rate(values, self.dt)

    def _gaussian(
        self, params: Mapping[str, float], steps: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], float]:
        """Draw the Gaussian process g on so many steps, and find its variance."""
        even_length = int(np.ceil(steps * self.stretch)) + 1 & ~1
        length = fft.next_fast_len(even_length, real=True)
        df = 1 / (length * self.dt)
        f = np.arange(length // 2 + 1) * df

        # The zero-frequency term has the power between 0 and df/2, which only f > 0 gives.
        f[0] = df / 2
        power = self.spectrum.power(f, params)
        power[0] /= 2
        variance = float(power.sum() * df)

        amplitude = (length / 2 * np.sqrt(power * df)).astype(np.float32)
        draws = rng.standard_normal((len(f), 2), dtype=np.float32)
        draws *= amplitude[:, None]
        transform = draws.view(np.complex64)[:, 0]
        transform[0] = 2 * transform[0].real
        longer = fft.irfft(transform, n=length, overwrite_x=True)
        return longer[:steps], variance
