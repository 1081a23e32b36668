"""Names of files: `.gz` beside a name, a table in brackets, several tables in one file."""

import gzip
import shutil

import numpy as np
import pytest
from astropy.io import fits
from event_files import make, uniform
from ogip_files import CHANNELS, arf, expected, rmf, spectrum
from refusals import refusal

from livetime.files.observation import read_events
from livetime.files.spectrum import read_spectrum

COUNTS = np.random.default_rng(1).poisson(expected() * 3e4)


def pack(path):
    """Leave only the gzipped file."""
    with path.open("rb") as plain, gzip.open(f"{path}.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    path.unlink()
    return path


@pytest.fixture
def folder(tmp_path):
    arf(tmp_path / "arf.fits")
    rmf(tmp_path / "rmf.fits")
    return tmp_path


def several(path, numbers=(200, 300), versions=False, rows=((0, 32), (0, 64))):
    """A file with several tables of events, each followed by its good time."""
    hdus = [fits.PrimaryHDU()]
    for i, (n, gti) in enumerate(zip(numbers, rows, strict=True), 1):
        part = make(path.with_name(f"part{i}.evt"), uniform(i, n, gti[1] - gti[0]), [gti])
        with fits.open(part, memmap=False) as own:
            for hdu in own[1:]:
                copy = hdu.copy()
                if versions:
                    copy.header["EXTVER"] = i
                hdus.append(copy)
    if versions:
        hdus = [hdus[0], *hdus[1::2], *hdus[:0:-2]]
    fits.HDUList(hdus).writeto(path)
    return path


class TestGzip:
    def test_of_events(self, tmp_path):
        plain = read_events(make(tmp_path / "a.evt"))
        packed = read_events(pack(tmp_path / "a.evt"))
        np.testing.assert_array_equal(packed.events.times[0], plain.events.times[0])
        assert packed.info["files"] == [str(tmp_path / "a.evt.gz")]

    def test_a_plain_file_is_preferred(self, tmp_path):
        make(tmp_path / "a.evt", uniform(1, 100))
        pack(tmp_path / "a.evt")
        make(tmp_path / "a.evt")
        assert read_events(tmp_path / "a.evt").info["events_read"] == [640]

    @pytest.mark.parametrize("name", ["source.pha", "arf.fits", "rmf.fits", "back.pha"])
    def test_of_a_spectrum_and_its_companions(self, folder, name):
        spectrum(folder / "back.pha", np.full(CHANNELS, 2))
        path = spectrum(folder / "source.pha", COUNTS, back="back.pha")
        plain = read_spectrum(path)
        pack(folder / name)
        found = read_spectrum(path)
        assert found.response.digest == plain.response.digest
        np.testing.assert_array_equal(found.counts, plain.counts)
        np.testing.assert_array_equal(found.background, plain.background)

    def test_the_same_file_twice(self, tmp_path):
        pack(make(tmp_path / "a.evt"))
        paths = [tmp_path / "a.evt", tmp_path / "a.evt.gz"]
        assert "for two modules" in refusal(read_events, paths)


class TestSeveralTables:
    def test_of_events_are_refused_with_their_numbers(self, tmp_path):
        sentence = refusal(read_events, several(tmp_path / "a.evt"))
        assert "2 tables of events: EVENTS [1], EVENTS [3]" in sentence
        assert "a.evt[1]" in sentence

    @pytest.mark.parametrize(("name", "n", "exposure"), [("[1]", 200, 32), ("[3]", 300, 64)])
    def test_one_is_chosen_with_its_own_good_time(self, tmp_path, name, n, exposure):
        path = several(tmp_path / "a.evt")
        found = read_events(f"{path}{name}")
        assert found.info["events_read"] == [n]
        assert found.info["exposure"] == exposure

    @pytest.mark.parametrize(("version", "n", "exposure"), [(1, 200, 32), (2, 300, 64)])
    def test_by_version(self, tmp_path, version, n, exposure):
        path = several(tmp_path / "a.evt", versions=True)
        found = read_events(f"{path}[events,{version}]")
        assert found.info["events_read"] == [n]
        assert found.info["exposure"] == exposure

    def test_an_empty_one_is_no_statement(self, tmp_path):
        make(tmp_path / "a.evt")
        make(tmp_path / "b.evt", uniform(1, 1))
        with fits.open(tmp_path / "a.evt") as hdus, fits.open(tmp_path / "b.evt") as others:
            empty = others[1].copy()
            empty.data = empty.data[:0]
            fits.HDUList([hdus[0], empty, *hdus[1:]]).writeto(tmp_path / "c.evt")
        found = read_events(tmp_path / "c.evt")
        assert found.info["events_read"] == [640]
        assert any("1 without a row" in finding.text for finding in found.findings)

    @pytest.mark.parametrize("name", ["[SPECTRUM]", "[7]", "[EVENTS,2]"])
    def test_a_table_that_is_not_there(self, tmp_path, name):
        path = make(tmp_path / "a.evt")
        assert "EVENTS [1], GTI [2]" in refusal(read_events, f"{path}{name}")

    def test_modules_of_one_file(self, tmp_path):
        path = several(tmp_path / "a.evt", rows=((0, 64), (0, 64)))
        found = read_events([f"{path}[1]", f"{path}[3]"])
        assert found.info["events_read"] == [200, 300]
        assert "for two modules" in refusal(read_events, [f"{path}[1]", f"{path}[1]"])

    def test_a_file_whose_name_has_brackets(self, tmp_path):
        path = make(tmp_path / "a[1].evt")
        assert read_events(path).info["events_read"] == [640]

    def test_of_spectra(self, folder):
        path = spectrum(folder / "a.pha", COUNTS)
        with fits.open(path) as hdus:
            second = hdus[1].copy()
            second.data["COUNTS"] = 1
            fits.HDUList([*hdus, second]).writeto(folder / "b.pha")
        assert "SPECTRUM [1], SPECTRUM [2]" in refusal(read_spectrum, folder / "b.pha")
        assert read_spectrum(f"{folder}/b.pha[2]").counts.sum() == CHANNELS

    def test_of_responses(self, folder):
        path = spectrum(folder / "a.pha", COUNTS)
        plain = read_spectrum(path).response.digest
        with fits.open(folder / "rmf.fits") as hdus:
            fits.HDUList([*hdus, hdus[1].copy()]).writeto(folder / "two.rmf")
        two = str(folder / "two.rmf")
        assert "2 tables of MATRIX: [1], [3]" in refusal(read_spectrum, path, rmf=two)
        assert read_spectrum(path, rmf=f"{two}[3]").response.digest == plain


class TestBackgroundBeside:
    @pytest.fixture
    def path(self, folder):
        source = spectrum(folder / "a.pha", COUNTS)
        back = np.full(CHANNELS, 3)
        off = spectrum(folder / "off.pha", back, 6e4, HDUCLAS2="BKG", BACKSCAL=2.0)
        with fits.open(source) as hdus, fits.open(off) as others:
            fits.HDUList([hdus[0], others[1].copy(), hdus[1].copy()]).writeto(folder / "both.pha")
        return folder / "both.pha"

    def test_it_is_used_whatever_comes_first(self, path):
        """3 counts in twice the time from twice the region: 0.75 counts in 3e4 s."""
        found = read_spectrum(path)
        np.testing.assert_array_equal(found.counts, COUNTS)
        np.testing.assert_allclose(found.background * 3e4, 0.75)
        assert "both.pha contains a background too (HDUCLAS2 = BKG), it is used" in found.notes

    @pytest.mark.parametrize("name", ["both.pha", "both.pha[1]"])
    def test_a_header_may_name_it(self, path, name):
        with fits.open(path, mode="update") as hdus:
            hdus[2].header["BACKFILE"] = name
        np.testing.assert_allclose(read_spectrum(path).background * 3e4, 0.75)

    def test_none_declines_it(self, path):
        assert read_spectrum(path, background="none").background is None

    def test_a_background_alone_is_no_source(self, folder):
        path = spectrum(folder / "off.pha", COUNTS, HDUCLAS2="BKG")
        assert "only a background" in refusal(read_spectrum, path)

    def test_the_source_is_not_its_own_background(self, folder):
        path = spectrum(folder / "a.pha", COUNTS, back="a.pha")
        assert "itself" in refusal(read_spectrum, path)
        assert "itself" in refusal(read_spectrum, f"{path}[1]", background=f"{path}[1]")
