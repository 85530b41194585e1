"""Rows of a data set as one network sees them, and the training of networks on them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from designloop.learning.datasets import DataSet
from designloop.learning.trainers import SHARES, SPLIT_SEED, TrainingError
from designloop.oracle import Value

from ._spaces import RECIPE, Space

if TYPE_CHECKING:
    from torch import nn

    from designloop.learning.networks.starting import Start
    from designloop.learning.networks.training import Ensemble, Fold, Recipe, Watch

    from ._encodings import Encoding


Array = NDArray[np.float64]
SAVE_EVERY = 20.0
"""Seconds of training that a kill may cost."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """A data set as a network of ``space`` sees it; only rows that are asked for are looked at.

    Raises TrainingError for a set that the network cannot learn from.
    """

    data: DataSet
    space: Space

    def __post_init__(self) -> None:
        source, where = str(self.data.description["source"]), self.data.folder
        units = {column.name: column.unit for column in self.data.columns}
        if not self.space.fits(source, self.data.description["options"]):
            only = " and ".join(
                f"{name} {' or '.join(map(str, known))}" for name, known in self.space.only.items()
            )
            raise TrainingError(
                f"{self.space.name} learns from data sets of {' or '.join(self.space.sets)}"
                f"{f' with {only}' if only else ''}; {where} is another."
            )
        for label in self.space.labels:
            if units.get(label) != self.space.unit:
                has = f"has {label} in {units[label]!r}" if label in units else f"has no column {label}"
                raise TrainingError(f"{where} {has}; {self.space.name} learns it in {self.space.unit!r}.")

    @cached_property
    def split(self) -> Mapping[str, NDArray[np.intp]]:
        """Row numbers of train, validation and test."""
        return self.data.split(SHARES, seed=SPLIT_SEED)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Of one row."""
        return self.images(self.split["train"][:1]).shape[1:]

    def images(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """What the network is given, ``(rows, ...)``."""
        from . import images

        arrays, sees = self.data.arrays, self.space.sees
        if not self.on_the_grid_of_the_labels:
            return np.concatenate([self._drawn(int(row)) for row in rows])
        if isinstance(sees, tuple):
            parts = [np.asarray(arrays[name][rows], dtype=float) for name in sees]
            return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
        if sees == "phase":
            return images.phase(arrays["phase"][rows])
        make = images.published_grey if sees == "grey" else images.orientation
        return make(arrays["labels"][rows], arrays["angles"][rows])

    @property
    def on_the_grid_of_the_labels(self) -> bool:
        """False where the network answers for the grid that it sees, and stored images have another."""
        made = self.data.description["provenance"]
        return not self.space.physical or made.get("pixels_per_um") == made.get("solver_pixels_per_um")

    def _drawn(self, row: int) -> NDArray[Any]:
        """The structure of a row as the solver drew it, ``(1, ...)``."""
        from ._asked import seen

        arrays, fixed = self.data.arrays, self.data.description["provenance"]["drawing"]["inputs"]
        varied = [c.name for c in self.data.columns if c.role == "input" and c.name != "seed"]
        design = {**fixed, **{name: float(arrays[name][row]) for name in varied}}
        return seen(self.space.sees, design, int(arrays["seed"][row]), pixels=None)

    def labels(self, rows: NDArray[np.intp]) -> Array:
        """``(rows, labels)``."""
        return np.stack([self.data.arrays[name][rows].astype(float) for name in self.space.labels], axis=1)

    @property
    def encoding(self) -> Encoding:
        """Between labels and what the network learns."""
        from ._encodings import ENCODINGS

        return ENCODINGS[self.space.encoding]

    def targets(self, rows: NDArray[np.intp]) -> Array:
        """What the network learns of the labels, ``(rows, labels)``."""
        return self.encoding.targets(self.labels(rows))

    def part(self, part: str, *, share: float = 1.0) -> NDArray[np.intp]:
        """Rows of a part of the split, or a ``share`` of them; smaller shares lie within larger ones."""
        rows = self.split[part]
        if share >= 1:
            return rows
        order = np.random.default_rng([SPLIT_SEED, len(rows)]).permutation(len(rows))
        return np.sort(rows[order[: max(1, round(share * len(rows)))]])

    def fold(self, part: str, *, share: float | None = None) -> Fold:
        """A part of the split to learn from or to end by; without ``share`` as many rows as are enough."""
        if share is None:
            share = (self.space.enough or len(self.data)) / len(self.split[part])
        return self.fold_of(self.part(part, share=share))

    def fold_of(self, rows: NDArray[np.intp]) -> Fold:
        """Rows as the network learns them."""
        from designloop.learning.networks.training import Fold

        return Fold(x=self.images(rows), y=self.targets(rows))


def architecture(rows: Rows, chosen: Mapping[str, Value]) -> dict[str, Any]:
    """Options of the network for such rows. Raises TrainingError where it cannot see them."""
    import torch

    from designloop.learning.networks.seeds import layers_seeded

    found = rows.space.options(chosen, rows.shape, rows.data.description["options"])
    try:
        with torch.no_grad(), layers_seeded(0):
            network(rows.space, found).eval()(torch.as_tensor(rows.images(rows.split["train"][:1])).float())
    except (RuntimeError, ValueError) as error:
        shape = " x ".join(map(str, rows.shape))
        raise TrainingError(f"{rows.space.name} cannot take rows of {shape}: {error}") from None
    return found


def network(space: Space, found: Mapping[str, Any]) -> nn.Module:
    """A fresh network."""
    from .networks import build

    return build(space.name, found)


def recipe(
    space: Space, chosen: Mapping[str, Value], *, epochs: int | None = None, patience: int | None = None
) -> Recipe:
    """How it is trained; a limit that is not None replaces the space's own."""
    from designloop.learning.networks.training import Recipe

    limits = {"epochs": epochs, "patience": patience}
    given = {name: value for name, value in limits.items() if value is not None}
    scaled = {"standardize_inputs": False, "standardize_targets": False} if space.physical else {}
    return Recipe(**{**space.recipe, **scaled, **{n: chosen[n] for n in RECIPE if n in chosen}, **given})


def fit(
    rows: Rows, chosen: Mapping[str, Value], *, members: int, seed: int, share: float | None = None,
    epochs: int | None = None, patience: int | None = None, start: Start | None = None,
    checkpoint: Path | None = None, watch: Watch | None = None,
) -> Ensemble:  # fmt: skip
    """An ensemble trained on the training rows, stopped by the validation rows.

    Raises TrainingError where the network does not fit the rows, and DivergedError where no epoch had a
    finite loss.
    """
    from designloop.learning.networks.training import train

    from .networks import MOVES

    space, found = rows.space, architecture(rows, chosen)
    data, held = rows.fold("train", share=share), rows.fold("validation")
    settings = recipe(space, chosen, epochs=epochs, patience=patience)
    try:
        return train(
            lambda: network(space, found), data, held, recipe=settings, members=members, seed=seed,
            augment=MOVES.get(space.name), start=start, checkpoint=checkpoint, watch=watch,
            save_every=SAVE_EVERY,
        )  # fmt: skip
    except ValueError as error:
        kind = DivergedError if "finite loss" in str(error) else TrainingError
        raise kind(str(error)) from None


class DivergedError(TrainingError):
    """No epoch of a member gave a finite loss."""


class Clock:
    """Seconds of a training over all its attempts, kept beside its checkpoint."""

    EVERY = 5.0

    def __init__(self, checkpoint: Path | None) -> None:
        self.file = checkpoint and checkpoint.with_suffix(".seconds")
        self.before = float(self.file.read_text()) if self.file and self.file.is_file() else 0.0
        self.began = self.written = self.now = time.monotonic()

    @property
    def seconds(self) -> float:
        """Until the last epoch; a training that had ended before keeps its own."""
        return round(self.before + self.now - self.began, 3)

    def epoch(self) -> None:
        """Count up to now; written down every few seconds."""
        self.now = time.monotonic()
        if self.now - self.written > self.EVERY:
            self.keep()

    def keep(self) -> None:
        """Write the seconds down."""
        if self.file:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(f"{self.seconds}")
            self.written = self.now
