"""Why corners matter: the magnetometer's nominal optimum beside its worst-corner optimum.

First the shipped campaign itself, through the YAML and the loop, once as it is and once with the nominal
objective. Then brute force over the design box with differential evolution (no surrogate), for two rule
sets: slenderness and frequency alone (minimal), and the shipped ones (compass), which also limit power and
heating. For every optimum 100,000 dies with over-etch N(0.05, 0.05) um and residual stress N(0, 3) MPa
give the share that meets every rule.

Run: ``python benchmarks/contrast.py [--quick]`` (quick: no campaigns, coarser search)
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy
from scipy.optimize import differential_evolution

from designloop import load, run
from designloop_oracles.magnetometer import INPUTS, MARGINS, solve

SHIPPED = Path(__file__).parents[1] / "campaigns" / "magnetometer.yaml"

BOX = {"beam_length": (200, 800), "beam_width": (2, 8), "gap": (1.5, 4), "current": (0.1, 4)}
ETCH, STRESS, SIGMAS = (0.05, 0.05), (0.0, 3.0), 3.0
RULES = {
    "minimal": {"resonance_frequency": (20, 80)},
    "compass": {"resonance_frequency": (20, 80), "drive_power": (0, 0.2), "temperature_rise": (0, 10)},
}
CORNERS = [(0.0, 0.0), *itertools.product((-SIGMAS, SIGMAS), repeat=2)]


def dies(design, etch, stress):
    """Outputs of dies: ``design`` columns of shape (n, 1), process columns of shape (n, k) or (k,)."""
    shape = np.broadcast_shapes(design["beam_length"].shape, np.shape(etch))
    values = {i.name: np.full(shape, i.default) for i in INPUTS if i.default is not None}
    values |= {name: np.broadcast_to(column, shape) for name, column in design.items()}
    values |= {"over_etch": np.broadcast_to(etch, shape), "residual_stress": np.broadcast_to(stress, shape)}
    return solve(values)


def violation(out, rules):
    """Sum of relative violations of rules and margins, per die."""
    total = sum(np.maximum(-out[name], 0) for name in MARGINS)
    for name, (lower, upper) in rules.items():
        total = (
            total + np.maximum(out[name] / upper - 1, 0) + np.maximum(lower / upper - out[name] / upper, 0)
        )
    return total


def search(rules, corners, seed, generations):
    """The design with the smallest noise over ``corners`` that meets every rule at each of them."""
    etch = np.array([ETCH[0] + a * ETCH[1] for a, _ in corners])
    stress = np.array([STRESS[0] + b * STRESS[1] for _, b in corners])

    def cost(x):
        design = {name: row[:, None] for name, row in zip(BOX, np.atleast_2d(x.T).T, strict=True)}
        out = dies(design, etch, stress)
        slender = np.maximum(design["beam_length"][:, 0] / design["beam_width"][:, 0] / 180 - 1, 0)
        bad = violation(out, rules).max(axis=1) + slender
        return np.where(bad > 0, 1e4 * (1 + bad), out["noise_equivalent_field"].max(axis=1))

    found = differential_evolution(
        cost, list(BOX.values()), seed=seed, maxiter=generations, popsize=15, tol=1e-10,
        polish=False, vectorized=True, updating="deferred",
    )  # fmt: skip
    return dict(zip(BOX, map(float, found.x), strict=True)), float(found.fun)


def share_in_spec(design, rules, count, seed=1):
    """Share of dies that meet every rule and margin, and its standard error."""
    generator = np.random.default_rng(seed)
    etch, stress = generator.normal(*ETCH, count), generator.normal(*STRESS, count)
    out = dies({name: np.array([value]) for name, value in design.items()}, etch, stress)
    share = float((violation(out, rules) == 0).mean())
    return share, float(np.sqrt(share * (1 - share) / count))


def by_campaign(mode):
    """Best design of the shipped campaign under an objective mode, and its objective value."""
    objective = f"objectives=[{{minimize: noise_equivalent_field, mode: {mode}}}]"
    with tempfile.TemporaryDirectory() as folder:
        record = run(load(SHIPPED, overrides=[objective, "tracking=off"]), folder=Path(folder))
        best = record.best()
        return dict(best.parameters), best.value(record.metric), len(record.trials)


def row_of(by, rules, mode, best, noise, count, start, **more):
    """Print one line of the table and return it for the RESULT line."""
    share, error = share_in_spec(best, RULES[rules], count)
    at_mean = dies({k: np.array([v]) for k, v in best.items()}, np.array([ETCH[0]]), np.zeros(1))
    frequency = float(at_mean["resonance_frequency"][0])
    print(
        f"{by:11} {rules:8} {mode:12} {noise:6.2f} {best['beam_length']:7.1f} {best['beam_width']:7.3f} "
        f"{best['gap']:6.3f} {best['current']:8.3f} {frequency:8.2f} kHz   {share:8.3%}",
        flush=True,
    )
    seconds = round(time.perf_counter() - start, 2)
    row = {"by": by, "rules": rules, "mode": mode, "noise": noise, **best, "share": share, "error": error}
    return {**row, "seconds": seconds, **more}


def main():
    """Print the table and the RESULT line."""
    quick = "--quick" in sys.argv
    count = 20_000 if quick else 100_000
    rows = []
    print(
        "by          rules    optimum       noise  length   width    gap  current   f nominal   dies in spec"
    )
    for mode in () if quick else ("nominal", "worst_corner"):
        start = time.perf_counter()
        best, noise, trials = by_campaign(mode)
        rows.append(row_of("campaign", "compass", mode, best, noise, count, start, trials=trials))
    for name, rules in RULES.items():
        for mode, chosen in (("nominal", CORNERS[:1]), ("worst_corner", CORNERS)):
            start = time.perf_counter()
            best, noise = min(
                (search(rules, chosen, s, 150 if quick else 400) for s in range(1 if quick else 3)),
                key=lambda pair: pair[1],
            )
            rows.append(row_of("brute force", name, mode, best, noise, count, start))
    versions = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
    seeds = {"search": [0] if quick else [0, 1, 2], "dies": 1}
    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    stated = {
        "benchmark": "contrast",
        "quick": quick,
        "seeds": seeds,
        "threads": threads,
        "versions": versions,
    }
    print("RESULT " + json.dumps({**stated, "rows": rows}))


if __name__ == "__main__":
    main()
