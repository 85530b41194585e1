"""Who trains a surrogate on a data set: the entry-point group ``designloop.trainers``.

An entry is named like the source that made the data set, and is a function ``train(job, watch) -> Trained``:
it knows what structures look like to a network, and which simple answers a network has to beat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, cast

from designloop.errors import DesignloopError
from designloop.learning.datasets import DataSet
from designloop.learning.packed import Packed
from designloop.oracle import Value

GROUP = "designloop.trainers"
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
SPLIT_SEED = 0
"""One split of a data set for searches and trainings alike, so that a search never sees test rows."""


class TrainingError(DesignloopError):
    """A network cannot be trained as asked."""


class Watch(Protocol):
    """Told of every epoch, its number from 1, and of the ``stage`` of the job that it belongs to."""

    def __call__(self, stage: str, epoch: int, epochs: int, loss: float, best: float, /) -> None:
        """Take note; ``loss`` and ``best`` are mean validation losses in standardized units."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to train. ``network`` None: the trainer's choice for the data; ``epochs`` None: its recipe's.

    ``start`` is a model of the same architecture whose weights are begun with, ``origin`` its name.
    ``folder`` keeps the checkpoints: the same job goes on from them.
    """

    name: str
    data: DataSet
    folder: Path
    network: str | None = None
    settings: Mapping[str, Value] = field(default_factory=dict)
    members: int = 3
    epochs: int | None = None
    seed: int = 0
    start: Packed | None = None
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The model with its complete card, and ``verdicts``: a sentence per metric, what it is worth."""

    packed: Packed
    verdicts: tuple[str, ...]
    comparison: tuple[Mapping[str, Any], ...] = ()
    """Where a model was started from, rows of figures by name: from it and from scratch."""


Trainer = Callable[[Job, Watch], Trained]


def find(data: DataSet) -> Trainer:
    """The trainer for a data set, by the source that made it; raises TrainingError where there is none."""
    source = str(data.description["source"])
    entries = {entry.name: entry for entry in entry_points(group=GROUP)}
    if source not in entries:
        known = ", ".join(sorted(entries)) or "none"
        raise TrainingError(f"no network is known for data sets of source {source!r}. Known are: {known}.")
    try:
        return cast(Trainer, entries[source].load())
    except Exception as error:
        raise TrainingError(
            f"the trainer for source {source!r} is installed as {entries[source].value} but cannot be "
            f"loaded: {type(error).__name__}: {error}."
        ) from error
