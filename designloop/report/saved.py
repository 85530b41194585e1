"""The models of a run as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from designloop.record import RunRecord

if TYPE_CHECKING:
    from designloop.learning.saved import SavedModel


def last_model(record: RunRecord) -> SavedModel | None:
    """The model of the last proposal that has one on disk; None before the first fit."""
    from designloop.learning.saved import SavedModel

    for proposal in reversed(record.proposals):
        path = proposal.get("model")
        if path and (record.directory / path / "model.json").is_file():
            return SavedModel.load(record.directory / path)
    return None
