"""Public event files that packages carry: counts, exposure, mission and dead time of each.

Three per mission were sought. The stingray wheel and the data folder have four of NuSTAR, three of
RXTE/PCA, two of NICER and Chandra, one of XMM and LAXPC, and none of the other missions.
"""

import importlib.util
from pathlib import Path

import pytest
from astropy.io import fits

from livetime.files.doctor import diagnose

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SPEC = importlib.util.find_spec("stingray")
STINGRAY = Path(SPEC.origin).parent / "tests" / "data" if SPEC and SPEC.origin else Path("missing")

FILES = [
    # folder, name, mission, rows, events in good time, exposure in s, dead time in s
    (STINGRAY, "monol_testA.evt", "NuSTAR", 1000, 1000, 1025, 2.5e-3),
    (STINGRAY, "monol_testA_calib.evt", "NuSTAR", 1000, 1000, 1023.46, 2.5e-3),
    (STINGRAY, "monol_testA_calib_unsrt.evt", "NuSTAR", 1000, 1000, 1023.46, 2.5e-3),
    (SHARED / "nustar", "b1937_fpma.evt", "NuSTAR", 937, 937, 41072.6, 2.5e-3),
    (STINGRAY, "xte_test.evt.gz", "RXTE/PCA", 1000, 999, 1226, 1e-5),
    (STINGRAY, "xte_gx_test.evt.gz", "RXTE/PCA", 3518, 3415, 99.0044, 1e-5),
    (SHARED / "rxte", "B1509_RXTE_short.fits", "RXTE/PCA", 25828, 25765, 3500, 1e-5),
    (SHARED / "nicer", "J0218_nicer_bary.evt", "NICER", 3361, 3361, 6724.43, 2.18e-5),
    (SHARED / "nicer", "ngc300nicer_bary.evt", "NICER", 2408, 2408, 1535.92, 2.31e-5),
    (STINGRAY, "chandra_test.fits", "Chandra/ACIS", 4612, 4612, 945.336, None),
    (STINGRAY, "chandra_noener_test.fits", "Chandra/ACIS", 4612, 4612, 945.336, None),
    (STINGRAY, "laxpc_file_read.fits", "AstroSat/LAXPC", 1000, 1000, 0.6691, 4.2e-5),
    (STINGRAY, "xmm_test.fits", "XMM/EPIC-pn", 1708244, 1708244, 1026, None),
    (STINGRAY, "nomission.evt", None, 1000, 1000, 1025, None),
]


@pytest.mark.parametrize(
    ("folder", "name", "mission", "rows", "events", "exposure", "dead_time"),
    FILES,
    ids=[row[1] for row in FILES],
)
def test_a_public_file_has_its_right_values(
    folder, name, mission, rows, events, exposure, dead_time
):
    path = folder / name
    if not path.is_file():
        pytest.skip(f"{name} is not there")
    facts = diagnose(str(path)).facts
    assert facts["mission"] == mission
    assert (facts["rows"], facts["events"]) == (rows, events)
    assert facts["exposure"] == pytest.approx(exposure, rel=1e-4)
    assert facts["dead_time"] == (dead_time and pytest.approx(dead_time, rel=0.01))
    declared = [hdu.header.get("NAXIS2", 0) for hdu in fits.open(path)]
    assert rows in declared


@pytest.mark.parametrize("name", ["xte_test.evt", "xte_gx_test.evt"])
def test_public_files_are_found_without_gz(name):
    path = STINGRAY / name
    if not path.with_name(f"{name}.gz").is_file():
        pytest.skip(f"{name}.gz is not there")
    assert diagnose(str(path)).facts == diagnose(f"{path}.gz").facts
