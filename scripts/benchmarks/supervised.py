"""Finished runs of one problem side by side on the same held-out simulations.

Rows are scores with 95% bootstrap intervals, parameters, seconds to train, and paired differences.
Where the exact posterior is known, they are the log probability of the truth beside that of the
exact one (500 cases), and the classifier two-sample test (5-fold MLP, 10,000 draws, 20 cases).
Elsewhere they are R^2 of the posterior means and truths in the 68% intervals, beside those of the
references (100 cases).
"""

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks import bank, held_out, log_prob, row

EXACT_CASES = 500
"""Observations whose exact log probability is computed."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("runs", type=Path, nargs="+", metavar="run")
    parser.add_argument("--n", type=held_out, default=2000)
    parser.add_argument("--seed", type=int, default=3)


def rows(args: argparse.Namespace) -> list[dict]:
    """Measure, and return the rows of the table."""
    import torch

    from livetime.infer.run import Run

    torch.set_num_threads(1)
    problems: dict[str, list[Run]] = {}
    for folder in args.runs:
        run = Run.open(folder)
        _ = run.metrics
        problems.setdefault(
            json.dumps([run.simulator.identity(), run.question.name == "class"], sort_keys=True), []
        ).append(run)
    return [
        row
        for runs in problems.values()
        for row in (_classes if runs[0].question.name == "class" else _posteriors)(runs, args)
    ]


def _cost(run) -> dict:
    done = [json.loads(path.read_text()) for path in sorted(run.folder.glob("member_*/done.json"))]
    return {
        "parameters": sum(d["weights"] for d in done),
        "seconds": run.metrics["seconds"]["trained"],
        "run": str(run.folder),
    }


def _name(run) -> str:
    return f"{run.config['name']} {run.folder.name.rpartition('_')[-1]}"


def _problem(run) -> str:
    return f"{run.config['name'].split('_')[0]} {type(run.simulator.detector).__name__}"


def _classes(runs: list, args: argparse.Namespace) -> list[dict]:
    """Score the classes of networks and rivals, and compare them in pairs."""
    from livetime.check.assess_class import ClassSample, fit_rivals
    from livetime.check.assessment import HeldOut
    from livetime.check.classification import Classification

    run, problem = runs[0], _problem(runs[0])
    simulator = run.simulator
    train_theta, train_x = bank(run).load(run.config["simulations"])
    trained = ClassSample(train_x, train_theta[:, -1].astype(int), simulator.layout)
    theta, x = simulator.simulate(0, args.n, args.seed)
    classes, label = list(simulator.prior.classes), theta[:, -1].astype(int)
    rivals, _ = fit_rivals(HeldOut(simulator, theta, x, args.seed), trained)

    results = {_name(r): Classification(classes, label, r.probabilities(x)) for r in runs}
    costs = {_name(r): _cost(r) for r in runs}
    networks = list(results)
    for name, rival in rivals.items():
        results[name] = Classification(classes, label, rival.probabilities)
        costs[name] = {"parameters": rival.parameters, "seconds": rival.seconds}
    scores = _class_scores(results, costs, problem, args.n)
    return scores + _class_differences(results, networks, problem, args.n)


def _class_scores(results: dict, costs: dict, problem: str, n: int) -> list[dict]:
    """Make the rows of every network and rival."""
    rows = []
    for name, result in results.items():
        for score in ("accuracy", "roc_auc", "expected_calibration_error"):
            low, high = result.interval(score)
            label = f"{problem}: {name}, {score}"
            unit = f"({low:.4f} to {high:.4f})"
            rows.append(row(label, result.scores[score], unit, n=n, **costs[name]))
    return rows


def _class_differences(results: dict, networks: list[str], problem: str, n: int) -> list[dict]:
    """Make the rows of every network beside each later network and each rival."""
    rivals = [name for name in results if name not in networks]
    rows = []
    for i, name in enumerate(networks):
        for other in [*networks[i + 1 :], *rivals]:
            for score in ("accuracy", "roc_auc"):
                value, low, high = results[name].difference(results[other], score)
                label = f"{problem}: {name} minus {other}, {score}"
                rows.append(row(label, value, f"({low:+.4f} to {high:+.4f})", n=n))
    return rows


def _posteriors(runs: list, args: argparse.Namespace) -> list[dict]:
    """Score the posteriors of networks, against the exact one where it is known."""
    from livetime.reference.exact import Exact

    simulator = runs[0].simulator
    problem = _problem(runs[0])
    theta, x = simulator.simulate(0, args.n, args.seed)
    finite = np.isfinite(x).all(axis=1)
    theta, x = theta[finite, : simulator.prior.dim], x[finite]

    exact = best = None
    rows = []
    if simulator.kind == "periodograms":
        exact = Exact(simulator, draws=10_000)
        cases = zip(theta[:EXACT_CASES], x[:EXACT_CASES], strict=True)
        best = np.array([exact.log_prob(t[None], s)[0] for t, s in cases])
    else:
        rows = _means(runs, theta[:100], x[:100], problem)

    for run in runs:
        estimator = run.config["estimator"]["_target_"].split(".")[-1]
        name = f"{problem}: {_name(run)} ({estimator})"
        ours = log_prob(run, theta, x)
        unit = f"nat (+- {ours.std() / np.sqrt(len(ours)):.3f})"
        label = f"{name}, log probability"
        rows.append(row(label, ours.mean(), unit, n=args.n, **_cost(run)))
        if exact is not None:
            rows += _beside_exact(run, name, ours[:EXACT_CASES] - best, exact, x)
    return rows


def _beside_exact(run, name: str, gain: np.ndarray, exact, x: np.ndarray) -> list[dict]:
    """Compare a run with the exact posterior: log probabilities, and draws."""
    import torch
    from sbi.utils.metrics import c2st

    tests = []
    for case in range(20):
        ours = run.posterior(x[case]).samples(10_000, case).theta
        theirs = exact.fit(x[case], case).theta
        a, b = (torch.as_tensor(draws, dtype=torch.float32) for draws in (theirs, ours))
        tests.append(float(c2st(a, b, classifier="mlp")))

    unit = f"nat (+- {gain.std() / np.sqrt(EXACT_CASES):.4f})"
    label = f"{name} minus exact, log probability"
    spread = f"(greatest {max(tests):.3f})"
    return [
        row(label, gain.mean(), unit, n=EXACT_CASES),
        row(f"{name}, C2ST median", np.median(tests), spread, n=20, cases=tests),
    ]


def _means(runs: list, theta: np.ndarray, x: np.ndarray, problem: str) -> list[dict]:
    """Score posterior means (R^2) and marginal 68% intervals of networks and references."""
    from livetime.reference.registry import applicable, build_references

    simulator = runs[0].simulator
    answers = {
        _name(run): [run.posterior(s).samples(4000, i) for i, s in enumerate(x)] for run in runs
    }
    for model in build_references(simulator, applicable(simulator, None)).values():
        answers[model.name] = [model.fit(s, i) for i, s in enumerate(x)]

    rng = np.random.default_rng(0)
    chosen = rng.integers(0, len(theta), (1000, len(theta)))
    scatter = (theta - theta.mean(axis=0)) ** 2
    n = len(theta)
    rows = []
    for name, samples in answers.items():
        off = (np.array([s.theta.mean(axis=0) for s in samples]) - theta) ** 2
        r2 = (1 - off[chosen].sum(axis=1) / scatter[chosen].sum(axis=1)).mean(axis=1)
        unit = "({:.4f} to {:.4f})".format(*np.quantile(r2, [0.025, 0.975]))
        mean = (1 - off.sum(axis=0) / scatter.sum(axis=0)).mean()
        rows.append(row(f"{problem}: {name}, R^2 of means", mean, unit, n=n))

        edges = np.array([np.quantile(s.theta, [0.16, 0.84], axis=0) for s in samples])
        inside = ((theta > edges[:, 0]) & (theta < edges[:, 1])).mean()
        label = f"{problem}: {name}, truths in marginal 68%"
        rows.append(row(label, inside, f"(of {theta.size})", n=n))
    return rows
