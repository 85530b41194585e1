"""Notes of many answers as the notes of one trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from designloop.compose.escalation import summed

ALONE = ""
"""Where an oracle without stages stands among the stages."""


def gathered(notes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a trial records of how its answers came about: the first one's notes, and ``escalation`` of all.

    An answer notes ``{"escalation": {...}}``, or one such mapping per stage under ``stages``; the figures
    are summed into ``{"escalation": {stage: figures}}``.
    """
    by_stage: dict[str, list[Mapping[str, Any]]] = {}
    for note in notes:
        for stage, said in {ALONE: note, **note.get("stages", {})}.items():
            if "escalation" in said:
                by_stage.setdefault(stage, []).append(said["escalation"])
    found = {"escalation": {stage: summed(said) for stage, said in by_stage.items()}} if by_stage else {}
    return {**_own(notes[0]), **found}


def _own(note: Mapping[str, Any]) -> dict[str, Any]:
    """The notes of one answer but for figures of escalation, and stages that say nothing else."""
    kept = {name: said for name, said in note.items() if name not in ("escalation", "stages")}
    stages = {stage: own for stage, said in note.get("stages", {}).items() if (own := _own(said))}
    return {**kept, "stages": stages} if stages else kept


def escalations(notes: Mapping[str, Any], stage: str) -> Mapping[str, Any] | None:
    """The figures of one stage in a trial's notes."""
    found: Mapping[str, Any] | None = notes.get("escalation", {}).get(stage)
    return found
