"""Laws of spectra: keyword and column are the same, and a file is what it says it is."""

from pathlib import Path

import numpy as np
import pytest
from ogip_files import CHANNELS, arf, column, expected, rmf, spectrum, type_two
from refusals import refusal

from livetime.files.pha import read_pha
from livetime.files.spectrum import read_spectrum

FIELD = Path(__file__).resolve().parents[3] / "shared" / "field"


@pytest.fixture
def folder(tmp_path):
    """A folder with a response."""
    arf(tmp_path / "arf.fits")
    rmf(tmp_path / "rmf.fits")
    return tmp_path


def field(name):
    """A folder of small inputs, where it is there."""
    if not (FIELD / name).is_dir():
        pytest.skip("the folder ../shared/field is not there")
    return FIELD / name


class TestKeywordOrColumn:
    @pytest.mark.parametrize("name", ["BACKSCAL", "AREASCAL"])
    @pytest.mark.parametrize("value", [10.0, 0.25])
    def test_a_background_is_scaled_alike(self, folder, name, value):
        off = np.full(CHANNELS, 12)
        spectrum(folder / "key.pha", off, **{name: value})
        spectrum(folder / "column.pha", off, columns=[column(name, value)], **{name: None})
        source = spectrum(folder / "source.pha")
        rates = [
            read_spectrum(source, background=str(folder / f"{kind}.pha")).background
            for kind in ("key", "column")
        ]
        np.testing.assert_array_equal(rates[0], rates[1])
        np.testing.assert_allclose(rates[0], 12 / value / 3e4)

    def test_a_column_of_two_values_scales_each_channel(self, folder):
        scale = np.where(np.arange(CHANNELS) < 40, 10.0, 5.0)
        off = spectrum(
            folder / "off.pha", np.full(CHANNELS, 20), columns=[column("BACKSCAL", scale)]
        )
        found = read_spectrum(spectrum(folder / "source.pha"), background=str(off))
        np.testing.assert_allclose(found.background, 20 / scale / 3e4)

    @pytest.mark.parametrize("name", ["EXPOSURE", "QUALITY"])
    def test_of_the_source(self, folder, name):
        key = spectrum(folder / "key.pha", **{name: 5.0})
        own = spectrum(folder / "column.pha", columns=[column(name, 5.0)], **{name: None})
        a, b = read_pha(key), read_pha(own)
        assert a.exposure == b.exposure
        np.testing.assert_array_equal(a.quality, b.quality)

    def test_a_source_area_near_one_is_applied(self, folder):
        off = spectrum(folder / "off.pha", np.full(CHANNELS, 12))
        plain = read_spectrum(spectrum(folder / "a.pha"), background=str(off))
        scaled = read_spectrum(spectrum(folder / "b.pha", AREASCAL=0.99), background=str(off))
        assert scaled.exposure == pytest.approx(0.99 * plain.exposure)
        np.testing.assert_allclose(
            scaled.background * scaled.exposure, 0.99 * plain.background * plain.exposure
        )
        assert any("AREASCAL is 0.99" in note for note in scaled.notes)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"AREASCAL": 0.5}, "AREASCAL 0.5 to 0.5"),
            (
                {"columns": [column("AREASCAL", np.linspace(0.99, 1.01, CHANNELS))]},
                "AREASCAL 0.99 to 1.01",
            ),
            ({"SYS_ERR": 0.02}, "SYS_ERR up to 0.02"),
            ({"columns": [column("SYS_ERR", 0.03)]}, "SYS_ERR up to 0.03"),
            ({"BACKSCAL": 0.0}, "BACKSCAL = 0"),
            ({"BACKSCAL": "wide"}, "BACKSCAL = 'wide'"),
            (
                {"columns": [column("EXPOSURE", np.linspace(1, 2, CHANNELS))]},
                "EXPOSURE that differs",
            ),
        ],
    )
    def test_what_is_not_supported_is_refused_by_name(self, folder, options, words):
        assert words in refusal(read_spectrum, spectrum(folder / "a.pha", **options))

    def test_a_background_without_a_scale_is_refused(self, folder):
        off = spectrum(folder / "off.pha", BACKSCAL=None)
        source = spectrum(folder / "source.pha")
        assert "off.pha has no BACKSCAL" in refusal(read_spectrum, source, background=str(off))

    def test_the_handed_files(self):
        folder = field("1_backscal_column")
        totals = [
            read_spectrum(folder / name).background.sum() * 3e4
            for name in ("source.pha", "source_keyword.pha")
        ]
        assert totals[0] == totals[1] == pytest.approx(150, rel=0.1)


class TestKind:
    @pytest.mark.parametrize(
        ("keys", "words"),
        [
            ({"HDUCLAS2": "NET"}, "HDUCLAS2 = NET"),
            ({"HDUCLAS3": "RATE"}, "HDUCLAS3 = RATE"),
        ],
    )
    def test_what_a_file_says_of_itself_is_read(self, folder, keys, words):
        assert words in refusal(read_pha, spectrum(folder / "a.pha", **keys))

    def test_a_type_two_file_of_one_spectrum_is_read(self, folder):
        counts = np.random.default_rng(2).poisson(expected() * 3e4)
        found = read_spectrum(type_two(folder / "two.pha", counts))
        np.testing.assert_array_equal(found.counts, counts)
        assert found.exposure == 3e4

    def test_a_type_two_file_of_several_spectra_is_refused(self, folder):
        path = type_two(folder / "two.pha", np.ones(CHANNELS, int), spectra=3)
        assert "contains 3 spectra, one in each row (type II)" in refusal(read_pha, path)

    def test_the_handed_type_two_file(self):
        found = read_spectrum(field("7_type2_with_one_spectrum") / "source.pha")
        assert found.exposure == 30000.0

    @pytest.mark.parametrize("name", ["rmf.fits", "rmf_unknown.fits"])
    def test_the_handed_placeholders(self, name):
        folder = field("5_telescop_none")
        assert read_spectrum(folder / "source.pha", rmf=str(folder / name)).exposure > 0

    def test_the_handed_other_telescope(self):
        folder = field("5_telescop_none")
        sentence = refusal(read_spectrum, folder / "source.pha", rmf=str(folder / "rmf_other.fits"))
        assert "OTHERSAT" in sentence
