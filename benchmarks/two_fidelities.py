"""Two fidelities beside the one that counts alone, at equal cost, on functions with a known minimum.

    python benchmarks/two_fidelities.py [--quick] [--seeds 20] [--first 0] [--problems branin]

The cheap fidelity costs a tenth of the other. Paired seeds: both start from the first designs of the same
Sobol sequence. Regret is the best value at the fidelity that counts less the minimum, at equal cost; compared
is the mean over seeds of ln(regret with two / regret alone), with a 90 % bootstrap interval. With two, the
last trial is the design believed to be the best; ``sure`` compares with a campaign alone whose last trial is
so too. Resumable: courses lie in ``results/two_fidelities.jsonl``.

=============  =======================================================================================
branin         the cheap one of Kandasamy et al. 2017: two coefficients shifted; correlated well
forrester      Forrester et al. 2007: the cheap one is half of it, tilted and shifted
useless        Branin, and a cheap one that has nothing to do with it
currin         Xiong, Qian, Wu 2013: the mean of four neighbours
bohachevsky    Dong et al. 2015: stretched, with a product added
hartmann3      Kandasamy et al. 2017: Hartmann's function of three parameters, its weights lessened by 0.1
=============  =======================================================================================
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from designloop.oracle import Observation
from designloop.space import FloatParameter, Space
from designloop.strategies import History, Problem, Trial, create
from designloop.strategies.base import Fidelities

RESULTS = Path(__file__).parent / "results" / "two_fidelities.jsonl"
CHEAP = 0.1
COST = 16.0
COSTS = (9.6, COST)
FLOOR = 1e-6
"""Regrets are compared down to this value."""
ALONE, DESIGNS = 5, 9
"""Initial designs with one fidelity, and with two: 5 and 5.9 evaluations that count."""
Function = Callable[[Mapping[str, Any]], float]


@dataclass(frozen=True)
class Pair:
    """A function, its cheap likeness, and its minimum; ``alone`` names the pair with the same function."""

    space: Space
    dear: Function
    cheap: Function
    minimum: float
    alone: str


def _box(**ranges: tuple[float, float]) -> Space:
    return Space(tuple(FloatParameter(name=n, lower=a, upper=b) for n, (a, b) in ranges.items()))


def branin(z: float) -> Function:
    """Branin at fidelity ``z``, 1 being the function itself (Kandasamy et al. 2017)."""
    b, c, t = 5.1 / (4 * math.pi**2) - 0.01 * (1 - z), 5 / math.pi - 0.1 * (1 - z), 1 / (8 * math.pi)
    t += 0.05 * (1 - z)

    def value(design: Mapping[str, Any]) -> float:
        x, y = float(design["x"]), float(design["y"])
        return (y - b * x * x + c * x - 6) ** 2 + 10 * (1 - t) * math.cos(x) + 10

    return value


def forrester(design: Mapping[str, Any]) -> float:
    """Forrester et al. 2007."""
    x = float(design["x"])
    return (6 * x - 2) ** 2 * math.sin(12 * x - 4)


def cheap_forrester(design: Mapping[str, Any]) -> float:
    """Its published low fidelity."""
    return 0.5 * forrester(design) + 10 * (float(design["x"]) - 0.5) - 5


def unrelated(design: Mapping[str, Any]) -> float:
    """Waves of the size of Branin's scatter, across it."""
    x, y = float(design["x"]), float(design["y"])
    return 60 + 50 * math.sin(0.9 * x + 1) * math.cos(0.7 * y)


def currin(design: Mapping[str, Any]) -> float:
    """Currin et al. 1991, with the sign that makes it a minimum."""
    x, y = float(design["x"]), float(design["y"])
    fall = 1 - math.exp(-1 / (2 * y)) if y > 0 else 1.0
    return -fall * (2300 * x**3 + 1900 * x**2 + 2092 * x + 60) / (100 * x**3 + 500 * x**2 + 4 * x + 20)


def cheap_currin(design: Mapping[str, Any]) -> float:
    """The mean of four neighbours (Xiong, Qian, Wu 2013)."""
    x, y = float(design["x"]), float(design["y"])
    around = [{"x": x + a, "y": max(0.0, y + b)} for a in (0.05, -0.05) for b in (0.05, -0.05)]
    return sum(map(currin, around)) / 4


def bohachevsky(design: Mapping[str, Any]) -> float:
    """The first function of Bohachevsky et al. 1986."""
    x, y = float(design["x"]), float(design["y"])
    return x * x + 2 * y * y - 0.3 * math.cos(3 * math.pi * x) - 0.4 * math.cos(4 * math.pi * y) + 0.7


def cheap_bohachevsky(design: Mapping[str, Any]) -> float:
    """Its low fidelity (Dong et al. 2015)."""
    x, y = float(design["x"]), float(design["y"])
    return bohachevsky({"x": 0.7 * x, "y": y}) + x * y - 12


def hartmann(lack: float) -> Function:
    """Hartmann's function of three parameters, ``lack`` less in every weight (Kandasamy et al. 2017)."""
    weights = np.array([1.0, 1.2, 3.0, 3.2]) - lack
    steep = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
    at = 1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]])

    def value(design: Mapping[str, Any]) -> float:
        x = np.array([float(design[n]) for n in "abc"])
        return -float(weights @ np.exp(-(steep * (x - at) ** 2).sum(1)))

    return value


PLANE = _box(x=(-5.0, 10.0), y=(0.0, 15.0))
LOWEST = 0.39788735772973816
PAIRS = {
    "branin": Pair(PLANE, branin(1.0), branin(0.0), LOWEST, "branin"),
    "forrester": Pair(_box(x=(0.0, 1.0)), forrester, cheap_forrester, -6.020740055767083, "forrester"),
    "useless": Pair(PLANE, branin(1.0), unrelated, LOWEST, "branin"),
    "currin": Pair(_box(x=(0.0, 1.0), y=(0.0, 1.0)), currin, cheap_currin, -13.798722044728434, "currin"),
    "bohachevsky": Pair(
        _box(x=(-5.0, 5.0), y=(-5.0, 5.0)), bohachevsky, cheap_bohachevsky, 0.0, "bohachevsky"
    ),
    "hartmann3": Pair(
        _box(a=(0.0, 1.0), b=(0.0, 1.0), c=(0.0, 1.0)), hartmann(0.0), hartmann(0.1), -3.862779787332660,
        "hartmann3",
    ),
}  # fmt: skip


def course(pair: Pair, *, two: bool, seed: int) -> dict[str, Any]:
    """Rows (cost so far, best regret so far, whether cheap) of every trial until COST is spent.

    Alone also ``sure``: the best regret had the last trial been the design believed to be the best.
    """
    fidelities = Fidelities(
        cheap="cheap", counts="dear", cheap_cost=CHEAP, cost=1.0, trials=10_000, most_cost=COST
    )
    problem = Problem(
        space=pair.space, metric="f", minimize=True, seed=seed, fidelities=fidelities if two else None
    )
    initial = {"sobol": DESIGNS if two else ALONE}
    strategy, certain = (
        create("gp_ucb", problem=problem, options=o, initial=initial) for o in ({}, {"kappa": 0.0})
    )
    trials: list[Trial] = []
    found: dict[str, Any] = {"rows": [], "sure": None}
    fit, spent, best = None, 0.0, math.inf
    while True:
        history = History(trials=tuple(trials), fit=fit, proposals=len(trials))
        if not two and spent + 1.0 <= COST < spent + 2.0:
            (last,) = certain.propose(history).candidates
            found["sure"] = _regret(pair, min(best, pair.dear(last.parameters)))
        proposal = strategy.propose(history)
        fit = proposal.fit or fit
        (candidate,) = proposal.candidates
        cheap = candidate.fidelity == "cheap"
        spent = round(spent + (CHEAP if cheap else 1.0), 6)
        if spent > COST:
            return found
        value = (pair.cheap if cheap else pair.dear)(candidate.parameters)
        best = best if cheap else min(best, value)
        trials.append(
            Trial(
                index=len(trials), parameters=candidate.parameters, status="completed",
                metrics={"f": Observation(value=value)}, fidelity=candidate.fidelity,
            )
        )  # fmt: skip
        found["rows"].append((spent, _regret(pair, best), cheap))


def _regret(pair: Pair, best: float) -> float:
    return max(best - pair.minimum, FLOOR)


def load(path: Path) -> dict[tuple[str, bool, int], dict[str, Any]]:
    """Finished courses: {(problem, two, seed): course}."""
    rows = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return {(r["problem"], r["two"], r["seed"]): r for r in rows}


def complete(path: Path, names: list[str], seeds: range) -> None:
    """Run what is missing, one line of ``path`` per finished course."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = set(load(path))
    for seed in seeds:
        for key in [(n, True, seed) for n in names] + [(PAIRS[n].alone, False, seed) for n in names]:
            if key in done:
                continue
            begun = time.process_time()
            name, two, _ = key
            row = {"problem": name, "two": two, "seed": seed, **course(PAIRS[name], two=two, seed=seed)}
            row["cpu_seconds"] = round(time.process_time() - begun, 1)
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            done.add(key)


def regret_at(rows: list[tuple[float, float, bool]], cost: float) -> float:
    """The best regret once ``cost`` is spent; infinite before the first trial that counts."""
    return min((regret for spent, regret, _ in rows if spent <= cost + 1e-9), default=math.inf)


def interval(values: np.ndarray) -> tuple[float, float]:
    """90 % bootstrap interval of the mean."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, (4000, len(values))).mean(1)
    low, high = np.quantile(means, [0.05, 0.95])
    return float(low), float(high)


def compared(name: str, runs: Mapping[tuple[str, bool, int], dict[str, Any]], seeds: range) -> dict[str, Any]:
    """Both ways on one pair: ln ratios at several costs, and the share of the cost that was cheap."""
    pairs = [(runs[name, True, s], runs[PAIRS[name].alone, False, s]) for s in seeds]
    result: dict[str, Any] = {"problem": name, "seeds": len(pairs)}
    for cost in COSTS:
        regrets = np.array([[regret_at(run["rows"], cost) for run in pair] for pair in pairs])
        result[f"cost {cost:g}"] = {
            **_ratio(regrets),
            "better": int((regrets[:, 0] < regrets[:, 1]).sum()),
            "median regret": [float(f"{m:.3g}") for m in np.median(regrets, axis=0)],
        }
    sure = [(regret_at(two["rows"], COST), one["sure"]) for two, one in pairs]
    result["sure"] = _ratio(np.array(sure))
    cheap = [CHEAP * sum(c for *_, c in two["rows"]) / COST for two, _ in pairs]
    result["cheap share of the cost"] = round(float(np.mean(cheap)), 2)
    return result


def _ratio(regrets: np.ndarray) -> dict[str, Any]:
    """Mean of ln(first / second) of regrets (k, 2), and its interval."""
    logs = np.log(regrets[:, 0] / regrets[:, 1])
    return {"ln ratio": round(float(logs.mean()), 2), "interval": [round(v, 2) for v in interval(logs)]}


def main() -> None:
    """Run what is missing, print a line per pair."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="3 seeds of Forrester's pair, own results file")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--problems", nargs="+", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    path, names, seeds = asked.results, asked.problems, range(asked.first, asked.first + asked.seeds)
    if asked.quick:
        path, names, seeds = path.with_name("two_fidelities-quick.jsonl"), ["forrester"], range(3)
    complete(path, names, seeds)
    results = [compared(name, load(path), seeds) for name in names]
    for found in results:
        print(json.dumps(found))
    print("RESULT " + json.dumps({r["problem"]: r[f"cost {COST:g}"] for r in results}))


if __name__ == "__main__":
    main()
