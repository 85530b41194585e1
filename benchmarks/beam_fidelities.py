"""Two meshes of the magnetometer's beam beside the finer one alone, at equal cost.

    python benchmarks/beam_fidelities.py [--quick] [--seeds 5]

The question of ``campaigns/beam_fe.yaml`` for the worst of five dies: nominal, and 3 sigma of over-etch and
residual stress. In the place of CalculiX stands what was fitted by least squares to its answers at the seven
designs of ``results/external_beam.jsonl`` (made by ``external_beam.py``) with either mesh: the bending
modulus in ``1, (w / L)^2, t / L``, and what the coarser mesh misses of it in ``1, (w / L)^2``. Costs are the
CPU seconds that CalculiX took. Excess is the best noise of a design that meets all constraints over the least
there is, less 1; that is found by differential evolution (Storn, Price 1997). Resumable: courses lie in
``results/beam_fidelities.jsonl``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.optimize import differential_evolution

from designloop.campaign import load
from designloop.oracle import Context, Infeasible, Observation
from designloop.strategies import Bound, History, Problem, Trial, create
from designloop.strategies.base import Fidelities
from designloop_oracles.magnetometer import Magnetometer

HERE = Path(__file__).parent
ANSWERS, RESULTS = HERE / "results" / "external_beam.jsonl", HERE / "results" / "beam_fidelities.jsonl"
CAMPAIGN = HERE.parent / "campaigns" / "beam_fe.yaml"
COSTS = (10, 15, 20)
ALONE, DESIGNS = 6, 10
"""Initial designs with one fidelity, and with two: 6 and 5.9 evaluations that count."""
THICKNESS = 20.0
DIES = ((0.05, 0.0), *itertools.product((-0.1, 0.2), (-9.0, 9.0)))
"""Over-etch (um) and residual stress (MPa)."""
BOUNDS = (
    Bound(metric="lowest", lower=20.0),
    Bound(metric="highest", upper=80.0),
    Bound(metric="power", upper=0.2),
    Bound(metric="heat", upper=10.0),
)


@dataclass(frozen=True)
class Meshes:
    """The fitted stand-in, in GPa, and the CPU seconds of the coarser and the finer mesh."""

    modulus: np.ndarray
    missed: np.ndarray
    seconds: tuple[float, float]

    @classmethod
    def fitted(cls) -> Meshes:
        """From the real answers with a Poisson ratio of 0.22."""
        rows = [json.loads(line) for line in ANSWERS.read_text().splitlines()]
        known: dict[tuple[float, float], dict[int, dict[str, Any]]] = {}
        for row in rows:
            d = row["design"]
            if d["poisson_ratio"] == 0.22 and d["beam_length"] >= 200 and "residual_stress" not in d:
                known.setdefault((d["beam_length"], d["beam_width"]), {})[d["refinement"]] = row
        coarse, fine = (np.array([k[n]["bending_modulus"] for k in known.values()]) for n in (1, 2))
        terms = np.array([_terms(*size) for size in known])
        seconds = [float(np.mean([k[n]["cpu"] for k in known.values()])) for n in (1, 2)]
        modulus, missed = (
            np.linalg.lstsq(terms[:, :count], y, rcond=None)[0]
            for count, y in ((3, fine), (2, coarse - fine))
        )
        return cls(modulus, missed, (seconds[0], seconds[1]))

    def at(self, length: float, width: float, *, coarse: bool) -> float:
        """The bending modulus by a mesh, GPa."""
        terms = _terms(length, width)
        return float(terms @ self.modulus + (terms[:2] @ self.missed if coarse else 0.0))


def _terms(length: float, width: float) -> np.ndarray:
    return np.array([1.0, (width / length) ** 2, THICKNESS / length])


def metrics(meshes: Meshes, design: Mapping[str, Any], *, coarse: bool) -> dict[str, float]:
    """The worst of the dies: noise (nT/sqrt(Hz)), frequencies (kHz), power (mW), heat (K)."""
    modulus = meshes.at(float(design["beam_length"]), float(design["beam_width"]), coarse=coarse)
    shared = {**DEFAULTS, **design, "thickness": THICKNESS, "pressure": 1.0, "youngs_modulus": modulus}
    dies = [
        DEVICE.evaluate({**shared, "over_etch": etch, "residual_stress": stress}, Context()).metrics
        for etch, stress in DIES
    ]
    columns = {name: [die[name].value for die in dies] for name in dies[0]}
    return {
        "noise": max(columns["noise_equivalent_field"]),
        "lowest": min(columns["resonance_frequency"]),
        "highest": max(columns["resonance_frequency"]),
        "power": max(columns["drive_power"]),
        "heat": max(columns["temperature_rise"]),
    }


DEVICE = Magnetometer()
DEFAULTS = {i.name: i.default for i in DEVICE.declaration.inputs if i.default is not None}


def broken(found: Mapping[str, float]) -> float:
    """By how much, relative to the bounds, a design breaks them."""
    return sum(
        max(0.0, (b.lower - found[b.metric]) / b.lower if b.lower else 0.0)
        + max(0.0, (found[b.metric] - b.upper) / b.upper if b.upper else 0.0)
        for b in BOUNDS
    )


def least(meshes: Meshes) -> float:
    """The least noise of the finer mesh under all constraints."""
    names = ("beam_length", "beam_width", "gap", "current")

    def penalized(x: np.ndarray) -> float:
        design = dict(zip(names, [*x[:3], math.exp(x[3])], strict=True))
        try:
            found = metrics(meshes, design, coarse=False)
        except Infeasible:
            return 1e6
        excess = broken(found) + max(0.0, x[0] / x[1] / 180.0 - 1.0)
        return found["noise"] + 1e4 * excess

    box = [(200, 800), (2, 8), (1.5, 4), (math.log(0.1), math.log(4))]
    return float(differential_evolution(penalized, box, seed=0, maxiter=120, popsize=12, polish=False).fun)


def course(meshes: Meshes, *, two: bool, seed: int, cost: float) -> list[tuple[float, float, bool]]:
    """(cost so far in evaluations of the finer mesh, best noise so far, whether coarse) of every trial."""
    cheap = meshes.seconds[0] / meshes.seconds[1]
    both = Fidelities(
        cheap="screen", counts="reference", cheap_cost=cheap, cost=1.0, trials=10_000, most_cost=cost
    )
    problem = Problem(
        space=load(CAMPAIGN).space, metric="noise", minimize=True, seed=seed, bounds=BOUNDS,
        fidelities=both if two else None,
    )  # fmt: skip
    strategy = create("gp_ucb", problem=problem, options={}, initial={"sobol": DESIGNS if two else ALONE})
    trials: list[Trial] = []
    rows: list[tuple[float, float, bool]] = []
    fit, spent, best = None, 0.0, math.inf
    while True:
        proposal = strategy.propose(History(trials=tuple(trials), fit=fit, proposals=len(trials)))
        fit = proposal.fit or fit
        (candidate,) = proposal.candidates
        coarse = candidate.fidelity == "screen"
        spent += cheap if coarse else 1.0
        if spent > cost + 1e-9:
            return rows
        try:
            found = metrics(meshes, candidate.parameters, coarse=coarse)
        except Infeasible:
            found = {}
        if found and not coarse and not broken(found):
            best = min(best, found["noise"])
        trials.append(
            Trial(
                index=len(trials), parameters=candidate.parameters, fidelity=candidate.fidelity,
                status="completed" if found else "infeasible",
                metrics={name: Observation(value=value) for name, value in found.items()},
            )
        )  # fmt: skip
        rows.append((spent, best, coarse))


def load_rows(path: Path) -> dict[tuple[bool, int], list[Any]]:
    """Finished courses: {(two, seed): rows}."""
    rows = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return {(r["two"], r["seed"]): r["rows"] for r in rows}


def main() -> None:
    """Run what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one seed, cost 10, own results file")
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    path, seeds, costs = RESULTS, asked.seeds, COSTS
    if asked.quick:
        path, seeds, costs = RESULTS.with_name("beam_fidelities-quick.jsonl"), 1, COSTS[:1]
    meshes = Meshes.fitted()
    path.parent.mkdir(parents=True, exist_ok=True)
    for key in [(two, seed) for seed in range(seeds) for two in (True, False)]:
        if key not in load_rows(path):
            rows = course(meshes, two=key[0], seed=key[1], cost=costs[-1])
            with path.open("a") as file:
                file.write(json.dumps({"two": key[0], "seed": key[1], "rows": rows}) + "\n")
    known, lowest = load_rows(path), least(meshes)
    result: dict[str, Any] = {"least": round(lowest, 3), "seconds": [round(s, 2) for s in meshes.seconds]}
    for cost in costs:
        excess = {
            name: [
                min((b for c, b, _ in known[two, seed] if c <= cost + 1e-9), default=math.inf) / lowest - 1
                for seed in range(seeds)
            ]
            for name, two in (("two", True), ("alone", False))
        }
        result[f"cost {cost}"] = {
            name: [float(f"{v:.3g}") for v in values] for name, values in excess.items()
        }
        print(f"cost {cost:2d}  {json.dumps(result[f'cost {cost}'])}")
    print("RESULT " + json.dumps(result))


if __name__ == "__main__":
    main()
