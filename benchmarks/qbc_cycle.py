"""CPU seconds of one query-by-committee cycle: fitting five networks, and searching where they disagree most.

    python benchmarks/qbc_cycle.py [--quick]

One thread. The hardening curve of Morand et al. 2022 (2 inputs, 20 outputs), hidden layers (10, 15), five
members on 80 % of the labels each, at uniform random designs.
Fit: our committee, trained all at once, against five fits in turn of scikit-learn's
MLPRegressor(solver='lbfgs', max_iter=200) on the same labels. The loss is the one scikit-learn reports,
half the mean squared error with its penalty, averaged over members.
Search: the pool search of our strategies against scipy.optimize.differential_evolution with its defaults,
called design by design, both on the same committee's disagreement. ``found`` is ours over theirs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from scipy.optimize import differential_evolution
from sklearn.neural_network import MLPRegressor

from designloop.learning.committees import Committee, CommitteeSpec, Labels, fit_committee
from designloop.learning.committees.base import subset_rows
from designloop.learning.disagreement import disagreement_at
from designloop.learning.features import encoder_of
from designloop.space import FloatParameter, Space
from designloop.strategies.pool_search import maximize
from designloop.strategies.search import Search
from designloop_oracles.analytic import STRAINS

SPACE = Space(
    (
        FloatParameter(name="beta", lower=5, upper=200),
        FloatParameter(name="gamma_over_beta", unit="MPa", lower=100, upper=400),
    )
)
SPEC = CommitteeSpec(kind="networks")
COUNTS = (100, 500, 2500)


def labels(n: int, seed: int) -> Labels:
    """Standardized hardening curves at ``n`` uniform random designs."""
    unit = np.random.default_rng(seed).random((n, 2))
    beta, saturation = (unit * [195.0, 300.0] + [5.0, 100.0]).T
    curves = saturation[:, None] * -np.expm1(-beta[:, None] * STRAINS)
    spread = curves.std(axis=0, ddof=1)
    return Labels(unit=unit, z=(curves - curves.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds and the answer."""
    started = time.process_time()
    answer = work()
    return time.process_time() - started, answer


def in_turn(given: Labels, seed: int) -> list[MLPRegressor]:
    """Five scikit-learn networks, one after the other, on the subsets of a committee of this seed."""
    rows = subset_rows(len(given), SPEC, np.random.default_rng(seed))
    settings: dict[str, Any] = {"solver": "lbfgs", "max_iter": 200, "alpha": SPEC.alpha}
    networks = [
        MLPRegressor(hidden_layer_sizes=SPEC.hidden, random_state=i, **settings) for i in range(len(rows))
    ]
    return [n.fit(given.unit[r], given.z[r]) for n, r in zip(networks, rows, strict=True)]


def fit_row(n: int, seed: int) -> dict[str, float]:
    """One comparison of fits."""
    given = labels(n, seed)
    ours, committee = timed(lambda: fit_committee(SPEC, given, encoder=encoder_of(SPACE), seed=seed))
    theirs, networks = timed(lambda: in_turn(given, seed))
    loss = float(np.mean([network.loss_ for network in networks]))
    return {"ours": ours, "theirs": theirs, "loss": float(committee.members.loss.mean()), "their_loss": loss}


def search_row(n: int, seed: int) -> dict[str, float]:
    """One comparison of searches on one committee."""
    committee: Committee = fit_committee(SPEC, labels(n, seed), encoder=encoder_of(SPACE), seed=seed)

    def values(unit: np.ndarray) -> np.ndarray:
        return disagreement_at(unit, committee.predict)

    def cost(point: np.ndarray) -> float:
        return -float(values(point[None])[0])

    nothing = np.empty((0, 2))
    search = Search(space=SPACE, tried=committee.labels.unit, failed=nothing)
    ours, (_, found) = timed(lambda: maximize(values, search, anchors=nothing, seed=seed))
    theirs, end = timed(lambda: differential_evolution(cost, [(0.0, 1.0)] * 2, rng=seed))
    return {"ours": ours, "theirs": theirs, "found": found / -float(end.fun), "calls": float(end.nfev)}


def table(title: str, rows: dict[int, list[dict[str, float]]], keys: tuple[str, ...]) -> dict[str, Any]:
    """Print the medians of each count, and give them with the ratio of the times."""
    print(f"\n{title}\n{'labels':>8}{'ratio':>8}" + "".join(f"{k:>12}" for k in keys))
    result = {}
    for n, found in rows.items():
        middle = {k: statistics.median(r[k] for r in found) for k in found[0]}
        middle["ratio"] = middle["theirs"] / middle["ours"]
        if "found" in middle:
            middle["least_found"] = min(r["found"] for r in found)
        else:
            middle["lower_loss"] = float(np.mean([r["loss"] <= r["their_loss"] for r in found]))
        print(f"{n:>8}{middle['ratio']:>8.1f}" + "".join(f"{middle[k]:>12.3g}" for k in keys))
        result[str(n)] = {k: float(f"{v:.4g}") for k, v in middle.items()}
    return result


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two seeds instead of ten")
    seeds = range(2 if parser.parse_args().quick else 10)
    warnings.simplefilter("ignore")
    packages = {p: version(p) for p in ("numpy", "scipy", "scikit-learn")}
    print(f"one thread, seeds {[*seeds]}, Python {platform.python_version()}, {packages}")
    fit_row(50, 0), search_row(50, 0)
    fits = {n: [fit_row(n, s) for s in seeds] for n in COUNTS}
    searches = {n: [search_row(n, s) for s in seeds] for n in COUNTS}
    fit_keys = ("ours", "theirs", "loss", "their_loss", "lower_loss")
    result = {
        "seeds": len(seeds),
        "versions": packages,
        "fit": table(
            "Fit: CPU seconds (medians), training loss, share of seeds with ours lower", fits, fit_keys
        ),
        "search": table(
            "Search: CPU seconds (medians), disagreement found by ours over theirs",
            searches,
            ("ours", "theirs", "found", "least_found", "calls"),
        ),
    }
    print("RESULT " + json.dumps(result))


if __name__ == "__main__":
    main()
