"""What ten thousand trials cost: seconds per proposal, digest, journal, memory; beside Optuna and Ax.

    python benchmarks/many_trials.py [--quick] [--sizes 100 1000 10000]
        [--campaign 10000 [--tracked] [--folder FOLDER]]

A journal of n trials is written, half of them about the optimum as late in a campaign, and read as
``resume`` does. Then eight designs are asked for with eight trials pending, hyper-parameters known (a refit
comes once per 15 % more data and is given apart). The rivals hold the same trials and are asked for eight
designs one after another, at the sizes they bear. ``--campaign N`` runs a whole campaign of N trials instead,
by ``designloop run`` with a cheap oracle: a Sobol sequence first, then ``gp_ucb`` in batches of eight; it is
killed by SIGKILL near its end and resumed. ``--tracked``: with MLflow's mirror beside it (SQLite in the
folder). With ``--folder`` an interrupted benchmark goes on where it was. One thread, seed 0.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _whole_campaign import printed, whole_campaign

from designloop import journal, record, revision, session, stopping
from designloop.campaign import loads
from designloop.strategies import History

CAMPAIGN = """
version: 1
name: many-trials
seed: 0
oracle: hartmann6
objectives: [minimize: value]
strategy: {{name: {name}{more}}}
stop: {{trials: {trials}}}
tracking: off
"""
NAMES = ("sobol", "gp_ucb")
BATCH = 8
MOST = {"optuna_tpe": 10_000, "optuna_gp": 300, "ax": 300}
"""Trials up to which a rival is asked: beyond, one proposal takes minutes or gigabytes."""


def campaign_of(name: str, trials: int, more: str = "") -> Any:
    """The campaign of one strategy."""
    return loads(CAMPAIGN.format(name=name, trials=trials, more=more))


def points(n: int) -> np.ndarray:
    """Designs on the unit cube (n, 6): spread over it, then ever closer to the optimum."""
    from scipy.stats import qmc

    best = np.array([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573])
    unit = qmc.Sobol(6, rng=0).random(2 ** int(np.ceil(np.log2(n))))[:n]
    rng = np.random.default_rng(0)
    width = 10.0 ** rng.uniform(-4, -0.5, (n, 1))
    near = np.clip(best + width * rng.standard_normal((n, 6)), 0.0, 1.0)
    return np.asarray(np.where(rng.random((n, 1)) < np.arange(n)[:, None] / n, near, unit))


def value(x: np.ndarray) -> float:
    """Hartmann6 on the unit cube."""
    from designloop.oracle import Context, as_oracle
    from designloop_oracles import analytic

    oracle = as_oracle(analytic.hartmann6)
    design = {i.name: float(v) for i, v in zip(oracle.declaration.inputs, x, strict=True)}
    return next(iter(oracle.evaluate(design, Context()).metrics.values())).value


def write(directory: Path, n: int) -> None:
    """A journal of ``n`` evaluated trials and ``BATCH`` pending ones, as the loop writes it."""
    campaign, unit = campaign_of("gp_ucb", 2 * n), points(n + BATCH)
    lines = [
        journal.encode({"kind": "campaign", "time": 0.0, **revision.campaign_record(campaign, number=1)})
    ]
    designs = campaign.space.from_unit(unit)
    for first in range(0, len(designs), BATCH):
        reason = {
            "generator": "gp_ucb", "text": "Highest upper confidence bound: " + 150 * "-",
            "prediction": {"value": [0.1, 0.2]}, "probability_of_feasibility": 1.0, "acquisition": 0.3,
            "exploration_share": 0.5, "nearest_trial": 0,
        }  # fmt: skip
        named = enumerate(designs[first : first + BATCH], first)
        candidates = [{"trial": i, "parameters": d, "reason": reason} for i, d in named]
        lines.append(journal.encode({
            "kind": "proposal", "time": 0.0, "number": first // BATCH, "origin": "strategy", "phase": 0,
            "digest": 64 * "0", "candidates": candidates, "progress": None, "fit": None, "refitted": False,
            "model": None, "seconds": {"propose": 0.5},
        }))  # fmt: skip
        for i in range(first, min(first + BATCH, n)):
            start = {"kind": "start", "time": 0.0, "trial": i, "attempt": 1, "handle": {"kind": "in-process"}}
            end = {"kind": "outcome", "time": 0.0, "trial": i, "attempt": 1, "status": "completed"}
            metrics = {"value": {"value": value(unit[i])}}
            lines += [journal.encode(start), journal.encode({**end, "metrics": metrics, "seconds": 1.0})]
    (directory / journal.FILE).write_bytes(b"".join(lines))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Wall seconds and the answer."""
    started = time.perf_counter()
    answer = work()
    return time.perf_counter() - started, answer


def resident() -> float:
    """Megabytes that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def ours(n: int) -> dict[str, float]:
    """Seconds by step at ``n`` trials."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), n)
        found["read"], run = timed(lambda: record.read(Path(folder)))
    campaign = campaign_of("gp_ucb", 2 * n)
    found["history"], history = timed(lambda: revision.history_of(run))
    found["digest"], _ = timed(history.digest)
    found["digest_again"], _ = timed(history.digest)
    found["stop"], _ = timed(lambda: stopping.stop_reason(run, campaign))
    for name in NAMES:
        (strategy,) = session.strategies_of(campaign_of(name, 2 * n))
        first, proposal = timed(lambda strategy=strategy: strategy.propose(history, BATCH))
        known = History(trials=history.trials, fit=proposal.fit, proposals=history.proposals)
        found[name], _ = timed(lambda strategy=strategy, known=known: strategy.propose(known, BATCH))
        found[f"{name}_with_fit"] = first
    found["megabytes"] = resident()
    return found


def optuna_sampler(name: str, n: int) -> float:
    """Seconds for ``BATCH`` designs of an Optuna sampler that holds ``n`` trials."""
    import warnings

    import optuna
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    samplers = {"optuna_tpe": optuna.samplers.TPESampler, "optuna_gp": optuna.samplers.GPSampler}
    study = optuna.create_study(sampler=samplers[name](seed=0))
    space = {f"x{j}": optuna.distributions.FloatDistribution(0.0, 1.0) for j in range(6)}
    for x in points(n):
        params = {f"x{j}": float(v) for j, v in enumerate(x)}
        study.add_trial(optuna.create_trial(params=params, distributions=space, value=value(x)))
    study.ask(space)
    return timed(lambda: [study.ask(space) for _ in range(BATCH)])[0]


def ax_client(n: int) -> float:
    """Seconds for ``BATCH`` designs of Ax's default ``Client`` loop that holds ``n`` trials."""
    import logging

    import torch
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig

    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    client = Client(random_seed=0)
    client.configure_experiment(
        [RangeParameterConfig(name=f"x{j}", parameter_type="float", bounds=(0.0, 1.0)) for j in range(6)]
    )
    client.configure_optimization(objective="-f")
    for x in points(n):
        trial = client.attach_trial({f"x{j}": float(v) for j, v in enumerate(x)})
        client.complete_trial(trial, raw_data={"f": value(x)})
    client.get_next_trials(max_trials=1)
    return timed(lambda: client.get_next_trials(max_trials=BATCH))[0]


def rivals(n: int) -> dict[str, float]:
    """Seconds of each rival that bears ``n`` trials."""
    found = {name: optuna_sampler(name, n) for name in ("optuna_tpe", "optuna_gp") if n <= MOST[name]}
    return {**found, "ax": ax_client(n)} if n <= MOST["ax"] else found


def table(sizes: list[int]) -> dict[str, Any]:
    """Measure every size, a line each."""
    result: dict[str, Any] = {}
    ours(50)  # imports and warm-up stay out
    for n in sizes:
        found = {**ours(n), **rivals(n)}
        result[str(n)] = found
        print(f"n {n:6d}  " + "  ".join(f"{name} {v:.3f}" for name, v in found.items()), flush=True)
        for name in MOST:
            if name in found:
                print(f"{'':10s}gp_ucb / {name}: {found['gp_ucb'] / found[name]:.2f}")
    return result


def main() -> None:
    """Measure, print the table and the result line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--campaign", type=int, default=0, help="trials of a whole campaign instead")
    parser.add_argument("--tracked", action="store_true", help="with MLflow's mirror beside the campaign")
    parser.add_argument("--folder", type=Path, help="where the campaign is kept, to go on there")
    arguments = parser.parse_args()
    versions = {p: version(p) for p in ("ax-platform", "botorch", "optuna", "torch", "numpy", "mlflow")}
    result: dict[str, Any] = {"versions": versions, "threads": 1}
    if arguments.campaign:
        with tempfile.TemporaryDirectory() as temporary:
            folder = arguments.folder or Path(temporary)
            found = whole_campaign(folder, arguments.campaign, tracked=arguments.tracked)
        print(f"a campaign of {arguments.campaign} trials; threads 1, seed 0, {versions}")
        printed(found, tracked=arguments.tracked)
        result["campaign"] = found
    else:
        print(f"seconds for {BATCH} designs with {BATCH} pending, by step; threads 1, seed 0, {versions}")
        result["sizes"] = table([100, 600] if arguments.quick else arguments.sizes)
    print("RESULT " + json.dumps(result))


if __name__ == "__main__":
    main()
