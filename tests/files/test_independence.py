"""Laws of independent lists: chance raises no alarm, and any share of common photons is named."""

from pathlib import Path

import numpy as np
import pytest
from event_files import make, uniform

from livetime.files.independence import common_events
from livetime.files.observation import read_events
from livetime.simulate.dead_time_detector import DeadTime

FIELD = Path(__file__).resolve().parents[3] / "shared" / "field" / "3_overlapping_event_files"
SPAN = 320.0


def poisson(rate, seed, span=SPAN):
    rng = np.random.default_rng(seed)
    times = np.cumsum(2.5e-3 + rng.exponential(1 / rate, int(2 * rate * span)))
    return times[times < span]


def pair(folder, first, second):
    """Two modules with these events."""
    gti = [(0, SPAN)]
    return [
        make(folder / "A.evt", first, gti),
        make(folder / "B.evt", second, gti, header={"INSTRUME": "FPMB"}),
    ]


def codes(found):
    return {finding.code for finding in found.findings}


@pytest.mark.parametrize("window", [1e-5, 1e-3])
def test_chance_is_what_independent_lists_have(window):
    """Also for a source whose rate varies by a factor of ten."""
    rng = np.random.default_rng(0)
    lists = []
    for _ in range(2):
        times = np.sort(rng.uniform(0, 2000, 400_000))
        lists.append(times[rng.random(400_000) < 0.55 + 0.45 * np.sin(times / 20)])
    common, chance = common_events(*lists, window)
    pairs = chance / len(lists[0])
    expected = len(lists[0]) * (1 - np.exp(-pairs))
    assert common == pytest.approx(expected, rel=0.1, abs=5 * np.sqrt(expected))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rate", [10.0, 300.0])
def test_independent_modules_raise_no_alarm(tmp_path, rate, seed):
    found = read_events(pair(tmp_path, poisson(rate, seed), poisson(rate, seed + 100)))
    assert not codes(found) & {"shared_events", "repeated_events"}


@pytest.mark.parametrize("share", [0.01, 0.04, 0.5])
def test_common_photons_are_named_with_their_share(tmp_path, share):
    first, other = poisson(150, 1), poisson(150, 2)
    rng = np.random.default_rng(3)
    few = int(share * len(first))
    rest = rng.choice(other, len(first) - few, replace=False)
    second = np.sort(np.concatenate([rng.choice(first, few, replace=False), rest]))
    found = read_events(pair(tmp_path, first, second))
    (finding,) = [finding for finding in found.findings if finding.code == "shared_events"]
    assert f"share {share:.2g} of their events" in finding.text
    assert finding.reason in found.reasons(DeadTime(2, 2.5e-3))


def test_frames_in_common_are_no_photons_in_common(tmp_path):
    """Two modules that are read out together share their frames: nothing can be said of photons."""
    frames = [np.floor(poisson(150, seed) / 0.1) * 0.1 for seed in (4, 5)]
    assert "shared_events" not in codes(read_events(pair(tmp_path, *frames)))


def test_photons_that_one_list_repeats(tmp_path):
    times = uniform()
    rng = np.random.default_rng(6)
    doubled = np.sort(np.concatenate([times, rng.choice(times, 32, replace=False)]))
    found = read_events(make(tmp_path / "a.evt", doubled, pi=np.arange(len(doubled))))
    (finding,) = [finding for finding in found.findings if finding.code == "repeated_events"]
    assert "0.048 of the events" in finding.text


@pytest.mark.parametrize(
    ("other", "share"),
    [("screened_again.evt", 1.0), ("four_percent_shared.evt", 0.04)],
)
def test_the_handed_files(other, share):
    if not FIELD.is_dir():
        pytest.skip("the folder ../shared/field is not there")
    found = read_events([FIELD / "all.evt", FIELD / other])
    (finding,) = [finding for finding in found.findings if finding.code == "shared_events"]
    assert float(finding.text.split("share ")[1].split()[0]) == pytest.approx(share, rel=0.03)


def test_the_handed_files_that_overlap():
    if not FIELD.is_dir():
        pytest.skip("the folder ../shared/field is not there")
    found = read_events([FIELD / "first_hours.evt", FIELD / "next_hours.evt"])
    assert found.info["exposure"] == pytest.approx(160)
    assert "shared_events" in codes(found)


# Rates of a constant ratio.


def thinned(incident, share, seed):
    """What a module of this share of the area records with 2.5 ms of dead time."""
    rng = np.random.default_rng(seed)
    own = incident[rng.random(len(incident)) < share]
    kept, last = [], -1.0
    for time in own:
        if time >= last + 2.5e-3:
            kept.append(time)
            last = time
    return np.array(kept)


def variable(rate, seed):
    """Incident events of a source whose rate varies by a factor of five within a minute."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, SPAN, int(rate * SPAN)))
    return times[rng.random(len(times)) < 0.6 + 0.4 * np.sin(times / 10)]


@pytest.mark.parametrize("share", [1.0, 0.8])
def test_modules_of_a_variable_source_have_rates_of_a_constant_ratio(tmp_path, share):
    modules = [thinned(variable(600, seed), own, seed) for seed, own in ((1, 1.0), (2, share))]
    assert "rates_differ" not in codes(read_events(pair(tmp_path, *modules)))


@pytest.mark.parametrize("kept", [0.0, 0.8])
def test_a_change_of_one_module_alone_is_doubted(tmp_path, kept):
    first, second = poisson(60, 1), poisson(60, 2)
    rng = np.random.default_rng(3)
    changed = second[(second < 200) | (rng.random(len(second)) < kept)]
    found = read_events(pair(tmp_path, first, changed))
    (own,) = [finding for finding in found.findings if finding.code == "rates_differ"]
    # The share is that of events before the change, here and there.
    missing = 120 * (1 - kept)
    expected = 200 / (320 - missing) - 200 / 320
    assert float(own.text.split(": ")[1].split()[0]) == pytest.approx(expected, abs=0.01)
    assert own.doubtful
