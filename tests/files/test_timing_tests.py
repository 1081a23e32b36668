"""Laws of the tests on event times: no alarm on Poisson noise, the right number for a fault.

False alarms are rarer than ALPHA = 1e-5 a file and test: among the 60 files here one would appear
in fewer than 1 of 300 runs, and the seeds are fixed.
"""

import numpy as np
import pytest

from livetime.files.rate_tests import absences, good_times, rate_steps, silences
from livetime.files.timing_tests import bursts, close_pairs, lines, time_step

EPS = 1e-9
GTI = np.array([[0.0, 300.0], [500.0, 700.0]])


def poisson(rate, seed, gti=GTI):
    rng = np.random.default_rng(seed)
    return np.concatenate([np.sort(rng.uniform(a, b, rng.poisson(rate * (b - a)))) for a, b in gti])


@pytest.mark.parametrize("rate", [0.5, 10.0, 300.0])
@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_found_in_poisson_noise(rate, seed):
    times = poisson(rate, seed)
    assert time_step(times, EPS) is None
    assert time_step(times, EPS, declared=0.01) is None
    assert bursts(times, 1e-5) == []
    assert rate_steps(times, GTI) == []
    assert silences(times, GTI) == []
    assert lines(times, GTI) == []
    detectors = np.random.default_rng(seed).choice(5, len(times), p=[0.4, 0.3, 0.2, 0.09, 0.01])
    assert absences(detectors) == []


def test_a_strongly_variable_source_is_no_step_and_no_switched_detector():
    """Log-normal rate with an rms of 0.5 between 0.1 and 5 Hz, which all detectors share."""
    rng = np.random.default_rng(1)
    f = np.fft.rfftfreq(2**14, 1 / 16)
    noise = np.where((f > 0.1) & (f < 5), rng.normal(size=len(f)) + 1j * rng.normal(size=len(f)), 0)
    log = np.fft.irfft(noise)
    rate = np.exp(0.5 * log / log.std())
    counts = rng.poisson(100 * rate / rate.mean() / 16)
    times = np.sort((np.repeat(np.arange(len(rate)), counts) + rng.random(counts.sum())) / 16)
    gti = np.array([[0.0, len(rate) / 16]])
    assert rate_steps(times, gti) == []
    assert silences(times, gti) == []
    assert absences(rng.choice(3, len(times))) == []


@pytest.mark.parametrize("index", [1.0, 1.8])
def test_red_noise_is_no_step_and_no_silence(index):
    """A log-normal power law with a rms of .7 above 1/1000 Hz, ten times."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        f = np.fft.rfftfreq(16_000, 1 / 16)[1:]
        log = np.fft.irfft(
            np.append(
                0, f ** (-index / 2) * (rng.normal(size=len(f)) + 1j * rng.normal(size=len(f)))
            )
        )
        rate = np.exp(0.7 * log / log.std())
        counts = rng.poisson(100 * rate / rate.mean() / 16)
        times = np.sort((np.repeat(np.arange(len(rate)), counts) + rng.random(counts.sum())) / 16)
        gti = np.array([[0.0, 1000.0]])
        assert rate_steps(times, gti) == []
        assert silences(times, gti) == []
        assert lines(times, gti) == []


class TestTimeStep:
    @pytest.mark.parametrize("step", [2.0**-20, 1e-3, 0.441, 2.5])
    @pytest.mark.parametrize("mean", [0.1, 1.0, 8.0])
    def test_frames_are_measured_to_a_part_in_a_thousand(self, step, mean):
        """`mean` events a frame, from mostly empty frames to none."""
        rng = np.random.default_rng(2)
        times = np.repeat(np.arange(20_000), rng.poisson(mean, 20_000)) * step
        assert time_step(times, step / 1e3) == pytest.approx(step, rel=1e-3)

    def test_barycentring_stretches_the_grid_and_hides_nothing(self):
        frames = np.flatnonzero(np.random.default_rng(3).random(200_000) < 0.3) * 1.778e-3
        stretched = frames + 1e-4 * frames + 2e-9 * frames**2
        assert time_step(stretched, EPS, declared=1.778e-3) == pytest.approx(1.778e-3, rel=1e-3)
        assert time_step(stretched, EPS) == pytest.approx(1.778e-3, rel=1e-3)

    def test_a_grid_other_than_the_one_declared_is_found(self):
        frames = np.flatnonzero(np.random.default_rng(4).random(20_000) < 0.5) * 3e-3
        assert time_step(frames, EPS, declared=1.1e-3) == pytest.approx(3e-3, rel=1e-3)

    def test_dead_time_is_no_grid(self):
        times = np.cumsum(2.5e-3 + np.random.default_rng(5).exponential(1e-3, 50_000))
        assert time_step(times, EPS) is None

    def test_what_the_numbers_cannot_hold_is_not_measured(self):
        times = 5e8 + np.sort(np.random.default_rng(6).uniform(0, 0.01, 3000))
        assert time_step(times, float(np.spacing(5e8))) is None


@pytest.mark.parametrize("gap", [1e-3, 1.25e-3])
def test_close_pairs_are_counted_by_detector(gap):
    rng = np.random.default_rng(7)
    times, detectors = np.sort(rng.uniform(0, 50, 4000)), rng.integers(0, 4, 4000)
    expected = sum(int((np.diff(times[detectors == d]) < gap).sum()) for d in range(4))
    assert close_pairs(times, detectors, gap) == expected > 10
    assert close_pairs(times, None, gap) == int((np.diff(times) < gap).sum())


@pytest.mark.parametrize("count", [1, 5])
def test_bursts_are_found_with_their_events(count):
    times = poisson(20.0, 8)
    at = np.linspace(10, 290, count)
    spoiled = np.sort(np.concatenate([times, np.repeat(at, 7)]))
    found = bursts(spoiled, 1e-5)
    assert [n for _, n in found] == [7] * count
    np.testing.assert_allclose([start for start, _ in found], at)


class TestAbsences:
    def test_a_detector_that_is_off_is_found_whatever_the_source_does(self):
        rng = np.random.default_rng(9)
        detectors = rng.integers(0, 5, 10_000)
        flaring = np.sort(rng.beta(0.3, 0.3, 10_000)) * 1000
        off = (detectors == 3) & (flaring > 400) & (flaring < 450)
        found = absences(detectors[~off])
        assert [a.detector for a in found] == [3]
        span = flaring[~off][[found[0].start, found[0].stop]]
        assert span[0] == pytest.approx(400, abs=20)
        assert span[1] == pytest.approx(450, abs=20)
        assert found[0].expected == pytest.approx(off.sum(), rel=0.3)

    @pytest.mark.parametrize("late", [True, False])
    def test_off_at_the_start_or_the_end(self, late):
        detectors = np.random.default_rng(10).integers(0, 3, 3000)
        part = slice(None, 300) if late else slice(-300, None)
        keep = np.ones(3000, bool)
        keep[part] = detectors[part] != 1
        (found,) = absences(detectors[keep])
        assert found.detector == 1
        assert (found.start == 0) == late

    def test_one_detector_is_never_away(self):
        assert absences(np.zeros(1000, int)) == []


class TestRates:
    @pytest.mark.parametrize(("factor", "rate"), [(0.5, 100), (0.8, 1000), (1.5, 100)])
    def test_a_step_is_found_where_it_is(self, factor, rate):
        rng = np.random.default_rng(11)
        gti = np.array([[0.0, 1000.0]])
        times = np.sort(
            np.concatenate(
                [rng.uniform(0, 600, 600 * rate), rng.uniform(600, 1000, int(400 * rate * factor))]
            )
        )
        (found,) = rate_steps(times, gti)
        assert found.time == pytest.approx(600, abs=2)
        assert found.before == pytest.approx(rate, rel=0.1)
        assert found.after == pytest.approx(rate * factor, rel=0.1)

    def test_a_slow_drift_is_no_step(self):
        u = np.random.default_rng(12).random(100_000)
        times = np.sort(1000 * (np.sqrt(1 + 3 * u) - 1))  # the rate doubles
        assert rate_steps(times, np.array([[0.0, 1000.0]])) == []

    def test_silence_is_found_where_it_is(self):
        times = poisson(10.0, 13)
        times = times[(times < 100) | (times > 104)]
        (found,) = silences(times, GTI)
        assert found.start == pytest.approx(100, abs=1)
        assert found.length == pytest.approx(4, abs=1)
        assert found.expected == pytest.approx(40, rel=0.5)

    def test_intervals_that_are_too_wide_are_silent_at_their_ends(self):
        times = poisson(10.0, 14)
        found = silences(times, np.array([[-5.0, 305.0], [500.0, 700.0]]))
        assert [s.start for s in found] == [-5.0, times[times < 305][-1]]

    def test_gaps_are_no_silence(self):
        times = poisson(100.0, 15)
        assert np.diff(times).max() > 199
        assert silences(times, GTI) == []
        assert good_times(np.array([0.0, 299.0, 500.0, 700.0]), GTI).tolist() == [0, 299, 300, 500]


class TestLines:
    @staticmethod
    def modulated(seed, rate, of_phase, span=2000.0):
        """Events of a Poisson process with the rate times a function of time below 1."""
        rng = np.random.default_rng(seed)
        times = np.sort(rng.uniform(0, span, rng.poisson(rate * span)))
        return times[rng.random(len(times)) < of_phase(times)], np.array([[0.0, span]])

    @pytest.mark.parametrize("frequency", [0.5, 6.6, 642.0])
    def test_a_pulse_is_found_at_its_frequency(self, frequency):
        found = lines(
            *self.modulated(1, 40, lambda t: (1 + 0.5 * np.sin(2 * np.pi * frequency * t)) / 2)
        )
        assert [line.frequency for line in found] == [pytest.approx(frequency, abs=1 / 2000)]
        # Leahy's power is N a^2/2 on a noise of 2. A frequency between two bins loses up to 59%,
        # binning by 1/2048 s another sinc^2.
        expected = 20 * 2000 * 0.25 / 4 * np.sinc(frequency / 2048) ** 2
        assert 0.3 * expected < found[0].power < 1.5 * expected

    def test_a_qpo_is_none(self):
        """An oscillation at 5 Hz with a quality factor of 20, and red noise, is smooth."""
        rng, dt, n = np.random.default_rng(2), 1 / 64, 128_000
        f = np.fft.rfftfreq(n, dt)
        shape = 1 / ((f - 5) ** 2 + 0.125**2) + 3 / (f + 0.01) ** 2
        noise = np.fft.irfft(
            np.sqrt(shape) * (rng.normal(size=len(f)) + 1j * rng.normal(size=len(f)))
        )
        rate = np.exp(0.4 * noise / noise.std())
        rate /= rate.max()
        for seed in range(5):
            assert lines(*self.modulated(seed, 1000, lambda t: rate[(t / dt).astype(int)])) == []

    def test_frames_make_no_lines_where_their_step_is_known(self):
        times, gti = self.modulated(3, 100, lambda t: 1.0)
        framed = np.floor(times / 0.0123) * 0.0123
        assert lines(framed, gti, time_step(framed, EPS)) == []
        readouts = lines(framed, gti)[0].frequency * 0.0123
        assert readouts == pytest.approx(round(readouts), abs=1e-3)


@pytest.mark.parametrize("frequency", [80.0, 150.0])
def test_frame_times_alias_where_the_doctor_says(frequency):
    """A sine of f above half of the readout frequency F is seen at F - f; F itself is a line."""
    frame, span, rng = 5e-3, 512, np.random.default_rng(16)
    times = rng.uniform(0, span, 400_000)
    times = times[rng.random(len(times)) < (1 + np.sin(2 * np.pi * frequency * times)) / 2]
    framed = (np.floor(times / frame) + 0.5) * frame
    readout = 1 / time_step(np.sort(framed), EPS)
    assert readout == pytest.approx(200, rel=1e-6)

    def leahy(f):
        return 2 / len(framed) * np.abs(np.exp(2j * np.pi * f * framed).sum()) ** 2

    assert leahy(200.0) == pytest.approx(2 * len(framed))
    image = readout - frequency
    lowered = np.sinc(frequency * frame) ** 2
    assert leahy(image) == pytest.approx(
        len(framed) / 2 * lowered, rel=0.05
    )  # amplitude 1: N/2 before the frames
    assert leahy(image + 0.1) < 40
