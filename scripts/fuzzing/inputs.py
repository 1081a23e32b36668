"""The undamaged inputs of the fuzz: small networks, and files that they answer with trust."""

import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

TIMING = (
    "experiment=demo", "name=fuzz_timing", "simulations=8000", "training.members=1",
    "training.test=300", "prior.covariates.segments.low=4", "prior.parameters.rate.low=50",
    "prior.parameters.rate.high=600",
)  # fmt: skip
SPECTRAL = (
    "experiment=pileup_npe", "name=fuzz_spectral", "estimator=nsf", "simulations=20000",
    "training.members=2", "training.epochs=7", "training.batch_size=250",
    "training.weight_decay=0.1", "training.test=300", "prior.parameters.n_h.high=3",
    "prior.parameters.powerlaw_index.low=1", "prior.parameters.powerlaw_norm.low=3e-5",
    "prior.parameters.powerlaw_norm.high=1e-3", "prior.covariates.exposure.low=1e4",
    "prior.covariates.exposure.high=5e4",
)  # fmt: skip
SOURCE = (
    "truth.qpo_rms=0.25", "truth.qpo_frequency=4", "truth.qpo_quality=8", "truth.noise_rms=0.2",
    "truth.noise_frequency=1", "truth.rate=200", "truth.segments=12",
)  # fmt: skip
PHOTONS = (
    "truth.n_h=0.5", "truth.powerlaw_index=1.8", "truth.powerlaw_norm=2e-4", "truth.alpha=0.5",
    "truth.psf_fraction=0.92", "truth.exposure=20000",
)  # fmt: skip
INSTRUMENT = (
    "experiment=deadtime_npe_any", "name=fuzz_instrument", "simulations=16000",
    "training.members=2", "training.epochs=10", "training.weight_decay=0.1", "training.test=300",
)  # fmt: skip
NETWORKS = {
    "events": ("timing", TIMING),
    "spectrum": ("spectral", SPECTRAL),
    "instrument": ("instrument", INSTRUMENT),
}
"""Question -> the run folder of its network, and how it is trained."""

BAND = (3.0, 79.0)
"""Energies in keV that all events of the undamaged files have."""


def livetime(*words: str) -> Path:
    """Run a command and return the path in the last line of its output."""
    code = "import sys; from livetime.cli.main import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.splitlines()[-1])


def undamaged(cache: Path, questions: Collection[str]) -> Path:
    """Make the inputs that are not there.

    Arguments:
        cache: folder that keeps them.
        questions: `events`, `spectrum`, `instrument`.

    Returns: folder with A.evt, B.evt, source.pha, background.pha, arf.fits, rmf.fits, and the run
        folders of the networks.
    """
    cache.mkdir(parents=True, exist_ok=True)
    if not (cache / "background.pha").exists():
        observe(cache, TIMING, SOURCE, ("A.evt", "B.evt"))
        observe(cache, SPECTRAL, PHOTONS, ("source.pha", "arf.fits", "rmf.fits"))
        complete(cache)
    for question, (name, words) in NETWORKS.items():
        link = cache / name
        if question in questions and not link.exists():
            run = livetime("train", *words, f"outputs={cache / 'trained'}")
            link.symlink_to(run.resolve())
    return cache


def observe(cache: Path, words: Sequence[str], truth: Sequence[str], names: Sequence[str]) -> None:
    """Simulate an observation of known truth, and keep its files."""
    own = [word for word in words if word.startswith(("experiment", "prior"))]
    folder = cache / "observed"
    livetime("observe", *own, *truth, "seed=7", f"output={folder}", "overwrite=true")
    for name in names:
        (cache / name).write_bytes((folder / name).read_bytes())


def complete(cache: Path) -> None:
    """Add what real files have and simulated ones lack: energies, a background, durations."""
    rng = np.random.default_rng(1)
    for name in ("A.evt", "B.evt"):
        with fits.open(cache / name, mode="update") as hdus:
            channels = rng.integers(40, 700, len(hdus["EVENTS"].data))
            hdus["EVENTS"].data["PI"] = channels
    with fits.open(cache / "source.pha", mode="update") as hdus:
        header = hdus[1].header
        exposure = header["EXPOSURE"]
        start = 5e8
        durations = {"TSTART": start, "TSTOP": start + 1.02 * exposure, "ONTIME": 1.01 * exposure}
        kinds = {"HDUCLAS2": "TOTAL", "HDUCLAS3": "COUNT", "OBJECT": "simulated"}
        files = {"BACKFILE": "background.pha", "LIVETIME": exposure}
        header.update({**durations, **kinds, **files})
        hdus[1].columns["COUNTS"].unit = "count"
        off = hdus[1].copy()
    off.data["COUNTS"] = rng.poisson(0.01, len(off.data))
    off.header.update({"HDUCLAS2": "BKG", "BACKSCAL": 10.0, "BACKFILE": "none"})
    fits.HDUList([fits.PrimaryHDU(), off]).writeto(cache / "background.pha", overwrite=True)
