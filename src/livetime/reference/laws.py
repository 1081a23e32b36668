"""Which analytic laws describe what a simulator records: one place that knows."""

from livetime.simulate.detector import DeadTime, Whittle
from livetime.simulate.frames import FramePileUp
from livetime.simulate.simulator import Simulator, TimingSimulator
from livetime.simulate.spectral import SpectralSimulator


def kind(simulator: Simulator) -> str:
    """Return the kind of a simulator's data: events, periodograms or spectrum."""
    if isinstance(simulator, SpectralSimulator):
        return "spectrum"
    whittle = isinstance(simulator, TimingSimulator) and isinstance(simulator.detector, Whittle)
    return "periodograms" if whittle else "events"


def analytic_law(simulator: Simulator) -> str:
    """Return `dead time` or `frames`: the law of a periodogram of events; empty for none."""
    if kind(simulator) != "events" or not simulator.layout.spectra:
        return ""
    assert isinstance(simulator, TimingSimulator)
    detector = simulator.detector
    if isinstance(detector, FramePileUp):
        return "frames"
    if isinstance(detector, DeadTime) and (
        detector.paralyzable or detector.frame_time > 0 or detector.area != 1
    ):
        return ""
    return "dead time"


def lossless(simulator: TimingSimulator) -> DeadTime:
    """Return the detector of a simulator without dead time or pile-up."""
    detector = simulator.detector
    if isinstance(detector, FramePileUp):
        return DeadTime(1, 0.0, counted=detector.exposed)
    own = simulator.detector_at({})
    return DeadTime(own.modules, 0.0, background=own.background, counted=own.counted)


def single_dead_time(simulator: Simulator) -> bool:
    """Say whether the data are of one detector whose white noise is known without covariates."""
    return isinstance(simulator, TimingSimulator) and simulator.detector.renewal


def has_qpo_and_noise(simulator: Simulator) -> bool:
    """Say whether the source is a QPO and band-limited noise, and nothing else."""
    if not isinstance(simulator, TimingSimulator):
        return False
    return dict(simulator.source.components) == {"qpo": "qpo", "noise": "noise"}
