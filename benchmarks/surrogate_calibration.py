"""Do 95 % intervals of trained surrogates hold 95 %, and are they wider where nothing was learned?

    python benchmarks/surrogate_calibration.py [--quick] [--tasks amplitude windows] [--datasets FOLDER]

Ensembles of three, trained as ``designloop model train`` does it, calibrated on the validation rows of the
common split. ``held out``: 2,000 rows and more that took part in nothing. ``beyond``: the same intervals at
rows from outside the region learned (over-etch beyond 2.5 standard deviations; windows of other sizes):
coverage, and the mean width over the one held out. The 95 % interval of a coverage is Wilson's. One thread.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _surrogate_sets import FOLDER, Array, Missing, rows_of

from designloop.learning.datasets import make
from designloop.learning.metrics import coverage, interval_width
from designloop_oracles.surrogates._rows import Rows, fit
from designloop_oracles.surrogates._spaces import SPACES
from designloop_oracles.surrogates.presets import OverEtch
from designloop_oracles.surrogates.trainer import Answers

MEMBERS = 3
LEARNED = 2.5
"""Standard deviations of the over-etch within which amplitudes are learned."""
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Calibrated normal predictions of a network's first label."""

    answers: Answers

    def judged(self, x: Array, y: Array) -> Row:
        """Coverage with its interval and mean width at rows (n, ...), labels (n,)."""
        spread = self.answers.ensemble.spread(x)
        factor = self.answers.calibration[0].factor
        sd = factor * np.hypot(spread.epistemic[:, 0], self.answers.floor[0])
        share = coverage(y, spread.mean[:, 0], sd)
        return {
            "rows": len(y), "coverage": share, "interval": wilson(share, len(y)),
            "width": interval_width(sd), "rmse": float(np.sqrt(np.mean((spread.mean[:, 0] - y) ** 2))),
        }  # fmt: skip


def wilson(share: float, rows: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    z2 = 1.96**2 / rows
    middle = (share + z2 / 2) / (1 + z2)
    half = np.sqrt(z2 * (share * (1 - share) + z2 / 4)) / (1 + z2)
    return float(middle - half), float(middle + half)


def amplitude(folder: Path, *, quick: bool) -> Row:
    """Published network of modulus and over-etch; learned within 2.5 standard deviations of the over-etch."""
    del folder
    space = SPACES["amplitude_net"]
    with TemporaryDirectory() as kept:
        rows = Rows(data=_within(Path(kept) / "learned", 300 if quick else 1000, seed=0), space=space)
        fresh = make(OverEtch(), Path(kept) / "fresh", count=3000, seed=1).arrays
    interval = _trained(rows, share=1.0, epochs=3 if quick else 60)
    x = np.stack([fresh["youngs_modulus"], fresh["over_etch"]], axis=1)
    inside = np.abs(x[:, 1]) <= LEARNED * OverEtch().over_etch_spread
    held, beyond = (interval.judged(x[k], fresh["amplitude"][k]) for k in (inside, ~inside))
    return {"held out": held, "beyond: over-etch": beyond}


def _within(folder: Path, count: int, *, seed: int) -> Any:
    """Rows whose over-etch is not rare, as a data set of its own."""
    data = make(OverEtch(), folder, count=count, seed=seed)
    keep = np.abs(data.arrays["over_etch"]) <= LEARNED * OverEtch().over_etch_spread
    return type(data)(
        arrays={name: values[keep] for name, values in data.arrays.items()},
        description={**data.description, "count": int(keep.sum())},
        folder=folder,
    )


def windows(folder: Path, *, quick: bool) -> Row:
    """Our network of windows of 2 um, learned from a tenth of the training rows."""
    rows = rows_of(folder, "sve-2um", "window_net")
    share = 0.02 if quick else 0.1
    interval = _trained(rows, share=share, epochs=1 if quick else 6)
    seen = rows.part("train", share=share)
    rest = np.setdiff1d(np.concatenate([rows.part("train"), rows.part("test")]), seen)[
        : 40 if quick else 2200
    ]
    told = {"held out": interval.judged(rows.images(rest), rows.labels(rest)[:, 0])}
    if not quick:
        for name in ("sve-3um", "sve-10um"):
            other = rows_of(folder, name, "window_net")
            which = np.arange(300)
            told[f"beyond: {name}"] = interval.judged(other.images(which), other.labels(which)[:, 0])
    return told


def _trained(rows: Rows, *, share: float, epochs: int) -> Interval:
    defaults = rows.space.defaults()
    ensemble = fit(rows, defaults, share=share, members=MEMBERS, seed=0, epochs=epochs)
    return Interval(answers=Answers.of(rows, ensemble))


TASKS: Mapping[str, Callable[..., Row]] = {"amplitude": amplitude, "windows": windows}


def show(task: str, row: Mapping[str, Row]) -> None:
    """Print one task."""
    width = row["held out"]["width"]
    for name, told in row.items():
        low, high = told["interval"]
        print(
            f"{task:10} {name:20} {told['rows']:5} rows  coverage {100 * told['coverage']:.1f} % "
            f"[{100 * low:.1f}, {100 * high:.1f}]  rmse {told['rmse']:.3g}  width {told['width']:.3g} "
            f"({told['width'] / width:.2f} x held out)"
        )


def main() -> None:
    """Train, calibrate, judge."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="a few epochs and rows")
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--datasets", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Row] = {}
    for task in arguments.tasks:
        try:
            found[task] = partial(TASKS[task], arguments.datasets)(quick=arguments.quick)
        except Missing as missing:
            print(f"{task} left out: {missing}")
            continue
        show(task, found[task])
    stated = {"threads": 1, "seeds": [0, 1], "members": MEMBERS, "torch": version("torch")}
    print("RESULT " + json.dumps({"benchmark": "surrogate_calibration", **stated, "tasks": found}))


if __name__ == "__main__":
    main()
