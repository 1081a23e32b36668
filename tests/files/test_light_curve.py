"""A bright source in another detector: thinning, drawing, dead time, and unusable files."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from event_files import make
from scipy import stats

from livetime.errors import UserError
from livetime.files.bright_source import IDEAL_RATE, Curve, EventList, open_bright_source
from livetime.settings import Injection
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.detector import Events
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SUMMARY = Periodogram(8.0, 1 / 16, 0.2)
SOURCE = LightCurve({"noise": "noise"}, dt=1 / 16)


def light_curve(
    path,
    rate,
    step=1.0,
    start=1000.0,
    *,
    gti=None,
    keys=(),
    name="RATE",
    unit=None,
    columns=(),
):
    """An OGIP light curve, TIME at the start of each bin."""
    times = start + step * np.arange(len(rate))
    header = {
        "TELESCOP": "XTE",
        "HDUCLAS1": "LIGHTCURVE",
        "TIMEDEL": step,
        "TIMEPIXR": 0.0,
        **dict(keys),
    }
    unit = unit or ("count/s" if name == "RATE" else "count")
    own = [
        fits.Column("TIME", "D", unit="s", array=times),
        fits.Column(name, "D", unit=unit, array=np.asarray(rate)),
        *columns,
    ]
    hdus = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns(own, fits.Header(header), name="RATE")]
    if gti is not None:
        bounds = [
            fits.Column(c, "D", unit="s", array=np.array(gti)[:, i])
            for i, c in enumerate(("START", "STOP"))
        ]
        hdus.append(fits.BinTableHDU.from_columns(bounds, name="STDGTI"))
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def opened(path, summary=SUMMARY, most=1000, **settings):
    return open_bright_source(Injection(str(path), **settings), summary, most)


def bright(seed=0, rate=4000.0, rms=0.4, duration=256.0):
    """An event list without dead time."""
    rng = np.random.default_rng(seed)
    own = SOURCE.rate({"noise_rms": rms, "noise_frequency": 0.5, "rate": rate}, duration, rng)
    times = DeadTime(1, 0.0).record(own, rng).times[0]
    return EventList(
        Path("bright.evt"), np.array([[0.0, duration]]), len(times) / duration, (), times
    )


def test_thinning_keeps_the_fractional_power_and_makes_modules_independent():
    source, rng, summary = bright(), np.random.default_rng(1), Periodogram(32.0, 1 / 16, 1.0)
    whole = np.array(summary.periodograms(source.through(DeadTime(1, 0.0), source.rate, rng))[0][0])
    excess, most = [], []
    for _ in range(20):
        events = source.through(DeadTime(2, 0.0), 500.0, rng)
        (total, difference), rates, _ = summary.periodograms(events)
        np.testing.assert_allclose(rates, 500.0, rtol=5 / np.sqrt(500 * 256))
        assert len(np.intersect1d(*events.times)) == 0
        excess.append((total - 2) / 1000)
        most.append(difference)
    strong = slice(0, 5)  # below a few Hz
    np.testing.assert_allclose(
        np.mean(excess, axis=0)[strong], ((whole - 2) / source.rate)[strong], rtol=0.1
    )
    averaged = 20 * 8 * summary.axis.averaged
    assert (abs(np.mean(most, axis=0) / 2 - 1) < 4.5 / np.sqrt(averaged)).all()


@pytest.mark.parametrize(
    "detector",
    [DeadTime(1), DeadTime(1, 2e-3, 0.1, detectors=3, background=200.0, kept_fraction=0.5)],
    ids=["nustar", "other"],
)
def test_dead_time_of_a_list_is_that_of_the_exact_laws(detector):
    rng, span, rate = np.random.default_rng(2), 2000.0, 600.0
    incident = np.sort(rng.uniform(0, span, rng.poisson(rate * span)))
    times = detector.sift(incident, np.array([[0.0, span / 2], [span / 2, span]]), rng)
    recorded = float(detector.recorded(rate))
    assert len(times) / span == pytest.approx(recorded, rel=5 / np.sqrt(recorded * span))
    summary = Periodogram(20.0, 1 / 256, 0.05)
    (power,), _, segments = summary.periodograms(Events((times,), np.array([[0.0, span]])))
    axis = summary.axis
    expected = detector.white_noise(axis.values, rate, summary.dt)
    chi2 = (segments * axis.averaged * (power / expected - 1) ** 2).sum()
    assert stats.chi2.sf(chi2, len(power)) > 1e-4


def test_without_dead_time_nothing_is_lost():
    source = bright(duration=16.0)
    np.testing.assert_array_equal(
        source.through(DeadTime(1, 0.0), source.rate, np.random.default_rng(0)).times[0],
        source.times,
    )


def test_a_list_cannot_be_made_brighter():
    source = bright(duration=16.0)
    with pytest.raises(UserError, match="gives at most"):
        source.through(DeadTime(2, 0.0), 0.51 * source.rate, np.random.default_rng(0))


# Light curves.


def test_events_of_a_light_curve_follow_its_rate_and_leave_its_gaps(tmp_path):
    rate = 100 * (1 + 0.5 * np.sin(np.arange(60)))
    rate[20:23] = np.nan
    source = opened(
        light_curve(tmp_path / "a.lc", rate, gti=[[1000.0, 1040.0], [1050.0, 1060.0]]),
        Periodogram(8.0, 1.0, 0.2),
    )
    np.testing.assert_allclose(source.gti, [[0, 20], [23, 40], [50, 60]])
    used = np.concatenate([rate[0:16], rate[23:39], rate[50:58]])
    assert source.rate == pytest.approx(used.mean())
    rng = np.random.default_rng(3)
    events = source.through(DeadTime(2, 0.0), 5000.0, rng)
    for times in events.times:
        counts = np.histogram(times, np.arange(61))[0]
        within = np.r_[0:20, 23:40, 50:60]
        expected = rate[within] * 5000 / source.rate
        assert counts.sum() == counts[within].sum()
        assert (
            stats.chi2.sf(((counts[within] - expected) ** 2 / expected).sum(), len(within)) > 1e-3
        )
    x = source.ideal(Periodogram(8.0, 1.0, 0.2), rng)
    assert 10 ** x[-2] == pytest.approx(IDEAL_RATE, rel=0.01)
    assert 10 ** x[-1] == pytest.approx(5)


def test_the_ideal_periodogram_is_that_of_the_rate():
    rng, step = np.random.default_rng(4), 1 / 4
    values = 1 + 0.3 * rng.standard_normal(512)
    source = Curve(
        Path(),
        np.array([[0.0, 128.0]]),
        float(values.mean()),
        (),
        step * np.arange(512),
        values,
        step,
    )
    summary = Periodogram(128.0, step, 1e-9)
    power = 2 * np.exp(source.ideal(summary, rng)[:-2])
    own = (
        2 / 128 * abs(np.fft.rfft(values)[1:256] * step) ** 2 / values.mean() ** 2
    )  # (fractional rms)^2/Hz
    noise = 2 / IDEAL_RATE
    assert (abs(power / IDEAL_RATE - noise - own) < 4.5 * np.sqrt(noise * (2 * own + noise))).all()


def test_a_light_curve_of_counts_and_of_central_times_is_the_same(tmp_path):
    rate = 50 + 10 * np.cos(np.arange(40))
    a = opened(light_curve(tmp_path / "a.lc", rate, 0.5), Periodogram(4.0, 0.5))
    b = opened(
        light_curve(
            tmp_path / "b.lc",
            rate / 2,
            0.5,
            1000.25,
            name="COUNTS",
            unit="count",
            keys={"TIMEPIXR": 0.5},
        ),
        Periodogram(4.0, 0.5),
    )
    np.testing.assert_allclose(a.values, b.values)
    np.testing.assert_allclose(a.gti, b.gti)
    assert "photon noise, " in b.notes[-1]
    assert float(b.notes[-1].split("noise, ")[1].split(" ")[0]) == pytest.approx(2 / 50, rel=0.1)


@pytest.mark.parametrize("in_days", [True, False])
def test_timedel_is_in_the_unit_of_keywords_or_in_that_of_the_bins(tmp_path, in_days):
    """XRONOS writes TIMEUNIT, TIMEZERO and TIMEDEL in days beside a column in s; others do not."""
    step = 1 / 86400 if in_days else 1.0
    keys = {"TIMEUNIT": "d", "TIMEZERI": 16122, "TIMEZERF": 0.25, "TIMEDEL": step}
    source = opened(light_curve(tmp_path / "a.lc", FLAT, keys=keys), Periodogram(8.0, 1.0))
    assert source.step == pytest.approx(1.0)
    assert source.rate == pytest.approx(100.0)


def test_the_handed_light_curve_of_xronos():
    path = DATA.parent / "field" / "4_timeunit_of_keywords" / "lcurve_style.lc"
    if not path.exists():
        pytest.skip("the folder ../shared/field is not there")
    source = opened(path, Periodogram(64.0, 1.0))
    assert source.step == pytest.approx(1.0)
    assert source.rate == pytest.approx(404, rel=0.02)
    assert np.diff(source.gti).sum() == pytest.approx(4096)


def test_a_part_and_the_first_segments_are_used(tmp_path):
    path = light_curve(tmp_path / "a.lc", 50 + np.arange(64.0))
    source = opened(path, Periodogram(8.0, 1.0), 3, start=9.5)
    np.testing.assert_allclose(source.gti, [[9.5, 33.5]])
    assert source.rate == pytest.approx(
        50 + np.interp(21.5, np.arange(65), np.arange(65)) - 0.5, rel=1e-6
    )
    assert any("the first 3 are used" in note and "inject.start" in note for note in source.notes)
    times = source.through(DeadTime(1, 0.0), 100.0, np.random.default_rng(0)).times[0]
    assert times.min() >= 9.5
    assert times.max() <= 33.5


FLAT = np.full(40, 100.0)
BAD = [
    (lambda p: p, {}, ["does not exist"]),
    (
        lambda p: light_curve(p, FLAT, name="FLUX"),
        {},
        ["without the columns TIME and RATE or COUNTS"],
    ),
    (lambda p: light_curve(p, FLAT, unit="erg/cm**2/s"), {}, ["erg/cm**2/s", "counts/s"]),
    (lambda p: light_curve(p, FLAT * np.nan), {}, ["no bin with a finite rate"]),
    (lambda p: light_curve(p, FLAT * 0), {}, ["a rate of 0 counts/s"]),
    (lambda p: light_curve(p, FLAT - 101), {}, ["negative rates", "background"]),
    (lambda p: light_curve(p, FLAT, 2.0), {}, ["bins of 2 s", "summary.dt=2"]),
    (lambda p: light_curve(p, FLAT[:5]), {}, ["no good time interval as long as a segment of 8 s"]),
    (lambda p: light_curve(p, FLAT[:1]), {}, ["1 bins", "longer"]),
    (lambda p: light_curve(p, FLAT), {"band": (3.0, 10.0)}, ["inject.band", "without energies"]),
    (lambda p: light_curve(p, FLAT), {"start": 50.0}, ["inject.start is 50"]),
    (
        lambda p: light_curve(p, FLAT, gti=[[5000.0, 6000.0]]),
        {},
        ["no bin with a finite rate, full exposure and good time", "inject.gti=full"],
    ),
    (
        lambda p: light_curve(p, FLAT, keys={"TIMEDEL": "one"}),
        {},
        ["the keyword TIMEDEL = 'one', which is not a number"],
    ),
    (
        lambda p: light_curve(p, FLAT, keys={"TIMEPIXR": "start"}),
        {},
        ["the keyword TIMEPIXR = 'start', which is not a number"],
    ),
    (
        lambda p: light_curve(p, FLAT, keys={"TIMEZERO": "now"}),
        {},
        ["the keyword TIMEZERO = 'now', which is not a number"],
    ),
    (
        lambda p: light_curve(p, FLAT, keys={"TIMEDEL": 1e-5}),
        {},
        ["bins of 1e-05 s that are 1 s apart", "correct TIMEDEL"],
    ),
    (
        lambda p: light_curve(p, FLAT, columns=[fits.Column("FRACEXP", "D", array=0 * FLAT)]),
        {},
        ["full exposure and good time"],
    ),
    (
        lambda p: light_curve(
            p, FLAT, columns=[fits.Column("ERROR", "2D", array=np.ones((40, 2)))]
        ),
        {},
        ["several values", "ERROR"],
    ),
    (
        lambda p: light_curve(
            p, FLAT, name="R", columns=[fits.Column("RATE", "1A", array=["a"] * 40)]
        ),
        {},
        ["no numbers in column RATE"],
    ),
    (
        lambda p: light_curve(p, FLAT * 1e200),
        {},
        ["1e+202 counts/s, but the limit is 1e+09 counts/s"],
    ),
    (
        lambda p: light_curve(p, FLAT, name="FLUX", keys={"HDUCLAS1": ""}),
        {},
        ["without the columns TIME and RATE or COUNTS"],
    ),
    (lambda p: make(p, [5.0]), {"gti": "full"}, ["all its events at one time"]),
    (
        lambda p: make(p.with_name("observation.bad.fits"), gti=((0, 4),)),
        {},
        ["observation.bad.fits has no good time"],
    ),
    (lambda p: make(p, gti=((0, 4),)), {}, ["no good time interval as long as a segment of 8 s"]),
    (lambda p: make(p, time="T"), {}, ["no table of events with a TIME column"]),
]


@pytest.mark.parametrize(("file", "settings", "named"), BAD, ids=range(len(BAD)))
def test_files_that_cannot_be_used_are_refused_in_a_sentence(tmp_path, file, settings, named):
    with pytest.raises(UserError) as error:
        opened(file(tmp_path / "bad.fits"), Periodogram(8.0, 1.0), **settings)
    assert "bad.fits" in str(error.value)
    assert "\n" not in str(error.value)
    for words in named:
        assert words in str(error.value)


def test_a_faint_light_curve_of_counts_that_is_not_declared_one_is_read(tmp_path):
    path = light_curve(
        tmp_path / "a.lc",
        FLAT * 1e-200,
        name="COUNTS",
        keys={"HDUCLAS1": "", "TIMEZERO": fits.card.Undefined()},
    )
    assert opened(path, Periodogram(8.0, 1.0)).rate == pytest.approx(1e-198)


def test_bins_that_overlap_are_refused(tmp_path):
    with pytest.raises(UserError, match="overlap"):
        opened(
            light_curve(tmp_path / "a.lc", FLAT, 1.0, keys={"TIMEDEL": 2.0}), Periodogram(8.0, 2.0)
        )


@pytest.mark.skipif(not DATA.is_dir(), reason="the data folder ../shared/data is not there")
def test_cygnus_x2():
    source = opened(DATA / "rxte" / "cygx2_std1.lc", Periodogram(1024.0, 16.0, 0.1))
    assert len(source.gti) == 3
    assert source.rate == pytest.approx(4040, rel=0.02)
    assert float(source.notes[-1].split("photon noise, ")[1].split(" ")[0]) == pytest.approx(
        2 / source.rate, rel=0.03
    )
    rates = source.through(DeadTime(2), 1000.0, np.random.default_rng(0))
    exposure = np.diff(source.gti).sum()
    for times in rates.times:
        assert len(times) / exposure == pytest.approx(1000 / (1 + 1000 * 2.536e-3), rel=0.01)


@pytest.mark.parametrize(
    ("name", "unit", "factor"),
    [
        ("RATE", "count/s", 1.0),
        ("RATE", "cts/sec", 1.0),
        ("RATE", "COUNT/S", 1.0),
        ("RATE", "s**-1", 1.0),
        ("RATE", "count/ms", 1000.0),
        ("RATE", "count/min", 1 / 60),
        ("COUNTS", "photons", 1.0),
    ],
)
def test_units_of_counts_are_converted(tmp_path, name, unit, factor):
    path = light_curve(tmp_path / "a.lc", FLAT, name=name, unit=unit)
    plain = light_curve(tmp_path / "b.lc", FLAT, name=name)
    ours, theirs = (opened(own, Periodogram(8.0, 1.0)).rate for own in (path, plain))
    assert ours == pytest.approx(factor * theirs)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("RATE", "count"),
        ("RATE", "count/s/cm2"),
        ("RATE", "cm"),
        ("RATE", "Crab"),
        ("COUNTS", "count/s"),
    ],
)
def test_units_of_something_else_are_refused(tmp_path, name, unit):
    with pytest.raises(UserError, match="from which no events"):
        opened(light_curve(tmp_path / "a.lc", FLAT, name=name, unit=unit), Periodogram(8.0, 1.0))
