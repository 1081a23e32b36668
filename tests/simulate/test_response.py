"""Responses: laws of redistribution, OGIP files of every shape, real Chandra files, sherpa."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scipy.sparse import csr_array

from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.response import Response, analytic_response
from livetime.simulate.response_files import read_response

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "chandra_ngc4258"
REAL = pytest.mark.skipif(not DATA.exists(), reason="the data folder ../shared/data is not there")
SOURCE = PhotonSpectrum({"powerlaw": "powerlaw"})
PARAMS = {"n_h": 0.3, "powerlaw_norm": 1e-3, "powerlaw_index": 1.7}


@pytest.fixture(scope="module")
def analytic():
    return analytic_response()


def dense(rng, energies=40, channels=64):
    """A matrix with rows of one group, of two, and one empty."""
    matrix = np.zeros((energies, channels))
    for i in range(1, energies):
        matrix[i, i : i + 8] = rng.random(8)
        if i % 3 == 0:
            matrix[i, 52:55] = rng.random(3)
    return (matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)


def groups(row):
    """Starts and lengths of the runs of non-zero entries."""
    inside = np.concatenate([[0], (row > 0).astype(int), [0]])
    starts, stops = np.flatnonzero(np.diff(inside) == 1), np.flatnonzero(np.diff(inside) == -1)
    return starts, stops - starts


def write(folder, matrix, first=1, variable=True, tlmin=True, instrument="XIS"):
    """An ARF and an RMF, with a way of its own of taking the matrix apart."""
    edges = np.linspace(0.5, 4.5, len(matrix) + 1)
    area = np.linspace(100, 300, len(matrix))
    energies = [
        fits.Column("ENERG_LO", "E", array=edges[:-1]),
        fits.Column("ENERG_HI", "E", array=edges[1:]),
    ]
    runs = [groups(row) for row in matrix]
    starts, lengths = [s + first for s, _ in runs], [n for _, n in runs]
    packed = [row[row > 0] for row in matrix]
    if variable:
        kinds = ("PI()", "PI()", "PE()")
        arrays = [
            np.array([*map(np.asarray, a), None], dtype=object)[:-1]
            for a in (starts, lengths, packed)
        ]
    else:
        most, longest = max(map(len, starts)), max(map(len, packed))
        kinds = (f"{most}I", f"{most}I", f"{longest}E")
        arrays = [
            np.array([np.pad(a, (0, w - len(a))) for a in x])
            for x, w in ((starts, most), (lengths, most), (packed, longest))
        ]
    columns = [fits.Column("N_GRP", "I", array=[len(s) for s in starts])]
    columns += [
        fits.Column(n, k, array=a)
        for n, k, a in zip(("F_CHAN", "N_CHAN", "MATRIX"), kinds, arrays, strict=True)
    ]
    table = fits.BinTableHDU.from_columns(energies + columns, name="MATRIX")
    if tlmin:
        table.header["TLMIN4"] = first
    channels = np.arange(matrix.shape[1])
    bounds = [fits.Column("CHANNEL", "I", array=channels + first)]
    bounds += [
        fits.Column(n, "E", array=0.4 + 0.1 * (channels + k))
        for k, n in enumerate(("E_MIN", "E_MAX"))
    ]
    ebounds = fits.BinTableHDU.from_columns(bounds, name="EBOUNDS")
    specresp = fits.BinTableHDU.from_columns(
        [*energies, fits.Column("SPECRESP", "E", array=area)], name="SPECRESP"
    )
    for hdu in (table, ebounds, specresp):
        hdu.header.update({"TELESCOP": "SUZAKU", "INSTRUME": "XIS"})
    table.header["INSTRUME"] = instrument
    fits.HDUList([fits.PrimaryHDU(), table, ebounds]).writeto(folder / "a.rmf", overwrite=True)
    fits.HDUList([fits.PrimaryHDU(), specresp]).writeto(folder / "a.arf", overwrite=True)
    return folder / "a.arf", folder / "a.rmf", area


@pytest.mark.parametrize("variable", [True, False])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("tlmin", [True, False])
def test_a_written_matrix_comes_back(tmp_path, variable, first, tlmin):
    matrix = dense(np.random.default_rng(1))
    arf, rmf, area = write(tmp_path, matrix, first, variable, tlmin)
    response = read_response(arf, rmf)
    np.testing.assert_array_equal(response.matrix.toarray(), matrix)
    np.testing.assert_allclose(response.area, area, rtol=1e-6)
    assert response.first_channel == first
    photons = np.random.default_rng(2).random((3, len(matrix)))
    np.testing.assert_allclose(
        response.fold(photons), (photons * response.area) @ matrix, rtol=1e-6
    )


def test_the_digest_is_of_the_contents(tmp_path):
    matrix = dense(np.random.default_rng(1))
    one = read_response(*write(tmp_path, matrix, 1, True)[:2]).digest
    assert read_response(*write(tmp_path, matrix, 1, False)[:2]).digest == one
    matrix[5, 5] *= 1.001
    assert read_response(*write(tmp_path, matrix)[:2]).digest != one


def test_the_analytic_response_loses_nothing_in_band_and_has_the_resolution_it_says(analytic):
    np.testing.assert_allclose(analytic.matrix.sum(axis=1), 1, atol=1e-5)
    centre = (analytic.e_min + analytic.e_max) / 2
    row = analytic.matrix[[np.searchsorted(analytic.low, 6.0)]].toarray()[0]
    mean = row @ centre
    assert mean == pytest.approx(6.0, abs=0.006)
    sigma = np.sqrt(row @ (centre - mean) ** 2 - 0.0146**2 / 12)
    assert sigma * 2.3548 == pytest.approx(0.145, abs=0.01)


def test_folding_keeps_the_counts(analytic):
    photons = SOURCE.photons(analytic.low, analytic.high, PARAMS)
    assert analytic.fold(photons).sum() == pytest.approx((photons * analytic.area).sum(), rel=1e-5)


@REAL
def test_the_chandra_files_against_a_dense_product_of_their_tables():
    response = read_response(DATA / "arf.fits", DATA / "rmf.fits")
    assert (response.channels, response.first_channel, response.telescope, response.instrument) == (
        1024,
        1,
        "CHANDRA",
        "ACIS",
    )
    table, area = (
        fits.getdata(DATA / "rmf.fits", "MATRIX"),
        fits.getdata(DATA / "arf.fits", "SPECRESP")["SPECRESP"],
    )
    photons = SOURCE.photons(response.low, response.high, PARAMS)
    expected = np.zeros(1024)
    for row, rate in zip(table, photons * area, strict=True):
        done = 0
        for start, length in zip(
            row["F_CHAN"][: row["N_GRP"]], row["N_CHAN"][: row["N_GRP"]], strict=True
        ):
            expected[start - 1 : start - 1 + length] += rate * row["MATRIX"][done : done + length]
            done += length
    np.testing.assert_allclose(response.fold(photons), expected, rtol=1e-5, atol=1e-12)


@REAL
def test_folding_equals_sherpa():
    ui = pytest.importorskip("sherpa.astro.io", reason="sherpa is not installed")
    from sherpa.astro.data import DataPHA
    from sherpa.astro.instrument import Response1D
    from sherpa.models.basic import PowLaw1D

    data = DataPHA("x", np.arange(1, 1025), np.zeros(1024), exposure=1.0)
    data.set_arf(ui.read_arf(str(DATA / "arf.fits")))
    data.set_rmf(ui.read_rmf(str(DATA / "rmf.fits")))
    power = PowLaw1D()
    power.gamma, power.ampl = 1.7, 1e-3
    theirs = data.eval_model(Response1D(data)(power))
    response = read_response(DATA / "arf.fits", DATA / "rmf.fits")
    ours = response.fold(
        PhotonSpectrum({"powerlaw": "powerlaw"}, None).photons(response.low, response.high, PARAMS)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * theirs.max() / 1e6)


# What is wrong with files.


def sentence(arf, rmf):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        read_response(arf, rmf)
    return str(caught.value)


def test_one_sentence_for_what_is_wrong_with_a_file(tmp_path):
    matrix = dense(np.random.default_rng(1))
    arf, rmf, _ = write(tmp_path, matrix)
    assert "nothing.arf does not exist" in sentence(tmp_path / "nothing.arf", rmf)
    assert "a.rmf has no table SPECRESP" in sentence(rmf, rmf)
    assert "a.arf has no table MATRIX" in sentence(arf, arf)
    (tmp_path / "text.arf").write_text("no FITS file")
    assert "text.arf cannot be read as a FITS file" in sentence(tmp_path / "text.arf", rmf)
    (tmp_path / "cut.rmf").write_bytes(rmf.read_bytes()[:9000])
    assert "cut.rmf" in sentence(arf, tmp_path / "cut.rmf")
    assert "is of INSTRUME XIS" in sentence(*write(tmp_path, matrix, instrument="HXD")[:2])


def test_files_that_do_not_match_are_refused(tmp_path):
    matrix = dense(np.random.default_rng(1))
    arf, rmf, _ = write(tmp_path, matrix)
    (other := tmp_path / "other").mkdir()
    shorter = write(other, matrix[:-1])[0]
    assert "take an ARF that was made for this RMF" in sentence(shorter, rmf)
    with fits.open(rmf, mode="update") as hdus:
        hdus["EBOUNDS"].data = hdus["EBOUNDS"].data[:40]
    assert "groups of channels beyond the 40 of its EBOUNDS" in sentence(arf, rmf)
    with fits.open(rmf, mode="update") as hdus:
        hdus["EBOUNDS"].columns.del_col("E_MIN")
    assert "lacks the column E_MIN" in sentence(arf, rmf)


def replaced(path, table, name, values, kind):
    """The file with another column of that name in one of its tables."""
    with fits.open(path, memmap=False) as hdus:
        own = {
            hdu.name: fits.FITS_rec.from_columns([c for c in hdu.columns if c.name != name])
            for hdu in hdus[1:]
            if hdu.name == table
        }
        new = fits.BinTableHDU.from_columns(
            [*fits.ColDefs(own[table]), fits.Column(name, kind, array=values)], name=table
        )
        others = [fits.BinTableHDU(hdu.data, hdu.header) for hdu in hdus[1:] if hdu.name != table]
        fits.HDUList([fits.PrimaryHDU(), *others, new]).writeto(path, overwrite=True)


@pytest.mark.parametrize(
    ("file", "table", "name", "values", "kind", "words"),
    [
        (
            0,
            "SPECRESP",
            "SPECRESP",
            ["abc"] * 40,
            "3A",
            "a.arf has no single finite number per row in column SPECRESP",
        ),
        (
            0,
            "SPECRESP",
            "ENERG_LO",
            np.ones((40, 2)),
            "2D",
            "a.arf has no single finite number per row in column ENERG_LO",
        ),
        (
            1,
            "EBOUNDS",
            "E_MIN",
            ["abc"] * 64,
            "3A",
            "a.rmf has no single finite number per row in column E_MIN",
        ),
        (
            1,
            "EBOUNDS",
            "CHANNEL",
            np.full(64, np.nan),
            "D",
            "a.rmf has no single finite number per row in column CHANNEL",
        ),
        (
            1,
            "MATRIX",
            "N_GRP",
            np.full(40, np.nan),
            "D",
            "a.rmf has values in N_GRP, F_CHAN or N_CHAN that are not numbers",
        ),
        (1, "MATRIX", "N_CHAN", np.full((40, 2), 2**31 - 1), "2J", "beyond the 64 of its EBOUNDS"),
    ],
)
def test_a_column_that_cannot_be_is_named(tmp_path, file, table, name, values, kind, words):
    paths = write(tmp_path, dense(np.random.default_rng(2)), variable=False)[:2]
    replaced(paths[file], table, name, values, kind)
    assert words in sentence(*paths)


def test_a_keyword_that_is_no_number_is_named(tmp_path):
    arf, rmf = write(tmp_path, dense(np.random.default_rng(2)))[:2]
    fits.setval(rmf, "TLMIN4", value="one", ext=1)
    assert "a.rmf has the keyword TLMIN4 = 'one', which is not a number" in sentence(arf, rmf)


def test_a_response_must_fit_together():
    one = np.ones(1)
    with pytest.raises(ValueError, match="does not fit"):
        Response(one, 2 * one, one, csr_array(np.ones((2, 1))), one, one)
    with pytest.raises(ValueError, match="must rise"):
        Response(
            np.array([1.0, 3.0]),
            np.array([2.0, 4.0]),
            np.ones(2),
            csr_array(np.ones((2, 1))),
            one,
            one,
        )


@pytest.mark.parametrize(
    ("area", "share", "e_min", "words"),
    [
        ([1.0, np.nan], 0.5, [1.0, 2.0], "effective area"),
        ([1.0, -1.0], 0.5, [1.0, 2.0], "effective area"),
        ([0.0, 0.0], 0.5, [1.0, 2.0], "effective area"),
        ([1.0, 1.0], 0.0, [1.0, 2.0], "redistribution"),
        ([1.0, 1.0], 50.0, [1.0, 2.0], "redistribution"),
        ([1.0, 1.0], 0.5, [2.0, 1.0], "channels of a response must rise"),
        ([1.0, 1.0], 0.5, [1.0, np.nan], "channels of a response must rise"),
    ],
)
def test_a_response_must_have_possible_numbers(area, share, e_min, words):
    low = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match=words):
        Response(
            low,
            low + 1,
            np.array(area),
            csr_array(np.full((2, 2), share)),
            np.array(e_min),
            np.array(e_min) + 1,
        )


def test_a_damaged_area_names_its_file(tmp_path):
    arf, rmf, _ = write(tmp_path, dense(np.random.default_rng(1)))
    with fits.open(arf, mode="update") as hdus:
        hdus["SPECRESP"].data["SPECRESP"][:] = np.nan
    assert "a.arf has no single finite number per row in column SPECRESP" in sentence(arf, rmf)
