"""One OGIP spectrum with its response and background: what it holds, or why it is refused; and a writer of the same."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.config import ObservationFiles
from livetime.errors import UserError
from livetime.files.finding import counted
from livetime.files.fits import column, local_file, numbers, opened, refuse_words
from livetime.simulate.counts_spectrum import EnergySpectrum
from livetime.simulate.detector import DeadTime, Ideal, Whittle
from livetime.simulate.frames import FramePileUp
from livetime.simulate.pileup import FrameEvents, PileUp
from livetime.simulate.response import Response, read_response
from livetime.simulate.spectral import SpectralSimulator

Floats = NDArray[np.float64]
BAD = (1, 5)
"""Values of QUALITY that mark bad channels; 2 is what grouping leaves over."""
LONGEST = 1e8
"""s; the deepest fields have less than a tenth of it."""
MOST = 2**31
"""Counts of a spectrum, in whose columns more do not fit."""
KEYWORDS = (
    "TELESCOP",
    "INSTRUME",
    "OBJECT",
    "EXPOSURE",
    "BACKSCAL",
    "AREASCAL",
    "TIMEDEL",
    "ANCRFILE",
    "RESPFILE",
    "BACKFILE",
)


@dataclass(frozen=True)
class SpectrumObservation:
    """Counts of one spectrum, ready for a summary.

    Arguments:
        counts: in each group of the run's channels, (G,).
        exposure: s.
        background: counts/s expected in each group of the source's region, (G,); None where no background is known.
        info: what the files say, in plain JSON types.
    """

    counts: Floats
    exposure: float
    background: Floats | None
    info: dict[str, Any]

    @property
    def covariates(self) -> dict[str, float]:
        """What is known of the observation, physical."""
        return {"exposure": self.exposure}

    @property
    def length(self) -> str:
        return f"{int(self.counts.sum())} counts in {self.exposure:g} s"

    @property
    def _background_words(self) -> str:
        return f"{self.info['background_share']:.2g} of the counts are expected to be background"

    @property
    def _background_matters(self) -> bool:
        """The network was trained without one: what is less than half of the counts' scatter does no harm."""
        total = float(self.counts.sum())
        return self.background is not None and self.info[
            "background_share"
        ] * total > 0.5 * np.sqrt(total)

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each thing that is to be known."""
        if self.background is None:
            return ("no background is named: it is taken to be none",)
        return (
            ()
            if self._background_matters
            else (
                f"{self._background_words}, which the network leaves out and the references take in",
            )
        )

    def doubts(self, detector: DeadTime | Ideal | Whittle | PileUp | FramePileUp) -> list[str]:
        """A background that the network does not know, and a frame time other than the run's by 2% or more, deserve a word."""
        assert isinstance(detector, PileUp)  # `read` takes no other run
        said = (
            [f"{self._background_words}, of which the network knows nothing"]
            if self._background_matters
            else []
        )
        own, trained = self.info["timedel"], detector.frame_time + detector.transfer_time
        if isinstance(own, (int, float)) and own > 0 and abs(own / trained - 1) > 0.02:
            said.append(
                f"the network takes frames of {trained:.4g} s, but the file's TIMEDEL is {own:.4g} s"
            )
        return said


@dataclass(frozen=True)
class _Spectrum:
    """A file: its keywords, and of each channel (C,) its number, counts and quality."""

    path: Path
    header: dict[str, Any]
    channel: NDArray[np.int64]
    counts: NDArray[np.int64]
    quality: NDArray[np.int64]

    def number(self, key: str, default: float | None = None) -> float:
        """A keyword that must be a positive number."""
        value = self.header.get(key, default)
        if not isinstance(value, (int, float)) or not 0 < value < np.inf:
            raise UserError(
                f"{self.path} has {key} = {value!r}, but it must be a positive number: give the spectrum as it was extracted"
            )
        return float(value)


def of_run(
    simulator: SpectralSimulator, files: ObservationFiles, name: str
) -> tuple[SpectrumObservation, NDArray[np.float32]]:
    """What a run's simulator describes, read from a spectrum, and its summary (X,). Raises UserError as `read` does."""
    if not files.spectrum:
        raise UserError(
            f"observation.path={files.path[0]} is of events, but the run is of spectra; give observation.spectrum=<PHA file>"
        )
    others = (
        "gti",
        "start",
        "stop",
        "band",
        "hard",
        "dead_time",
        "detectors",
        "background",
        "counted",
    )
    if given := [key for key in others if getattr(files, key) != getattr(ObservationFiles(), key)]:
        raise UserError(
            f"observation.{given[0]} is of events, but the run is of spectra; leave it out"
        )
    seen = read(files.spectrum, simulator, name, files.arf, files.rmf, files.background_spectrum)
    return seen, simulator.summary.vector(seen.counts, seen.exposure)


def read(
    path: str | Path,
    simulator: SpectralSimulator,
    name: str,
    arf: str | None = None,
    rmf: str | None = None,
    background: str | None = None,
) -> SpectrumObservation:
    """Read a spectrum of the instrument that a simulator describes.

    Arguments:
        path: OGIP spectrum (PHA or PI file) of counts, not binned; grouping flags are not used.
        simulator: of the run.
        name: of the run's experiment, for messages.
        arf, rmf, background: files; None for those that the header names, beside the spectrum.

    Raises: UserError for files that are not what they should be, in one sentence that says what to do.

    Source: Arnaud, George & Tennant (1992), OGIP memo 92-007.
    """
    spectrum = _load(local_file(path))
    response = _response(spectrum, simulator.detector, name, arf, rmf)
    _refuse_other_channels(spectrum, response)
    summary, exposure = simulator.summary, spectrum.number("EXPOSURE")
    _refuse_exposure(spectrum, simulator.detector, exposure)
    if summary.grades:
        raise UserError(
            "the run's summary counts bad grades, which a spectrum does not hold: train with summary.grades=false"
        )
    if summary.annuli:
        raise UserError(
            "the run's summary tells core and outer annulus apart, but a spectrum is of one place: train with summary.annuli=false"
        )
    _refuse_bad_channels(spectrum, response, summary)
    counts = summary.group(spectrum.counts, response)
    if counts.sum() == 0:
        raise UserError(
            f"{spectrum.path} has no counts from {summary.low:g} to {summary.high:g} keV, where the run looks: give another"
        )
    off = _background(spectrum, response, background)
    expected = None if off is None else summary.group(off, response)
    info = {
        "files": [str(spectrum.path)],
        **{
            key.lower(): spectrum.header.get(key)
            for key in ("TELESCOP", "INSTRUME", "OBJECT", "TIMEDEL")
        },
        "exposure": exposure,
        "band": [summary.low, summary.high],
        "counts": int(counts.sum()),
        "counts_outside_band": int(spectrum.counts.sum() - counts.sum()),
        "background_share": None
        if expected is None
        else float(expected.sum() * exposure / counts.sum()),
        "response": response.digest,
    }
    return SpectrumObservation(counts, exposure, expected, info)


def _load(path: Path) -> _Spectrum:
    with opened(path) as hdus:
        hdu = next(
            (
                h
                for h in hdus
                if h.name.upper() == "SPECTRUM"
                or str(h.header.get("HDUCLAS1", "")).upper() == "SPECTRUM"
            ),
            None,
        )
        if hdu is None:
            has = ", ".join(h.name for h in hdus[1:]) or "no table"
            raise UserError(
                f"{path} has no table SPECTRUM (it has {has}): give the spectrum that was extracted, a PHA or PI file"
            )
        names = {name: column(hdu, name) for name in ("CHANNEL", "COUNTS", "RATE", "QUALITY")}
        if names["COUNTS"] is None or names["CHANNEL"] is None:
            what = (
                "holds rates, not counts" if names["RATE"] else "lacks the column CHANNEL or COUNTS"
            )
            raise UserError(
                f"{path} {what}: pile-up needs the counts, extract the spectrum as counts"
            )
        header = {
            key: value for key in KEYWORDS if (value := hdu.header.get(key)) is not None
        }  # which stands for one without a value
        refuse_words(hdu.header, ("QUALITY",), path)
        channel, given = (
            np.array(hdu.data[names[key]], dtype=np.float64) for key in ("CHANNEL", "COUNTS")
        )
        quality = (
            numbers(hdu, names["QUALITY"], path).astype(np.int64)
            if names["QUALITY"]
            else np.full(len(given), int(hdu.header.get("QUALITY", 0)))
        )
        declared = len(given) if (value := hdu.header.get("DETCHANS")) is None else value
    if given.ndim != 1:
        raise UserError(f"{path} holds several spectra: give a file with one")
    if (wrong := ~(np.isfinite(given) & (given >= 0))).any():
        wrong_ones = counted(int(wrong.sum()), "channel")
        raise UserError(
            f"{path} has {wrong_ones} with counts that are negative or no number: give counts, background not subtracted"
        )
    if (given % 1 != 0).any():
        raise UserError(
            f"{path} has counts that are not whole numbers: give the counts as they were read, not scaled or subtracted"
        )
    if given.sum() >= MOST:
        raise UserError(
            f"{path} has {given.sum():.3g} counts, more than a detector reads: give the counts as they were read, not scaled"
        )
    if not isinstance(declared, (int, float)):
        raise UserError(
            f"{path} has DETCHANS = {declared!r}, but it must be a number: give the spectrum as it was extracted"
        )
    if len(given) < declared or len(given) < 2 or (np.diff(channel) != 1).any():
        raise UserError(
            f"{path} has {len(given)} rows for {declared} channels: its channels were merged, and what fell in each is lost; "
            "give the spectrum with all its channels (flags in a column GROUPING do no harm)"
        )
    return _Spectrum(path, header, channel.astype(np.int64), given.astype(np.int64), quality)


def _needed(spectrum: _Spectrum, key: str, given: str | None, option: str) -> Path:
    if (path := _named(spectrum, key, given, option)) is None:
        raise UserError(f"{spectrum.path} names no {key}: say observation.{option}=<file>")
    return path


def _named(spectrum: _Spectrum, key: str, given: str | None, option: str) -> Path | None:
    """A file from the command line, or from the header and then beside the spectrum; None where neither names one."""
    own = str(spectrum.header.get(key, "")).strip()
    if given is None and own.lower() in ("", "none"):
        return None
    path = Path(os.path.expanduser(given)) if given is not None else spectrum.path.parent / own
    if not path.is_file():
        where = "" if given is not None else f", which {spectrum.path} names as its {key},"
        wrong = "is not a file" if path.exists() else "does not exist"
        raise UserError(f"{path}{where} {wrong}: say observation.{option}=<file>")
    return path


def _response(
    spectrum: _Spectrum, detector: PileUp, name: str, arf: str | None, rmf: str | None
) -> Response:
    """That of the files, which must be the one that the run was trained with."""
    area, matrix = (
        _needed(spectrum, "ANCRFILE", arf, "arf"),
        _needed(spectrum, "RESPFILE", rmf, "rmf"),
    )
    try:
        found = read_response(area, matrix)
    except ValueError as error:
        raise UserError(str(error)) from None
    for key, mine in (("TELESCOP", found.telescope), ("INSTRUME", found.instrument)):
        own = str(spectrum.header.get(key, "")).strip()
        if own and mine and own.upper() != mine.upper():
            raise UserError(
                f"{spectrum.path} is of {key} {own}, but {matrix} of {mine}: give the response of this observation"
            )
    if found.digest != detector.response.digest:
        raise UserError(
            f"{area} and {matrix} hold another response than the one that the run was trained with; train one with it: "
            f"livetime train experiment={name} detector.arf={area.resolve()} detector.rmf={matrix.resolve()}"
        )
    return found


def _refuse_other_channels(spectrum: _Spectrum, response: Response) -> None:
    if len(spectrum.channel) != response.channels or spectrum.channel[0] != response.first_channel:
        raise UserError(
            f"{spectrum.path} has channels {spectrum.channel[0]} to {spectrum.channel[-1]}, but the response has {response.first_channel} "
            f"to {response.first_channel + response.channels - 1}: give the response of this spectrum"
        )


def _refuse_exposure(spectrum: _Spectrum, detector: PileUp, exposure: float) -> None:
    """No frame, or more of them than any observation has, cannot be simulated."""
    try:
        detector.frames(exposure)
    except ValueError as error:
        raise UserError(
            f"{spectrum.path}: {error}; give the spectrum as it was extracted, with EXPOSURE in s"
        ) from None
    if exposure > LONGEST:
        raise UserError(
            f"{spectrum.path} has EXPOSURE = {exposure:g}, but no observation lasts more than {LONGEST:g} s: mend the keyword"
        )


def _refuse_bad_channels(spectrum: _Spectrum, response: Response, summary: EnergySpectrum) -> None:
    edges = summary.edges(response)
    bad = np.isin(spectrum.quality[edges[0] : edges[-1]], BAD)
    if bad.any():
        raise UserError(
            f"{spectrum.path} marks {counted(int(bad.sum()), 'channel')} from {summary.low:g} to {summary.high:g} keV as bad (QUALITY): "
            "train a run with summary.low and summary.high between which there are none"
        )


def _background(spectrum: _Spectrum, response: Response, given: str | None) -> Floats | None:
    """Counts/s per channel (C,) that are expected in the source's region."""
    path = _named(spectrum, "BACKFILE", given, "background_spectrum")
    if path is None:
        return None
    off = _load(path)
    if off.path.samefile(spectrum.path):
        raise UserError(
            f"{path} is the spectrum itself, not its background: say observation.background_spectrum=<file>"
        )
    for key in ("TELESCOP", "INSTRUME"):
        own, other = (str(s.header.get(key, "")).strip() for s in (spectrum, off))
        if own and other and own.upper() != other.upper():
            raise UserError(
                f"{spectrum.path} is of {key} {own}, but its background {path} of {other}: give one of the same instrument"
            )
    _refuse_other_channels(off, response)
    scales = [s.number("BACKSCAL", 1.0) * s.number("AREASCAL", 1.0) for s in (spectrum, off)]
    return np.asarray(off.counts * scales[0] / (scales[1] * off.number("EXPOSURE")))


# The writer.


def write(
    events: FrameEvents,
    exposure: float,
    detector: PileUp,
    folder: Path,
    telescope: str = "SIMULATED",
) -> None:
    """Write `source.pha`, and the detector's response as `arf.fits` and `rmf.fits` beside it.

    Arguments:
        events: of which the good ones are counted.
        exposure: s.
    """
    response = detector.response
    counts = events.counts(response.channels)
    names = {"TELESCOP": response.telescope or telescope, "INSTRUME": response.instrument or "CCD"}
    keys = {
        **names,
        "EXPOSURE": exposure,
        "BACKSCAL": 1.0,
        "AREASCAL": 1.0,
        "CORRSCAL": 1.0,
        "ANCRFILE": "arf.fits",
        "RESPFILE": "rmf.fits",
        "BACKFILE": "none",
        "CORRFILE": "none",
        "CHANTYPE": "PI",
        "DETCHANS": response.channels,
        "POISSERR": True,
        "TIMEDEL": detector.frame_time + detector.transfer_time,
    }
    channel = response.first_channel + np.arange(response.channels)
    number = fits.Column("CHANNEL", "J", array=channel)
    _table(
        [number, fits.Column("COUNTS", "J", array=counts)], "SPECTRUM", "SPECTRUM", keys
    ).writeto(folder / "source.pha")
    bins = [
        fits.Column("ENERG_LO", "D", unit="keV", array=response.low),
        fits.Column("ENERG_HI", "D", unit="keV", array=response.high),
    ]
    area = fits.Column("SPECRESP", "D", unit="cm**2", array=response.area)
    _table([*bins, area], "SPECRESP", "RESPONSE", names).writeto(folder / "arf.fits")
    dense = response.matrix.toarray()
    first, after = (
        (dense > 0).argmax(axis=1),
        response.channels - (dense[:, ::-1] > 0).argmax(axis=1),
    )
    spans = (
        np.ones(len(dense)),
        response.first_channel + first,
        after - first,
    )  # one group of channels for each energy
    groups = [
        fits.Column(name, "J", array=values)
        for name, values in zip(("N_GRP", "F_CHAN", "N_CHAN"), spans, strict=True)
    ]
    rows = np.array([row[a:b] for row, a, b in zip(dense, first, after, strict=True)], dtype=object)
    matrix = fits.Column("MATRIX", "PD()", array=rows)
    redistribution = _table(
        [*bins, *groups, matrix], "MATRIX", "RESPONSE", {**names, "TLMIN4": response.first_channel}
    )
    bounds = [
        fits.Column(name, "D", unit="keV", array=values)
        for name, values in (("E_MIN", response.e_min), ("E_MAX", response.e_max))
    ]
    redistribution.append(_table([number, *bounds], "EBOUNDS", "RESPONSE", names)[1])
    redistribution.writeto(folder / "rmf.fits")


def _table(
    columns: list[fits.Column], name: str, kind: str, keys: Mapping[str, Any]
) -> fits.HDUList:
    hdu = fits.BinTableHDU.from_columns(columns, name=name)
    hdu.header.update({"HDUCLASS": "OGIP", "HDUCLAS1": kind, **keys})
    return fits.HDUList([fits.PrimaryHDU(), hdu])
