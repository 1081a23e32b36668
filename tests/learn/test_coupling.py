"""The quick way through a flow of coupling splines is zuko's own, and others have none."""

import pytest
import torch

from livetime.learn.coupling import BOUND, Couplings, _Spline, splines
from livetime.learn.flows import Flow
from livetime.learn.nets import Shapes

NET = {"_target_": "livetime.learn.nets.MLP", "widths": [16]}


def flow(dim: int, model: str = "zuko_nsf") -> Flow:
    """Of a network that is far from the identity, as trained ones are."""
    torch.manual_seed(dim)
    made = Flow(
        Shapes(low=(-1.0,) * dim, high=(1.0,) * dim, x_dim=4),
        NET,
        8,
        model,
        [16, 24],
    )
    with torch.no_grad():
        for weights in made.parameters():
            weights.add_(torch.randn_like(weights) * weights.abs().mean())
    return made


@pytest.mark.parametrize("dim", [2, 3, 5, 6])
def test_both_ways_are_zukos(dim):
    made = flow(dim)
    with torch.no_grad():
        context = torch.randn(7, 8)
        transform, ours = (
            made.flow.net(context).transform,
            Couplings(splines(made.flow.net.transform), context),
        )
        theta = 2.5 * torch.randn(
            1500, 7, dim
        )  # some beyond the bound, where the splines are the identity
        assert (theta.abs() > 5).any(), "no theta beyond the bound"
        (z, log), (known, known_log) = ours(theta), transform.call_and_ladj(theta)
        assert (known - theta).abs().mean() > 0.1, "the flow is the identity"
        assert torch.allclose(z, known, atol=1e-4)
        assert torch.allclose(log, known_log, atol=1e-3)
        assert torch.allclose(ours.inverse(known), transform.inv(known), atol=2e-3)
        assert torch.allclose(
            ours.inverse(z), theta, atol=2e-2
        )  # single precision through steep splines


def test_gradients_are_zukos():
    made, context, theta = flow(5), torch.randn(200, 8), 2 * torch.randn(1, 200, 5)
    ours = Couplings(splines(made.flow.net.transform), context)(theta)
    theirs = made.flow.net(context).transform.call_and_ladj(theta)
    weights = list(made.flow.parameters())
    ours, theirs = (
        torch.autograd.grad(log.mean() - z.square().mean(), weights) for z, log in (ours, theirs)
    )
    assert max(g.abs().max() for g in theirs) > 0.01, "nothing to compare"
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4)


def test_half_precision_trains():
    """Sums of widths in half of single precision would leave bins without any."""
    made, x = flow(5), torch.randn(1000, 4)
    with torch.no_grad():
        for weights in made.flow.parameters():
            weights.mul_(2)
        theta = made.sample(1, x)
        exact = made.double().log_prob(theta.double(), x.double())
    made.float()
    with torch.autocast("cpu", torch.bfloat16):
        density = made.log_prob(theta, x)
        made._couplings = lambda features: None
        with torch.no_grad():
            zukos = made.log_prob(theta, x)
    gradients = torch.autograd.grad(density.mean(), list(made.parameters()))
    assert all(torch.isfinite(g).all() for g in gradients)
    assert (density - exact).abs().median() < 1.1 * (zukos - exact).abs().median()


def test_values_at_a_knot_lie_in_a_bin():
    torch.manual_seed(1)
    spline = _Spline(30 * torch.randn(500, 23, 1, 1), 1e-3)
    scale = 2 * BOUND / spline.sums[:, :, -1:]
    knots = spline.sums[:, :, :-1] * scale - BOUND
    for axis, way in ((0, lambda v: torch.stack(spline.forward(v))), (1, spline.inverse)):
        for k in range(7):
            for step in (-1e-6, 0.0, 1e-6):
                assert torch.isfinite(way(knots[:, axis, k] + step)).all()


@pytest.mark.parametrize("inflation", [1.0, 1.4])
def test_the_density_is_the_one_that_zuko_gives(inflation):
    made, x = flow(5), torch.randn(3, 4)
    with torch.no_grad():
        theta = made.sample(50, x, inflation)
        quick = made.log_prob(theta, x, inflation)
        made._couplings = lambda features: None
        assert torch.allclose(quick, made.log_prob(theta, x, inflation), atol=1e-3)


@pytest.mark.parametrize(
    ("model", "dim"), [("zuko_nsf_autoregressive", 3), ("zuko_maf", 3), ("zuko_nsf", 1)]
)
def test_others_are_left_to_zuko(model, dim):
    made = flow(dim, model)
    assert splines(made.flow.net.transform) is None
    with torch.no_grad():
        assert torch.isfinite(
            made.log_prob(made.sample(4, torch.zeros(2, 4)), torch.zeros(2, 4))
        ).all()
