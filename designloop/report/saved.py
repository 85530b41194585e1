"""The models of a run as files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from designloop import progress
from designloop.record import RunRecord

if TYPE_CHECKING:
    from designloop.learning.saved import SavedModel


def last_model(record: RunRecord) -> SavedModel | None:
    """The model of the last proposal that has one on disk; None before the first fit."""
    return next(_models(record), None)


def learner(record: RunRecord) -> SavedModel | None:
    """The last model on disk that predicts every metric with an aim; None before the first."""
    wanted = set(progress.learned_metrics(record))
    return next((m for m in _models(record) if wanted <= set(m.config["metrics"])), None)


def _models(record: RunRecord) -> Iterator[SavedModel]:
    """The models on disk, the last first."""
    from designloop.learning.saved import SavedModel

    for proposal in reversed(record.proposals):
        path = proposal.get("model")
        if path and (record.directory / path / "model.json").is_file():
            yield SavedModel.load(record.directory / path)
