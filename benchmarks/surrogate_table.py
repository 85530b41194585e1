"""Surrogates of structures: published figures, simple answers, published networks and ours, on common data.

    python benchmarks/surrogate_table.py [--quick] [--tasks windows beams] [--datasets FOLDER] [--table]

Data sets are made by our solvers (``designloop dataset make``); a missing one is named and its rows are left
out. One split by seed, 70/15/15, for all methods; networks stop by the validation rows; figures are of test
rows, and of whole sets that nobody learned from where a task says unseen. Published networks are "budgeted":
the printed layers and optimizer with the rows, epochs and seeds stated, on one core instead of a GPU. Ours:
three seeds, mean and standard deviation. MSE over variance says what share of the scatter is left; published
figures belong to other data. Each finished method is one line of benchmarks/results/surrogate_table.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _surrogate_permeability import permeability, polynomial
from _surrogate_sets import (
    FOLDER,
    Array,
    Budget,
    Missing,
    Row,
    by_seed,
    chosen,
    described,
    errors,
    part_of,
    rows_of,
)

from designloop.learning.networks.training import Fold, Recipe, train
from designloop_oracles.surrogates import _rows
from designloop_oracles.surrogates._simple import baselines

RESULTS = Path(__file__).parent / "results" / "surrogate_table.jsonl"


PUBLISHED = {
    "windows": Budget(rows=2000, epochs=40, test=400),
    "beams": Budget(rows=800, epochs=300),
    "amplitude": Budget(rows=800, epochs=150),
    "permeability": Budget(rows=800, epochs=10, validation=100),
}
OURS = {
    "windows": Budget(rows=200, epochs=10, members=3, validation=60, test=400),
    "beams": Budget(rows=200, epochs=5, members=3, validation=50),
    "amplitude": Budget(rows=700, epochs=60, members=3),
    "permeability": Budget(rows=1400, epochs=15, members=3, validation=100),
    "transfer": Budget(rows=60, epochs=10, members=3, validation=20),
}
QUICK = Budget(rows=16, epochs=1, validation=8, test=20)
PRINTED = {
    "windows": "MSE 0.0874 GPa^2 (2 and 10 um), 1.459 (3 um, unseen), 0.180 (5 um, unseen); 176,001 weights",
    "traction": "none",
    "beams": "MSE 0.0163 GPa^2, homogeneous beams 0.1755; 6,201 weights",
    "amplitude": "MSE 2.0e-8 nm^2; 15,401 weights",
    "permeability": "MAPE 1.0 % / 1.0 %, R2 0.994 / 0.991, 5,500 images; two sizes of disks: 2.0 % / 2.0 % "
    "transferred, 6.0 % / 5.5 % from scratch",
}
"""Quesada-Molina and Mariani (2022); Aldakheel et al. (2023)."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One line of the results."""

    task: str
    method: str
    work: Callable[[], Row]

    @property
    def key(self) -> str:
        """How the results file calls it."""
        return f"{self.task}/{self.method}"


def simple(folder: Path, name: str, network: str) -> Row:
    """Baselines fitted to the training rows, on the test rows."""
    rows = rows_of(folder, name, network)
    test = rows.labels(rows.part("test"))
    told = baselines(rows)
    names = rows.space.labels
    return {
        "tests": {
            f"{name}: {method.replace('_', ' ')}": {
                label: {"together": errors(test[:, k], told[label][method])} for k, label in enumerate(names)
            }
            for method in told[names[0]]
        }
    }


def affine_voigt_of_all(folder: Path, train_on: list[str], tests: Mapping[str, str]) -> Row:
    """Voigt's bound of all training rows, fitted affinely, on every size."""
    seen, known = zip(*(_voigt(folder, name, "train") for name in train_on), strict=True)
    line = np.polyfit(np.concatenate(seen), np.concatenate(known), 1)
    told = {}
    for name, part in tests.items():
        guess, truth = _voigt(folder, name, part)
        told[name] = {"youngs_modulus": {"together": errors(truth, np.polyval(line, guess))}}
    return {"tests": told, "weights": 2}


def affine_voigt_of_each(folder: Path, tests: Mapping[str, str]) -> Row:
    """Voigt's bound fitted affinely to the training rows of each size, on the test rows of that size."""
    told = [affine_voigt_of_all(folder, [name], {name: "test"})["tests"] for name in tests]
    return {"tests": {name: errors for one in told for name, errors in one.items()}, "weights": 2 * len(told)}


def _voigt(folder: Path, name: str, part: str) -> tuple[Array, Array]:
    rows = rows_of(folder, name, "window_net")
    which = part_of(rows, part, None)
    net = _rows.network(rows.space, _rows.architecture(rows, rows.space.defaults()))
    with torch.no_grad():
        guess = net.guess(torch.as_tensor(rows.images(which)))  # type: ignore[operator]
    return guess[:, 0].numpy().astype(float), rows.labels(which)[:, 0]


def learned(
    folder: Path,
    network: str,
    budget: Budget,
    *,
    train_on: list[str],
    tests: Mapping[str, str],
) -> Row:
    """A network of ``SPACES`` with its own recipe, on rows of several sets in equal shares."""
    sets = [rows_of(folder, name, network) for name in train_on]
    each = budget.rows // len(sets), budget.validation // len(sets)
    folds = [
        _joined([rows.fold_of(chosen(rows, part, most)) for rows in sets])
        for part, most in zip(("train", "validation"), each, strict=True)
    ]
    space, found = sets[0].space, _rows.architecture(sets[0], sets[0].space.defaults())
    recipe = _rows.recipe(space, space.defaults(), epochs=budget.epochs)
    began = time.process_time()
    ensemble = train(
        lambda: _rows.network(space, found), *folds, recipe=recipe, members=budget.members, seed=0
    )
    row = described(ensemble, folds[0], began)
    for name, part in tests.items():
        rows = rows_of(folder, name, network)
        which = part_of(rows, part, budget.test)
        told = ensemble.predict(rows.images(which))
        row["tests"][name] = by_seed(rows.labels(which), told, space.labels)
    return row


def _joined(folds: list[Fold]) -> Fold:
    return Fold(x=np.concatenate([one.x for one in folds]), y=np.concatenate([one.y for one in folds]))


def amplitude(folder: Path, budget: Budget) -> Row:
    """A small smooth network, fitted by L-BFGS in double precision."""
    rows = rows_of(folder, "over-etch", "amplitude_net")
    folds = [rows.fold_of(chosen(rows, part)) for part in ("train", "validation")]

    def build() -> torch.nn.Module:
        layers = torch.nn.Linear(2, 10), torch.nn.SiLU(), torch.nn.Linear(10, 10), torch.nn.SiLU()
        return torch.nn.Sequential(*layers, torch.nn.Linear(10, 1))

    recipe = Recipe(optimizer="lbfgs", learning_rate=1.0, epochs=budget.epochs, patience=40, dtype="float64")
    began = time.process_time()
    ensemble = train(build, *folds, recipe=recipe, members=budget.members, seed=0)
    row = described(ensemble, folds[0], began)
    test = chosen(rows, "test", budget.test)
    row["tests"]["over-etch"] = by_seed(
        rows.labels(test), ensemble.predict(rows.images(test)), ("amplitude",)
    )
    return row


def permeability_published(folder: Path, budget: Budget) -> Row:
    """The published network answers mu_11 and mu_22."""
    return learned(folder, "permeability_cnn", budget, train_on=["disks-mono"], tests={"disks-mono": "test"})


def jobs_of(folder: Path, *, quick: bool) -> list[Job]:
    """All jobs of a run."""

    def budget(table: Mapping[str, Budget], task: str) -> Budget:
        return replace(QUICK, members=min(2, table[task].members)) if quick else table[task]

    sizes = ["sve-2um-fine", "sve-10um"]
    tests = {"sve-2um-fine": "test", "sve-3um-fine": "all", "sve-5um": "all", "sve-10um": "test"}
    if quick:
        sizes, tests = ["sve-2um"], {"sve-2um": "test"}
    windows = {"train_on": sizes, "tests": tests}
    traction = {"train_on": ["sve-2um-traction"], "tests": {"sve-2um-traction": "test"}}
    beams = {"train_on": ["beams"], "tests": {"beams": "test"}}
    both = {"train_on": ["beams"], "tests": {"beams": "test", "homogeneous-beams": "all"}}
    etch = {"train_on": ["over-etch"], "tests": {"over-etch": "test"}}
    published, ours = partial(budget, PUBLISHED), partial(budget, OURS)
    jobs: list[tuple[str, str, Callable[[], Row]]] = [
        ("windows", "affine Voigt", partial(affine_voigt_of_all, folder, sizes, tests)),
        ("windows", "affine Voigt, each size", partial(affine_voigt_of_each, folder, tests)),
        ("windows", "published network",
         partial(learned, folder, "sve_cnn", published("windows"), **windows)),
        ("windows", "ours", partial(learned, folder, "window_net", ours("windows"), **windows)),
        ("traction", "affine Voigt", partial(affine_voigt_of_all, folder, *traction.values())),
        ("traction", "ours", partial(learned, folder, "window_net", ours("windows"), **traction)),
        ("beams", "simple", partial(simple, folder, "beams", "beam_net")),
        ("beams", "published network", partial(learned, folder, "beam_net", published("beams"), **both)),
        ("beams", "ours", partial(learned, folder, "whole_beam_net", ours("beams"), **beams)),
        ("amplitude", "simple", partial(simple, folder, "over-etch", "amplitude_net")),
        ("amplitude", "published network",
         partial(learned, folder, "amplitude_net", published("amplitude"), **etch)),
        ("amplitude", "ours", partial(amplitude, folder, ours("amplitude"))),
        ("permeability", "polynomial of f", partial(polynomial, folder, 6)),
        ("permeability", "published network",
         partial(permeability_published, folder, published("permeability"))),
        ("permeability", "ours", partial(permeability, folder, ours("permeability"), ours("transfer"))),
    ]  # fmt: skip
    return [Job(task=task, method=method, work=work) for task, method, work in jobs]


def quick_sets(folder: Path) -> None:
    """Small sets of what costs little."""
    from designloop.learning.datasets import make
    from designloop_oracles.surrogates.presets import Disks, HomogeneousBeams, OverEtch, Sve

    make(Sve(size=2.0), folder / "sve-2um", count=60)
    make(OverEtch(), folder / "over-etch", count=200)
    make(HomogeneousBeams(), folder / "homogeneous-beams")
    make(Disks(kind="mono"), folder / "disks-mono", count=30)
    make(Disks(kind="poly"), folder / "disks-poly", count=30)
    make(Disks(kind="overlapping"), folder / "disks-overlapping", count=30)


def load(path: Path) -> dict[str, Row]:
    """Finished jobs."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {row["job"]: row for row in map(json.loads, lines)}


def show(task: str, rows: Mapping[str, Row]) -> None:
    """Print one task: a line a method, test set and label."""
    print(f"\n{task}; published: {PRINTED[task]}")
    for method, row in rows.items():
        cost = {key: row[key] for key in ("weights", "rows", "seeds", "epochs") if key in row}
        cost |= {"seconds": round(row["seconds"], 1)} if "seconds" in row else {}
        print(f"  {method} {cost or ''}")
        for test, labels in row["tests"].items():
            for label, told in labels.items():
                alone, several = told.get("one", told["together"]), told.get("sd", {})
                words = [
                    f"{key} {alone[key]:.3g}" + (f" +- {several[key]:.1g}" if several.get(key) else "")
                    for key in ("mse", "mse_over_variance", "mape", "r2", "mean_error", "mean_size")
                    if key in alone
                ]
                print(f"    {test:38} {label:22} {', '.join(words)}")


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="tiny sets and budgets, starts afresh")
    parser.add_argument("--tasks", nargs="*", default=list(PRINTED), choices=list(PRINTED))
    parser.add_argument("--datasets", type=Path, default=FOLDER)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the tables of what is there, run nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    path, folder = arguments.results, arguments.datasets
    if arguments.quick:
        path = path.with_name(f"{path.stem}-quick.jsonl")
        path.unlink(missing_ok=True)
        folder = path.with_name("surrogate_sets_quick")
        quick_sets(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    jobs = [job for job in jobs_of(folder, quick=arguments.quick) if job.task in arguments.tasks]
    for job in jobs:
        if arguments.table or job.key in load(path):
            continue
        try:
            row = job.work()
        except Missing as missing:
            print(f"{job.key} left out: {missing}", flush=True)
            continue
        with path.open("a") as file:
            file.write(json.dumps({"job": job.key, **row}) + "\n")
        print(f"done: {job.key}", flush=True)
    finished = load(path)
    print(f"one thread, seeds from 0, torch {version('torch')}, numpy {version('numpy')}")
    for task in arguments.tasks:
        rows = {job.method: finished[job.key] for job in jobs if job.task == task and job.key in finished}
        if rows:
            show(task, rows)
    stated = {"threads": 1, "torch": version("torch"), "published": PRINTED}
    print("RESULT " + json.dumps({"benchmark": "surrogate_table", **stated, "rows": list(finished.values())}))


if __name__ == "__main__":
    main()
