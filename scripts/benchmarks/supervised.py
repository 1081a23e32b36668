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
    answers = {
        _name(r): (Classification(classes, label, r.probabilities(x)), _cost(r)) for r in runs
    }
    networks = list(answers)
    for name, rival in rivals.items():
        answers[name] = (
            Classification(classes, label, rival.probabilities),
            {"parameters": rival.parameters, "seconds": rival.seconds},
        )
    rows = []
    for name, (result, cost) in answers.items():
        for score in ("accuracy", "roc_auc", "expected_calibration_error"):
            low, high = result.interval(score)
            rows.append(
                row(
                    f"{problem}: {name}, {score}",
                    result.scores[score],
                    f"({low:.4f} to {high:.4f})",
                    n=args.n,
                    **cost,
                )
            )
    for i, name in enumerate(networks):
        for other in [*networks[i + 1 :], *rivals]:
            for score in ("accuracy", "roc_auc"):
                value, low, high = answers[name][0].difference(answers[other][0], score)
                rows.append(
                    row(
                        f"{problem}: {name} minus {other}, {score}",
                        value,
                        f"({low:+.4f} to {high:+.4f})",
                        n=args.n,
                    )
                )
    return rows


def _posteriors(runs: list, args: argparse.Namespace) -> list[dict]:
    import torch
    from sbi.utils.metrics import c2st

    from livetime.reference.exact import Exact

    simulator = runs[0].simulator
    problem = _problem(runs[0])
    theta, x = simulator.simulate(0, args.n, args.seed)
    theta, x = (a[np.isfinite(x).all(axis=1)] for a in (theta[:, : simulator.prior.dim], x))
    exact = Exact(simulator, draws=10_000) if simulator.kind == "periodograms" else None
    best = (
        np.array([exact.log_prob(t[None], s)[0] for t, s in zip(theta[:500], x[:500], strict=True)])
        if exact
        else None
    )
    rows = _means(runs, theta[:100], x[:100], problem) if exact is None else []
    for run in runs:
        name, cost = (
            f"{_name(run)} ({run.config['estimator']['_target_'].split('.')[-1]})",
            _cost(run),
        )
        ours = log_prob(run, theta, x)
        error = ours.std() / np.sqrt(len(ours))
        rows.append(
            row(
                f"{problem}: {name}, log probability",
                ours.mean(),
                f"nat (+- {error:.3f})",
                n=args.n,
                **cost,
            )
        )
        if exact is None or best is None:
            continue
        gain = ours[:500] - best
        rows.append(
            row(
                f"{problem}: {name} minus exact, log probability",
                gain.mean(),
                f"nat (+- {gain.std() / np.sqrt(500):.4f})",
                n=500,
            )
        )
        tests = []
        for case in range(20):
            a = torch.as_tensor(
                run.posterior(x[case]).samples(10_000, case).theta, dtype=torch.float32
            )
            b = torch.as_tensor(exact.fit(x[case], case).theta, dtype=torch.float32)
            tests.append(float(c2st(b, a, classifier="mlp")))
        rows.append(
            row(
                f"{problem}: {name}, C2ST median",
                np.median(tests),
                f"(greatest {max(tests):.3f})",
                n=20,
                cases=tests,
            )
        )
    return rows


def _means(runs: list, theta: np.ndarray, x: np.ndarray, problem: str) -> list[dict]:
    """Score posterior means (R^2) and marginal 68% intervals of networks and references."""
    from livetime.reference.registry import applicable, build_references

    simulator = runs[0].simulator
    answers = {
        _name(run): [run.posterior(s).samples(4000, i) for i, s in enumerate(x)] for run in runs
    }
    for model in build_references(simulator, applicable(simulator, None)).values():
        answers[model.name] = [model.fit(s, i) for i, s in enumerate(x)]
    rows, rng = [], np.random.default_rng(0)
    chosen = rng.integers(0, len(theta), (1000, len(theta)))
    for name, samples in answers.items():
        off = (np.array([s.theta.mean(axis=0) for s in samples]) - theta) ** 2
        scatter = (theta - theta.mean(axis=0)) ** 2
        r2 = (1 - off[chosen].sum(axis=1) / scatter[chosen].sum(axis=1)).mean(axis=1)
        unit = "({:.4f} to {:.4f})".format(*np.quantile(r2, [0.025, 0.975]))
        rows.append(
            row(
                f"{problem}: {name}, R^2 of means",
                (1 - off.sum(axis=0) / scatter.sum(axis=0)).mean(),
                unit,
                n=len(theta),
            )
        )
        edges = np.array([np.quantile(s.theta, [0.16, 0.84], axis=0) for s in samples])
        held = ((theta > edges[:, 0]) & (theta < edges[:, 1])).mean()
        rows.append(
            row(
                f"{problem}: {name}, truths in marginal 68%",
                held,
                f"(of {theta.size})",
                n=len(theta),
            )
        )
    return rows
