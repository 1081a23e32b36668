"""Observations of one OGIP spectrum with its response and background.

Source: Arnaud, George & Tennant (1992), OGIP memo 92-007.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.companions import (
    NAME_KEYS,
    area_share,
    find_background,
    find_response,
    refuse_other_channels,
)
from livetime.files.finding import Finding, noted_sentences, plural, reasons
from livetime.files.fits import local_file
from livetime.files.gti import MAX_EXPOSURE
from livetime.files.pha import BAD_QUALITY, read_pha
from livetime.simulate.counts_spectrum import EnergySpectrum
from livetime.simulate.pileup import PileUp
from livetime.simulate.response import Response
from livetime.simulate.spectral import SpectralSimulator

Floats = NDArray[np.float64]

_FRAME_MARGIN = 0.02
"""Frame times that differ by a smaller share count as the same."""

_OUTSIDE = "none, where it lies outside the band that is used"


@dataclass(frozen=True)
class SpectrumObservation:
    """Counts of one spectrum.

    Arguments:
        counts: in each channel, (C,); after `in_groups` in each group, (G,).
        exposure: in s.
        background: expected counts/s of background in each channel or group, within the region of
            the source; None if unknown.
        quality: OGIP flag of each channel, (C,).
        response: of the spectrum.
        info: what the files say and what was used, in plain JSON types.
        findings: on the files.

    Examples:
        >>> from livetime.simulate.response import analytic_response
        >>> counts = np.ones(1024)
        >>> spectrum = SpectrumObservation(counts, 100.0, None, 0 * counts, analytic_response(), {})
        >>> spectrum.covariates, spectrum.length
        ({'exposure': 100.0}, '1024 counts in 100 s')
    """

    kind: ClassVar[str] = "spectrum"

    counts: Floats
    exposure: float
    background: Floats | None
    quality: NDArray[Any]
    response: Response
    info: dict[str, Any]
    findings: tuple[Finding, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """List the findings that an answer must mention."""
        return noted_sentences(self.findings)

    @property
    def covariates(self) -> dict[str, float]:
        """Give what is known of the observation: the exposure in s."""
        return {"exposure": self.exposure}

    @property
    def length(self) -> str:
        """Say how much was observed."""
        return f"{int(self.counts.sum())} counts in {self.exposure:g} s"

    @property
    def reference_options(self) -> dict[str, Any]:
        """Give the options of the references: the background in counts/s."""
        return {"background": self.background}

    @property
    def background_share(self) -> float | None:
        """Find the share of the counts that is expected to be background."""
        if self.background is None:
            return None
        return float(self.background.sum() * self.exposure / self.counts.sum())

    @property
    def background_matters(self) -> bool:
        """Say whether the expected background exceeds half of the counts' Poisson scatter."""
        share = self.background_share
        total = float(self.counts.sum())
        return share is not None and share * total > 0.5 * np.sqrt(total)

    def in_groups(self, simulator: SpectralSimulator) -> "SpectrumObservation":
        """Sum channels into the groups of a simulator's summary.

        Raises:
            UserError: for another response, an exposure below one frame, bad channels, no counts,
                or a summary with other entries than counts.
        """
        summary = simulator.summary
        path = self.info["files"][0]
        _refuse_other_response(self, simulator.detector)
        _refuse_exposure(path, simulator.detector, self.exposure)
        _refuse_summary(summary)
        _refuse_bad_channels(self, summary)

        counts = summary.group(self.counts, self.response)
        if counts.sum() == 0:
            raise UserError(
                path,
                f"has no counts from {summary.low:g} to {summary.high:g} keV, "
                "the band of the network",
                "give another spectrum",
            )
        background = None
        if self.background is not None:
            background = summary.group(self.background, self.response)
        return self._with_groups(counts, background, summary)

    def _with_groups(
        self, counts: Floats, background: Floats | None, summary: EnergySpectrum
    ) -> "SpectrumObservation":
        grouped = replace(self, counts=counts, background=background)
        info = {
            **self.info,
            "band": [summary.low, summary.high],
            "counts": int(counts.sum()),
            "counts_outside_band": int(self.counts.sum() - counts.sum()),
            "background_share": grouped.background_share,
        }
        findings = [*self.findings]
        if background is not None and not grouped.background_matters:
            action = "ignored by the network, included by the references"
            findings.append(Finding("background", "note", grouped._background_words, action))
        return replace(grouped, info=info, findings=tuple(findings))

    @property
    def _background_words(self) -> str:
        return f"{self.background_share:.2g} of the counts are expected to be background"

    def reasons(self, detector: PileUp) -> list[str]:
        """List the warnings on the files, and where the detector differs."""
        return reasons([*self.findings, *self.mismatches(detector)])

    def mismatches(self, detector: PileUp) -> tuple[Finding, ...]:
        """List a background that the network ignores, and a frame time that differs by 2%."""
        found = []
        if self.background_matters:
            text = f"{self._background_words}, which the network ignores"
            effect = "the background is taken for source photons"
            found.append(Finding("background", "warning", text, "", effect))

        own = self.info["timedel"]
        trained = detector.frame_time + detector.transfer_time
        is_time = isinstance(own, (int, float)) and own > 0
        if is_time and abs(own / trained - 1) > _FRAME_MARGIN:
            text = (
                f"the network assumes frames of {trained:.4g} s, "
                f"but the file's TIMEDEL is {own:.4g} s"
            )
            effect = "another share of the photons piles up: flux and shape are biased"
            found.append(Finding("other_frames", "warning", text, "", effect))
        return tuple(found)


def read_spectrum(
    path: str | Path,
    arf: str | None = None,
    rmf: str | None = None,
    background: str | None = None,
    row: int | None = None,
) -> SpectrumObservation:
    """Read a spectrum with its response and background.

    Arguments:
        path: OGIP spectrum (PHA or PI file) of counts, not binned; grouping flags are ignored.
        arf: file of the effective area; None for the one that the header names.
        rmf: file of the redistribution; None for the one that the header names.
        background: file of the background's spectrum; None for the one that the header names, and
            `none` for no file.
        row: of a file of type II, whose rows are spectra, from 1; None for its only one.

    Raises:
        UserError: for files of another kind, or files that do not belong together.
    """
    spectrum = read_pha(local_file(path), row)
    response = find_response(spectrum, arf, rmf)
    refuse_other_channels(spectrum, response)
    exposure = spectrum.exposure
    if exposure > MAX_EXPOSURE:
        raise UserError(
            str(spectrum.path),
            f"has EXPOSURE = {exposure:g}, but no observation lasts more than {MAX_EXPOSURE:g} s",
            "correct the keyword",
        )

    findings = [
        Finding("response_corrected", "note", note, "used so", _OUTSIDE) for note in response.notes
    ]
    exposure *= area_share(spectrum, findings)
    rate = find_background(spectrum, response, background, exposure, findings)
    if rate is None:
        text = "no background is named"
        findings.append(Finding("no_background", "note", text, "taken to be zero"))
    names = (*NAME_KEYS, "OBJECT", "TIMEDEL")
    info = {
        "files": [str(spectrum.path)],
        **{key.lower(): spectrum.header.get(key) for key in names},
        "exposure": exposure,
        "response": response.digest,
    }
    counts = spectrum.counts.astype(np.float64)
    return SpectrumObservation(
        counts, exposure, rate, spectrum.quality, response, info, tuple(findings)
    )


# What a network does not describe.


def _refuse_other_response(spectrum: SpectrumObservation, detector: PileUp) -> None:
    if spectrum.response.digest != detector.response.digest:
        raise UserError(
            spectrum.info["files"][0],
            "has another response than the one that the network was trained with",
            "train a network with its files (detector.arf and detector.rmf)",
        )


def _refuse_exposure(path: str, detector: PileUp, exposure: float) -> None:
    """Refuse an exposure without a frame."""
    try:
        detector.frames(exposure)
    except ValueError as error:
        raise UserError(path, f"cannot be used: {error}", "give EXPOSURE in s") from None


def _refuse_summary(summary: EnergySpectrum) -> None:
    """Refuse summaries that contain more than a spectrum does."""
    for option, content in (("grades", "bad grades"), ("annuli", "an outer annulus")):
        if getattr(summary, option):
            raise UserError(
                f"summary.{option}",
                f"is true: the network expects counts of {content}, which no spectrum contains",
                f"train with summary.{option}=false",
            )


def _refuse_bad_channels(spectrum: SpectrumObservation, summary: EnergySpectrum) -> None:
    edges = summary.edges(spectrum.response)
    bad = np.isin(spectrum.quality[edges[0] : edges[-1]], BAD_QUALITY)
    if bad.any():
        raise UserError(
            spectrum.info["files"][0],
            f"marks {plural(int(bad.sum()), 'channel')} from {summary.low:g} to "
            f"{summary.high:g} keV as bad (QUALITY)",
            "train a network with summary.low and summary.high on a band without bad channels",
        )
