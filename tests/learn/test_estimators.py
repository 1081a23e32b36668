"""Mixture density network and classifier against answers that are known."""

import numpy as np
import pytest
import torch
from banks import bank_of
from scipy import stats
from scipy.special import ndtr, ndtri
from sklearn.linear_model import LogisticRegression

from livetime.errors import UserError
from livetime.learn.checkpoints import load
from livetime.learn.data import BankDataModule, split
from livetime.learn.estimators import Classifier, MixtureDensity
from livetime.learn.module import LitEstimator
from livetime.learn.nets import Shapes
from livetime.learn.training import Member, fit
from livetime.settings import Trainer, Training

PERCEPTRON = {"_target_": "livetime.learn.nets.Perceptron"}
MLP = {"_target_": "livetime.learn.nets.MLP", "widths": [32]}
BOX = Shapes((-4.0, -4.0), (4.0, 4.0), 3)


def trained(tmp_path, estimator, shapes, theta, x, **training):
    bank = bank_of(tmp_path / "bank", theta, x.astype(np.float32))
    member = Member(
        tmp_path / "member_0",
        estimator,
        Training(**training),
        Trainer(accelerator="cpu"),
        shapes,
        bank.folder,
        len(x),
        0,
    )
    fit(member, lambda *_: None)
    return load(member.folder)


# --- mixture density network ----------------------------------------------------------------------


@pytest.mark.parametrize("covariance", ["full", "diagonal", "constant"])
@pytest.mark.parametrize(("components", "inflation"), [(1, 1.0), (5, 1.0), (5, 1.4)])
def test_a_mixture_has_a_density_that_matches_its_draws(components, covariance, inflation):
    torch.manual_seed(0)
    model, x = MixtureDensity(BOX, MLP, components, covariance), torch.randn(1, 3)
    with torch.no_grad():
        place = torch.special.ndtr(
            torch.linspace(-4.7, 4.7, 401).double()
        ).float()  # even steps there: the density may crowd at the edges
        edges = -4 + 8 * place
        middle, step = (edges[1:] + edges[:-1]) / 2, edges[1:] - edges[:-1]
        grid = torch.stack(torch.meshgrid(middle, middle, indexing="ij"), -1).reshape(-1, 1, 2)
        mass = torch.exp(model.log_prob(grid, x, inflation))[:, 0] * (step[:, None] * step).reshape(
            -1
        )
        draws = model.sample(20_000, x, inflation)
    drawn, held = ((points[:, 0] < 0.5).all(-1).float() for points in (draws, grid))
    assert mass.sum().item() == pytest.approx(1, abs=0.01)
    assert (mass * held).sum().item() == pytest.approx(drawn.mean().item(), abs=0.02)
    assert (draws.abs() < 4).all()


def test_a_mixture_is_stable_far_out():
    model = MixtureDensity(BOX, MLP, 3)
    theta = torch.tensor([[-4.0, 4.0], [4.0, 4.0], [0.0, 0.0]])
    x = torch.tensor([[1e4, -1e4, 1e4]] * 3)
    loss = model.loss(theta, x)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_one_component_finds_a_linear_gaussian_posterior(tmp_path):
    """With u = probit(theta's place) = A x + noise, the moments are those of the noise."""
    rng = np.random.default_rng(0)
    covariance = np.array([[0.09, 0.05], [0.05, 0.16]])
    a = np.array([[0.8, -0.3, 0.0], [0.1, 0.2, 0.6]])
    x = rng.standard_normal((6000, 3))
    u = x @ a.T + rng.multivariate_normal([0, 0], covariance, 6000)
    shapes = {"low": [-4.0, -4.0], "high": [4.0, 4.0], "x_dim": 3}
    estimator = {
        "_target_": "livetime.learn.estimators.MixtureDensity",
        "net": PERCEPTRON,
        "components": 1,
        "covariance": "full",
    }
    model = trained(
        tmp_path, estimator, shapes, -4 + 8 * ndtr(u), x, epochs=20, batch_size=100, lr=1e-2
    )
    seen = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = model.estimator.mixture(model.standardise(seen)).component_distribution
    np.testing.assert_allclose(found.loc[:, 0], seen.numpy() @ a.T, atol=0.08)
    np.testing.assert_allclose(found.covariance_matrix[:, 0].mean(0), covariance, atol=0.015)
    with torch.no_grad():
        draws = model.estimator.sample(20_000, model.standardise(seen))
    np.testing.assert_allclose(
        ndtri((draws[:, 0].double() + 4) / 8).mean(0), (seen.numpy() @ a.T)[0], atol=0.08
    )


def test_the_prior_is_a_standard_gaussian():
    """An ignorant mixture has the density of the box, up to its edges; its draws fill it evenly."""
    torch.manual_seed(0)
    model = MixtureDensity(BOX, MLP, 2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    theta = torch.tensor([[-3.99, 3.99], [0.0, 1.0], [2.0, -3.9]])
    inflation = 1 / (np.log(2) + 1e-3) ** 2  # all features are zero, and softplus of zero is log 2
    with torch.no_grad():
        density = model.log_prob(theta[None], torch.zeros(3, 3), inflation)[0]
        draws = model.sample(20_000, torch.zeros(1, 3), inflation)[:, 0]
    np.testing.assert_allclose(density, -2 * np.log(8), atol=1e-4)
    for column in (draws.double().numpy() + 4).T / 8:
        assert stats.kstest(column, "uniform").pvalue > 1e-3


# --- classifier -----------------------------------------------------------------------------------


def two_classes(n=600, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(2, size=n)
    x = rng.standard_normal((n, 4)) * [1.0, 2.0, 0.5, 1.0] + np.outer(label, [1.0, -1.0, 0.2, 0.0])
    return np.column_stack([rng.random(n), label]).astype(float), x.astype(np.float32)


SHAPES = {"low": [0.0], "high": [1.0], "x_dim": 4, "classes": ["a", "b"]}
CLASSIFIER = {
    "_target_": "livetime.learn.estimators.Classifier",
    "net": PERCEPTRON,
    "class_weights": None,
}


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize(
    ("penalty_norm", "penalty", "l1_ratio"), [(2.0, 0.01, 0.0), (1.0, 0.02, 1.0), (2.0, 0.0, 0.0)]
)
def test_a_perceptron_reaches_the_coefficients_of_logistic_regression(
    tmp_path, penalty_norm, penalty, l1_ratio, optimizer
):
    """Descend on the penalised cross entropy of all data at once.

    scikit-learn's C is 1/(2 n penalty) for ridge, 1/(n penalty) for the lasso.
    """
    theta, x = two_classes()
    settings = {
        "batch_size": None,
        "weight_decay": 0.0,
        "penalty": penalty,
        "penalty_norm": penalty_norm,
        "optimizer": optimizer,
    }
    lr = 0.1 if optimizer == "adamw" else 1.0
    model = trained(
        tmp_path,
        CLASSIFIER,
        SHAPES,
        theta,
        x,
        epochs=150,
        patience=1000,
        lr=lr,
        clip=1e6,
        schedule="cosine",
        **settings,
    )
    held = round(0.05 * len(x))
    z, label = (model.standardise(torch.from_numpy(x)).numpy()[held:], theta[held:, -1])
    c = 1 / (len(z) * penalty * penalty_norm) if penalty else 1e6
    exact = LogisticRegression(
        C=c, l1_ratio=l1_ratio, solver="saga", max_iter=20_000, tol=1e-7
    ).fit(z, label)
    last = torch.load(tmp_path / "member_0" / "checkpoints" / "last.ckpt", weights_only=True)[
        "state_dict"
    ]
    np.testing.assert_allclose(last["estimator.net.weight"].numpy(), exact.coef_, atol=0.006)
    np.testing.assert_allclose(last["estimator.net.bias"].numpy(), exact.intercept_, atol=0.006)


def test_class_weights_move_the_odds_by_their_ratio(tmp_path):
    theta, x = two_classes(3000)
    odds = []
    for i, weights in enumerate(([1.0, 1.0], [1.0, 3.0])):
        (tmp_path / str(i)).mkdir()
        model = trained(
            tmp_path / str(i),
            {**CLASSIFIER, "class_weights": weights},
            SHAPES,
            theta,
            x,
            epochs=60,
            batch_size=None,
            lr=0.1,
            clip=1e6,
            weight_decay=0.0,
        )
        with torch.no_grad():
            p = model.estimator.probabilities(model.standardise(torch.from_numpy(x)))
        assert torch.allclose(p.sum(1), torch.ones(len(x)))
        odds.append(torch.logit(p[:, 1]).mean().item())
    assert odds[1] - odds[0] == pytest.approx(np.log(3), abs=0.15)


def test_many_classes_have_a_softmax():
    torch.manual_seed(0)
    model = Classifier(Shapes((0.0,), (1.0,), 4, classes=("a", "b", "c")), MLP)
    x = torch.randn(7, 4)
    p = model.probabilities(x)
    assert p.shape == (7, 3)
    torch.testing.assert_close(model.loss(torch.full((7, 1), 2.0), x), -torch.log(p[:, 2]))


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, float("nan")]])
def test_bad_class_weights_are_refused(weights):
    with pytest.raises(ValueError, match="class_weights"):
        Classifier(Shapes((0.0,), (1.0,), 4, classes=("a", "b")), MLP, weights)


def test_a_classifier_needs_classes():
    with pytest.raises(ValueError, match=r"prior\.classes"):
        Classifier(BOX, MLP)


# --- the practice ---------------------------------------------------------------------------------


def test_folds_hold_every_simulation_out_once_and_keep_the_classes_shares():
    labels = np.random.default_rng(0).choice(3, 1000, p=[0.7, 0.2, 0.1])
    parts = [split(1000, Training(folds=5), fold, labels) for fold in range(5)]
    assert sorted(np.concatenate([b for _, b in parts])) == list(range(1000))
    for a, b in parts:
        assert set(a) | set(b) == set(range(1000))
        assert not set(a) & set(b)
        np.testing.assert_allclose(
            np.bincount(labels[b]) / len(b), np.bincount(labels) / 1000, atol=0.006
        )


def test_the_plain_split_shares_nothing():
    a, b = split(100, Training(validation=0.2))
    everything = np.arange(100)
    assert len(everything[b]) == 20
    assert sorted([*everything[a], *everything[b]]) == list(everything)


@pytest.mark.parametrize(
    ("labels", "training", "words"),
    [
        (np.array([0] * 50 + [1] * 3), Training(folds=5), "smallest class has 3"),
        (
            np.array([1] * 5 + [0] * 95),
            Training(validation=0.05),
            "training split that has no simulation of class number 1",
        ),
        (
            np.array([0] * 95 + [1] * 5),
            Training(validation=0.05),
            "validation split that has no simulation of class number 1",
        ),
        (None, Training(folds=200), "there are 100 simulations"),
    ],
)
def test_splits_that_cannot_be_are_refused(labels, training, words):
    with pytest.raises(UserError, match=words):
        split(100 if labels is None else len(labels), training, 0, labels)


def test_a_batch_larger_than_the_data_is_refused():
    theta, x = two_classes(100)
    with pytest.raises(UserError, match=r"training\.batch_size is 200"):
        BankDataModule(theta, x, split(100, Training()), 200, 0)
    assert BankDataModule(theta, x, split(100, Training(validation=0.1)), None, 0).batch_size == 90


def test_standardisation_and_components_come_from_the_training_split_alone():
    _, x = two_classes(500)
    x = np.hstack([x, np.full((500, 1), 3.0, dtype=np.float32)])
    shapes = {**SHAPES, "x_dim": 5}
    module = LitEstimator(CLASSIFIER, shapes, {"pca": 3})
    module.standardise.fit(torch.from_numpy(x))
    z = module.standardise(torch.from_numpy(x))
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    exact = PCA(3).fit_transform(StandardScaler().fit_transform(x))
    assert z.shape == (500, 3)
    np.testing.assert_allclose(np.abs(z), np.abs(exact), atol=0.02)
    constant = LitEstimator(CLASSIFIER, shapes, {})
    constant.standardise.fit(torch.from_numpy(x))
    assert (constant.standardise(torch.from_numpy(x))[:, 4] == 0).all()


def test_more_components_than_entries_are_refused():
    with pytest.raises(UserError, match=r"training\.pca is 9"):
        LitEstimator(CLASSIFIER, SHAPES, {"pca": 9})
