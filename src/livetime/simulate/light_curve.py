"""A count rate with a given power spectrum (Timmer & Koenig 1995), linear or log-normal."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from livetime.simulate.power_spectrum import ShapeName, Spectrum


@dataclass(frozen=True)
class Rate:
    """Incident counts/s on a grid: `values[k]` holds over [k dt, (k + 1) dt)."""

    values: NDArray[np.float32]
    dt: float

    @property
    def duration(self) -> float:
        return len(self.values) * self.dt


@dataclass(frozen=True)
class LightCurve:
    """A source whose count rate varies with a sum of power-spectrum shapes.

    `log_normal`: rate = mean * exp(g - var(g)/2), g Gaussian with the spectrum; the parameters are then those of the *log rate*,
    the mean rate is exact in expectation and the rate is never negative (Uttley, McHardy & Vaughan 2005).
    Otherwise rate = mean * (1 + g), and a realisation that goes negative becomes NaN: clipping would lower its rms.

    A stretch longer than the observation is synthesised, and the zero-frequency term is drawn too, so that power below the
    lowest frequency leaks in as it does in nature. A realisation's rms scatters about the parameter.

    Arguments:
        components: name -> shape, see `Spectrum`.
        dt: step of the rate grid in s; power above 1/(2 dt) is left out.
        log_normal: see above.
        stretch: synthesised length over the length that is used, at least 1.

    Raises: ValueError for a step that is not positive or a stretch below 1.
    """

    components: Mapping[str, ShapeName]
    dt: float = 1 / 256
    log_normal: bool = True
    stretch: float = 1.25

    def __post_init__(self) -> None:
        if not 0 < self.dt < np.inf:
            raise ValueError(f"dt is {self.dt}, but a time step in seconds must be positive")
        if not 1 <= self.stretch < np.inf:
            raise ValueError(f"stretch is {self.stretch}, but must be at least 1")
        Spectrum(self.components)

    @property
    def spectrum(self) -> Spectrum:
        return Spectrum(self.components)

    @property
    def parameters(self) -> tuple[str, ...]:
        return (*self.spectrum.parameters, "rate")

    def rate(self, params: Mapping[str, float], duration: float, rng: np.random.Generator) -> Rate:
        """One realisation.

        Arguments:
            params: physical values of `parameters`; `rate` is the mean incident counts/s per module.
            duration: s.
            rng: the only source of randomness.
        """
        n = round(duration / self.dt)
        long = fft.next_fast_len(int(np.ceil(n * self.stretch)) + 1 & ~1, real=True)
        df = 1 / (long * self.dt)
        f = np.arange(long // 2 + 1) * df
        f[0] = df / 2
        power = self.spectrum.power(f, params)
        power[0] /= 2
        variance = float(power.sum() * df)
        amplitude = (long / 2 * np.sqrt(power * df)).astype(np.float32)
        draws = rng.standard_normal((len(f), 2), dtype=np.float32)
        draws *= amplitude[:, None]
        spectrum = draws.view(np.complex64)[:, 0]
        spectrum[0] = 2 * spectrum[0].real
        g = fft.irfft(spectrum, n=long, overwrite_x=True)[:n]
        if self.log_normal:
            g -= np.float32(variance / 2)
            np.exp(g, out=g)
        else:
            g += 1
            if g.min() < 0:
                g[:] = np.nan
        g *= np.float32(params["rate"])
        return Rate(g, self.dt)
