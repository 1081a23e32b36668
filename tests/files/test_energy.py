"""Energies of events are those of stingray; where nothing gives them, the file is refused."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import stingray
from astropy.io import fits
from event_files import make, uniform
from stingray.mission_support import get_rough_conversion_function

from livetime.errors import UserError
from livetime.files.events import Selection, read_event_file

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
STINGRAY = Path(stingray.__file__).parent / "tests" / "data"
FILES = [
    STINGRAY / "chandra_test.fits",
    STINGRAY / "monol_testA.evt",
    STINGRAY / "monol_testA_calib.evt",
    STINGRAY / "xte_gx_test.evt.gz",
    STINGRAY / "xte_test.evt.gz",
    STINGRAY / "laxpc_file_read.fits",
    DATA / "rxte" / "B1509_RXTE_short.fits",
    DATA / "nicer" / "J0218_nicer_bary.evt",
    DATA / "nustar" / "b1937_fpma.evt",
]
ALL = (0.0, 1e9)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_files_have_stingrays_energies_and_times(path):
    if not path.exists():
        pytest.skip("the file is not there")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = stingray.EventList.read(str(path), fmt="hea")
    ours = read_event_file(path, Selection(ALL, "full"))
    order = np.argsort(theirs.time, kind="stable")
    np.testing.assert_allclose(
        ours.times, np.asarray(theirs.time, dtype=float)[order], rtol=0, atol=2e-7
    )
    energy = np.asarray(theirs.energy, dtype=float)
    if ours.mission.name == "RXTE/PCA":  # whose reader takes every event for one of PCU 0
        relation = get_rough_conversion_function(
            "xte", instrument="pca", epoch=theirs.mjdref + ours.times[0] / 86400
        )
        np.testing.assert_array_equal(energy, relation(theirs.pi))
        energy = relation(theirs.pi, detector_id=theirs.detector_id)
    np.testing.assert_allclose(ours.events.kev, energy[order], rtol=1e-6)


def test_a_band_takes_its_low_end_and_not_its_high_end(tmp_path):
    path = make(tmp_path / "a.evt", pi=np.arange(640) % 100)  # 1.62 keV and 0.04 keV a channel
    part = read_event_file(path, Selection((3.22, 4.02)))
    assert len(part.times) == (np.isin(np.arange(640) % 100, np.arange(40, 60))).sum()
    assert part.total == 640
    assert part.events.kev.min() == pytest.approx(3.22)
    assert [finding.code for finding in part.findings] == ["band"]


def ebounds(scale=1.0, unit="keV"):
    low = np.geomspace(8, 800, 129) * scale
    columns = [fits.Column("CHANNEL", "I", array=np.arange(128))]
    columns += [
        fits.Column(n, "E", unit=unit, array=v)
        for n, v in (("E_MIN", low[:-1]), ("E_MAX", low[1:]))
    ]
    return fits.BinTableHDU.from_columns(columns, name="EBOUNDS")


GBM = {"TELESCOP": "GLAST", "INSTRUME": "GBM"}


def test_gamma_ray_channels_have_the_bounds_in_their_file(tmp_path):
    pha = fits.Column("PHA", "I", array=np.arange(640) % 128)
    path = make(tmp_path / "a.evt", columns=[pha], pi=None, header=GBM, extra=[ebounds()])
    part = read_event_file(path, Selection((50.0, 300.0)))
    edges = np.geomspace(8, 800, 129)
    middle = np.sqrt(edges[:-1] * edges[1:])
    inside = np.flatnonzero((middle >= 50) & (middle < 300))
    assert len(part.times) == np.isin(np.arange(640) % 128, inside).sum()


@pytest.mark.parametrize(("unit", "factor"), [("eV", 1e-3), ("keV", 1.0), (None, 1.0)])
def test_units_of_the_column_energy(tmp_path, unit, factor):
    column = fits.Column("ENERGY", "E", unit=unit, array=np.linspace(1, 1000, 640))
    part = read_event_file(make(tmp_path / "a.evt", columns=[column]), Selection(ALL))
    np.testing.assert_allclose(part.events.kev, factor * np.linspace(1, 1000, 640), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"pi": None},
            "has no column PI, which gives the energies; give a file with calibrated energies",
        ),
        (
            {"header": {"TELESCOP": "babasone"}},
            "has PI channels whose energies livetime does not know",
        ),
        ({"header": {"TELESCOP": None}}, "has PI channels whose energies livetime does not know"),
        (
            {"columns": [fits.Column("ENERGY", "E", unit="m", array=np.ones(640))]},
            "gives column ENERGY of table EVENTS in m; convert it to keV",
        ),
        (
            {"columns": [fits.Column("ENERGY", "E", array=np.full(640, np.nan))]},
            "has events whose energy in keV is not a finite number",
        ),
        (
            {"columns": [fits.Column("ENERGY", "D", unit="MeV", array=np.full(640, 1e307))]},
            "has events whose energy in keV is not a finite number",
        ),
        (
            {
                "columns": [fits.Column("PHA", "I", array=np.full(640, 200))],
                "pi": None,
                "header": GBM,
                "extra": [ebounds()],
            },
            "EBOUNDS",
        ),
        ({"header": {"TELESCOP": "XTE", "INSTRUME": "PCA"}}, "has no column PHA"),
    ],
)
def test_refusals(tmp_path, options, words):
    with pytest.raises(UserError) as caught:
        read_event_file(make(tmp_path / "a.evt", uniform(), **options), Selection((3.0, 10.0)))
    assert words in str(caught.value)
    assert str(tmp_path / "a.evt") in str(caught.value)


def test_bounds_of_channels_that_are_no_numbers_are_refused(tmp_path):
    bounds = ebounds()
    bounds.data["E_MIN"][3] = np.nan
    path = make(
        tmp_path / "a.evt",
        columns=[fits.Column("PHA", "I", array=np.arange(640) % 128)],
        pi=None,
        header=GBM,
        extra=[bounds],
    )
    with pytest.raises(UserError, match="has events whose energy in keV is not a finite number"):
        read_event_file(path, Selection((50.0, 300.0)))


def test_a_band_without_events_is_refused_with_the_energies_that_there_are(tmp_path):
    with pytest.raises(
        UserError,
        match=r"no events of observation.band, 90 to 99 keV; choose a band within 1.62 to 3.58 keV",
    ):
        read_event_file(make(tmp_path / "a.evt"), Selection((90.0, 99.0)))


def test_rxte_without_its_packing_is_refused(tmp_path):
    columns = [fits.Column(name, "B", array=np.full(640, 2)) for name in ("PHA", "PCUID")]
    path = make(tmp_path / "a.evt", columns=columns, header={"TELESCOP": "XTE", "INSTRUME": "PCA"})
    with pytest.raises(UserError, match="TEVTB2"):
        read_event_file(path, Selection((3.0, 10.0)))
