"""What a failure means for its trial, counted from the record alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from support.entries import outcome, proposal, run_of, start

from designloop.campaign import Campaign, loads
from designloop.campaign.execution import DEFAULTS, Execution, Reaction
from designloop.execution import Outcome
from designloop.oracle import Cause, Observation
from designloop.policy import Verdict, reaction, verdict
from designloop.record import TrialRecord
from designloop.revision import history_of

NEEDED = ("noise", "f")


def lost(cause: Cause, **content: Any) -> Outcome:
    """A failed attempt."""
    return Outcome(status="failed", cause=cause, reason="because", **content)


def trial_after(*ended: tuple[str, str]) -> TrialRecord:
    """A trial with attempts that failed by a cause with a meaning, and one more that runs."""
    entries = [proposal(0)]
    for number, (cause, does) in enumerate(ended, start=1):
        entries += [
            start(0, number),
            outcome(0, number, status="failed", reason="x") | {"cause": cause, "does": does},
        ]
    return run_of(*entries, start(0, len(ended) + 1)).trials[0]


def does(cause: Cause, *ended: tuple[str, str], execution: Execution | None = None, **content: Any) -> Any:
    """What is done about a failure after others, and when."""
    earlier = [a for a in trial_after(*ended).attempts if a.status]
    return reaction(execution or Execution(), earlier, lost(cause, **content), needed=NEEDED)


def test_every_cause_has_a_default() -> None:
    assert set(DEFAULTS) == set(get_args(Cause))


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("error", "abandon"), ("crash", "abandon"), ("memory", "abandon"), ("invalid", "abandon"),
        ("timeout", "censor"), ("guard", "quarantine"), ("lost", "retry"), ("wait", "retry"),
        ("partial", "abandon"),
    ],
)  # fmt: skip
def test_defaults(cause: Cause, expected: str) -> None:
    assert does(cause)[0] == expected


def test_a_lost_attempt_is_repeated_three_times_after_doubled_waits() -> None:
    again = ("lost", "retry")
    waits = [does("lost", *[again] * n) for n in range(4)]
    assert waits == [("retry", 10.0), ("retry", 20.0), ("retry", 40.0), ("abandon", 0.0)]


def test_waiting_for_a_licence_has_no_end_and_uses_up_no_repetition() -> None:
    waited = ("wait", "retry")
    assert does("wait", *[waited] * 500) == ("retry", 600.0)
    assert does("lost", *[("lost", "retry")] * 2, *[waited] * 9) == ("retry", 40.0)


def test_the_time_that_an_oracle_asks_for_is_doubled_up_to_the_campaigns() -> None:
    waited = ("wait", "retry")
    found = [does("wait", *[waited] * n, retry_after=60.0)[1] for n in range(6)]
    assert found == [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]
    assert does("wait", *[waited] * 9, retry_after=7200.0) == ("retry", 7200.0)
    weekend, tries = 62 * 3600.0, 0
    while weekend > 0:
        weekend -= does("wait", *[waited] * tries, retry_after=60.0)[1]
        tries += 1
    assert tries < 400


def test_repetitions_are_counted_cause_by_cause() -> None:
    execution = Execution(failures={"crash": Reaction(do="retry", times=1, wait=1.0, then="infeasible")})
    assert does("crash", ("lost", "retry"), execution=execution) == ("retry", 1.0)
    assert does("crash", ("crash", "retry"), ("lost", "retry"), execution=execution) == ("infeasible", 0.0)


def test_a_trial_that_the_user_has_repeated_starts_anew() -> None:
    given_up = [*[("lost", "retry")] * 3, ("lost", "abandon")]
    assert does("lost", *given_up) == ("retry", 10.0)


def test_the_wait_does_not_grow_beyond_an_hour() -> None:
    execution = Execution(failures={"lost": Reaction(do="retry", times=999, wait=10.0)})
    assert does("lost", *[("lost", "retry")] * 200, execution=execution) == ("retry", 3600.0)
    patient = Execution(failures={"lost": Reaction(do="retry", times=9, wait=7200.0)})
    assert does("lost", ("lost", "retry"), execution=patient) == ("retry", 7200.0)


@pytest.mark.parametrize(
    ("names", "expected"),
    [(("noise", "f"), "keep"), (("noise", "f", "x"), "keep"), (("noise",), "abandon"), ((), "abandon")],
)
def test_part_of_an_answer_is_kept_where_all_that_counts_is_there(
    names: tuple[str, ...], expected: str
) -> None:
    metrics = {name: Observation(value=1.0) for name in names}
    assert does("partial", metrics=metrics) == (expected, 0.0)


@pytest.fixture(scope="module")
def branin() -> Campaign:
    """A campaign that ignores the defaults of two causes."""
    text = "version: 1\noracle: branin\nobjectives: [minimize: value]\ntracking: off\n"
    campaign = loads(text)
    own = {**DEFAULTS, "error": Reaction(do="pause"), "crash": Reaction(do="retry", times=1, wait=5.0)}
    return replace(campaign, execution=replace(campaign.execution, failures=own))


def test_the_verdict_is_what_the_record_keeps(branin: Campaign) -> None:
    trial = trial_after()
    assert verdict(branin, trial, lost("crash"), now=100.0).to_json() == {
        "cause": "crash", "does": "retry", "again": 105.0,
    }  # fmt: skip
    assert verdict(branin, trial, lost("error")) == Verdict(cause="error", does="pause")


def test_the_same_record_gives_the_same_verdict(branin: Campaign) -> None:
    ended = [("crash", "retry")]
    first, second = (verdict(branin, trial_after(*ended), lost("crash"), now=7.0) for _ in range(2))
    assert first == second == Verdict(cause="crash", does="abandon")


@pytest.mark.parametrize(
    ("meaning", "standing", "for_strategies"),
    [
        ("abandon", "failed", "failed"),
        ("censor", "failed", "failed"),
        ("infeasible", "infeasible", "infeasible"),
        ("keep", "completed", "completed"),
        ("retry", "waiting", "pending"),
        ("quarantine", "failed", "pending"),
    ],
)
def test_what_a_meaning_makes_of_the_trial(meaning: str, standing: str, for_strategies: str) -> None:
    ended = outcome(0, status="failed", reason="x", noise=1.0, f=30.0) | {"cause": "error", "does": meaning}
    run = run_of(proposal(0), start(0), ended)
    assert run.trials[0].status == standing
    assert [t.status for t in history_of(run).trials] == [for_strategies]
    assert (run.best() is not None) == (meaning == "keep")
