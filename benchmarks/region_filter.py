"""What it saves to learn where labels are of no use: wasted evaluations with and without.

    python benchmarks/region_filter.py [--quick] [--seeds 5] [--parts scope failures] [--table]

``scope``: query by committee with the region filter off and on (auto, and the published isolation forest with
W = 100), on two responses with a bound on the output: share of the labels out of scope after the initial
design, and the learner's error within the scope at the end (RMSE over the spread there).
``failures``: gp_ucb where half of the space, or a disc, fails without a word and the objective pulls into it:
failed evaluations after the initial design and the gap to the best design that works. Beside: failures not
learned from, the earlier model (fixed lengthscales), and Ax's Client with failures as an outcome constraint
(viable >= 0.5 on 0 and 1) and with failed trials marked as failed.
Paired seeds; one thread; each finished run is one line of benchmarks/results/region_filter.jsonl, so an
interrupted benchmark goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.stats import qmc

from designloop.learning.gp import predict
from designloop.oracle import Context, Infeasible, Observation
from designloop.space import FloatParameter, Space
from designloop.strategies import Bound, History, Problem, Trial, create, training
from designloop.strategies.viability import viability

RESULTS = Path(__file__).parent / "results" / "region_filter.jsonl"
SCOPE = {
    "off": {"region": "off"},
    "auto": {},
    "published": {"region": "isolation_forest", "weight": 100.0},
}
"""Options of query_by_committee by method."""
LENGTHS = {"peak": 40, "magnetometer": 45, "plane2": 25, "plane4": 30, "disc2": 25}
"""Trials of a run."""
FAILURES = ("unlearned", "fixed", "learned", "ax_constraint", "ax_dropped")
Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Response:
    """A response to be learned where it is at most ``upper``."""

    space: Space
    upper: float
    value: Callable[[Mapping[str, Any]], float]
    labels: int


def peak() -> Response:
    """A plane wave and a peak 16 high over it; above 4 (a disc of 10 % of the square) is out of scope."""

    def value(d: Mapping[str, Any]) -> float:
        r2 = (d["x"] - 0.62) ** 2 + (d["y"] - 0.35) ** 2
        return math.sin(4.0 * d["x"] + 2.0 * d["y"]) + 1.0 / (0.06 + 5.0 * r2)

    return Response(space=box(2), upper=4.0, value=value, labels=40)


def magnetometer() -> Response:
    """Sensitivity over length, width and pressure; the sixth of the designs that oscillate most is out."""
    from designloop_oracles.magnetometer import Magnetometer

    oracle = Magnetometer()
    space = Space(
        (
            FloatParameter(name="beam_length", lower=200.0, upper=800.0),
            FloatParameter(name="beam_width", lower=2.0, upper=6.0),
            FloatParameter(name="pressure", lower=0.1, upper=100.0, log=True),
        )
    )
    rest = {i.name: i.default for i in oracle.declaration.inputs if i.default is not None}

    def value(d: Mapping[str, Any]) -> float:
        try:
            return oracle.evaluate({**rest, "current": 0.1, **d}, Context()).metrics["sensitivity"].value
        except Infeasible:
            return math.inf

    sample = [value(d) for d in space.from_unit(qmc.Sobol(3, rng=0).random(512))]
    return Response(space=space, upper=float(np.quantile(sample, 5 / 6)), value=value, labels=45)


RESPONSES = {"peak": peak, "magnetometer": magnetometer}


def box(d: int) -> Space:
    """The unit square or cube."""
    return Space(tuple(FloatParameter(name=n, lower=0.0, upper=1.0) for n in ("x", "y", "v", "w")[:d]))


def learn(problem: str, method: str, seed: int, labels: int) -> dict[str, float]:
    """Share of labels out of scope after the initial design, and the error within the scope."""
    response = RESPONSES[problem]()
    d = response.space.dimension
    asked = Problem(
        space=response.space, metric="f", minimize=False, learn=("f",), seed=seed,
        bounds=(Bound(metric="f", upper=response.upper),),
    )  # fmt: skip
    options: dict[str, Any] = {"gate": "off", "shadow": 0, **SCOPE[method]}
    strategy = create("query_by_committee", problem=asked, options=options, initial={"sobol": 4 * d})
    trials: list[Trial] = []
    fit = model = None
    for i in range(labels + 1):
        proposal = strategy.propose(History(trials=tuple(trials), fit=fit, proposals=i), 1)
        fit, model = proposal.fit or fit, proposal.model or model
        design, reason = proposal.candidates[0].parameters, proposal.candidates[0].reason
        value = response.value(design)
        known = {"f": Observation(value=value)} if math.isfinite(value) else {}
        trials.append(
            Trial(index=i, parameters=design, status="completed" if known else "infeasible", metrics=known,
                  generator=str(reason["generator"]))
        )  # fmt: skip
    outside = [not t.metrics or t.metrics["f"].value > response.upper for t in trials[4 * d : labels]]
    fresh = response.space.from_unit(qmc.Sobol(d, rng=1).random(1024))
    truth = np.array([response.value(x) for x in fresh])
    inside = truth <= response.upper
    assert model is not None
    mean = predict(model, fresh)["f"][0]
    error = float(np.sqrt(np.mean((mean - truth)[inside] ** 2)) / truth[inside].std())
    return {"wasted": float(np.mean(outside)), "error": error}


@dataclass(frozen=True, kw_only=True)
class Cliff:
    """An objective on the unit cube (minimized) whose best design lies where the oracle fails."""

    d: int
    fails: Callable[[Array], bool]
    value: Callable[[Array], float]


def cliff(problem: str, seed: int) -> Cliff:
    """``plane2``, ``plane4``: beyond a random plane near the center all fails; ``disc2``: within a disc."""
    d = int(problem[-1])
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal(d)
    normal /= np.linalg.norm(normal)
    offset, shift, center = rng.uniform(-0.05, 0.1), rng.uniform(-0.2, 0.2, d), rng.uniform(0.3, 0.7, d)
    if problem.startswith("plane"):
        best = 0.5 + normal * (offset + 0.25) + shift - normal * (shift @ normal)
    else:
        best = center + 0.25 * shift

    def fails(u: Array) -> bool:
        if problem.startswith("plane"):
            return bool((u - 0.5) @ normal > offset)
        return bool(((u - center) ** 2).sum() < 0.25**2)

    def value(u: Array) -> float:
        return float(((u - best) ** 2).sum() + 0.05 * np.cos(9 * u[0]) + 0.05 * np.sin(7 * u[1]))

    return Cliff(d=d, fails=fails, value=value)


def lowest(question: Cliff) -> float:
    """The best value that works, by a dense sample and a walk from its best designs."""
    rng = np.random.default_rng(0)
    points = qmc.Sobol(question.d, rng=0).random(4096)
    points = np.array([p for p in points if not question.fails(p)])
    for width in (0.1, 0.03, 0.01, 0.003, 0.001):
        points = points[np.argsort([question.value(p) for p in points])[:5]]
        near = np.clip(points.repeat(80, 0) + width * rng.standard_normal((400, question.d)), 0, 1)
        points = np.vstack([points, [p for p in near if not question.fails(p)]])
    return min(question.value(p) for p in points)


def optimize(problem: str, method: str, seed: int, trials: int) -> dict[str, float]:
    """Failed evaluations after the initial design, and the gap to the best design that works."""
    question = cliff(problem, seed)
    first = 4 + 2 * (question.d - 1)
    search = run_ax if method.startswith("ax") else run_ours
    found = search(question, method, seed, trials, first)
    worked = [v for v in found if v is not None]
    gap = min(worked, default=math.nan) - lowest(question)
    return {"failed": sum(v is None for v in found[first:]), "gap": max(gap, 0.0)}


def run_ours(question: Cliff, method: str, seed: int, trials: int, first: int) -> list[float | None]:
    """Values of gp_ucb; None where the evaluation failed."""

    def fixed(*arguments: Any, **_: Any) -> list[Any]:
        scale = (0.1 * math.sqrt(question.d),) * question.d
        models = viability(*arguments)
        return [replace(m, lengthscales=scale, z=np.where(m.z < 0, -1.0, 1.0)) for m in models]

    ways: dict[str, Any] = {"unlearned": lambda *_, **__: [], "fixed": fixed, "learned": viability}
    training.viability = ways[method]
    asked = Problem(space=box(question.d), metric="f", minimize=True, seed=seed)
    strategy = create("gp_ucb", problem=asked, options={}, initial={"sobol": first})
    values: list[float | None] = []
    past: list[Trial] = []
    fit = None
    for i in range(trials):
        proposal = strategy.propose(History(trials=tuple(past), fit=fit, proposals=i), 1)
        fit = proposal.fit or fit
        design = proposal.candidates[0].parameters
        unit = np.array([float(v) for v in design.values()])
        values.append(None if question.fails(unit) else question.value(unit))
        known = {} if values[-1] is None else {"f": Observation(value=values[-1])}
        past.append(
            Trial(index=i, parameters=design, status="completed" if known else "failed", metrics=known)
        )
    return values


def run_ax(question: Cliff, method: str, seed: int, trials: int, first: int) -> list[float | None]:
    """Values of Ax's Client, with as many Sobol designs first."""
    import logging
    import warnings

    import torch
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    constrained = method == "ax_constraint"
    client = Client(random_seed=seed)
    names = box(question.d).names
    client.configure_experiment(
        [RangeParameterConfig(name=n, parameter_type="float", bounds=(0.0, 1.0)) for n in names]
    )
    client.configure_optimization(
        objective="-f", outcome_constraints=["viable >= 0.5"] if constrained else None
    )
    client.configure_generation_strategy(
        method="fast", initialization_budget=first, allow_exceeding_initialization_budget=True
    )
    values: list[float | None] = []
    for _ in range(trials):
        ((index, design),) = client.get_next_trials(max_trials=1).items()
        unit = np.array([float(design[n]) for n in names])
        values.append(None if question.fails(unit) else question.value(unit))
        if values[-1] is not None:
            viable = {"viable": 1.0} if constrained else {}
            client.complete_trial(index, raw_data={"f": values[-1], **viable})
        elif constrained:
            client.attach_data(index, raw_data={"viable": 0.0})
            client.complete_trial(index)
        else:
            client.mark_trial_failed(index)
    return values


def load(path: Path) -> dict[tuple[str, str, int, int], dict[str, float]]:
    """Finished runs: {(problem, method, seed, length): figures}."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {(r["problem"], r["method"], r["seed"], r["length"]): r["figures"] for r in rows}


def complete(path: Path, wanted: list[tuple[str, str, int, int]]) -> None:
    """Run what is missing, one line of ``path`` per finished run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = load(path)
    for problem, method, seed, length in wanted:
        if (problem, method, seed, length) in done:
            continue
        started = time.process_time()
        work = learn if problem in RESPONSES else optimize
        figures = work(problem, method, seed, length)
        row = {"problem": problem, "method": method, "seed": seed, "length": length, "figures": figures}
        row["cpu_seconds"] = round(time.process_time() - started, 2)
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(problem, method, seed, figures, f"{row['cpu_seconds']} s", flush=True)


def table(path: Path, wanted: list[tuple[str, str, int, int]]) -> dict[str, Any]:
    """Print means over seeds, and the mean difference to the first method with its 90 % interval."""
    done = load(path)
    result: dict[str, Any] = {}
    print(f"\n{'problem':13s} {'method':14s} seeds  waste [difference to the first, 90 %]  remaining error")
    for problem in dict.fromkeys(p for p, *_ in wanted):
        methods = list(dict.fromkeys(m for p, m, *_ in wanted if p == problem))
        here = [key for key in wanted if key[0] == problem and key in done]
        runs = {m: {key[2]: done[key] for key in here if key[1] == m} for m in methods}
        for method in methods:
            if not runs[method]:
                continue
            waste, left = np.array([list(f.values()) for f in runs[method].values()]).T
            first = {s: next(iter(f.values())) for s, f in runs[methods[0]].items()}
            gaps = [w - first[s] for s, w in zip(runs[method], waste, strict=True) if s in first] or [0.0]
            draws = np.random.default_rng(0).choice(gaps, (20_000, len(gaps))).mean(1)
            low, high = np.percentile(draws, [5, 95])
            print(f"{problem:13s} {method:14s} {len(waste):5d}  {waste.mean():7.3f} [{low:+.3f}, {high:+.3f}]"
                  f"{'':16s} median {np.median(left):.4f}, worst {left.max():.4f}")  # fmt: skip
            result[f"{problem}/{method}"] = {
                "seeds": len(waste), "waste": waste.mean(), "difference": [low, high],
                "remaining_median": float(np.median(left)), "remaining_worst": left.max(),
            }  # fmt: skip
    return result


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="1 seed, short runs, own results file")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--parts", nargs="*", default=["scope", "failures"])
    parser.add_argument("--problems", nargs="*", default=list(LENGTHS))
    parser.add_argument("--methods", nargs="*", default=[*SCOPE, *FAILURES])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the table of what is there, run nothing")
    chosen = parser.parse_args()
    seeds, path = chosen.seeds, chosen.results
    lengths = LENGTHS
    if chosen.quick:
        seeds, path = 1, path.with_name("region_filter-quick.jsonl")
        lengths = {"peak": 20, "plane2": 12}
    wanted = []
    for seed in range(seeds):
        for problem in [p for p in chosen.problems if p in lengths]:
            part, methods = ("scope", [*SCOPE]) if problem in RESPONSES else ("failures", [*FAILURES])
            if part in chosen.parts:
                wanted += [(problem, m, seed, lengths[problem]) for m in methods if m in chosen.methods]
    if not chosen.table:
        complete(path, wanted)
    versions = {name: version(name) for name in ("ax-platform", "botorch", "scikit-learn", "torch", "numpy")}
    print(f"threads 1, seeds 0 to {seeds - 1}, {versions}")
    result = table(path, wanted)
    print("RESULT " + json.dumps({"versions": versions, "threads": 1, "seeds": seeds, "table": result}))


if __name__ == "__main__":
    main()
