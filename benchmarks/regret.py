"""Simple regret on Branin, Hartmann6 and a shifted Ackley function, beside Ax and Optuna's GPSampler.

    python benchmarks/regret.py [--quick] [--seeds 20] [--methods log_nei gp_ucb] [--problems branin]

Paired seeds; one thread; each finished campaign is one line of benchmarks/results/regret.jsonl, so an
interrupted run goes on where it stopped. Regret is the best value so far minus the known minimum. The
comparison with Ax is the mean over seeds of the difference of ln(regret), with a 90 % bootstrap interval.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from designloop.campaign import loads
from designloop.execution import InProcess
from designloop.journal import Journal
from designloop.loop import Loop, Unwatched
from designloop.oracle import Context, as_oracle
from designloop.record import gather
from designloop.revision import campaign_record
from designloop.session import Parts

RESULTS = Path(__file__).parent / "results" / "regret.jsonl"
OURS = ("log_nei", "gp_ucb")
RIVALS = ("ax", "optuna")
LENGTH = {"branin": 30, "hartmann6": 50, "ackley": 40}
MINIMUM = {"branin": 0.39788735772973816, "hartmann6": -3.322368011391339, "ackley": 0.0}
FLOOR = 1e-9
"""Regrets are compared down to this value: smaller ones are rounding."""


def oracle_of(problem: str) -> tuple[Callable[[Mapping[str, Any]], float], dict[str, tuple[float, float]]]:
    """The function and its ranges."""
    from designloop_oracles import analytic

    oracle = as_oracle(
        {"branin": analytic.branin, "hartmann6": analytic.hartmann6, "ackley": analytic.Ackley}[problem]
    )
    (output,) = oracle.declaration.outputs
    ranges = {i.name: (float(i.lower or 0.0), float(i.upper or 0.0)) for i in oracle.declaration.inputs}

    def value(design: Mapping[str, Any]) -> float:
        return oracle.evaluate(design, Context()).metrics[output.name].value

    return value, ranges


CAMPAIGN = """
version: 1
name: regret
seed: {seed}
oracle: {problem}
objectives: [minimize: value]
strategy: {name}
stop: {{trials: {trials}}}
tracking: off
"""


def run_ours(name: str, problem: str, seed: int, trials: int) -> list[float]:
    """Values of one campaign of ours, from its YAML through the loop and its journal, without figures."""
    campaign = loads(CAMPAIGN.format(name=name, problem=problem, seed=seed, trials=trials))
    parts = Parts.of(campaign)
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder)) as journal:
        first = journal.append("campaign", **campaign_record(campaign, number=1))
        loop = Loop(
            campaign=campaign,
            journal=journal,
            run=gather([first], directory=Path(folder)),
            strategies=parts.strategies,
            executor=InProcess(parts.oracle),
            watch=Unwatched(),
        )
        return [t.metrics["value"].value for t in loop.go().trials]


def run_ax(problem: str, seed: int, trials: int) -> list[float]:
    """Values of Ax's default ``Client`` loop."""
    import logging

    import torch
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig

    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    value, ranges = oracle_of(problem)
    client = Client(random_seed=seed)
    client.configure_experiment(
        [RangeParameterConfig(name=k, parameter_type="float", bounds=b) for k, b in ranges.items()]
    )
    client.configure_optimization(objective="-value")
    values = []
    for _ in range(trials):
        ((index, design),) = client.get_next_trials(max_trials=1).items()
        values.append(value(design))
        client.complete_trial(index, raw_data={"value": values[-1]})
    return values


def run_optuna(problem: str, seed: int, trials: int) -> list[float]:
    """Values of Optuna's GPSampler."""
    import optuna
    import torch

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    value, ranges = oracle_of(problem)
    study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=seed, deterministic_objective=True))
    study.optimize(
        lambda t: value({k: t.suggest_float(k, a, b) for k, (a, b) in ranges.items()}), n_trials=trials
    )
    return [float(t.value) for t in study.trials if t.value is not None]


def values_of(method: str, problem: str, seed: int, trials: int) -> list[float]:
    """Values of one campaign of any method."""
    if method in RIVALS:
        return {"ax": run_ax, "optuna": run_optuna}[method](problem, seed, trials)
    return run_ours(method, problem, seed, trials)


def load(path: Path) -> dict[tuple[str, str, int], list[float]]:
    """Finished campaigns: {(problem, method, seed): values}."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {(r["problem"], r["method"], r["seed"]): r["values"] for r in rows}


def complete(path: Path, wanted: list[tuple[str, str, int]], length: Mapping[str, int]) -> None:
    """Run what is missing, one line of ``path`` per finished campaign."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = load(path)
    for problem, method, seed in wanted:
        if len(done.get((problem, method, seed), [])) >= length[problem]:
            continue
        started = time.process_time()
        values = values_of(method, problem, seed, length[problem])
        row = {"problem": problem, "method": method, "seed": seed, "values": values}
        row["cpu_seconds"] = round(time.process_time() - started, 3)
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{problem:10s} {method:8s} seed {seed:2d}  {row['cpu_seconds']:6.1f} s", flush=True)


def regrets(
    runs: Mapping[tuple[str, str, int], list[float]], problem: str, method: str, n: int
) -> dict[int, float]:
    """Regret after ``n`` trials by seed."""
    return {
        seed: max(FLOOR, min(values[:n]) - MINIMUM[problem])
        for (p, m, seed), values in runs.items()
        if (p, m) == (problem, method) and len(values) >= n
    }


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> tuple[float, float, float] | None:
    """Mean of ln(ours / theirs) over common seeds and its 90 % bootstrap interval; negative is better."""
    seeds = sorted(set(ours) & set(theirs))
    if len(seeds) < 2:
        return None
    gaps = np.log([ours[s] / theirs[s] for s in seeds])
    draws = np.random.default_rng(0).choice(gaps, (20_000, len(gaps))).mean(1)
    low, high = np.percentile(draws, [5, 95])
    return float(gaps.mean()), float(low), float(high)


def table(
    runs: Mapping[tuple[str, str, int], list[float]], methods: list[str], length: Mapping[str, int]
) -> dict[str, Any]:
    """Print the table and return it for the last line."""
    result: dict[str, Any] = {}
    print(f"\n{'problem':10s} {'n':>3s} {'method':8s} {'seeds':>5s} {'median':>9s} {'quartiles':>21s} "
          f"{'worst two':>19s}  ln(ours/ax) [90 %]")  # fmt: skip
    for problem, last in length.items():
        for n in sorted({10, 20, 30, last} & set(range(last + 1))):
            theirs = regrets(runs, problem, "ax", n)
            for method in methods:
                found = regrets(runs, problem, method, n)
                if not found:
                    continue
                values = np.sort(list(found.values()))
                q1, median, q3 = np.percentile(values, [25, 50, 75])
                gap = None if method == "ax" else paired(found, theirs)
                text = "" if gap is None else "{:+.2f} [{:+.2f}, {:+.2f}]".format(*gap)
                worst = " ".join(f"{v:9.3g}" for v in values[-2:])
                print(f"{problem:10s} {n:3d} {method:8s} {len(values):5d} {median:9.3g} "
                      f"[{q1:9.3g},{q3:9.3g}] {worst:>19s}  {text}")  # fmt: skip
                result[f"{problem}/{n}/{method}"] = {
                    "seeds": len(values), "median": median, "quartiles": [q1, q3],
                    "worst_two": values[-2:].tolist(), "log_ratio_to_ax": gap,
                }  # fmt: skip
    return result


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="2 seeds, short campaigns, own results file")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--methods", nargs="*", default=[*OURS, *RIVALS])
    parser.add_argument("--problems", nargs="*", default=list(LENGTH))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the table of what is there, run nothing")
    arguments = parser.parse_args()
    length = {p: LENGTH[p] for p in arguments.problems}
    path, seeds, methods = arguments.results, arguments.seeds, arguments.methods
    if arguments.quick:
        path, seeds = path.with_name("regret-quick.jsonl"), 2
        length = {p: min(n, 14) for p, n in length.items() if p != "ackley"}
    if not arguments.table:
        complete(path, [(p, m, s) for s in range(seeds) for p in length for m in methods], length)
    packages = ("ax-platform", "botorch", "optuna", "torch", "numpy", "scipy")
    versions = {name: version(name) for name in packages}
    print(f"threads 1, seeds 0 to {seeds - 1}, {versions}")
    result = table(load(path), methods, length)
    print("RESULT " + json.dumps({"versions": versions, "threads": 1, "seeds": seeds, "table": result}))


if __name__ == "__main__":
    main()
