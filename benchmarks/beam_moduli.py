"""Does the shipped model of beams keep its promises? Errors and 95 % intervals on beams that it never saw.

    python benchmarks/beam_moduli.py [--quick]

Three sets of seeds that the training had not: its box (350 beams), shorter beams (100) and coarser grains
(100), the last two beyond the box. Resumable: the sets lie below ``results/beams``.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from scipy.stats import binomtest

from designloop.learning import models
from designloop.learning.datasets import DataSet, make
from designloop.learning.packed import Packed
from designloop_oracles.surrogates.presets import BeamsOfSizes

HERE = Path(__file__).parent
FILE = HERE.parent / "campaigns" / "beam_moduli.dlmodel"
BOX = BeamsOfSizes(width_to=5.0, grain_from=0.8, pixels_per_grain=4.0)
SETS = {
    "box": (BOX, 350, 1),
    "20 .. 38 um long": (replace(BOX, length_from=20.0, length_to=38.0), 100, 11),
    "grains 2.1 .. 3 um": (replace(BOX, grain_from=2.1, grain_to=3.0), 100, 12),
}
NAMES = ("beam_length", "beam_width", "grain_size", "pixels_per_grain")
QUICK = 40


def judged(name: str, data: DataSet, packed: Packed) -> list[dict[str, Any]]:
    """A row per metric: errors, coverage with Wilson's interval, and coverage by number of grains."""
    arrays = {column: np.asarray(values, dtype=float) for column, values in data.arrays.items()}
    designs = [{n: float(arrays[n][k]) for n in NAMES} for k in range(len(data))]
    found = models.parts(packed.saved, designs, seeds=[int(s) for s in data.arrays["seed"]])
    grains = arrays["beam_length"] * arrays["beam_width"] / arrays["grain_size"] ** 2
    rows = []
    for metric, parts in found.items():
        error = parts.mean - arrays[metric]
        held = np.abs(error) <= 1.96 * parts.epistemic
        limits = binomtest(int(held.sum()), len(held)).proportion_ci(method="wilson")
        rows.append(
            {
                "set": name, "metric": metric, "beams": len(held), "bias": float(error.mean()),
                "rmse": float(np.sqrt((error**2).mean())), "scatter": float(arrays[metric].std()),
                "coverage": float(held.mean()), "low": limits.low, "high": limits.high,
                "thirds": [float(held[k].mean()) for k in np.array_split(np.argsort(grains), 3)],
                "mean sd": float(parts.epistemic.mean()),
            }
        )  # fmt: skip
    return rows


def main() -> None:
    """Make what is missing, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    packed = Packed.load(FILE)
    print(f"model {packed.card.version}, one thread, seeds {[seed for *_, seed in SETS.values()]}, torch "
          f"{torch.__version__}, designloop {version('designloop')}\n")  # fmt: skip
    print("| beams | metric | rmse, GPa | of labels | bias | 95 % interval holds | few .. many grains | sd |")
    print("|---|---|---|---|---|---|---|---|")
    rows = []
    for name, (source, count, seed) in SETS.items():
        folder = HERE / "results" / f"beams{'-quick' if quick else ''}" / str(seed)
        for one in judged(name, make(source, folder, count=QUICK if quick else count, seed=seed), packed):
            thirds = ", ".join(f"{100 * share:.0f}" for share in one["thirds"])
            print(
                f"| {name}, {one['beams']} | {one['metric']} | {one['rmse']:.4f} | {one['scatter']:.3f} | "
                f"{one['bias']:+.4f} | {100 * one['coverage']:.1f} % [{100 * one['low']:.1f}, "
                f"{100 * one['high']:.1f}] | {thirds} % | {one['mean sd']:.3f} |"
            )
            rows.append(one)
    print("RESULT " + json.dumps(rows))


if __name__ == "__main__":
    main()
