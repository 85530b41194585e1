"""Query-by-committee as published (Morand et al. 2022), again with seeds, spread and exact expectations.

    python benchmarks/qbc_published.py [--quick] [--problems dirac hardening large] [--seeds 20]

``dirac``: a peak of width 0.1 in a range of 100, 100 random designs and 400 queries, 20 seeds; what is the
largest value found? ``hardening``: 400 designs, 10 seeds; Table 1 (networks trained on one set, judged on the
others) and a dense independent test set, which the article lacks. ``large``: the same once, 2,500 designs.

Methods: ``random``; ``lhd``, one Latin hypercube; ``kbs``, the same log-uniform in beta, a stand-in for the
knowledge-based samples whose rule is not printed; ``qbc``, the published settings (five networks, 80 % each,
L2 1e-4, L-BFGS, differential evolution); ``ours``, the same networks under designloop's own criterion, search
and gate; ``ungated``, these without gate and shadows; ``default``, query_by_committee as it comes (Gaussian
processes). All queries follow the article's 100 random designs; equal seeds start from equal ones.

One thread. Each finished run is one line of benchmarks/results/qbc_published.jsonl; the queries of a run in
progress are kept beside it, so an interrupted one goes on at the query where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _qbc_runs import INITIAL, PEAK, WIDTH, Run, complete, keep, load
from _table1 import matrix

RESULTS = Path(__file__).parent / "results" / "qbc_published.jsonl"
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "botorch")
SIZES = {"dirac": 500, "hardening": 400, "large": 2500}
SEEDS = {"dirac": 20, "hardening": 10, "large": 1}
METHODS = {
    "dirac": ("random", "qbc", "ours", "ungated", "default"),
    "hardening": ("lhd", "kbs", "qbc", "ours"),
    "large": ("lhd", "kbs", "qbc"),
}
FOUND, LUCK, BLANK = 5.64, 0.506, 0.001
"""Published maximum, published maximum of random designs, largest value of a start without signal."""
PUBLISHED = {
    "lhd": {"kbs": (7.92, 9.10), "qbc": (7.88, 9.77)},
    "kbs": {"lhd": (3.70, 2.60), "qbc": (4.77, 5.66)},
    "qbc": {"lhd": (3.46, 3.06), "kbs": (4.07, 6.10)},
}
"""Table 1 at 2,500 designs: {trained on: {tested on: (forward, inverse)}} in MPa."""

Rows = Mapping[str, dict[str, Any]]


def expected_maximum(size: int) -> dict[str, float]:
    """Exactly, of ``size`` uniform designs: the median of the largest value, and the chance of two values."""

    def chance(value: float) -> float:
        half = WIDTH * math.sqrt(math.log(PEAK / value))
        return 1.0 - (1.0 - half / 50.0) ** size

    half = 50.0 * (1.0 - 0.5 ** (1.0 / size))
    return {
        "median": PEAK * math.exp(-((half / WIDTH) ** 2)),
        "found": chance(FOUND),
        "as_published_random": chance(LUCK),
    }


def dirac_table(done: Rows, runs: list[Run]) -> dict[str, Any]:
    """Print and return the largest values found."""
    exact = expected_maximum(runs[0].size)
    print(f"\nDirac peak of {PEAK:.5f}, {runs[0].size} designs. Published, one run each: 0.506 and 5.64190")
    heads = ("seeds", ">= 5.64", "median", ">= 0.506", "not blank", ">= 5.64 of these", "CPU s a run")
    print(f"{'method':8s}" + "".join(f"{head:>18s}" for head in heads))
    print(
        f"{'exact':8s}{'':18s}{exact['found']:18.1%}{exact['median']:18.3f}{exact['as_published_random']:18.1%}"
    )
    result: dict[str, Any] = {"exact_random": exact}
    for method in dict.fromkeys(r.method for r in runs):
        mine = [r for r in runs if r.method == method]
        values = [r.answers(np.array(done[r.name]["designs"])).ravel() for r in mine]
        tops = np.array([v.max() for v in values])
        signal = np.array([v[:INITIAL].max() > BLANK for v in values])
        found = tops >= FOUND
        given = float(found[signal].mean()) if signal.any() else None
        share = "-" if given is None else f"{given:.1%}"
        seconds = float(np.mean([done[r.name]["cpu_seconds"] for r in mine]))
        print(
            f"{method:8s}{len(mine):18d}{found.mean():18.1%}{np.median(tops):18.3f}"
            f"{(tops >= LUCK).mean():18.1%}{int(signal.sum()):18d}{share:>18s}{seconds:18.1f}"
        )
        result[method] = {
            "seeds": len(mine), "found": float(found.mean()), "median": float(np.median(tops)),
            "not_blank": int(signal.sum()), "found_of_not_blank": given,
            "maxima": tops.tolist(), "cpu_seconds": seconds,
        }  # fmt: skip
    return result


def judged(path: Path, done: Rows, runs: list[Run], splits: int) -> list[dict[str, Any]]:
    """The matrix of each seed; judging one seed is one line of ``path``."""
    methods = "+".join(dict.fromkeys(r.method for r in runs))
    found = []
    for seed in dict.fromkeys(r.seed for r in runs):
        mine = [r for r in runs if r.seed == seed]
        name = f"table1-{mine[0].problem}-{methods}-{seed}-{mine[0].size}-{splits}"
        if name not in load(path):
            sets = {r.method: np.array(done[r.name]["designs"]) for r in mine}
            keep(path, {"name": name, "matrix": matrix(sets, splits=splits)})
        found.append(load(path)[name]["matrix"])
    return found


def table1(path: Path, done: Rows, runs: list[Run], *, splits: int) -> dict[str, Any]:
    """Print and return Table 1: means over seeds, with the standard deviation over seeds."""
    found = judged(path, done, runs, splits)
    methods = list(dict.fromkeys(r.method for r in runs))
    tests = [*methods, "dense"]
    print(
        f"\nHardening curve, {runs[0].size} designs, {len(found)} seeds, {splits} splits. Mean absolute "
        "error in MPa, forward / inverse (standard deviations over seeds)"
    )
    print(f"{'trained on':11s}" + "".join(f"{'on ' + t:>30s}" for t in tests) + f"{'CPU s a run':>13s}")
    result: dict[str, Any] = {"published": PUBLISHED}
    for train in methods:
        seconds = float(np.mean([done[r.name]["cpu_seconds"] for r in runs if r.method == train]))
        cells = {t: _cell([m[train][t] for m in found]) for t in tests if t != train}
        texts = [_text(cells.get(t)) for t in tests]
        print(f"{train:11s}" + "".join(f"{t:>30s}" for t in texts) + f"{seconds:13.1f}")
        result[train] = {"errors": cells, "cpu_seconds": seconds}
    for train, cells in PUBLISHED.items():
        texts = ["{:.2f} / {:.2f}".format(*cells[t]) if t in cells else "-" for t in tests]
        print(f"{train + ' [1]':11s}" + "".join(f"{t:>30s}" for t in texts))
    print("[1] published, 2,500 designs, one run")
    return result


def _cell(rows: list[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation over seeds, by way."""
    values = {way: np.array([row[way] for row in rows]) for way in ("fwd", "inv")}
    return {w: (float(v.mean()), float(v.std(ddof=1)) if len(v) > 1 else 0.0) for w, v in values.items()}


def _text(cell: Mapping[str, tuple[float, float]] | None) -> str:
    if cell is None:
        return "-"
    (forward, spread), (inverse, other) = cell["fwd"], cell["inv"]
    return f"{forward:.2f} / {inverse:.2f} ({spread:.2f}, {other:.2f})"


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="1 seed, few queries, own results file")
    parser.add_argument("--problems", nargs="*", default=list(SIZES))
    parser.add_argument("--methods", nargs="*", help="of those of the problem; default all")
    parser.add_argument("--seeds", type=int, default=10**6, help="at most so many")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    path, problems, sizes, splits = given.results, given.problems, SIZES, 5
    if given.quick:
        path, problems, splits = path.with_name("qbc_published-quick.jsonl"), ["dirac", "hardening"], 1
        sizes = dict.fromkeys(problems, INITIAL + 5)
        given.seeds = 1
    versions = {name: version(name) for name in PACKAGES}
    print(f"threads 1, {versions}")
    result: dict[str, Any] = {}
    for problem in problems:
        methods = [m for m in METHODS[problem] if not given.methods or m in given.methods]
        seeds = range(min(SEEDS[problem], given.seeds))
        runs = [Run(problem, method, seed, sizes[problem]) for seed in seeds for method in methods]
        done = complete(path, runs)
        judge = problem != "dirac"
        result[problem] = table1(path, done, runs, splits=splits) if judge else dirac_table(done, runs)
    print("RESULT " + json.dumps({"versions": versions, "threads": 1, "tables": result}))


if __name__ == "__main__":
    main()
