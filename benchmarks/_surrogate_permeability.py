"""Permeability in the table of surrogates: a polynomial of the volume fraction, and the learned lattice."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _surrogate_sets import Array, Budget, Row, by_seed, chosen, described, rows_of

from designloop.learning.networks.training import Ensemble, Fold, Recipe, train
from designloop_oracles.surrogates import _rows
from designloop_oracles.surrogates.permeability import PermeabilityNet, decoded, encoded

PERMEABILITY = ("mu_11", "mu_22", "mu_12")


def polynomial(folder: Path, degree: int) -> Row:
    """ln mu as a polynomial of the volume fraction, from equal disks; no anisotropy."""
    sets = {name: rows_of(folder, name, "permeability_cnn") for name in ("disks-mono", "disks-poly")}
    rows, which = sets["disks-mono"], chosen(sets["disks-mono"], "train")
    fit = np.polyfit(_fraction(rows, which), np.log(rows.labels(which)).mean(axis=1), degree)
    told: Row = {"weights": degree + 1, "tests": {}}
    for name, rows in sets.items():
        test = chosen(rows, "test")
        mu = np.exp(np.polyval(fit, _fraction(rows, test)))
        guess = np.stack([mu, mu, np.zeros_like(mu)], axis=1)
        told["tests"][name] = _tensor_errors(_labels(rows, test), guess[None])
    return told


def _fraction(rows: _rows.Rows, which: np.ndarray[Any, Any]) -> Array:
    share: Array = rows.data.arrays["phase"][which].mean(axis=(1, 2), dtype=float)
    return share


def _labels(rows: _rows.Rows, which: np.ndarray[Any, Any]) -> Array:
    return np.stack([rows.data.arrays[name][which] for name in PERMEABILITY], axis=1)


def _tensor_errors(observed: Array, members: Array) -> Row:
    """Errors of mu_11 and mu_22, and of mu_12 and mu_11 - mu_22 over the mean permeability."""
    size = np.sqrt(observed[:, 0] * observed[:, 1])
    told = by_seed(observed[:, :2], members[..., :2], PERMEABILITY[:2])
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


def rolled(x: torch.Tensor, y: torch.Tensor, draws: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Periodic images moved by less than a block: exact, and what the network does not know by itself."""
    shift = torch.randint(8, (2,), generator=draws).tolist()
    return torch.roll(x, shift, (-2, -1)), y


def permeability(folder: Path, budget: Budget, transfer: Budget) -> Row:
    """Ours learned on equal disks, then asked about, and trained on, disks of two sizes."""
    mono, poly = (rows_of(folder, name, "permeability_cnn") for name in ("disks-mono", "disks-poly"))
    began = time.process_time()
    ensemble, fold = _coarse_grained(mono, budget, start=None)
    row = described(ensemble, fold, began)
    test = chosen(mono, "test", budget.test)
    row["tests"]["disks-mono"] = _judged(ensemble, mono, test)
    test = chosen(poly, "test", budget.test)
    row["tests"]["disks-poly, as learned on equal disks"] = _judged(ensemble, poly, test)
    for name, start in (("transferred", ensemble), ("from scratch", None)):
        other, fold = _coarse_grained(poly, transfer, start=start)
        row["tests"][f"disks-poly, {name}, {len(fold)} rows"] = _judged(other, poly, test)
    return row


def _coarse_grained(rows: _rows.Rows, budget: Budget, *, start: Ensemble | None) -> tuple[Ensemble, Fold]:
    parts = (("train", budget.rows), ("validation", budget.validation))
    folds = []
    for part, most in parts:
        which = chosen(rows, part, most)
        labels = encoded(torch.as_tensor(_labels(rows, which))).numpy()
        folds.append(Fold(x=rows.data.arrays["phase"][which][:, None], y=labels))
    recipe = Recipe(
        optimizer="adam", learning_rate=6e-3 if start is None else 2e-3, batch=8, epochs=budget.epochs,
        schedule="cosine", clip=1.0, standardize_inputs=False, standardize_targets=False,
    )  # fmt: skip
    ensemble = train(
        PermeabilityNet, *folds, recipe=recipe, members=budget.members, seed=0, augment=rolled, start=start
    )
    return ensemble, folds[0]


def _judged(ensemble: Ensemble, rows: _rows.Rows, which: np.ndarray[Any, Any]) -> Row:
    told = ensemble.predict(rows.data.arrays["phase"][which][:, None])
    members = np.stack([decoded(torch.as_tensor(one)).numpy() for one in told])
    return _tensor_errors(_labels(rows, which), members)
