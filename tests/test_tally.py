"""Running totals say what counting everything anew would say, after every record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.entries import campaign, outcome, proposal, start

from designloop import record, revision, stopping
from designloop.campaign import loads
from designloop.record import OPEN, RunRecord
from designloop.tally import Stretches

CAMPAIGN = loads("version: 1\noracle: branin\nobjectives: [minimize: value]\ntracking: off\n")
COUNT = 6
CONSTRAINTS = campaign()["constraints"]
ENDS = ("completed", "completed", "infeasible", "failed", "retry")
DRAWN = st.tuples(st.integers(0, COUNT), st.integers(0, 4), st.integers(0, 3), st.sampled_from([30, 81]))
EVENTS = st.lists(DRAWN, min_size=10, max_size=40)


def entries(events: list[tuple[str, int, int, int]]) -> list[dict[str, Any]]:
    """A campaign that imports one trial, proposes the others by two strategies, and goes on as drawn."""
    row = {"trial": 0, "parameters": {"w": 3.0}, "metrics": {"noise": {"value": 2.0}, "f": {"value": 30.0}}}
    row |= {"status": "completed", "source": "old.csv, row 2", "in_range": True}
    found = [campaign(), {"kind": "import", "time": 0.5, "trials": [row]}]
    for number in range(1, COUNT):
        fit = {"n": number} if number % 2 else None
        found.append(proposal(number, phase=0, fit=fit) | {"number": number - 1, "time": float(number)})
    attempts, last = dict.fromkeys(range(COUNT), 0), dict.fromkeys(range(COUNT), "proposed")
    last[0] = "imported"
    for time, (trial, way, noise, f) in enumerate(events, COUNT):
        metrics: Any = {"noise": float(noise), "f": float(f)}
        stands, entry = last.get(trial), {}
        if stands is None:
            entry = campaign(revision=2, constraints=[] if way else CONSTRAINTS)
        elif stands == "proposed" and not way:
            last[trial], by = "withdrawn", "user" if f == 30 else "campaign"
            entry = {"kind": "withdrawal", "trials": [trial], "reason": "x", "by": by}
        elif stands in ("proposed", "failed", "retry"):
            attempts[trial], last[trial] = attempts[trial] + 1, "start"
            entry = start(trial, attempts[trial])
        elif stands == "start":
            last[trial] = ENDS[way]
            status = "failed" if ENDS[way] == "retry" else ENDS[way]
            does = {"does": "retry", "cause": "crash"} if ENDS[way] == "retry" else {}
            entry = outcome(trial, attempts[trial], status=status, **metrics) | {
                "seconds": float(noise),
                **does,
            }
        elif stands == "completed":
            entry = outcome(trial, attempts[trial], **metrics) | {"kind": "correction"}
        if entry:
            found.append(entry | {"time": float(time)})
    return found


@given(EVENTS)
def test_totals_kept_up_are_those_counted_anew(events: list[tuple[str, int, int, int]]) -> None:
    run = RunRecord(directory=Path("runs/x"))
    for entry in entries(events):
        record.apply(run, entry)
        if not run.revisions:
            continue
        assert run.best() is run.best(run.trials)
        own = [t for t in run.trials if t.origin != "existing"]
        kept = [t for t in own if t.withdrawn is None]
        assert stopping.budget_left(run, CAMPAIGN.stop) == CAMPAIGN.stop.trials - len(kept)
        assert run.tally.phases[0] == len(kept)
        assert run.tally.open == {t.index for t in run.trials if t.status in OPEN}
        assert run.tally.seconds == sum(a.seconds or 0.0 for t in own for a in t.attempts)


@given(EVENTS)
def test_strategies_are_shown_the_same_however_often_the_run_was_looked_at(
    events: list[tuple[str, int, int, int]],
) -> None:
    watched, found = RunRecord(directory=Path("runs/x")), entries(events)
    for entry in found:
        record.apply(watched, entry)
        revision.history_of(watched)
    once = record.gather(found, directory=Path("runs/x"))
    assert revision.history_of(watched).digest() == revision.history_of(once).digest()


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=12))
def test_stretches_of_time_count_what_overlaps_once(drawn: list[tuple[int, int]]) -> None:
    busy = Stretches()
    for begin, length in drawn:
        busy.add(float(begin), float(begin + length))
    assert busy.total == len({second for b, n in drawn for second in range(b, b + n)})


def test_the_best_after_some_outcomes_knows_nothing_of_later_ones() -> None:
    noises = [5.0, 7.0, 3.0, 4.0, 1.0]
    done = [[proposal(i), start(i), outcome(i, noise=noise, f=30.0)] for i, noise in enumerate(noises)]
    run = record.gather([campaign(), *(e for each in done for e in each)], directory=Path("runs/x"))
    found = [run.incumbents.after(run, count) for count in range(6)]
    assert [t and t.index for t in found] == [None, 0, 0, 2, 2, 4]


def test_a_snapshot_stays_as_it_is() -> None:
    run = record.gather([campaign(), proposal(0), start(0)], directory=Path("runs/x"))
    kept = record.snapshot(run)
    record.apply(run, outcome(0, noise=1.0, f=30.0))
    assert (kept.trials[0].status, kept.best(), kept.tally.seconds) == ("running", None, 0.0)
    assert run.best() is run.trials[0]
    assert run.tally.seconds == pytest.approx(2.0)
