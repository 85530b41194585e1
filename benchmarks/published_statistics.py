"""Published statistics of polysilicon films and magnetic composites, measured again with intervals.

    python benchmarks/published_statistics.py [--quick] [--tables beams law windows] [--show]

One thread. Each finished row is one line of benchmarks/results/published_statistics.jsonl with the values of
all its realizations, so an interrupted run goes on where it stopped. Realization k of a row depends on the
row's seed and k only; rows with equal seed and geometry share their structures at every resolution.
Intervals are 95 %: Student's t for means, chi-square for standard deviations, Fisher's z for correlations.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _published import (
    BULK,
    FILM,
    SCATTER,
    Samples,
    array,
    disks,
    films,
    periodic_films,
    spheres,
)
from scipy import stats

from designloop_oracles.homogenization.composites import SAFETY

RESULTS = Path(__file__).parent / "results" / "published_statistics.jsonl"
PACKAGES = ("numpy", "scipy", "torch")
SEEDS = {"beams": 0, "law": 0, "windows": 1, "disks": 2, "spheres": 3, "film": 4}

Record = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """``work()`` returns the values of every realization by quantity; ``facts`` go into the table."""

    table: str
    name: str
    work: Callable[[], Samples]
    facts: Record

    @property
    def key(self) -> str:
        """How the results file calls it."""
        return f"{self.table}/{self.name}"


def rows_of(quick: bool) -> list[Row]:
    """All rows of a run."""
    rows: list[Row] = []
    many, some, few = (24, 12, 6) if quick else (1000, 400, 200)

    def film(table: str, name: str, count: int, **options: Any) -> None:
        work = partial(films, count=count, seed=SEEDS[table], **options)
        facts = {k: v for k, v in options.items() if k not in ("tests", "size")}
        rows.append(Row(table, name, work, {"L": options["size"][0], "h": options["size"][1], **facts}))

    both = ("resonator", "displacement")
    for pixels in (8,) if quick else (8, 16):
        film("beams", f"{pixels} px/um", some, size=(40.0, 2.0), spacing=0.5, pixels=pixels, tests=both)
    recipes = [(0.83, 5)] if quick else [(0.83, 5), (0.87, 5), (0.92, 5), (0.92, 4), (0.9, 3)]
    for s, pixels in recipes:
        name = f"s = {s}, {pixels} px/um"
        film("beams", name, many, size=(40.0, 2.0), spacing=s, pixels=pixels, tests=both)
    law = [(40, 2, 0.5), (20, 2, 0.5), (80, 2, 0.5), (40, 1, 0.5), (40, 4, 0.5), (40, 2, 0.25), (40, 2, 1.0)]
    pull = ("tensile",)
    for L, h, s in law[:2] if quick else law:
        size, n = (float(L), float(h)), many if (L, h, s) == law[0] else some
        film("law", f"{L} x {h}, {s}", n, size=size, spacing=s, pixels=round(4 / s), tests=pull)
    for kind in ("hardcore", "poisson", "lloyd"):
        film("law", kind, many, size=(40.0, 2.0), spacing=0.5, pixels=8, tests=pull, regularization=kind)
    sides = {2: many} if quick else {2: many, 3: some, 5: some, 10: few}
    window = ("displacement", "traction", "tensile")
    for h, n in sides.items():
        film("windows", f"{h}, 0.5", n, size=(float(h),) * 2, spacing=0.5, pixels=16, tests=window)
    film("windows", "2, 0.8", many, size=(2.0, 2.0), spacing=0.8, pixels=16, tests=window)

    mixtures = [(0.1, False), (0.3, False), (0.5, False), (0.5, True), (0.8, True)]
    cell = {"side": 96 if quick else 256, "refinements": (2, 4, 8), "count": 2 if quick else 10}
    for f, overlap in mixtures[1:3] if quick else mixtures:
        work = partial(disks, fraction=f, overlap=overlap, seed=SEEDS["disks"], **cell)
        facts = {"f": f, "overlap": overlap, "side": cell["side"]}
        rows.append(Row("disks", f"{f}{' overlapping' * overlap}", work, facts))
    box = {"side": 25, "count": 3, "finest": 2} if quick else {"side": 50, "count": 10, "finest": 3}
    for f in (0.1, 0.25):
        work = partial(spheres, fraction=f, refinements=(1, 2, 4), seed=SEEDS["spheres"], **box)
        rows.append(Row("spheres", f"{f}", work, {"f": f, "side": box["side"]}))

    grids = (16, 32, 64) if quick else (64, 128, 256)
    work = partial(periodic_films, side=4.0, grids=grids, count=few, seed=SEEDS["film"])
    rows.append(Row("film", "4 x 4", work, {"grids": grids}))
    for dimension, name in ((2, "cylinders"), (3, "spheres")):
        fine = {2: (64, 128, 256, 512, 1024), 3: (24, 48, 96, 144)}[dimension]
        for f in (0.1, 0.3, 0.5) if dimension == 2 else (0.1, 0.3):
            work = partial(array, dimension=dimension, fraction=f, grids=fine[:2] if quick else fine)
            rows.append(Row("arrays", f"{name} {f}", work, {"grids": fine[:2] if quick else fine}))
    return rows


def mean(values: Any) -> list[float]:
    """Mean and its interval."""
    x = np.asarray(values, float)
    half = stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / len(x) ** 0.5 if len(x) > 1 else np.nan
    return [float(v) for v in (x.mean(), x.mean() - half, x.mean() + half)]


def deviation(values: Any) -> list[float]:
    """Standard deviation and its interval."""
    s, k = float(np.std(values, ddof=1)), len(values) - 1
    return [s, *(float(s * (k / stats.chi2.ppf(p, k)) ** 0.5) for p in (0.975, 0.025))]


def correlation(first: Any, second: Any) -> list[float]:
    """Correlation and its interval."""
    r, half = float(np.corrcoef(first, second)[0, 1]), 1.959964 / (len(first) - 3) ** 0.5
    return [r, *(float(np.tanh(np.arctanh(r) + sign * half)) for sign in (-1, 1))]


def of_films(samples: Samples, facts: Record) -> list[Record]:
    """One line per modulus."""
    lines = []
    for name, values in samples.items():
        if not name.startswith("K "):
            law = SCATTER * facts["spacing"] / (facts["L"] * facts["h"]) ** 0.5
            s = deviation(values)
            line = {"modulus": name, "n": len(values), "mean": mean(values), "std": s}
            lines.append({**line, "std/law": [v / law for v in s]})
        else:
            lines[-1]["max |K/K0 - 1|"] = float(np.abs(np.array(values) / BULK - 1).max())
    if "bending" in samples:
        pair = samples["tensile"], samples["bending"]
        lines[1]["correlation"] = correlation(*pair)
        lines[1]["minus tensile"] = mean(np.subtract(*pair[::-1]))
    return lines


def of_disks(samples: Samples, _: Record) -> list[Record]:
    """Bias in per cent of the reference 2 g8 - g4, g the geometric mean of the bounds, and coverage."""
    x = {name: np.array(values) for name, values in samples.items()}
    truth, coarser = 2 * x["x8"] - x["x4"], 2 * x["x4"] - x["x2"]
    low, high = x["interval_low"], x["interval_high"]
    missed = np.maximum(low - truth, truth - high).clip(min=0)
    return [
        {
            "n": len(truth),
            "reference": mean(truth),
            "uncertain %": float(100 * np.abs(coarser / truth - 1).mean()),
            **biases(x, truth),
            "in geometry interval": int((missed == 0).sum()),
            "x8 in it": int(((low <= x["x8"]) & (x["x8"] <= high)).sum()),
            "worst miss %": float(100 * (missed / truth).max()),
            "interval width %": float(100 * ((high - low) / truth).mean()),
            "in mesh bracket": int(((x["lower"] <= truth) & (truth <= x["upper"])).sum()),
        }
    ]


def of_spheres(samples: Samples, _: Record) -> list[Record]:
    """Bias in per cent of the reference 2 h2 - h1 of harmonic drawings, checked by 2 h4 - h2 of some.

    Crisp drawings are no reference here: 2 x4 - x2 of theirs is still far off.
    """
    x = {name: np.array(values) for name, values in samples.items()}
    h, v = ([x[f"{kind} x{k}"] for k in (1, 2, 4)] for kind in ("harmonic", "voxel"))
    truth = 2 * h[1] - h[0]
    some = slice(len(h[2]))
    low, high = np.sort([h[0], v[1], v[1] + SAFETY * (v[1] - v[0])], axis=0)[[0, 2]]
    return [
        {
            "n": len(truth),
            "reference": mean(truth),
            **biases({"voxel": v[0], "harmonic": h[0]}, truth),
            "voxel x2 %": mean(100 * (v[1] / truth - 1)),
            "with x4": len(h[2]),
            "2 h4 - h2 %": mean(100 * ((2 * h[2] - h[1][some]) / truth[some] - 1)),
            "crisp 2 x4 - x2 %": mean(100 * ((2 * v[2] - v[1][some]) / truth[some] - 1)),
            "in geometry interval": int(((low <= truth) & (truth <= high)).sum()),
            "interval width %": float(100 * ((high - low) / truth).mean()),
        }
    ]


def biases(x: dict[str, Any], truth: Any) -> Record:
    """Mean with interval and range of the bias of both discretizations, per cent."""
    found: Record = {}
    for kind in ("voxel", "harmonic"):
        bias = 100 * (x[kind] / truth - 1)
        found |= {f"{kind} %": mean(bias), f"{kind} range": [float(bias.min()), float(bias.max())]}
    return found


def of_cells(samples: Samples, facts: Record) -> list[Record]:
    """Errors of sqrt(E1 E2), GPa, by grid and extrapolated from the two finest, and the observed order."""
    x = [np.array(samples[f"{grid}"]) - FILM for grid in facts["grids"]]
    lines: list[Record] = [
        {"grid": grid, "n": len(e), "error": mean(e), "largest": float(np.abs(e).max())}
        for grid, e in zip(facts["grids"], x, strict=True)
    ]
    richardson = 2 * x[2] - x[1]
    lines.append({"grid": "Richardson", "n": len(richardson), "error": mean(richardson)})
    lines[-1] |= {"largest": float(np.abs(richardson).max())}
    lines[-1]["order"] = float(np.log2((x[0] - x[1]).mean() / (x[1] - x[2]).mean()))
    lines[-1]["max |K/K0 - 1|"] = float(np.abs(np.array(samples["K periodic"]) / BULK - 1).max())
    return lines


def of_arrays(samples: Samples, facts: Record) -> list[Record]:
    """Relative errors by grid, and the slope of their logarithms."""
    errors = [samples[f"{grid}"][0] for grid in facts["grids"]]
    order = -np.polyfit(np.log(facts["grids"]), np.log(np.abs(errors)), 1)[0]
    named = {f"{grid}": e for grid, e in zip(facts["grids"], errors, strict=True)}
    return [{"exact": samples["exact"][0], "order": float(order), **named}]


TABLES: dict[str, tuple[str, Callable[[Samples, Record], list[Record]]]] = {
    "beams": ("polysilicon beams 40 x 2 um, GPa; published: 149.5 +- 1.3, n = 800 "
              "(Quesada-Molina and Mariani 2022)", of_films),
    "law": (f"tensile modulus of beams; law: std = {SCATTER:.2f} s / sqrt(L h) GPa", of_films),
    "windows": ("square windows of side h, spacing s, 16 px/um, GPa", of_films),
    "disks": ("disks of radius 8 px, mu 250:1, periodic; mu_11", of_disks),
    "spheres": ("spheres of radius 5 voxels, mu 250:1, periodic; mu_11", of_spheres),
    "film": (f"periodic film cells: sqrt(E1 E2) less {FILM:.4f} GPa", of_cells),
    "arrays": ("relative error at the drawn fraction: Perrins et al. 1979, Sangani and Acrivos 1983",
               of_arrays),
}  # fmt: skip


def text(value: Any) -> str:
    """A number, an interval or a range."""
    if isinstance(value, list):
        first = [] if len(value) == 2 else [f"{value[0]:.5g}"]
        return " ".join([*first, f"[{value[-2]:.5g}, {value[-1]:.5g}]"])
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def load(path: Path) -> dict[str, Record]:
    """Finished rows."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {entry["row"]: entry for entry in map(json.loads, lines)}


def complete(path: Path, rows: list[Row]) -> None:
    """Run what is missing, one line of ``path`` per finished row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for row in rows:
        if row.key in load(path):
            continue
        started = time.process_time()
        samples = row.work()
        spent = round(time.process_time() - started, 2)
        with path.open("a") as file:
            file.write(json.dumps({"row": row.key, "cpu_seconds": spent, "samples": samples}) + "\n")
        print(f"done: {row.key}, {spent:.1f} CPU s", flush=True)


def main() -> None:
    """Run what is missing, print the tables and the result line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="few realizations, own results file")
    parser.add_argument("--tables", nargs="*", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--show", action="store_true", help="print the tables of what is there, run nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for row in rows_of(arguments.quick) if row.table in arguments.tables]
    path = RESULTS
    if arguments.quick:
        path = path.with_name(f"{path.stem}-quick.jsonl")
        path.unlink(missing_ok=True)
    if not arguments.show:
        complete(path, rows)
    stated = {"threads": 1, "seeds": SEEDS, "versions": {name: version(name) for name in PACKAGES}}
    print(", ".join(f"{name} {value}" for name, value in stated.items()))
    finished, result = load(path), {}
    for table, (title, summary) in TABLES.items():
        print(f"\n{title}")
        for row in (r for r in rows if r.table == table and r.key in finished):
            entry = finished[row.key]
            result[row.key] = summary(entry["samples"], row.facts)
            for line in result[row.key]:
                shown = ", ".join(f"{name} {text(value)}" for name, value in line.items())
                print(f"{row.name:16s} {shown}; {entry['cpu_seconds']:.0f} CPU s")
    total = sum(finished[row.key]["cpu_seconds"] for row in rows if row.key in finished)
    print(f"\n{total / 60:.1f} CPU minutes")
    stated |= {"benchmark": "published_statistics", "quick": arguments.quick, "cpu_seconds": total}
    print("RESULT " + json.dumps({**stated, "rows": result}))


if __name__ == "__main__":
    main()
