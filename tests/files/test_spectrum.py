"""Spectra on disk: what is written is read, and what cannot be used is refused in one sentence."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from event_files import make

from livetime.errors import UserError
from livetime.files.observation import read_events
from livetime.files.observed import open_observation
from livetime.files.spectrum import read_spectrum
from livetime.files.writing import write_spectrum
from livetime.infer.instrument import prepare
from livetime.settings import ObservationFiles
from livetime.simulate.counts_spectrum import EnergySpectrum
from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.pileup import PileUp
from livetime.simulate.prior import Prior, Range
from livetime.simulate.simulator import stream
from livetime.simulate.spectral import SpectralSimulator

SIMULATOR = SpectralSimulator(
    Prior(
        {"powerlaw_index": Range(0.5, 3.0), "powerlaw_norm": Range(3e-6, 3e-3, "log")},
        {"exposure": Range(5e3, 1e5, "log", "s")},
    ),
    PhotonSpectrum({"powerlaw": "powerlaw"}, None),
    PileUp(alpha=0.5, psf_fraction=0.95),
    EnergySpectrum(),
)
TRUTH = {"powerlaw_index": 1.7, "powerlaw_norm": 3e-4, "exposure": 2e4}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spectrum")
    write_spectrum(
        SIMULATOR.events(TRUTH, stream(1, 0)), TRUTH["exposure"], SIMULATOR.detector, folder
    )
    return folder


@pytest.fixture
def folder(written, tmp_path):
    """A copy that a test may spoil."""
    for path in written.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def edit(path, **keys):
    with fits.open(path, mode="update") as hdus:
        hdus[1].header.update(keys)


def replaced(path, name, values, kind="D"):
    """The file with another column of that name."""
    with fits.open(path) as hdus:
        columns = [c for c in hdus[1].columns if c.name != name] + [
            fits.Column(name, kind, array=values)
        ]
        new = fits.BinTableHDU.from_columns(columns, hdus[1].header, name="SPECTRUM")
        fits.HDUList([fits.PrimaryHDU(), new]).writeto(path, overwrite=True)


def read(folder, **options):
    return read_spectrum(folder / "source.pha", **options).in_groups(SIMULATOR)


def test_what_is_written_is_read(written):
    seen = read(written)
    events = SIMULATOR.events(TRUTH, stream(1, 0))
    assert (
        seen.counts == SIMULATOR.summary.group(events.counts(1024), SIMULATOR.detector.response)
    ).all()
    assert seen.covariates == {"exposure": TRUTH["exposure"]}
    assert seen.mismatches(SIMULATOR.detector) == ()
    assert seen.background is None
    path = written / "source.pha"
    _, x = prepare(SIMULATOR, read_spectrum(path), ObservationFiles(spectrum=str(path)))
    assert (x == SIMULATOR.summary(events, SIMULATOR.detector, TRUTH["exposure"])).all()


@pytest.mark.parametrize(("brightness", "warned"), [(0.001, False), (1.0, True)])
def test_a_background_is_scaled_to_the_source_and_warned_of_where_it_matters(
    folder, brightness, warned
):
    counts = np.full(1024, round(100 * brightness) or 1)
    (folder / "back.pha").write_bytes((folder / "source.pha").read_bytes())
    replaced(folder / "back.pha", "COUNTS", counts, "J")
    edit(folder / "back.pha", BACKSCAL=20.0, EXPOSURE=2 * TRUTH["exposure"])
    seen = read(folder, background=str(folder / "back.pha"))
    per_channel = counts[0] / 20 / (2 * TRUTH["exposure"])
    assert seen.background.sum() == pytest.approx(
        per_channel * SIMULATOR.layout.axis.averaged.sum()
    )
    assert bool(seen.mismatches(SIMULATOR.detector)) == warned


def test_other_frames_are_warned_of(folder):
    edit(folder / "source.pha", TIMEDEL=0.44)
    assert (
        "frames of 3.241 s, but the file's TIMEDEL is 0.44 s"
        in read(folder).mismatches(SIMULATOR.detector)[0].text
    )


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda p: (p / "arf.fits").unlink(),
            "arf.fits, which .* names as its ANCRFILE, does not exist",
        ),
        (
            lambda p: edit(p / "source.pha", EXPOSURE=fits.card.Undefined()),
            "lacks EXPOSURE",
        ),
        (
            lambda p: edit(p / "source.pha", RESPFILE="none"),
            "names no RESPFILE; give observation.rmf",
        ),
        (lambda p: edit(p / "source.pha", TELESCOP="XMM"), "is of TELESCOP XMM, but"),
        (
            lambda p: edit(p / "source.pha", EXPOSURE=0.0),
            "has EXPOSURE = 0, but it must be positive and finite",
        ),
        (
            lambda p: edit(p / "source.pha", EXPOSURE=1.0),
            "source.pha cannot be used: exposure is 1.0 s, in which no frame of 3.2 s fits",
        ),
        (lambda p: edit(p / "source.pha", EXPOSURE=1e12), "no observation lasts more than"),
        (
            lambda p: edit(p / "source.pha", DETCHANS="many"),
            "DETCHANS = 'many', but it must be a number",
        ),
        (
            lambda p: edit(p / "source.pha", BACKFILE="source.pha"),
            "is the source spectrum itself",
        ),
        (lambda p: edit(p / "source.pha", RESPFILE="."), "names as its RESPFILE, is not a file"),
        (
            lambda p: replaced(p / "source.pha", "COUNTS", np.full(1024, 1e15)),
            "counts, but no spectrum has 2147483648 or more",
        ),
        (
            lambda p: replaced(p / "source.pha", "COUNTS", np.full(1024, -1)),
            "negative or not a number",
        ),
        (lambda p: replaced(p / "source.pha", "COUNTS", np.full(1024, 0.5)), "not whole numbers"),
        (
            lambda p: replaced(p / "source.pha", "COUNTS", np.zeros(1024), "J"),
            "has no counts from 0.5 to 8 keV",
        ),
        (
            lambda p: replaced(p / "source.pha", "CHANNEL", 1 + 2 * np.arange(1024), "J"),
            "its channels were merged",
        ),
        (
            lambda p: replaced(p / "source.pha", "CHANNEL", 5 + np.arange(1024), "J"),
            "channels 5 to 1028, but the response has 1 to 1024",
        ),
        (lambda p: replaced(p / "source.pha", "QUALITY", np.full(1024, 5), "J"), "as bad"),
        (
            lambda p: replaced(p / "source.pha", "QUALITY", ["bad"] * 1024, "3A"),
            "has no numbers in column QUALITY",
        ),
        (
            lambda p: edit(p / "source.pha", QUALITY="good"),
            "the keyword QUALITY = 'good', which is not a number",
        ),
        (
            lambda p: edit(p / "arf.fits", TELESCOP="SWIFT"),
            "take an ARF and an RMF of one observation",
        ),
        (lambda p: (p / "rmf.fits").write_bytes(b"no"), "rmf.fits cannot be read as a FITS file"),
    ],
)
def test_what_cannot_be_used_is_refused(folder, spoil, said):
    spoil(folder)
    with pytest.raises(UserError, match=said) as refusal:
        read(folder)
    assert "\n" not in str(refusal.value)


def test_keywords_without_a_value_are_none(folder, written):
    nothing = dict.fromkeys(
        ("TELESCOP", "INSTRUME", "DETCHANS", "BACKSCAL", "TIMEDEL"), fits.card.Undefined()
    )
    edit(folder / "source.pha", **nothing)
    edit(folder / "rmf.fits", TELESCOP=fits.card.Undefined())
    np.testing.assert_array_equal(read(folder).counts, read(written).counts)


def test_a_background_of_another_instrument_is_refused(folder):
    (folder / "back.pha").write_bytes((folder / "source.pha").read_bytes())
    edit(folder / "back.pha", INSTRUME="EPN")
    with pytest.raises(
        UserError, match=r"is of INSTRUME CCD, but its background .*back.pha of EPN"
    ):
        read(folder, background=str(folder / "back.pha"))


def test_another_response_names_the_training_that_it_needs(folder):
    with fits.open(folder / "arf.fits", mode="update") as hdus:
        hdus[1].data["SPECRESP"] *= 1.1
    with pytest.raises(UserError, match=r"another response .* \(detector.arf and detector.rmf\)"):
        read(folder)


def test_rates_light_curves_and_events_are_refused(folder):
    with fits.open(folder / "source.pha") as hdus:
        hdus[1].columns["COUNTS"].name = "RATE"
        hdus.writeto(folder / "rates.pha")
    with pytest.raises(UserError, match="contains rates, not counts"):
        read_spectrum(folder / "rates.pha")
    with pytest.raises(UserError, match="has no table SPECTRUM"):
        read_spectrum(folder / "arf.fits")
    spectrum_file = folder / "source.pha"
    with pytest.raises(UserError, match=r"observation.band is for events"):
        open_observation(ObservationFiles(spectrum=str(spectrum_file), band=(1.0, 2.0)))
    events = read_events(make(folder / "a.evt"))
    with pytest.raises(UserError, match="is of events, but the run takes spectra"):
        prepare(SIMULATOR, events, ObservationFiles(path=("a.evt",)))


@pytest.mark.parametrize("option", ["grades", "annuli"])
def test_a_run_that_asks_for_more_than_a_spectrum_holds_is_refused(written, option):
    more = replace(SIMULATOR, summary=EnergySpectrum(**{option: True}))
    with pytest.raises(UserError, match=f"train with summary.{option}=false"):
        read_spectrum(written / "source.pha").in_groups(more)
