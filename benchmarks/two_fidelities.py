"""Two fidelities beside the one that counts alone, at equal cost, on functions with a known minimum.

    python benchmarks/two_fidelities.py [--quick] [--seeds 16] [--cost 20] [--problems branin]

The cheap fidelity costs a tenth of the other. Paired seeds: both start from the first designs of the same
Sobol sequence. Regret is the best value at the fidelity that counts less the minimum, at equal cost; compared
is the mean over seeds of ln(regret with two / regret alone), with a 90 % bootstrap interval.

=============  =======================================================================================
branin         the cheap one of Kandasamy et al. 2017: two coefficients shifted; correlated well
forrester      Forrester et al. 2007: the cheap one is half of it, tilted and shifted
useless        Branin, and a cheap one that has nothing to do with it
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
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from designloop.oracle import Observation
from designloop.space import FloatParameter, Space
from designloop.strategies import History, Problem, Trial, create
from designloop.strategies.base import Fidelities

CHEAP = 0.1
FLOOR = 1e-6
"""Regrets are compared down to this value."""
ALONE, DESIGNS = 5, 9
"""Initial designs with one fidelity, and with two: 5 and 5.9 evaluations that count."""
Function = Callable[[Mapping[str, Any]], float]


@dataclass(frozen=True)
class Pair:
    """A function, its cheap likeness, and its minimum."""

    space: Space
    dear: Function
    cheap: Function
    minimum: float


def _plane(**ranges: tuple[float, float]) -> Space:
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


BRANIN = _plane(x=(-5.0, 10.0), y=(0.0, 15.0))
PAIRS = {
    "branin": Pair(BRANIN, branin(1.0), branin(0.0), 0.39788735772973816),
    "forrester": Pair(_plane(x=(0.0, 1.0)), forrester, cheap_forrester, -6.020740055767083),
    "useless": Pair(BRANIN, branin(1.0), unrelated, 0.39788735772973816),
}


def course(pair: Pair, *, two: bool, seed: int, cost: float) -> list[tuple[float, float, str]]:
    """(cost so far, best regret so far, fidelity) of every trial until ``cost`` is spent."""
    fidelities = Fidelities(
        cheap="cheap", counts="dear", cheap_cost=CHEAP, cost=1.0, trials=10_000, most_cost=cost
    )
    problem = Problem(
        space=pair.space, metric="f", minimize=True, seed=seed, fidelities=fidelities if two else None
    )
    strategy = create("gp_ucb", problem=problem, options={}, initial={"sobol": DESIGNS if two else ALONE})
    trials: list[Trial] = []
    found, fit, spent, best = [], None, 0.0, math.inf
    while True:
        proposal = strategy.propose(History(trials=tuple(trials), fit=fit, proposals=len(trials)))
        fit = proposal.fit or fit
        (candidate,) = proposal.candidates
        cheap = candidate.fidelity == "cheap"
        spent += CHEAP if cheap else 1.0
        if spent > cost + 1e-9:
            return found
        value = (pair.cheap if cheap else pair.dear)(candidate.parameters)
        best = best if cheap else min(best, value)
        trials.append(
            Trial(
                index=len(trials), parameters=candidate.parameters, status="completed",
                metrics={"f": Observation(value=value)}, fidelity=candidate.fidelity,
            )
        )  # fmt: skip
        found.append((spent, max(best - pair.minimum, FLOOR), candidate.fidelity or "dear"))


def regret_at(found: list[tuple[float, float, str]], cost: float) -> float:
    """The best regret once ``cost`` is spent; infinite before the first trial that counts."""
    return min((regret for spent, regret, _ in found if spent <= cost + 1e-9), default=math.inf)


def interval(values: np.ndarray) -> tuple[float, float]:
    """90 % bootstrap interval of the mean."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, (4000, len(values))).mean(1)
    low, high = np.quantile(means, [0.05, 0.95])
    return float(low), float(high)


def compared(name: str, *, seeds: int, cost: float, costs: list[float]) -> dict[str, Any]:
    """Both ways on one pair: ln ratios at several costs, and the share of the cost that was cheap."""
    begun = time.perf_counter()
    runs = [
        [course(PAIRS[name], two=two, seed=seed, cost=cost) for two in (True, False)] for seed in range(seeds)
    ]
    result: dict[str, Any] = {"problem": name, "seeds": seeds}
    for at in costs:
        both = [[regret_at(found, at) for found in pair] for pair in runs]
        logs = np.array([math.log(a / b) for a, b in both])
        low, high = interval(logs)
        medians = [float(np.median([pair[i] for pair in both])) for i in (0, 1)]
        result[f"cost {at:g}"] = {
            "ln ratio": round(float(logs.mean()), 2), "interval": [round(low, 2), round(high, 2)],
            "better": int((logs < 0).sum()), "median regret": [float(f"{m:.3g}") for m in medians],
        }  # fmt: skip
    cheap = [CHEAP * sum(f == "cheap" for *_, f in pair[0]) / cost for pair in runs]
    result["cheap share of the cost"] = round(float(np.mean(cheap)), 2)
    result["seconds"] = round(time.perf_counter() - begun, 1)
    return result


def main() -> None:
    """Print a line per pair."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="8 seeds, cost 8")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--cost", type=float, default=20.0)
    parser.add_argument("--problems", nargs="+", choices=PAIRS, default=list(PAIRS))
    asked = parser.parse_args()
    seeds, cost = (8, 8.0) if asked.quick else (asked.seeds, asked.cost)
    results = []
    for name in asked.problems:
        costs = [round(0.6 * cost, 6), cost]
        results.append(compared(name, seeds=seeds, cost=cost, costs=costs))
        print(json.dumps(results[-1]), flush=True)
    print("RESULT " + json.dumps({r["problem"]: r[f"cost {cost:g}"] for r in results}))


if __name__ == "__main__":
    main()
