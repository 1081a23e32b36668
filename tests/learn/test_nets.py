"""Nets: shapes, and what each of them can see."""

import pytest
import torch

from livetime.learn.nets import MLP, Perceptron, PeriodogramCNN, Shapes

SHAPES = Shapes((0.0,), (1.0,), 2 * 130 + 3, 2, 130)


@pytest.mark.parametrize("net", [Perceptron, MLP, PeriodogramCNN])
@pytest.mark.parametrize("out", [1, 7])
def test_features_and_gradients_reach_every_weight_and_every_input(net, out):
    torch.manual_seed(0)
    model = net(SHAPES, out)
    for weights in model.parameters():  # some start at zero, and hide those before them
        torch.nn.init.normal_(weights, std=0.1)
    x = torch.randn(4, SHAPES.x_dim, requires_grad=True)
    y = model(x)
    assert y.shape == (4, out)
    y.square().sum().backward()
    assert (x.grad.abs().sum(0) > 0).all()
    assert all((weights.grad != 0).any() for weights in model.parameters())


@pytest.mark.parametrize("net", [Perceptron, MLP, PeriodogramCNN])
def test_a_row_does_not_depend_on_its_batch(net):
    model = net(SHAPES, 3)
    x = torch.randn(5, SHAPES.x_dim)
    torch.testing.assert_close(model(x)[2], model(x[2:3])[0])


def test_a_perceptron_is_linear():
    model = Perceptron(SHAPES, 2)
    a, b = torch.randn(2, 3, SHAPES.x_dim)
    zero = model(torch.zeros_like(a))
    torch.testing.assert_close(
        model(a + 2 * b) - zero, (model(a) - zero) + 2 * (model(b) - zero), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("bins", [9, 40, 130, 1000])
def test_a_cnn_takes_any_length_of_periodogram(bins):
    shapes = Shapes((0.0,), (1.0,), 2 * bins + 3, 2, bins)
    assert PeriodogramCNN(shapes, 5)(torch.randn(2, shapes.x_dim)).shape == (2, 5)


def test_a_cnn_pools_a_long_periodogram_to_as_many_weights_as_a_shorter_one():
    def weights(bins):
        convolutions = PeriodogramCNN(
            Shapes((0.0,), (1.0,), bins, 1, bins), 5, positions=16
        ).convolutions
        return sum(p.numel() for p in convolutions.parameters())

    assert weights(200) == weights(900)


def test_a_cnn_works_without_numbers():
    assert PeriodogramCNN(Shapes((0.0,), (1.0,), 64, 1, 64), 5)(torch.randn(2, 64)).shape == (2, 5)


def test_a_cnn_alone_moves_its_features_with_a_line():
    """Convolutions commute with shifts: a line 8 bins on is seen the same, 8/2^stages places on."""
    shapes = Shapes((0.0,), (1.0,), 128, 1, 128)
    model = PeriodogramCNN(shapes, 1, stages=2).convolutions[:-2]
    x = torch.zeros(1, 1, 128)
    x[..., 60:63] = 1.0
    a, b = model(x), model(torch.roll(x, 8, -1))
    torch.testing.assert_close(a[..., 8:-8], torch.roll(b, -2, -1)[..., 8:-8])


@pytest.mark.parametrize("normalisation", [None, "layer", "batch"])
@pytest.mark.parametrize("activation", ["silu", "relu", "gelu", "tanh", "sigmoid"])
def test_an_mlp_has_one_activation_after_each_hidden_layer(activation, normalisation):
    model = MLP(SHAPES, 2, (8, 6), activation, 0.5, normalisation)
    names = [type(layer).__name__.lower() for layer in model]
    assert names.count(activation) == 2
    assert names.count("dropout") == 2
    assert names[-1] == "linear"


@pytest.mark.parametrize(
    ("net", "shapes", "options", "words"),
    [
        (MLP, SHAPES, {"widths": ()}, "widths"),
        (MLP, SHAPES, {"dropout": 1.0}, "dropout is 1.0"),
        (PeriodogramCNN, SHAPES, {"width": 0}, "width is 0"),
        (PeriodogramCNN, SHAPES, {"kernel_size": 4}, "odd"),
        (PeriodogramCNN, SHAPES, {"stages": 9}, "take fewer"),
        (PeriodogramCNN, Shapes((0.0,), (1.0,), 5), {}, "estimator/net=mlp"),
    ],
)
def test_bad_nets_are_refused(net, shapes, options, words):
    with pytest.raises(ValueError, match=words):
        net(shapes, 2, **options)
