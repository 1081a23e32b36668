"""One law for each member of the `Estimator` contract, over every file of configs/estimator."""

from pathlib import Path

import pytest
import torch
import yaml

from livetime.config import CONFIGS, build
from livetime.infer.question import find_question
from livetime.learn.estimators import Classifier, Estimator, PosteriorEstimator
from livetime.learn.nets import Shapes

FOLDER = Path(CONFIGS) / "estimator"
SHAPES = Shapes((-1.0, 0.0), (1.0, 3.0), 2 * 20 + 3, 2, 20, ("a", "b", "c"))
EVERY = pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))


def estimator(name, net="mlp"):
    """Build what `estimator=<name> estimator/net=<net>` gives."""
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    node["net"] = yaml.safe_load((FOLDER / "net" / f"{net}.yaml").read_text())
    del node["defaults"]
    torch.manual_seed(0)
    return build(node, "estimator", shapes=SHAPES)


def pairs(model, n=64):
    """Summaries that contain the target: the first entries are a function of it."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, SHAPES.x_dim, generator=generator)
    if model.question == "class":
        label = torch.randint(len(SHAPES.classes), (n, 1), generator=generator)
        x[:, 0] = label[:, 0]
        return label.float(), x
    place = torch.rand(n, 2, generator=generator)
    x[:, :2] = torch.logit(place.clamp(0.01, 0.99))
    low, high = torch.tensor(SHAPES.low), torch.tensor(SHAPES.high)
    return low + (high - low) * place, x


@EVERY
def test_its_loss_is_one_finite_number_a_pair_and_falls(name):
    model = estimator(name)
    assert isinstance(model, Estimator)
    target, x = pairs(model)
    before = model.loss(target, x)
    assert before.shape == (64,)
    assert torch.isfinite(before).all()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(15):
        optimizer.zero_grad()
        model.loss(target, x).mean().backward()
        optimizer.step()
    assert model.loss(target, x).mean() < before.mean()


@EVERY
def test_the_gradient_reaches_every_parameter(name):
    model = estimator(name)
    for weights in model.parameters():  # some start at zero, and hide those before them
        with torch.no_grad():
            weights.add_(0.05 * torch.randn_like(weights))
    target, x = pairs(model)
    model.loss(target, x).sum().backward()
    without = [
        key
        for key, weights in model.named_parameters()
        if weights.grad is None or not (weights.grad != 0).any()
    ]
    assert without == []


def check_posterior(model, x):
    assert isinstance(model, PosteriorEstimator)
    draws = model.sample(7, x, 1.2 if model.inflates else 1.0)
    assert draws.shape == (7, 5, 2)
    assert (draws >= torch.tensor(SHAPES.low)).all()
    assert (draws <= torch.tensor(SHAPES.high)).all()
    assert torch.isfinite(model.log_prob(draws, x)).all()


def check_class(model, x):
    assert isinstance(model, Classifier)
    assert model.probabilities(x).shape == (5, 3)


ANSWERS = {"posterior": check_posterior, "class": check_class}
"""Laws of the answers of two questions; a question of one's own may add a line."""


@EVERY
def test_it_answers_its_question(name):
    model = estimator(name)
    assert find_question(model.question).name == model.question
    if model.question in ANSWERS:
        _, x = pairs(model, 5)
        with torch.no_grad():
            ANSWERS[model.question](model, x)


@EVERY
def test_each_posterior_can_have_its_own_inflation(name):
    model = estimator(name)
    if model.question != "posterior" or not model.inflates:
        return
    _, x = pairs(model, 3)
    factors = torch.tensor([1.0, 1.2, 1.5])
    with torch.no_grad():
        draws = model.sample(7, x, factors)
        together = model.log_prob(draws, x, factors)
        alone = [model.log_prob(draws[:, [i]], x[[i]], float(f)) for i, f in enumerate(factors)]
    torch.testing.assert_close(together, torch.cat(alone, dim=1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("net", sorted(path.stem for path in (FOLDER / "net").glob("*.yaml")))
def test_every_net_serves_an_estimator(net):
    model = estimator("mdn", net)
    target, x = pairs(model)
    assert torch.isfinite(model.loss(target, x)).all()
