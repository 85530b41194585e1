"""How busy workers are kept while designs are chosen, beside Ax's Orchestrator and Optuna, and the regret.

    python benchmarks/utilization.py [--quick] [--part busy|slow|regret] [--seeds 10]

busy: 200 trials of 0.5 to 1.5 s (uniform) on 8 workers; slow: 96 trials of 5 to 15 s, where no design may be
chosen with more than 8 outcomes still unseen. Every evaluation notes when it began and ended; utilization is
the time spent in evaluations between the first and the last dispatch, over 8 times that stretch. Ours is a
whole campaign (processes, journal on disk, tracking off); Ax's Orchestrator and Optuna call the same function
in a pool of threads, with the polls that suit them best. Imports come before everybody's first dispatch.
regret: Branin and Hartmann6 with 7 trials pending whenever a design is chosen (virtual time, so that
everybody has the same pending trials), paired seeds, beside Ax's defaults.
"""

from __future__ import annotations

import argparse
import heapq
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from designloop import session
from designloop.campaign import load, loads
from designloop.journal import read
from designloop.oracle import Observation
from designloop.revision import problem_of
from designloop.strategies import create
from designloop.strategies.base import History, Trial
from designloop.strategies.quiet import load_ax

WORKERS = 8
BRANIN = {"x": (-5.0, 10.0), "y": (0.0, 15.0)}
Interval = tuple[float, float]
Spent = Callable[[int], float]
"""Seconds of the trial of a number."""

ORACLE = '''
"""Branin after a wait; what it noted is one file per evaluation."""
import time
from pathlib import Path
from typing import Annotated

import numpy as np

from designloop.oracle import Context, Input, Output

NOTES = Path(__file__).with_name("notes")


def simulate(
    x: Annotated[float, Input(lower=-5, upper=10, unit="um")],
    y: Annotated[float, Input(lower=0, upper=15, unit="um")],
    context: Context,
) -> Annotated[dict[str, float], Output("height", unit="nm")]:
    begin = time.time()
    number = int(context.directory.name.split("-")[0])
    time.sleep(float(np.random.default_rng(number).uniform({low}, {high})))
    (NOTES / f"{{number}}").write_text(f"{{begin}} {{time.time()}}")
    return {{"height": (y - 0.129 * x**2 + 1.59 * x - 6) ** 2 + 9.6 * np.cos(x) + 10}}
'''
CAMPAIGN = """
version: 1
name: utilization
seed: {seed}
oracle: ./simulate.py:simulate
objectives: [minimize: height]
strategy: {{name: gp_ucb, initial: {{sobol: 8}}}}
stop: {{trials: {trials}}}
execution: {{workers: {workers}, staleness: {stale}}}
tracking: off
"""


def branin(x: float, y: float) -> float:
    """The same function."""
    return float((y - 0.129 * x**2 + 1.59 * x - 6) ** 2 + 9.6 * np.cos(x) + 10)


def ours(trials: int, low: float, high: float, *, stale: int) -> tuple[list[Interval], int]:
    """One campaign; what it noted, and the largest staleness of a start."""
    load_ax()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "notes").mkdir()
        (folder / "simulate.py").write_text(ORACLE.format(low=low, high=high))
        (folder / "c.yaml").write_text(CAMPAIGN.format(seed=1, trials=trials, workers=WORKERS, stale=stale))
        session.run(load(folder / "c.yaml"), folder=folder / "runs")
        notes = [tuple(map(float, p.read_text().split())) for p in (folder / "notes").iterdir()]
        starts = [r for r in read(next((folder / "runs").iterdir())) if r["kind"] == "start"]
        stale = max(int(r.get("stale", 0)) for r in starts)
    return [(begin, end) for begin, end in notes], stale


class Timed:
    """Branin after a wait, for the rivals; it keeps what it noted."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high
        self.notes: list[Interval] = []

    def __call__(self, number: int, x: float, y: float) -> float:
        """Wait and answer."""
        begin = time.time()
        time.sleep(float(np.random.default_rng(number).uniform(self.low, self.high)))
        self.notes.append((begin, time.time()))
        return branin(x, y)


def optuna(trials: int, low: float, high: float, *, sampler: str) -> list[Interval]:
    """Optuna's own loop with 8 threads."""
    import optuna as library
    import torch

    torch.set_num_threads(1)
    library.logging.set_verbosity(library.logging.ERROR)
    timed = Timed(low, high)
    make = {"GPSampler": library.samplers.GPSampler(seed=1),
            "TPESampler": library.samplers.TPESampler(seed=1, constant_liar=True)}  # fmt: skip
    study = library.create_study(sampler=make[sampler])
    study.optimize(
        lambda t: timed(t.number, *(t.suggest_float(k, a, b) for k, (a, b) in BRANIN.items())),
        n_trials=trials, n_jobs=WORKERS,
    )  # fmt: skip
    return timed.notes


def ax(trials: int, low: float, high: float) -> list[Interval]:
    """Ax's Orchestrator with 8 pending trials, a pool of threads, and polls every 20 ms."""
    import torch
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig
    from ax.api.protocols.metric import IMetric
    from ax.api.protocols.runner import IRunner
    from ax.core.trial_status import TrialStatus
    from ax.orchestration.orchestrator import Orchestrator
    from ax.orchestration.orchestrator_options import OrchestratorOptions

    torch.set_num_threads(1)
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("ax"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    timed, pool = Timed(low, high), ThreadPoolExecutor(WORKERS)
    running: dict[int, Future[float]] = {}

    class Pool(IRunner):
        def run_trial(self, trial_index: int, parameterization: dict[str, Any]) -> dict[str, Any]:
            running[trial_index] = pool.submit(timed, trial_index, **parameterization)
            return {}

        def poll_trial(self, trial_index: int, trial_metadata: Any) -> TrialStatus:  # noqa: ARG002
            return TrialStatus.COMPLETED if running[trial_index].done() else TrialStatus.RUNNING

        def stop_trial(self, trial_index: int, trial_metadata: Any) -> dict[str, Any]:  # noqa: ARG002
            return {}

    class Height(IMetric):
        def fetch(self, trial_index: int, trial_metadata: Any) -> tuple[int, float]:  # noqa: ARG002
            return 0, running[trial_index].result()

    client = Client(random_seed=1)
    client.configure_experiment(
        parameters=[RangeParameterConfig(name=k, parameter_type="float", bounds=b) for k, b in BRANIN.items()]
    )
    client.configure_optimization(objective="-height")
    client.configure_runner(Pool())
    client.configure_metrics([Height(name="height")])
    client.configure_generation_strategy(initialization_budget=8, initialize_with_center=False)
    orchestrator = Orchestrator(
        experiment=client._experiment,
        generation_strategy=client._generation_strategy_or_choose(),
        options=OrchestratorOptions(
            max_pending_trials=WORKERS, init_seconds_between_polls=0, min_seconds_before_poll=0.02,
            logging_level=logging.CRITICAL, tolerated_trial_failure_rate=0.99,
        ),
    )  # fmt: skip
    orchestrator.run_n_trials(max_trials=trials)
    pool.shutdown()
    return timed.notes


def utilization(notes: Sequence[Interval]) -> tuple[float, float]:
    """Share of the workers' time in evaluations from the first to the last dispatch, and that stretch."""
    first, last = min(b for b, _ in notes), max(b for b, _ in notes)
    spent = sum(min(end, last) - begin for begin, end in notes)
    return spent / (WORKERS * (last - first)), last - first


def busy(trials: int, low: float, high: float, *, stale: int, rivals: bool = True) -> dict[str, Any]:
    """One table of utilizations."""
    print(f"\n{trials} trials of {low:g} to {high:g} s on {WORKERS} workers")
    print(f"{'who':22s} {'busy':>7s} {'seconds':>8s} {'largest staleness':>18s}")
    notes, stale = ours(trials, low, high, stale=stale)
    rows: dict[str, Any] = {"designloop gp_ucb": (*utilization(notes), stale)}
    _row("designloop gp_ucb", rows)
    others = {"Ax Orchestrator": ax,
              "Optuna GPSampler": lambda *a: optuna(*a, sampler="GPSampler"),
              "Optuna TPESampler": lambda *a: optuna(*a, sampler="TPESampler")}  # fmt: skip
    for name, run in others.items() if rivals else ():
        rows[name] = (*utilization(run(trials, low, high)), None)
        _row(name, rows)
    return rows


def _row(name: str, rows: dict[str, Any]) -> None:
    share, seconds, stale = rows[name]
    print(f"{name:22s} {share:7.1%} {seconds:8.1f} {'' if stale is None else stale:>18}", flush=True)


PENDING = """
version: 1
name: pending
seed: {seed}
oracle: {problem}
objectives: [minimize: value]
strategy: {{name: {name}, initial: {{sobol: 8}}}}
stop: {{trials: 500}}
tracking: off
"""


def in_virtual_time(
    choose: Callable[[], int], tell: Callable[[int], float], *, seed: int, trials: int
) -> list[float]:
    """Values in the order in which they come, with 8 evaluations always under way."""
    rng = np.random.default_rng(seed)
    queue: list[tuple[float, int]] = []
    values: list[float] = []
    clock, chosen = 0.0, 0
    while len(values) < trials:
        while len(queue) < WORKERS and chosen < trials:
            heapq.heappush(queue, (clock + rng.uniform(0.5, 1.5), choose()))
            chosen += 1
        clock, number = heapq.heappop(queue)
        values.append(tell(number))
    return values


def ours_pending(problem: str, seed: int, trials: int, name: str) -> list[float]:
    """Our strategy, asked for one design at a time while 7 are pending."""
    from regret import oracle_of

    campaign = loads(PENDING.format(seed=seed, problem=problem, name=name))
    choice, value = campaign.phases[0], oracle_of(problem)[0]
    strategy = create(
        choice.name, problem=problem_of(campaign), options=choice.options, initial=choice.initial
    )
    known: list[Trial] = []
    state: dict[str, Any] = {"fit": None}

    def choose() -> int:
        made = strategy.propose(History(trials=tuple(known), fit=state["fit"], proposals=len(known)), 1)
        state["fit"] = made.fit or state["fit"]
        known.append(Trial(index=len(known), parameters=made.candidates[0].parameters, status="pending",
                           generator=str(made.candidates[0].reason["generator"])))  # fmt: skip
        return len(known) - 1

    def tell(number: int) -> float:
        trial, found = known[number], value(known[number].parameters)
        known[number] = replace(trial, status="completed", metrics={"value": Observation(value=found)})
        return found

    return in_virtual_time(choose, tell, seed=seed, trials=trials)


def ax_pending(problem: str, seed: int, trials: int) -> list[float]:
    """Ax's defaults, asked for one design at a time while 7 are pending."""
    import torch
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig
    from regret import oracle_of

    torch.set_num_threads(1)
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("ax"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    value, ranges = oracle_of(problem)
    client = Client(random_seed=seed)
    client.configure_experiment(
        parameters=[RangeParameterConfig(name=k, parameter_type="float", bounds=b) for k, b in ranges.items()]
    )
    client.configure_optimization(objective="-value")
    client.configure_generation_strategy(
        initialization_budget=8, initialize_with_center=False, allow_exceeding_initialization_budget=True
    )
    designs: dict[int, Any] = {}

    def choose() -> int:
        ((index, design),) = client.get_next_trials(max_trials=1).items()
        designs[index] = design
        return int(index)

    def tell(number: int) -> float:
        found = value(designs[number])
        client.complete_trial(number, raw_data={"value": found})
        return found

    return in_virtual_time(choose, tell, seed=seed, trials=trials)


def regret(seeds: int, lengths: dict[str, int], results: Path) -> dict[str, Any]:
    """Paired regrets with 7 pending trials; every finished campaign is a line of ``results``."""
    from regret import FLOOR, MINIMUM, paired

    rows = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    done = {
        (r["problem"], r["method"], r["seed"]): r["values"]
        for r in rows
        if r["trials"] == lengths.get(r["problem"])
    }
    for problem, trials in lengths.items():
        for seed in range(seeds):
            for method in ("ax", "gp_ucb", "log_nei"):
                if (problem, method, seed) in done:
                    continue
                run = (
                    ax_pending(problem, seed, trials)
                    if method == "ax"
                    else ours_pending(problem, seed, trials, method)
                )
                done[problem, method, seed] = run
                results.parent.mkdir(exist_ok=True)
                with results.open("a") as file:
                    row = {
                        "problem": problem,
                        "method": method,
                        "seed": seed,
                        "trials": trials,
                        "values": run,
                    }
                    file.write(json.dumps(row) + "\n")
    found: dict[str, Any] = {}
    print(
        f"\n{'problem':10s} {'n':>3s} {'method':8s} {'median regret':>14s}  ln(ours/ax) [90 %], {seeds} seeds"
    )
    for problem, trials in lengths.items():
        final = {
            method: {s: max(FLOOR, min(done[problem, method, s]) - MINIMUM[problem]) for s in range(seeds)}
            for method in ("ax", "gp_ucb", "log_nei")
        }
        for method, values in final.items():
            gap = None if method == "ax" else paired(values, final["ax"])
            words = "" if gap is None else f"{gap[0]:+.2f} [{gap[1]:+.2f}, {gap[2]:+.2f}]"
            middle = float(np.median(list(values.values())))
            print(f"{problem:10s} {trials:3d} {method:8s} {middle:14.2e}  {words}", flush=True)
            found[f"{problem}/{method}"] = {"median": middle, "log_ratio_to_ax": gap}
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one small table of ours alone")
    parser.add_argument("--part", choices=("busy", "slow", "regret"), action="append")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    packages = ("ax-platform", "botorch", "optuna", "torch")
    found: dict[str, Any] = {"versions": {p: version(p) for p in packages}, "threads": 1, "workers": WORKERS}
    parts = options.part or (["busy"] if options.quick else ["busy", "slow", "regret"])
    if "busy" in parts:
        found["busy"] = busy(
            60 if options.quick else 200, 0.5, 1.5, stale=2 * WORKERS, rivals=not options.quick
        )
    if "slow" in parts:
        found["slow"] = busy(96, 5.0, 15.0, stale=WORKERS)
    if "regret" in parts:
        results = Path(__file__).parent / "results" / "utilization_regret.jsonl"
        found["regret"] = regret(options.seeds, {"branin": 40, "hartmann6": 60}, results)
    print("RESULT " + json.dumps(found))


if __name__ == "__main__":
    main()
