"""CPU seconds per proposal, beside Ax's default ``Client`` loop and Optuna's GPSampler; the loop's own cost.

    python benchmarks/overhead.py [--quick]

One thread. For each n and d, ours is amortized over the refit schedule: the mean over the proposals from
n to the next planned refit, of which one fits hyper-parameters. Data are a smooth function at Sobol points.
Each method first makes two proposals that are not counted, so that imports and warm-up stay out.
The loop's own cost is wall time per trial less proposal and oracle: journal, saved model, hand-over. It is
measured on a whole campaign from YAML with its MLflow mirror beside it, whose CPU is given too.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from designloop.oracle import Observation
from designloop.space import FloatParameter, Space
from designloop.strategies import History, Problem, Trial, create

OURS = ("log_nei", "gp_ucb")
Timer = Callable[[int, int, int], float]


def value(design: Mapping[str, Any]) -> float:
    """A smooth multimodal function on the unit cube."""
    x = np.array([float(v) for v in design.values()])
    return float(np.sum((x - 0.3) ** 2) + 0.3 * np.sum(np.cos(5 * x)))


def designs(n: int, d: int) -> list[dict[str, float]]:
    """Sobol designs."""
    from scipy.stats import qmc

    points = qmc.Sobol(d, rng=1).random(256)[:n]
    return [{f"x{j}": float(v) for j, v in enumerate(row)} for row in points]


def ours(name: str) -> Timer:
    """Timer of one of our strategies."""

    def seconds(n: int, d: int, repeats: int) -> float:
        from designloop.strategies.training import refit_due

        space = Space(tuple(FloatParameter(name=f"x{j}", lower=0.0, upper=1.0) for j in range(d)))
        strategy = create(
            name, problem=Problem(space=space, metric="f", minimize=True), options={}, initial={"sobol": 0}
        )
        trials = [
            Trial(index=i, parameters=p, status="completed", metrics={"f": Observation(value=value(p))})
            for i, p in enumerate(designs(n, d))
        ]
        before = History(trials=tuple(trials[:-1]), proposals=n)
        fit = strategy.propose(before).fit
        due = next((m for m in range(n, n + 200) if m > n and refit_due(fitted=n, now=m)), n + 1)
        cycle = min(due - n, max(repeats, 1) * 40)
        fits, others = [], []
        for k in range(max(repeats, 2)):
            refit = dict(fit or {}, n=0) if k == 0 or cycle == 1 else fit
            started = time.process_time()
            proposal = strategy.propose(History(trials=tuple(trials), fit=refit, proposals=n))
            (fits if proposal.refitted else others).append(time.process_time() - started)
            fit = proposal.fit
        rest = float(np.mean(others)) if others else 0.0
        return (float(np.mean(fits)) + (cycle - 1) * rest) / cycle

    return seconds


def ax_default(n: int, d: int, repeats: int) -> float:
    """Ax's ``Client`` with its default strategy, from asking to the next asking."""
    import logging

    import torch
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig

    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    client = Client(random_seed=0)
    parameters = [
        RangeParameterConfig(name=f"x{j}", parameter_type="float", bounds=(0.0, 1.0)) for j in range(d)
    ]
    client.configure_experiment(parameters)
    client.configure_optimization(objective="-f")
    for design in designs(n, d):
        client.complete_trial(client.attach_trial(design), raw_data={"f": value(design)})
    spent = []
    for _ in range(repeats + 1):
        started = time.process_time()
        ((index, design),) = client.get_next_trials(max_trials=1).items()
        client.complete_trial(index, raw_data={"f": value(design)})
        spent.append(time.process_time() - started)
    return float(np.mean(spent[1:]))


def optuna_gp(n: int, d: int, repeats: int) -> float:
    """Optuna's GPSampler, ask and tell."""
    import warnings

    import optuna
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=0, deterministic_objective=True))
    space = {f"x{j}": optuna.distributions.FloatDistribution(0.0, 1.0) for j in range(d)}
    for design in designs(n, d):
        study.add_trial(optuna.create_trial(params=design, distributions=space, value=value(design)))
    spent = []
    for _ in range(repeats + 1):
        started = time.process_time()
        trial = study.ask(space)
        study.tell(trial, value(trial.params))
        spent.append(time.process_time() - started)
    return float(np.mean(spent[1:]))


CAMPAIGN = """
version: 1
name: overhead
oracle: branin
objectives: [minimize: value]
strategy: gp_ucb
stop: {{trials: {trials}}}
tracking: {{uri: "sqlite:///{folder}/mlflow.db"}}
"""


class Stopwatch:
    """Wall time and content of every record."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, dict[str, Any]]] = []

    def recorded(self, entry: dict[str, Any], _: Any) -> None:
        """Note the time."""
        self.seen.append((time.perf_counter(), entry))

    def waits(self, _: str) -> None:
        """Nothing to note."""

    def hand_overs(self) -> list[float]:
        """Wall seconds from outcome to outcome, less proposal and oracle."""
        spent, last, proposing = [], None, 0.0
        for now, entry in self.seen:
            if entry["kind"] == "proposal":
                proposing = entry["seconds"].get("propose", 0.0)
            elif entry["kind"] == "outcome":
                if last is not None:
                    spent.append(now - last - proposing - entry["seconds"])
                last = now
        return spent


def loop_cost(trials: int) -> dict[str, float]:
    """Median and 95th percentile of the loop's own milliseconds per trial, and the mirror's CPU seconds."""
    import tempfile
    from pathlib import Path

    from designloop import run
    from designloop.campaign import loads
    from designloop.tracking import state

    with tempfile.TemporaryDirectory() as folder:
        campaign = loads(CAMPAIGN.format(trials=trials, folder=folder))
        watch = Stopwatch()
        record = run(campaign, folder=Path(folder) / "runs", watch=watch)
        mirror = state(record.directory)
    spent = 1e3 * np.array(watch.hand_overs())
    return {
        "trials": trials,
        "median_ms": float(np.median(spent)),
        "p95_ms": float(np.percentile(spent, 95)),
        "mirror_cpu_seconds": mirror.cpu_seconds,
        "mirrored_trials": mirror.trials,
        "mirrored_models": mirror.models,
    }


def main() -> None:
    """Measure, print the table and the result line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and repeats")
    parser.add_argument("--repeats", type=int, default=8)
    arguments = parser.parse_args()
    sizes = (10, 50) if arguments.quick else (10, 50, 200)
    repeats = 3 if arguments.quick else arguments.repeats
    timers: dict[str, Timer] = {name: ours(name) for name in OURS}
    timers |= {"ax": ax_default, "optuna": optuna_gp}
    versions = {
        name: version(name) for name in ("ax-platform", "botorch", "optuna", "torch", "numpy", "scipy")
    }
    print(f"CPU seconds per proposal, amortized; threads 1, seed 0, {repeats} repeats, {versions}")
    print(f"{'d':>2s} {'n':>4s} " + " ".join(f"{name:>9s}" for name in timers) + "   log_nei/ax  gp_ucb/ax")
    result: dict[str, Any] = {}
    for d in (2, 6):
        for n in sizes:
            spent = {name: timer(n, d, repeats) for name, timer in timers.items()}
            shares = [spent[name] / spent["ax"] for name in OURS]
            columns = " ".join(f"{spent[name]:9.4f}" for name in timers)
            print(f"{d:2d} {n:4d} {columns}   {shares[0]:10.2f} {shares[1]:10.2f}", flush=True)
            result[f"d{d}/n{n}"] = spent
    cost = loop_cost(12 if arguments.quick else 40)
    print(
        f"loop: {cost['median_ms']:.1f} ms median, {cost['p95_ms']:.1f} ms at 95 % per trial; mirror: "
        f"{cost['mirror_cpu_seconds']:.1f} CPU s in all for {cost['mirrored_trials']} trials and "
        f"{cost['mirrored_models']} models"
    )
    print("RESULT " + json.dumps({"versions": versions, "threads": 1, "cpu_seconds": result, "loop": cost}))


if __name__ == "__main__":
    main()
