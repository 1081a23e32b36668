"""Experiments with these sources simulate, and no reference claims to know their power."""

import numpy as np
import pytest

from livetime.compose import compose_experiment
from livetime.errors import UserError
from livetime.reference.classifiers import CLASSIFIERS
from livetime.reference.registry import applicable, references_for
from livetime.simulate.build import build_simulator

EXPERIMENTS = ("lorentzians_npe", "free_npe")


@pytest.fixture(scope="module", params=EXPERIMENTS)
def simulator(request):
    return build_simulator(compose_experiment(request.param), threads=1)


def test_no_reference_applies_and_one_that_is_asked_for_is_refused(simulator):
    assert references_for(simulator) == {}
    assert applicable(simulator) == ()
    assert not any(classifier.applies(simulator) for classifier in CLASSIFIERS)
    with pytest.raises(UserError, match="does not apply to this source"):
        applicable(simulator, ["dead_time_model"])


def test_simulations_are_finite_and_depend_on_their_stream_alone(simulator):
    theta, x = simulator.simulate(0, 6, seed=1)
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(simulator.simulate(3, 6, seed=1)[1], x[3:])
    assert np.isfinite(simulator.prior.log_prob(theta)).all()


def test_the_identity_names_the_source_and_its_settings(simulator):
    source = simulator.identity()["source"]
    assert source["class"] == type(simulator.source).__name__
    assert source["stretch"] == 1.25
