"""How many labels a whole response needs: query by committee beside random, Sobol, GP variance and others.

    python benchmarks/label_efficiency.py [--quick] [--seeds 40] [--problems friedman] [--methods sobol]

Paired seeds and a shared initial design of 10 Sobol designs; strategies are driven through their public
interface, one label at a time. One common learner judges them all: the library's Gaussian process, trained
on the labels chosen so far, at 10, 12, ... labels; error is the RMSE over the standard deviation of the
response (NRMSE) at 1,024 Sobol designs that nobody learns from. ``scikit-activeml`` is its QueryByCommittee
over five bagged Gaussian processes (Matern-5/2, one lengthscale per input) and a pool of 400 uniform designs;
without the package (extra ``benchmarks``) it is left out.

Reported: ratio of labels to an NRMSE, ours over theirs, as the geometric mean over seeds with a 90 %
bootstrap interval (censored at the budget; left out where most runs of either do not get there, or start
there), and ratio of errors, the exponential of the mean difference of ln(NRMSE) from 10 labels to the budget.
A win has an upper bound of at most 0.95, a harm a lower bound above 1.05. Each finished run is one line of
benchmarks/results/label_efficiency.jsonl, so an interrupted benchmark goes on where it stopped; move the file
away after a change to a strategy or to the learner. About an hour on one core.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _responses import CASES, METRIC, Case, case_of, test_set
from numpy.typing import NDArray

from designloop.oracle import Observation
from designloop.space import Design
from designloop.strategies import History, Problem, Trial, create
from designloop.strategies.training import train

Array = NDArray[np.float64]
RESULTS = Path(__file__).parent / "results" / "label_efficiency.jsonl"
OURS, RIVALS = "query_by_committee", ("random", "sobol", "gp_variance", "scikit-activeml")
SEQUENCES = ("random", "sobol")
INITIAL, EVERY, POOL = 10, 2, 400
LEVELS = (0.10, 0.05, 0.02)
FEWER = {"scikit-activeml": 20}
"""Most seeds of a method that takes much of the time."""
ENOUGH = 5
"""Seeds that a verdict takes."""
WIN, HARM = 0.95, 1.05


def labelled(case: Case, trials: Sequence[Trial], designs: Sequence[Design], generator: str) -> list[Trial]:
    """The trials with more designs evaluated."""
    values = case.value(designs)
    return [
        *trials,
        *(
            Trial(
                index=len(trials) + i,
                parameters=d,
                status="completed",
                metrics={METRIC: Observation(value=float(v))},
                generator=generator,
            )
            for i, (d, v) in enumerate(zip(designs, values, strict=True))
        ),
    ]


def run_strategy(name: str, case: Case, problem: Problem, budget: int) -> Iterator[list[Trial]]:
    """Labels of a strategy of ours, after each one that came beside the initial design."""
    strategy = create(name, problem=problem, options={}, initial={"sobol": INITIAL})
    fit: Mapping[str, Any] | None = None
    trials: list[Trial] = []
    ahead = INITIAL if name not in SEQUENCES else budget
    while len(trials) < budget:
        history = History(trials=tuple(trials), fit=fit, proposals=len(trials))
        proposal = strategy.propose(history, ahead)
        fit = proposal.fit or fit
        for candidate in proposal.candidates:
            trials = labelled(case, trials, [candidate.parameters], candidate.reason["generator"])
            if len(trials) >= INITIAL:
                yield trials
        ahead = 1


def run_activeml(case: Case, problem: Problem, budget: int) -> Iterator[list[Trial]]:
    """Labels of scikit-activeml's QueryByCommittee over a pool, after the shared initial design."""
    from skactiveml.pool import QueryByCommittee
    from skactiveml.regressor import SklearnRegressor
    from sklearn.ensemble import BaggingRegressor
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    d = case.space.dimension
    first = create("sobol", problem=problem, options={}, initial={"sobol": INITIAL}).propose(
        History(), INITIAL
    )
    trials = labelled(case, [], [c.parameters for c in first.candidates], "sobol")
    yield trials
    pool = np.random.default_rng([problem.seed, 400]).random((POOL, d))
    unit = np.vstack([case.space.to_unit([t.parameters for t in trials]), pool])
    y = np.full(len(unit), math.nan)
    y[:INITIAL] = [t.metrics[METRIC].value for t in trials]
    kernel = ConstantKernel() * Matern(np.ones(d), (0.05, 50.0), nu=2.5) + WhiteKernel(1e-4, (1e-6, 1e-1))
    member = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    committee = SklearnRegressor(BaggingRegressor(member, n_estimators=5, random_state=problem.seed))
    query = QueryByCommittee(random_state=problem.seed)
    while len(trials) < budget:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (chosen,) = query.query(unit, y, ensemble=committee, fit_ensemble=True)
        trials = labelled(case, trials, case.space.from_unit(unit[chosen][None]), "pool")
        y[chosen] = trials[-1].metrics[METRIC].value
        yield trials


def curve(method: str, name: str, seed: int, budget: int) -> list[float]:
    """NRMSE of the common learner at 10, 12, ... labels."""
    case = case_of(name)
    problem = Problem(space=case.space, metric=METRIC, minimize=False, learn=(METRIC,), seed=seed)
    places, values = test_set(name)
    runs = run_activeml(case, problem, budget) if method == "scikit-activeml" else run_strategy(
        method, case, problem, budget)  # fmt: skip
    fit: Mapping[str, Any] | None = None
    errors = []
    for trials in runs:
        if (len(trials) - INITIAL) % EVERY:
            continue
        trained = train(problem, History(trials=tuple(trials), fit=fit), kernel="matern52", free=True)
        fit, model = trained.fit, trained.models[0]
        mean = model.transform.inverse(model.posterior(places)[0])
        errors.append(float(np.sqrt(((mean - values) ** 2).mean()) / values.std()))
    return errors


Runs = Mapping[tuple[str, str], Mapping[int, list[float]]]


def load(path: Path) -> dict[tuple[str, str], dict[int, list[float]]]:
    """Finished runs: {(problem, method): {seed: errors}}."""
    found: dict[tuple[str, str], dict[int, list[float]]] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        row = json.loads(line)
        if row["problem"] in CASES and row["version"] == case_of(row["problem"]).version:
            found.setdefault((row["problem"], row["method"]), {})[row["seed"]] = row["errors"]
    return found


def complete(path: Path, wanted: Sequence[tuple[str, str, int, int]]) -> None:
    """Run what is missing, one line of ``path`` per finished run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = load(path)
    for name, method, seed, budget in wanted:
        if seed in done.get((name, method), {}):
            continue
        started = time.process_time()
        errors = curve(method, name, seed, budget)
        row = {"problem": name, "version": case_of(name).version, "method": method, "seed": seed}
        row |= {"errors": [float(f"{e:.5g}") for e in errors]}
        row |= {"cpu_seconds": round(time.process_time() - started, 2)}
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{name:16s} {method:18s} seed {seed:2d}  {row['cpu_seconds']:6.1f} s", flush=True)


def labels_to(errors: Sequence[float], level: float) -> float:
    """Labels at which the error first passes ``level``, log-linear between; infinite where it never does."""
    for i, error in enumerate(errors):
        if error <= level:
            if i == 0:
                return INITIAL
            before, after = math.log(errors[i - 1] / level), math.log(errors[i - 1] / error)
            return INITIAL + EVERY * (i - 1 + before / after)
    return math.inf


def ratio(*sets: Sequence[float]) -> dict[str, Any]:
    """Geometric mean of ratios over sets of their logarithms by seed, each set weighing alike.

    With its 90 % bootstrap interval over the seeds of each set, and the verdict of enough seeds.
    """
    rng = np.random.default_rng(0)
    draws = np.mean([rng.choice(s, (10_000, len(s))).mean(1) for s in sets], axis=0)
    low, high = map(float, np.exp(np.percentile(draws, [5, 95])))
    word = "win" if high <= WIN else "harm" if low > HARM else ""
    mean = float(np.exp(np.mean([np.mean(s) for s in sets])))
    few = min(map(len, sets)) < ENOUGH
    return {"ratio": mean, "low": low, "high": high, "verdict": "too few seeds" if few else word}


def shown(found: Mapping[str, Any]) -> str:
    """A ratio as text."""
    return f"{found['ratio']:.2f} [{found['low']:.2f}, {found['high']:.2f}] {found['verdict']}"


def label_ratios(
    ours: Mapping[int, list[float]], theirs: Mapping[int, list[float]], level: float
) -> list[float]:
    """ln(labels of ours / labels of theirs) by seed, censored; empty where most fall short or start there."""
    seeds = sorted(set(ours) & set(theirs))
    pairs = [(labels_to(ours[s], level), labels_to(theirs[s], level)) for s in seeds]
    for labels in zip(*pairs, strict=True):
        if not INITIAL < np.median(labels) < math.inf:
            return []
    budget = INITIAL + EVERY * (len(ours[seeds[0]]) - 1) if seeds else 0
    return [math.log(min(a, budget) / min(b, budget)) for a, b in pairs]


def error_ratios(ours: Mapping[int, list[float]], theirs: Mapping[int, list[float]]) -> list[float]:
    """Mean of ln(error of ours / error of theirs) between the initial design and the budget, by seed."""
    return [float(np.mean(np.log(ours[s]) - np.log(theirs[s]))) for s in sorted(set(ours) & set(theirs))]


def table(runs: Runs, names: Sequence[str], methods: Sequence[str]) -> dict[str, Any]:
    """Print medians and ratios, and return them for the last line."""
    result: dict[str, Any] = {}
    for name in names:
        print(f"\n{name}: median NRMSE; labels and errors of {OURS} over those of each rival [90 %]")
        for method in methods:
            found = runs.get((name, method), {})
            if not found:
                continue
            errors = np.array(list(found.values()))
            at = [n for n in (20, 30, 40, 60, 80) if (n - INITIAL) // EVERY < errors.shape[1]]
            medians = {n: float(np.median(errors[:, (n - INITIAL) // EVERY])) for n in at}
            row: dict[str, Any] = {"seeds": len(found), "median": medians}
            text = [f"{n}: {m:.4f}" for n, m in medians.items()]
            if method != OURS and (ours := runs.get((name, OURS))):
                each = {f"labels to {v:.2f}": label_ratios(ours, found, v) for v in LEVELS}
                for key, logs in {**each, "errors": error_ratios(ours, found)}.items():
                    if logs:
                        row[key] = ratio(logs)
                        text.append(f"{key} {shown(row[key])}")
            result[f"{name}/{method}"] = row
            print(f"  {method:18s} {len(found):2d} seeds  " + "  ".join(text))
    return result | overall(runs, names, [m for m in methods if m != OURS])


def overall(runs: Runs, names: Sequence[str], rivals: Sequence[str]) -> dict[str, Any]:
    """Ratio of labels over all problems and levels that can be reached: each weighs alike."""
    result: dict[str, Any] = {}
    print(f"\nlabels of {OURS} over those of a rival, geometric mean over problems and levels [90 %]")
    for rival in rivals:
        sets = [
            logs
            for name in names
            for level in LEVELS
            if (name, rival) in runs and (name, OURS) in runs
            and (logs := label_ratios(runs[name, OURS], runs[name, rival], level))
        ]  # fmt: skip
        if sets:
            result[f"overall/{rival}"] = {**ratio(*sets), "levels": len(sets)}
            print(f"  {rival:18s} {shown(result[f'overall/{rival}'])} ({len(sets)} levels)")
    return result


def packages() -> dict[str, str]:
    """Versions of what is compared."""
    found = {}
    for name in ("botorch", "gpytorch", "torch", "scikit-learn", "scikit-activeml", "numpy", "scipy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument(
        "--quick", action="store_true", help="2 seeds, 24 labels, 2 problems, own results file"
    )
    parser.add_argument("--seeds", type=int, default=40, help="at most; the dear problems take fewer")
    parser.add_argument("--problems", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--methods", nargs="*", default=[OURS, *RIVALS], choices=[OURS, *RIVALS])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the table of what is there, run nothing")
    arguments = parser.parse_args()
    names, methods, path = list(arguments.problems), list(arguments.methods), arguments.results
    if "scikit-activeml" in methods and find_spec("skactiveml") is None:
        print("scikit-activeml is left out: it is not installed (pip install 'designloop[benchmarks]').")
        methods.remove("scikit-activeml")
    seeds = {name: min(arguments.seeds, case_of(name).seeds) for name in names}
    budgets = {name: case_of(name).budget for name in names}
    if arguments.quick:
        path = path.with_name("label_efficiency-quick.jsonl")
        names = [n for n in names if n in ("friedman", "magnetometer")] or names[:1]
        seeds, budgets = dict.fromkeys(names, 2), dict.fromkeys(names, 24)
    if not arguments.table:
        wanted = [
            (name, method, seed, budgets[name])
            for seed in range(max(seeds.values()))
            for name in names
            for method in methods
            if seed < min(seeds[name], FEWER.get(method, seed + 1))
        ]
        complete(path, wanted)
    print(f"\nthreads 1, seeds {seeds}, labels {budgets}, {packages()}")
    result = table(load(path), names, methods)
    content = {"versions": packages(), "threads": 1, "seeds": seeds, "labels": budgets, "table": result}
    print("RESULT " + json.dumps(content))


if __name__ == "__main__":
    main()
