"""Responses with the area inside (`.rsp`), and spectra in the rows of one file (type II)."""

import numpy as np
import pytest
from astropy.io import fits
from ogip_files import CHANNELS, arf, expected, response, rmf, save, spectrum, table
from refusals import refusal

from livetime.files.spectrum import read_spectrum
from livetime.simulate.pileup import PileUp
from livetime.simulate.response_files import read_response

COUNTS = np.random.default_rng(1).poisson(expected() * 3e4)


def rsp(path, scale=1.0, kind="FULL", unit=None):
    area, matrix = response()
    rmf(path, matrix=matrix * area[:, None] * scale, name="SPECRESP MATRIX", HDUCLAS3=kind)
    if unit:
        with fits.open(path, mode="update") as hdus:
            hdus[1].header["TUNIT6"] = unit
    return path


@pytest.fixture
def parts(tmp_path):
    return arf(tmp_path / "arf.fits"), rmf(tmp_path / "rmf.fits")


class TestAreaInside:
    @pytest.mark.parametrize(
        ("scale", "kind", "unit"),
        [(1.0, "FULL", None), (1e-4, "FULL", "m2"), (1.0, None, "cm**2"), (1.0, "", None)],
    )
    def test_it_folds_as_its_parts_do(self, tmp_path, parts, scale, kind, unit):
        full = read_response(None, rsp(tmp_path / "a.rsp", scale, kind, unit))
        apart = read_response(*parts)
        photons = np.linspace(1e-3, 2e-3, len(apart.area))
        np.testing.assert_allclose(full.fold(photons), apart.fold(photons), rtol=1e-9, atol=1e-12)
        seen = apart.matrix.sum(axis=1)
        np.testing.assert_allclose(full.area, apart.area * seen, rtol=1e-9)
        assert full.matrix.sum(axis=1) == pytest.approx(1)
        assert bool(full.notes) == (not kind)

    def test_an_area_given_twice_is_refused(self, tmp_path, parts):
        rsp(tmp_path / "a.rsp")
        path = spectrum(tmp_path / "a.pha", COUNTS, RESPFILE="a.rsp")
        sentence = refusal(read_spectrum, path)
        assert "HDUCLAS3 = FULL" in sentence
        assert "arf=none" in sentence
        assert read_spectrum(path, arf="none").response.area.max() > 1

    def test_a_spectrum_that_names_no_arf(self, tmp_path):
        rsp(tmp_path / "a.rsp")
        path = spectrum(tmp_path / "a.pha", COUNTS, RESPFILE="a.rsp", ANCRFILE="none")
        detector = PileUp(3.2, rmf=str(tmp_path / "a.rsp"))
        assert read_spectrum(path).response.digest == detector.response.digest

    @pytest.mark.parametrize("kind", ["REDIST", "DETECTOR", None])
    def test_an_area_given_never_is_refused(self, tmp_path, parts, kind):
        path = rmf(tmp_path / "b.rmf", HDUCLAS3=kind)
        assert "without effective area" in refusal(read_response, None, path)

    def test_a_redistribution_without_arf_names_the_key(self, tmp_path):
        rmf(tmp_path / "rmf.fits", HDUCLAS3="REDIST")
        path = spectrum(tmp_path / "a.pha", COUNTS, ANCRFILE="none")
        assert "names no ANCRFILE" in refusal(read_spectrum, path)

    def test_another_unit_is_refused(self, tmp_path):
        assert "in keV" in refusal(read_response, None, rsp(tmp_path / "a.rsp", unit="keV"))


def rows(path, each, exposures=(1e4, 2e4, 3e4), files=("arf.fits",) * 3):
    """A file of type II, with columns of what differs from row to row."""
    n = len(each[0])
    columns = [
        fits.Column("SPEC_NUM", "I", array=1 + np.arange(len(each))),
        fits.Column("CHANNEL", f"{n}I", array=[1 + np.arange(n)] * len(each)),
        fits.Column("COUNTS", f"{n}J", unit="count", array=each),
        fits.Column("EXPOSURE", "D", unit="s", array=exposures[: len(each)]),
        fits.Column("ANCRFILE", "16A", array=files[: len(each)]),
    ]
    keys = {"HDUCLAS1": "SPECTRUM", "HDUCLAS4": "TYPE:II", "DETCHANS": n, "BACKSCAL": 1.0}
    names = {"RESPFILE": "rmf.fits", "BACKFILE": "none"}
    return save(path, table(columns, "SPECTRUM", **keys, **names))


class TestRows:
    @pytest.fixture
    def path(self, tmp_path, parts):
        return rows(tmp_path / "two.pha", [COUNTS, COUNTS + 1, COUNTS + 2])

    @pytest.mark.parametrize("row", [1, 2, 3])
    def test_each_row_has_its_own_counts_and_exposure(self, path, row):
        found = read_spectrum(path, row=row)
        np.testing.assert_array_equal(found.counts, COUNTS + row - 1)
        assert found.exposure == row * 1e4

    def test_each_row_has_its_own_files(self, tmp_path, parts):
        arf(tmp_path / "half.arf", scale=0.5)
        files = ("arf.fits", "half.arf", "arf.fits")
        path = rows(tmp_path / "two.pha", [COUNTS] * 3, files=files)
        first, second = (read_spectrum(path, row=row).response.area for row in (1, 2))
        np.testing.assert_allclose(second, first / 2)

    @pytest.mark.parametrize("row", [4, 99])
    def test_a_row_out_of_range_names_the_range(self, path, row):
        sentence = refusal(read_spectrum, path, row=row)
        assert sentence.startswith(f"observation.row is {row}, but")
        assert "rows 1 to 3" in sentence

    def test_without_a_row_the_range_is_named(self, path):
        assert "observation.row, from 1 to 3" in refusal(read_spectrum, path)

    def test_a_row_of_type_one_is_refused(self, tmp_path, parts):
        path = spectrum(tmp_path / "a.pha", COUNTS)
        assert "type I" in refusal(read_spectrum, path, row=1)

    def test_a_background_in_a_row(self, path, tmp_path):
        back = [np.full(CHANNELS, 2), np.full(CHANNELS, 6), np.full(CHANNELS, 9)]
        rows(tmp_path / "back.pha", back)
        found = read_spectrum(path, row=1, background=f"{tmp_path}/back.pha{{2}}")
        np.testing.assert_allclose(found.background * 1e4, 3)
