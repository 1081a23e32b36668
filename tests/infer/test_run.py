"""A run opens without side effects, and says what is missing or damaged."""

import json
import os
import shutil

import numpy as np
import pytest
import torch

from livetime.errors import UserError
from livetime.infer.posterior import Inflation
from livetime.infer.run import (
    CONFIG,
    DISCREPANCIES,
    EMULATOR_FOLDER,
    INFLATION,
    METRICS,
    RANGE,
    Run,
)
from livetime.interface import load
from livetime.learn.checkpoints import BEST, CHECKPOINTS


@pytest.fixture(scope="module")
def x(demo_run):
    return Run.open(demo_run).simulator.simulate(0, 3, 5)[1]


@pytest.fixture
def copied(demo_run, tmp_path):
    return shutil.copytree(demo_run, tmp_path / "run")


def test_opening_a_run_sets_no_global_state(demo_run):
    threads = torch.get_num_threads()
    state = torch.random.get_rng_state()
    run = Run.open(demo_run)
    run.posterior(np.zeros(run.simulator.layout.size)).sample(10, seed=1)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)


def test_numbers_do_not_depend_on_the_number_of_threads(demo_run, x):
    run = Run.open(demo_run)
    before = torch.get_num_threads()
    draws = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            draws.append(run.posterior(x).sample(500, seed=1))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(draws[0], draws[1], rtol=1e-5, atol=1e-6)


def test_draws_lie_in_the_prior_box_and_depend_on_the_seed_alone(demo_run, x):
    posterior = Run.open(demo_run).posterior(x)
    draws = posterior.sample(200, seed=4)
    prior = posterior.prior
    assert draws.shape == (200, 3, prior.dim)
    assert (draws >= prior.low).all()
    assert (draws <= prior.high).all()
    np.testing.assert_array_equal(draws, posterior.sample(200, seed=4))
    assert (draws != posterior.sample(200, seed=5)).any()


def test_the_density_is_finite_in_the_box_and_zero_outside(demo_run, x):
    posterior = Run.open(demo_run).posterior(x)
    assert np.isfinite(posterior.log_prob(posterior.sample(20, seed=4))).all()
    outside = np.tile(posterior.prior.high + 0.1, (1, 3, 1))
    assert (posterior.log_prob(outside) == -np.inf).all()


def test_an_inflated_posterior_is_wider(demo_run, x):
    run = Run.open(demo_run)
    if not run.inflates:
        pytest.skip("this estimator has no inflation")
    widths = []
    for factor in (1.0, 1.4):
        posterior = run.inflated(Inflation(factor, {}))(x)
        widths.append(posterior.sample(2000, seed=1).std(axis=0))
    assert (widths[1] > widths[0]).mean() > 0.8


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (CONFIG, "not json", "is damaged"),
        (CONFIG, "{}", "simulator is missing"),
        (INFLATION, '{"base": -7.0, "slopes": {}}', "is damaged"),
        (INFLATION, '{"base": 7.0, "slopes": {}}', "is damaged"),
        (INFLATION, "[]", "is damaged"),
        (RANGE, "{}", "is damaged"),
        (RANGE, '{"low": [1.0], "high": [2.0]}', "is damaged"),
        (METRICS, "{}", "is damaged"),
        (METRICS, '{"good": ' + "[" * 10**5, "is damaged"),
        (DISCREPANCIES, "not json", "is damaged"),
        (DISCREPANCIES, "{}", "is damaged"),
        (DISCREPANCIES, '{"values": [1.0]}', "is damaged"),
        (DISCREPANCIES, '{"values": {"distance": 1e999}}', "is damaged"),
    ],
)
def test_a_damaged_file_is_named(copied, file, content, words):
    (copied / file).write_text(content)
    with pytest.raises(UserError, match=words) as caught:
        load(copied)
    assert file in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [("detector", 5), ("outputs", 5), ("prior", []), ("seed", "1"), ("name", None)],
)
def test_a_config_with_a_wrong_value_is_named(copied, key, value):
    config = json.loads((copied / CONFIG).read_text())
    (copied / CONFIG).write_text(json.dumps({**config, key: value}))
    with pytest.raises(UserError, match=rf"is damaged: {key} ") as caught:
        _ = Run.open(copied).simulator
    assert CONFIG in str(caught.value)


@pytest.mark.parametrize("file", [CONFIG, INFLATION, RANGE, METRICS, DISCREPANCIES])
def test_a_pipe_is_not_opened(copied, file):
    (copied / file).unlink()
    os.mkfifo(copied / file)
    with pytest.raises(UserError, match="is not a regular file") as caught:
        load(copied)
    assert file in str(caught.value)


@pytest.mark.parametrize(
    ("key", "edit"),
    [
        ("mean", lambda numbers: numbers[:-1]),
        ("mean", lambda numbers: [float("nan"), *numbers[1:]]),
        ("scatter", lambda numbers: numbers[0]),
        ("scatter", lambda numbers: [-1.0, *numbers[1:]]),
        ("response_scatter", lambda numbers: [*numbers, 1.0]),
        ("response_scatter", lambda numbers: [0.0, *numbers[1:]]),
        ("least", lambda numbers: numbers[::-1]),
        ("least", lambda numbers: [numbers]),
        ("least", lambda numbers: []),
        ("values", lambda rows: {**rows, "distance": rows["distance"][::-1]}),
        ("values", lambda rows: {**rows, "distance": [rows["distance"]]}),
        ("values", lambda rows: {**rows, "distance": []}),
        ("values", lambda rows: {**rows, "another": rows["distance"]}),
    ],
)
def test_discrepancies_with_damaged_numbers_are_named(copied, key, edit):
    content = json.loads((copied / DISCREPANCIES).read_text())
    (copied / DISCREPANCIES).write_text(json.dumps({**content, key: edit(content[key])}))
    with pytest.raises(UserError, match="is damaged") as caught:
        load(copied)
    assert DISCREPANCIES in str(caught.value)


def test_a_network_without_discrepancies_is_refused(copied):
    (copied / DISCREPANCIES).unlink()
    with pytest.raises(UserError, match=f"lacks {DISCREPANCIES}; resume the training"):
        load(copied)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_an_emulator_that_cannot_be_loaded_is_refused(copied, content):
    checkpoint = copied / EMULATOR_FOLDER / CHECKPOINTS / BEST
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(UserError, match="is not a checkpoint of livetime, or is damaged") as caught:
        load(copied)
    assert str(checkpoint) in str(caught.value)


def test_a_missing_emulator_is_refused(copied):
    shutil.rmtree(copied / EMULATOR_FOLDER)
    with pytest.raises(UserError, match="is missing: the training did not finish") as caught:
        load(copied)
    assert EMULATOR_FOLDER in str(caught.value)


def test_a_classifier_needs_no_emulator(classifier_run):
    assert not (classifier_run / EMULATOR_FOLDER).exists()
    assert load(classifier_run).run.question.name == "class"


def test_a_network_that_answers_with_no_numbers_is_refused(demo_run, classifier_run, x):
    run = Run.open(demo_run)
    for parameter in run.members[0].parameters():
        parameter.data *= 1e30
    with pytest.raises(UserError, match="are not numbers"):
        run.posterior(x).sample(10, seed=1)

    classifier = Run.open(classifier_run)
    summary = np.full((1, classifier.simulator.layout.size), np.nan)
    with pytest.raises(UserError, match="are not numbers"):
        classifier.probabilities(summary)


def test_a_log_that_a_kill_cut_is_read_as_far_as_it_goes(copied):
    log = copied / "member_0" / "metrics.csv"
    whole = Run.open(copied).history()
    (copied / "member_0" / "metrics_notes.csv").write_text("mine")
    log.write_text(log.read_text() + "7,0.1")
    assert Run.open(copied).history() == whole
    log.write_text("")
    assert Run.open(copied).history()[0]["epoch"] == []


def test_a_missing_member_is_named(copied):
    shutil.rmtree(copied / "member_0")
    with pytest.raises(UserError, match="has 0 of 1 members"):
        _ = Run.open(copied).members


def test_a_network_that_failed_its_test_is_not_trusted(copied, x):
    metrics = json.loads((copied / METRICS).read_text())
    verdict = "Overconfident: the joint 68% regions cover 41%."
    (copied / METRICS).write_text(json.dumps({**metrics, "good": False, "verdict": verdict}))
    reasons = Run.open(copied).failed_test()
    expected = "this network failed its calibration test: overconfident: the joint 68% regions"
    assert reasons[0].startswith(expected)


def test_a_value_outside_of_the_training_is_named_with_both_numbers(demo_run, x):
    run = Run.open(demo_run)
    place = run.simulator.layout.slices["segments"]
    far = x[0].astype(np.float64)
    far[place] = 4.0
    words = next(reason for reason in run.out_of_range(far) if "segments" in reason)
    assert words.startswith("number of segments is 1e+04")
    assert "training saw 2 to 4" in words


def test_a_classifier_has_no_posterior_and_the_other_way_round(demo_run, classifier_run, x):
    with pytest.raises(UserError, match="is a classifier"):
        Run.open(classifier_run).posterior(x)
    with pytest.raises(UserError, match="learned parameters, not classes"):
        Run.open(demo_run).probabilities(x)
