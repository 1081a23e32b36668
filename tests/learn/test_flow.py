"""A linear Gaussian problem with a known posterior is recovered through the whole path."""

import numpy as np
import pytest
import torch
from banks import bank_of

from livetime.check.calibration import calibrate
from livetime.errors import UserError
from livetime.infer.posterior import FlowPosterior
from livetime.learn.checkpoints import DONE, load
from livetime.learn.flows import Flow
from livetime.learn.nets import Shapes
from livetime.learn.training import Member, fit, fit_ensemble
from livetime.settings import Trainer, Training
from livetime.simulate.prior import Prior, Range

LOW, HIGH = -4.0, 4.0
PRIOR = Prior({"a": Range(LOW, HIGH), "b": Range(LOW, HIGH)})
DESIGN = np.array([[1.0, 0.5], [0.2, 1.0], [-0.3, 0.8]])
SIGMA = 0.3
NET = {"_target_": "livetime.learn.nets.MLP", "widths": [32]}
ESTIMATOR = {
    "_target_": "livetime.learn.flows.Flow",
    "net": NET,
    "features": 32,
    "hidden_features": [32, 32],
    "num_transforms": 3,
}
SHAPES = {"low": [LOW] * 2, "high": [HIGH] * 2, "x_dim": 3}


def linear_gaussian(n, seed, mean=None):
    """x = A theta + noise; far from the edges of the box the posterior is Gaussian."""
    rng = np.random.default_rng(seed)
    theta = rng.uniform(LOW, HIGH, (n, 2)) if mean is None else np.tile(mean, (n, 1))
    return theta, (theta @ DESIGN.T + SIGMA * rng.standard_normal((n, 3))).astype(np.float32)


def exact(x):
    covariance = np.linalg.inv(DESIGN.T @ DESIGN / SIGMA**2)
    return x @ DESIGN @ covariance.T / SIGMA**2, covariance


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    return bank_of(folder, *linear_gaussian(8000, 0))


def member(bank, folder, seed=0, n=8000, **training):
    settings = {"epochs": 25, "batch_size": 250, "lr": 3e-3, **training}
    return Member(
        folder,
        ESTIMATOR,
        Training(**settings),
        Trainer(accelerator="cpu"),
        SHAPES,
        bank.folder,
        n,
        seed,
    )


@pytest.fixture(scope="module")
def trained(bank, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "member_0"
    fit(member(bank, folder), lambda *_: None)
    return folder


def test_moments_of_the_known_posterior(trained):
    _, x = linear_gaussian(50, 1, mean=[0.4, -0.7])
    posterior = FlowPosterior((load(trained),), torch.from_numpy(x), PRIOR)
    draws = posterior.sample(4000, seed=3)
    mean, covariance = exact(x)
    assert np.abs((np.median(draws, axis=0) - mean) / np.sqrt(np.diag(covariance))).mean() < 0.15
    for direction in np.array(
        [[1, 0], [0, 1], [1, 1], [1, -1]]
    ):  # the last two depend on the correlation
        low, high = np.quantile(draws @ direction, [0.16, 0.84], axis=0)
        assert (
            (high - low) / 2 / 0.9945 / np.sqrt(direction @ covariance @ direction)
        ).mean() == pytest.approx(1, abs=0.1)


def test_coverage_and_log_prob_of_the_known_posterior(trained):
    theta, x = linear_gaussian(1500, 2)
    module = load(trained)
    result = calibrate(
        lambda b: FlowPosterior((module,), torch.from_numpy(b), PRIOR),
        theta,
        x,
        seed=0,
        draws=400,
        batch=250,
    )
    for level, tolerance in (
        (0.68, 0.055),
        (0.95, 0.025),
    ):  # four standard errors and a little for the network
        for name, share in result.coverage(level).items():
            assert abs(share - level) < tolerance, (level, name, share)
    inside = np.all(np.abs(theta) < 2.5, axis=1)
    mean, covariance = exact(x[inside])
    difference = theta[inside] - mean
    truth = -0.5 * np.einsum(
        "ni,ij,nj->n", difference, np.linalg.inv(covariance), difference
    ) - 0.5 * np.log(np.linalg.det(2 * np.pi * covariance))
    assert abs(result.log_prob[inside].mean() - truth.mean()) < 0.05


def test_density_is_normalised_inside_the_box(trained):
    _, x = linear_gaussian(1, 5, mean=[3.9, 3.9])  # against the corner
    posterior = FlowPosterior((load(trained),), torch.from_numpy(x), PRIOR)
    grid = np.linspace(LOW, HIGH, 401)
    centres = (grid[1:] + grid[:-1]) / 2
    points = np.stack(np.meshgrid(centres, centres), -1).reshape(-1, 1, 2)
    mass = np.exp(posterior.log_prob(points)).sum() * (grid[1] - grid[0]) ** 2
    assert mass == pytest.approx(1, abs=0.02)
    draws = posterior.sample(2000, seed=0)
    assert draws.min() >= LOW
    assert draws.max() <= HIGH
    assert posterior.log_prob(np.array([[[HIGH + 0.1, 0.0]]]))[0, 0] == -np.inf


def test_inflation_spreads_the_draws_by_its_factor(trained):
    x = torch.zeros(1, 3)
    flow = load(trained).estimator
    with torch.no_grad():
        torch.manual_seed(1)
        narrow = torch.logit((flow.sample(4000, x) - LOW) / (HIGH - LOW))
        torch.manual_seed(1)
        wide = torch.logit((flow.sample(4000, x, 1.2) - LOW) / (HIGH - LOW))
    q = torch.tensor([0.16, 0.5, 0.84])
    (low, mid, high), (low_w, mid_w, high_w) = (
        narrow[:, 0].quantile(q, dim=0),
        wide[:, 0].quantile(q, dim=0),
    )
    torch.testing.assert_close(high_w - low_w, 1.2 * (high - low), rtol=0.06, atol=0)
    torch.testing.assert_close(mid_w, mid, rtol=0, atol=0.02)


def test_ensemble_is_an_equal_mixture(trained, bank, tmp_path):
    fit(member(bank, tmp_path / "member_1", seed=1, epochs=2), lambda *_: None)
    members = (load(trained), load(tmp_path / "member_1"))
    theta, x = linear_gaussian(5, 7, mean=[0.0, 0.0])
    xt = torch.from_numpy(x)
    both = FlowPosterior(members, xt, PRIOR).log_prob(theta[None])
    single = [FlowPosterior((m,), xt, PRIOR).log_prob(theta[None]) for m in members]
    np.testing.assert_allclose(
        np.exp(both), np.exp(single).mean(0), rtol=1e-6
    )  # of densities: a logarithm may be near zero


def test_checkpoint_is_plain_and_holds_the_standardisation(trained, bank):
    checkpoint = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    plain = (dict, list, str, int, float, bool, type(None))

    def walk(value):
        assert isinstance(value, plain), type(value)
        for child in (
            value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        ):
            walk(child)

    walk(dict(checkpoint["hyper_parameters"]))
    x = torch.from_numpy(bank.load()[1][400:])  # behind the validation split
    torch.testing.assert_close(
        checkpoint["state_dict"]["standardise.mean"], x.mean(0), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(
        checkpoint["state_dict"]["standardise.std"], x.std(0), rtol=1e-4, atol=1e-4
    )


def weights(folder, name="last"):
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]


class StoppedError(Exception):
    pass


def test_resume_is_exact(bank, tmp_path):
    whole, parts = (
        member(bank, tmp_path / "whole", n=1000, epochs=4),
        member(bank, tmp_path / "parts", n=1000, epochs=4),
    )
    fit(whole, lambda *_: None)
    done = []

    def stop_after_two(epochs, loss):
        done.append(epochs)
        if len(done) == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        fit(parts, stop_after_two)
    again = []
    fit(parts, lambda epochs, loss: again.append(epochs))
    assert 0 < sum(again) < 4, "the training started over"
    for name in ("last", "best"):
        a, b = weights(tmp_path / "whole", name), weights(tmp_path / "parts", name)
        assert all(torch.equal(a[k], b[k]) for k in a), name


def test_finished_member_is_not_trained_again(trained, bank):
    before = (trained / "checkpoints" / "best.ckpt").stat().st_mtime_ns
    fit(member(bank, trained), lambda *_: None)
    assert (trained / DONE).exists()
    assert (trained / "checkpoints" / "best.ckpt").stat().st_mtime_ns == before


def test_processes_do_not_change_the_weights(bank, tmp_path):
    settings = {"n": 600, "epochs": 2}
    fit_ensemble(
        [member(bank, tmp_path / f"pool_{i}", seed=i, **settings) for i in range(2)],
        lambda *_: None,
    )
    for i in range(2):
        fit(member(bank, tmp_path / f"alone_{i}", seed=i, **settings), lambda *_: None)
        a, b = weights(tmp_path / f"pool_{i}"), weights(tmp_path / f"alone_{i}")
        assert all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize(
    ("model", "inflation"),
    [
        ("zuko_nsf", 1.0),
        ("zuko_nsf", 1.3),
        ("zuko_maf", 1.0),
        ("zuko_maf", 1.3),
        ("nsf", 1.0),
        ("maf", 1.0),
        ("mdn", 1.0),
    ],
)
def test_every_flow_has_a_density_that_matches_its_draws(model, inflation):
    torch.manual_seed(0)
    flow = Flow(
        Shapes(**SHAPES),
        NET,
        8,
        model,
        hidden_features=16,
    )
    x = torch.zeros(1, 3)
    with torch.no_grad():
        draws = flow.sample(20000, x, inflation)
        logit = torch.linspace(
            -12, 12, 401
        )  # even steps there: the density may crowd at the edges of the box
        place = LOW + (HIGH - LOW) * torch.sigmoid(logit)
        step = (HIGH - LOW) * torch.sigmoid(logit) * torch.sigmoid(-logit) * (logit[1] - logit[0])
        grid = torch.stack(torch.meshgrid(place, place, indexing="ij"), -1).reshape(-1, 1, 2)
        mass = torch.exp(flow.log_prob(grid, x, inflation))[:, 0] * (step[:, None] * step).reshape(
            -1
        )
    drawn, held = ((points.abs() < 0.7 * HIGH).all(-1).float() for points in (draws, grid))
    on_grid = ((draws > place[0]) & (draws < place[-1])).all(-1).float().mean().item()
    assert mass.sum().item() == pytest.approx(on_grid, abs=0.02)
    assert on_grid > 0.7  # an untrained maf has long tails
    assert (mass * held[:, 0]).sum().item() == pytest.approx(drawn.mean().item(), abs=0.03)
    assert 0.01 < drawn.mean().item() < 0.99
    assert flow.loss(draws[:5, 0], x.expand(5, -1)).shape == (5,)


def test_a_new_flow_is_scaled_by_nothing_random():
    """sbi can standardise by the data that it is built with; ours is built with none."""
    for seed in range(4):
        torch.manual_seed(seed)
        state = Flow(Shapes(**SHAPES), NET, 8).flow.state_dict()
        assert not [
            name
            for name in state
            if name.endswith(("_mean", "_std", "transforms.0.loc", "transforms.0.scale"))
        ]


@pytest.mark.parametrize("finding", ["missing", "damaged", "schema"])
def test_bad_checkpoints_are_named(trained, tmp_path, finding):
    path = tmp_path / "member_0" / "checkpoints" / "best.ckpt"
    path.parent.mkdir(parents=True)
    if finding == "damaged":
        path.write_bytes((trained / "checkpoints" / "best.ckpt").read_bytes()[:1000])
    elif finding == "schema":
        checkpoint = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
        checkpoint["hyper_parameters"]["schema"] = 99
        torch.save(checkpoint, path)
    with pytest.raises(UserError, match=r"best\.ckpt"):
        load(path.parents[1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_trains_to_the_same_loss(bank, tmp_path, trained):
    from dataclasses import replace

    on_device = replace(member(bank, tmp_path / "cuda"), trainer=Trainer(accelerator="cuda"))
    result = fit(on_device, lambda *_: None)
    import json

    assert result["val_loss"] == pytest.approx(
        json.loads((trained / DONE).read_text())["val_loss"], abs=0.05
    )
