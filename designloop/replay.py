"""Propose again from the record, and compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from designloop import journal, record, revision
from designloop.people.restrict import strategy_of
from designloop.record import RunRecord
from designloop.session import recorded_campaign, strategies_of
from designloop.space import Space
from designloop.strategies.base import Strategy

TOLERANCE = 1e-6
"""Largest difference on the unit cube that another environment may cause."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """One proposal made again. ``difference`` is the largest one on the unit cube."""

    number: int
    trials: tuple[int, ...]
    digest_agrees: bool
    difference: float

    @property
    def agrees(self) -> bool:
        """True where the history is the one recorded and the designs are the same within TOLERANCE."""
        return self.digest_agrees and self.difference <= TOLERANCE


def environment_differences(run: RunRecord) -> list[str]:
    """What differs between the environment of the run and this one, as ``numpy 2.4.6 -> 2.5.0``."""
    then, now = run.campaign["environment"], revision.environment()
    pairs = [(key, then.get(key), now.get(key)) for key in ("python", "platform")]
    packages = sorted({*then["packages"], *now["packages"]})
    pairs += [(p, then["packages"].get(p), now["packages"].get(p)) for p in packages]
    return [f"{name} {before} -> {after}" for name, before, after in pairs if before != after]


def replay(directory: Path, *, watch: Callable[[Replayed], None] = lambda _: None) -> list[Replayed]:
    """Make every proposal of a run again from the records before it. Raises RunError."""
    results = []
    for result in _replayed(directory):
        watch(result)
        results.append(result)
    return results


def _replayed(directory: Path) -> Iterator[Replayed]:
    records = journal.read(directory)
    run, seen = RunRecord(directory=directory), 0
    strategies: tuple[Strategy, ...] = ()
    space: Space | None = None
    for number, entry in enumerate(records):
        if entry["kind"] == "proposal" and entry["origin"] == "strategy" and entry["candidates"]:
            until = entry.get("seen", {}).get("records", number)
            for earlier in records[seen:until]:
                record.apply(run, earlier)
                if earlier["kind"] == "campaign":
                    campaign = recorded_campaign(run)
                    space, strategies = campaign.space, strategies_of(campaign)
            seen = max(seen, until)
            assert space is not None
            only = entry.get("only")
            strategy = strategy_of(campaign, run.phase, only) if only else strategies[run.phase]
            yield _compare(entry, run, strategy, space)


def _compare(entry: journal.Record, run: RunRecord, strategy: Strategy, space: Space) -> Replayed:
    history = revision.history_of(run)
    recorded = [c["parameters"] for c in entry["candidates"]]
    asked = entry.get("asked", len(recorded))
    again = [c.parameters for c in strategy.propose(history, asked).candidates[: len(recorded)]]
    if again == recorded:
        difference = 0.0
    elif len(again) != len(recorded):
        difference = 1.0
    else:
        difference = float(np.abs(space.to_unit(again) - space.to_unit(recorded)).max())
    return Replayed(
        number=entry["number"],
        trials=tuple(c["trial"] for c in entry["candidates"]),
        digest_agrees=history.agrees(entry["digest"]),
        difference=difference,
    )
