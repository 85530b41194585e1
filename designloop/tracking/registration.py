"""Whether, and under which name and alias, a run's last model is registered: from the record alone."""

from __future__ import annotations

from typing import Any

from designloop import progress
from designloop.record import RunRecord
from designloop.tracking.names import safe_model

CHAMPION = "champion"


def name_and_alias(record: RunRecord) -> tuple[str, str]:
    """The registered model's name and alias: the campaign's wish, else its name and ``champion``."""
    wish: dict[str, Any] = record.campaign.get("register") or {}
    return safe_model(wish.get("name") or record.campaign["name"]), wish.get("alias") or CHAMPION


def is_reached(record: RunRecord) -> bool:
    """True where the learner's last assessment is one at which the goal counts as reached."""
    found = progress.judged(record)
    return bool(found) and progress.reached_at(record, found)[-1:] == found[-1:]


def is_wanted(record: RunRecord) -> bool:
    """Whether the model of an ended run is registered at all."""
    wish: dict[str, Any] = record.campaign.get("register") or {}
    return not wish.get("if_reached") or is_reached(record)


def tags(record: RunRecord) -> dict[str, str]:
    """What the run's page says of its goal and its registration, once the run has ended."""
    if record.status != "finished":
        return {}
    found = {"goal": "reached" if is_reached(record) else "not reached"} if record.goal else {}
    if not is_wanted(record):
        found["registered"] = "no: the goal was not reached"
    return found
