"""Data sets of the benchmarks of surrogates, and errors as their tables have them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop.learning.datasets import DataSet
from designloop.learning.metrics import mape, r2
from designloop.learning.networks.training import Ensemble, Fold
from designloop_oracles.surrogates._rows import Rows
from designloop_oracles.surrogates._spaces import SPACES

Array = NDArray[np.float64]
Row = dict[str, Any]
FOLDER = Path(__file__).parents[1] / "datasets"
MADE_BY = {
    "sve-2um": "sve --set size=2",
    "sve-3um": "sve --set size=3",
    "sve-2um-fine": "sve --set size=2 --set solver_pixels=128 --count 1500",
    "sve-3um-fine": "sve --set size=3 --set solver_pixels=128 --count 600",
    "sve-5um": "sve --set size=5",
    "sve-10um": "sve --set size=10",
    "sve-2um-traction": "sve --set size=2 --set boundary=traction --count 1000",
    "beams": "beams",
    "homogeneous-beams": "homogeneous_beams",
    "over-etch": "over_etch",
    "disks-mono": "disks --set kind=mono --count 2000",
    "disks-poly": "disks --set kind=poly --count 400",
    "disks-overlapping": "disks --set kind=overlapping --count 400",
}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a network may cost: rows to learn from, epochs, members (one a seed), rows to judge by."""

    rows: int
    epochs: int
    members: int = 1
    validation: int = 300
    test: int = 1000


class Missing(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """A data set is not there."""


def rows_of(folder: Path, name: str, network: str) -> Rows:
    """A data set as a network sees it, also one that it is not for; raises Missing with what makes it."""
    if not (folder / name / "dataset.json").is_file():
        raise Missing(
            f"{folder / name} is missing: designloop dataset make {MADE_BY[name]} --out {folder / name}"
        )
    data = DataSet.load(folder / name)
    if not data.complete:
        raise Missing(f"{folder / name} is not complete yet ({len(data)} rows); make it again to go on.")
    return Rows(data=data, space=replace(SPACES[network], only={}))


def chosen(rows: Rows, part: str, most: int | None = None) -> NDArray[np.intp]:
    """Rows of a part of the common split, the first ``most`` of them."""
    return rows.part(part)[:most]


def part_of(rows: Rows, part: str, most: int | None) -> NDArray[Any]:
    """Rows of a part of the common split or ``all``, the first ``most`` of them."""
    return np.arange(len(rows.data))[:most] if part == "all" else chosen(rows, part, most)


def described(ensemble: Ensemble, fold: Fold, began: float) -> Row:
    """Weights, rows, seeds, epochs and CPU seconds of one network; room for the errors."""
    return {
        "weights": sum(p.numel() for p in next(ensemble.modules()).parameters()),
        "rows": len(fold), "seeds": ensemble.members, "epochs": len(ensemble.history["validation"]),
        "seconds": (time.process_time() - began) / ensemble.members, "tests": {},
    }  # fmt: skip


def errors(observed: Array, predicted: Array) -> dict[str, float]:
    """Of one label (n,)."""
    mse = float(np.mean((predicted - observed) ** 2))
    return {
        "rows": len(observed),
        "mse": mse,
        "mse_over_variance": mse / float(np.var(observed)),
        "mape": mape(observed, predicted),
        "r2": r2(observed, predicted),
        "worst": float(np.abs(predicted - observed).max()),
    }


def by_seed(
    observed: Array,
    members: Array,
    names: Sequence[str],
    scores: Callable[[Array, Array], Mapping[str, float]] = errors,
) -> dict[str, Any]:
    """Errors by label: mean over members and their sd, and of the mean of all members.

    ``observed`` (n, labels), ``members`` (members, n, labels).
    """
    found: dict[str, Any] = {}
    for k, name in enumerate(names):
        alone = [scores(observed[:, k], one[:, k]) for one in members]
        found[name] = {
            "one": {key: float(np.mean([s[key] for s in alone])) for key in alone[0]},
            "sd": {key: float(np.std([s[key] for s in alone])) for key in alone[0]},
            "together": scores(observed[:, k], members.mean(axis=0)[:, k]),
        }
    return found
