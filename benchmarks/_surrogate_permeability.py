"""Permeability in the table of surrogates: a polynomial of the volume fraction, and the learned lattice."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _surrogate_sets import Array, Budget, Row, by_seed, chosen, described, rows_of

from designloop.learning.networks.training import Ensemble, Fold, train
from designloop_oracles.surrogates import _rows
from designloop_oracles.surrogates.networks import MOVES

NETWORK = "permeability_net"
BANDS = ((5, 55), (55, 80))
"""Percent of disks: what sequential placement reaches, as published sets do, and beyond."""


def polynomial(folder: Path, degree: int) -> Row:
    """ln mu as a polynomial of the volume fraction, from equal disks; no anisotropy."""
    sets = {name: rows_of(folder, name, NETWORK) for name in ("disks-mono", "disks-poly")}
    rows, which = sets["disks-mono"], chosen(sets["disks-mono"], "train")
    fit = np.polyfit(_fraction(rows, which), np.log(rows.labels(which)[:, :2]).mean(axis=1), degree)
    told: Row = {"weights": degree + 1, "tests": {}}
    for name, rows in sets.items():
        test = chosen(rows, "test")
        mu = np.exp(np.polyval(fit, _fraction(rows, test)))
        guess = np.stack([mu, mu, np.zeros_like(mu)], axis=1)
        told["tests"][name] = _tensor_errors(rows.labels(test), guess[None])
    return told


def _fraction(rows: _rows.Rows, which: np.ndarray[Any, Any]) -> Array:
    share: Array = rows.data.arrays["phase"][which].mean(axis=(1, 2), dtype=float)
    return share


def _tensor_errors(observed: Array, members: Array) -> Row:
    """Errors of mu_11 and mu_22, and of mu_12 and mu_11 - mu_22 over the mean permeability."""
    size = np.sqrt(observed[:, 0] * observed[:, 1])
    told = by_seed(observed[:, :2], members[..., :2], ("mu_11", "mu_22"))
    pairs = (
        ("mu_12 / mu", observed[:, 2], members[..., 2]),
        ("(mu_11 - mu_22) / mu", observed[:, 0] - observed[:, 1], members[..., 0] - members[..., 1]),
    )
    return told | {
        name: by_seed((seen / size)[:, None], (guess / size)[..., None], (name,), _of_zero_mean)[name]
        for name, seen, guess in pairs
    }


def _of_zero_mean(observed: Array, predicted: Array) -> dict[str, float]:
    error = predicted - observed
    return {
        "mean_error": float(np.abs(error).mean()), "mean_size": float(np.abs(observed).mean()),
        "r2": 1 - float(np.sum(error**2) / np.sum(observed**2)),
    }  # fmt: skip


def permeability(folder: Path, budget: Budget, transfer: Budget) -> Row:
    """Ours learned on equal disks; then asked about, and trained on, other families from there and afresh."""
    mono = rows_of(folder, "disks-mono", NETWORK)
    began = time.process_time()
    ensemble, fold = _learned(mono, budget, start=None)
    row = described(ensemble, fold, began)
    test = chosen(mono, "test", budget.test)
    row["tests"]["disks-mono"] = _judged(ensemble, mono, test)
    filled = 100 * _fraction(mono, test)
    for low, high in BANDS:
        band = test[(filled >= low) & (filled < high)]
        row["tests"][f"disks-mono, {low:g} to {high:g} %"] = _judged(ensemble, mono, band)
    for name in ("disks-poly", "disks-overlapping"):
        other = rows_of(folder, name, NETWORK)
        test = chosen(other, "test", budget.test)
        row["tests"][f"{name}, as learned on equal disks"] = _judged(ensemble, other, test)
        for way, start in (("transferred", ensemble), ("from scratch", None)):
            again, fold = _learned(other, transfer, start=start)
            row["tests"][f"{name}, {way}, {len(fold)} rows"] = _judged(again, other, test)
    return row


def _learned(rows: _rows.Rows, budget: Budget, *, start: Ensemble | None) -> tuple[Ensemble, Fold]:
    space = rows.space
    found = _rows.architecture(rows, space.defaults())
    parts = (("train", budget.rows), ("validation", budget.validation))
    folds = [rows.fold_of(chosen(rows, part, most)) for part, most in parts]
    recipe = _rows.recipe(space, space.defaults(), epochs=budget.epochs)
    if start is not None:
        recipe = replace(recipe, learning_rate=recipe.learning_rate / 3)
    ensemble = train(
        lambda: _rows.network(space, found), *folds, recipe=recipe, members=budget.members, seed=0,
        augment=MOVES[space.name], start=start,
    )  # fmt: skip
    return ensemble, folds[0]


def _judged(ensemble: Ensemble, rows: _rows.Rows, which: np.ndarray[Any, Any]) -> Row:
    told = ensemble.predict(rows.images(which))
    members = np.stack([rows.encoding.labels(one, np.zeros_like(one))[0] for one in told])
    return _tensor_errors(rows.labels(which), members)
