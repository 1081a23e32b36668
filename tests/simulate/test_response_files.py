"""Laws of response files: tables, units, names and channels are what the files say."""

import bz2
import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest
from ogip_files import CHANNELS, EDGES, arf, energy_columns, response, rmf
from refusals import refusal

from livetime.simulate.response_files import read_response

FIELD = Path(__file__).resolve().parents[3] / "shared" / "field"


@pytest.fixture
def area(tmp_path):
    return arf(tmp_path / "arf.fits")


def test_units_are_converted(tmp_path, area):
    plain = read_response(area, rmf(tmp_path / "rmf.fits"))
    in_ev = energy_columns(1000 * EDGES[:-1], 1000 * EDGES[1:], "eV")
    other = arf(tmp_path / "other.arf", unit="m**2", scale=1e-4, energies=in_ev)
    converted = read_response(other, rmf(tmp_path / "ev.rmf", energies=in_ev))
    np.testing.assert_allclose(converted.area, plain.area)
    np.testing.assert_allclose(converted.edges, plain.edges)


def test_a_unit_of_another_quantity_is_refused(tmp_path):
    path = arf(tmp_path / "arf.fits", unit="s")
    assert "column SPECRESP in s" in refusal(read_response, path, rmf(tmp_path / "rmf.fits"))


@pytest.mark.parametrize("name", ["RSP_MATRIX", "REDIST", "MATRIX"])
def test_tables_are_found_by_what_they_are(tmp_path, area, name):
    found = read_response(area, rmf(tmp_path / "rmf.fits", name=name))
    np.testing.assert_allclose(found.matrix.toarray(), response()[1])


def test_tables_without_hduclas2_are_found_by_name(tmp_path, area):
    path = rmf(tmp_path / "rmf.fits", HDUCLAS2=None, bounds_keys={"HDUCLAS2": None})
    assert read_response(area, path).channels == CHANNELS


@pytest.mark.parametrize("name", ["NONE", "unknown", "", None])
def test_placeholders_are_no_telescope(tmp_path, area, name):
    assert read_response(area, rmf(tmp_path / "rmf.fits", TELESCOP=name)).channels == CHANNELS


def test_aliases_are_one_telescope(tmp_path):
    path = arf(tmp_path / "arf.fits", TELESCOP="CHANDRA")
    assert read_response(path, rmf(tmp_path / "a.rmf", TELESCOP="CXC")).channels == CHANNELS
    other = rmf(tmp_path / "b.rmf", TELESCOP="XMM")
    assert "is of TELESCOP CHANDRA" in refusal(read_response, path, other)


def test_a_matrix_with_the_area_inside_is_refused(tmp_path, area):
    path = rmf(tmp_path / "rmf.fits", HDUCLAS3="FULL")
    assert "HDUCLAS3 = FULL" in refusal(read_response, area, path)


class TestChannels:
    def test_two_numberings_are_refused_with_both_numbers(self, tmp_path, area):
        sentence = refusal(read_response, area, rmf(tmp_path / "rmf.fits", first=0, tlmin=1))
        assert "from 1 in F_CHAN (TLMIN), but from 0 in EBOUNDS" in sentence

    def test_numbers_that_are_not_consecutive_give_way_to_tlmin(self, tmp_path, area):
        numbers = np.zeros(CHANNELS)
        numbers[5] = -16384
        path = rmf(tmp_path / "rmf.fits", numbers=numbers, bounds_keys={"TLMIN1": 1})
        found = read_response(area, path)
        assert found.first_channel == 1
        assert "not consecutive" in found.notes[0]
        wrong = rmf(tmp_path / "wrong.rmf", numbers=numbers)
        assert "not consecutive" in refusal(read_response, area, wrong)

    def test_the_handed_files(self):
        folder = FIELD / "8_channel_numbers_disagree"
        if not folder.is_dir():
            pytest.skip("the folder ../shared/field is not there")
        sentence = refusal(read_response, folder / "arf.fits", folder / "rmf.fits")
        assert "from 1 in" in sentence
        assert "from 0 in" in sentence


class TestEdges:
    @pytest.mark.parametrize(("row", "name"), [(0, "ENERG_LO"), (-1, "ENERG_HI")])
    def test_an_outermost_edge_may_differ(self, tmp_path, area, row, name):
        columns = energy_columns()
        columns[["ENERG_LO", "ENERG_HI"].index(name)].array[row] *= 0.5 if row == 0 else 2
        found = read_response(area, rmf(tmp_path / "rmf.fits", energies=columns))
        np.testing.assert_allclose(found.edges, EDGES)
        assert f"row {1 if row == 0 else len(EDGES) - 1} of" in found.notes[0]

    def test_other_energies_are_refused(self, tmp_path, area):
        columns = energy_columns(EDGES[:-1] * 1.02, EDGES[1:] * 1.02)
        path = rmf(tmp_path / "rmf.fits", energies=columns)
        assert "in 60 of 60 edges" in refusal(read_response, area, path)
        inner = EDGES.copy()
        inner[20] *= 1.02
        path = rmf(tmp_path / "inner.rmf", energies=energy_columns(inner[:-1], inner[1:]))
        assert "row 21 starts" in refusal(read_response, area, path)

    def test_the_handed_files(self):
        folder = FIELD / "11_first_energy_edge"
        if not folder.is_dir():
            pytest.skip("the folder ../shared/field is not there")
        found = read_response(folder / "arf.fits", folder / "rmf.fits")
        assert "row 1 of" in found.notes[0]
        assert found.low[0] == pytest.approx(0.3)
        assert "differ" in refusal(read_response, folder / "arf.fits", folder / "rmf_other.fits")


class TestNegative:
    def test_slightly_negative_values_are_zero(self, tmp_path, area):
        matrix = response()[1].copy()
        matrix[7, 100] = -1e-6
        found = read_response(area, rmf(tmp_path / "rmf.fits", matrix=matrix))
        assert found.matrix.toarray()[7, 100] == 0
        assert "row 8 of" in found.notes[0]
        matrix[7, 100] = -0.1
        path = rmf(tmp_path / "wrong.rmf", matrix=matrix)
        assert "in row 8" in refusal(read_response, area, path)

    def test_slightly_negative_areas_are_zero(self, tmp_path):
        own = response()[0].copy()
        own[-1] = -1e-3
        found = read_response(arf(tmp_path / "a.arf", area=own), rmf(tmp_path / "rmf.fits"))
        assert found.area[-1] == 0
        assert "the area in row 60" in found.notes[0]
        own[-1] = -10
        path = arf(tmp_path / "b.arf", area=own)
        assert "negative" in refusal(read_response, path, rmf(tmp_path / "rmf.fits"))


def test_the_handed_table_name():
    folder = FIELD / "2_rmf_extension_name"
    if not folder.is_dir():
        pytest.skip("the folder ../shared/field is not there")
    assert read_response(folder / "arf.fits", folder / "rmf.fits").channels == 128


@pytest.mark.parametrize("damage", [lambda data: data[:-500], lambda data: data[:300] + b"x" * 99])
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_damaged_packed_response_is_refused_by_name(tmp_path, pack, damage):
    files = [arf(tmp_path / "arf.fits"), rmf(tmp_path / "rmf.fits")]
    files[1].write_bytes(damage(pack(files[1].read_bytes())))
    error = refusal(read_response, *files)
    assert "rmf.fits" in error
    assert "is truncated" in error or "is damaged" in error or "cannot be read" in error
