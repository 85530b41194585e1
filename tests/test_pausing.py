"""When a run waits for its user, and which trials are still to run."""

from __future__ import annotations

from typing import Any

import pytest
from support.entries import decision, done, failed, outcome, proposal, run_of, start

from designloop import pausing
from designloop.campaign.execution import Execution
from designloop.pausing import open_trials, to_repeat
from designloop.record import RunRecord


def pause_reason(run: RunRecord, limit: int, equal: int = 3) -> str | None:
    """Why a run with these limits waits."""
    return pausing.pause_reason(run, Execution(failure_limit=limit, equal_failures=equal))


def good(trial: int, noise: float = 1.0) -> list[dict[str, Any]]:
    return done(trial, noise=noise, f=30.0)


def meant(trial: int, cause: str, does: str, attempt: int = 1) -> list[dict[str, Any]]:
    """A failed attempt with its cause and meaning; the first with the proposal."""
    ended = outcome(trial, attempt, status="failed", reason=f"{cause} at {trial}")
    begun = [start(trial, attempt), ended | {"cause": cause, "does": does}]
    return [proposal(trial), *begun] if attempt == 1 else begun


def test_three_equal_failures_pause_a_run() -> None:
    two = [failed(i, f"ValueError: no licence at {i}.5 s") for i in range(2)]
    assert pause_reason(run_of(*two), 10) is None
    assert "3 trials in a row failed alike" in str(
        pause_reason(run_of(*two, failed(2, "ValueError: no licence at 9 s")), 10)
    )


def test_different_failures_do_not_make_a_streak() -> None:
    run = run_of(failed(0, "no licence"), failed(1, "no mesh"), failed(2, "no licence"))
    assert pause_reason(run, 10) is None


def test_a_success_between_breaks_a_streak() -> None:
    run = run_of(failed(0, "no"), failed(1, "no"), good(2), failed(3, "no"))
    assert pause_reason(run, 10) is None


def test_infeasible_answers_never_pause_a_run() -> None:
    entries = [[proposal(i), start(i), outcome(i, status="infeasible", reason="buckled")] for i in range(12)]
    assert pause_reason(run_of(*entries), 10) is None


def test_too_many_failures_pause_a_run() -> None:
    run = run_of(*[failed(i, "abcdefgh"[i]) for i in range(4)])
    assert pause_reason(run, 5) is None
    assert "the limit is 4; the last: d" in str(pause_reason(run, 4))


def test_open_trials_are_those_without_an_outcome() -> None:
    run = run_of(good(0), [proposal(1), start(1)], proposal(2))
    assert [t.index for t in open_trials(run)] == [1, 2]


def test_answers_that_come_after_the_failures_do_not_hide_what_is_to_be_repeated() -> None:
    three = [failed(i, "no licence") for i in range(3)]
    behind = pausing.behind(run_of(*three), since=[])
    assert behind == [0, 1, 2]
    paused = run_of(*three, good(3), decision("pause", failed=behind), good(4))
    assert to_repeat(paused) == {"0": 2, "1": 2, "2": 2}
    mended = {**outcome(1, noise=1.0, f=30.0), "kind": "correction"}
    assert to_repeat(run_of(*three, good(3), decision("pause", failed=behind), mended)) == {"0": 2, "2": 2}


def test_a_resumed_pause_repeats_only_the_equal_failures() -> None:
    entries = [good(0), failed(1, "other"), *[failed(i, "no licence") for i in (2, 3, 4)], decision("pause")]
    repeat = to_repeat(run_of(*entries))
    assert repeat == {"2": 2, "3": 2, "4": 2}
    resumed = run_of(*entries, decision("resume", repeat=repeat))
    assert [t.index for t in open_trials(resumed)] == [2, 3, 4]
    assert pause_reason(resumed, 10) is None
    one_done = run_of(
        *entries, decision("resume", repeat=repeat), start(2, 2), outcome(2, 2, noise=1.0, f=30.0)
    )
    assert [t.index for t in open_trials(one_done)] == [3, 4]


@pytest.mark.parametrize(
    ("does", "pauses"),
    [("abandon", True), ("censor", False), ("quarantine", False), ("infeasible", False), ("keep", False)],
)
def test_which_failures_count(does: str, pauses: bool) -> None:
    run = run_of(*[meant(i, "error", does) for i in range(9)])
    assert (pause_reason(run, 99) is not None) == pauses
    assert (pause_reason(run, 9, equal=99) is not None) == pauses


def test_repetitions_count_as_one_failure() -> None:
    one = [
        meant(0, "lost", "retry"),
        *[meant(0, "lost", "retry", n) for n in (2, 3)],
        meant(0, "lost", "abandon", 4),
    ]
    assert pause_reason(run_of(*one), 2, equal=2) is None
    two = [meant(1, "lost", "retry"), meant(1, "lost", "abandon", 2)]
    assert "2 trials in a row failed alike: lost at 1" in str(pause_reason(run_of(*one, *two), 99, equal=2))


def test_waiting_for_a_licence_never_pauses_a_run() -> None:
    run = run_of(*[meant(0, "wait", "retry", n) for n in range(1, 50)])
    assert pause_reason(run, 1, equal=2) is None
    assert [t.index for t in open_trials(run)] == [0]


def test_what_does_not_count_does_not_hide_a_streak() -> None:
    between = [meant(1, "timeout", "censor"), meant(3, "wait", "retry")]
    entries = [meant(0, "error", "abandon"), between[0], meant(2, "error", "abandon"), between[1]]
    assert pause_reason(run_of(*entries), 99) is None
    assert pause_reason(run_of(*entries, meant(4, "error", "abandon")), 99) is not None


def test_equal_words_of_different_causes_are_not_alike() -> None:
    ended = [outcome(i, status="failed", reason="no answer") for i in range(2)]
    entries = [
        [proposal(i), start(i), e | {"cause": cause, "does": "abandon"}]
        for i, (e, cause) in enumerate(zip(ended, ("crash", "error"), strict=True))
    ]
    assert pause_reason(run_of(*entries), 99, equal=2) is None


def test_a_failure_that_means_to_pause_does_so_and_is_repeated() -> None:
    entries = [good(0), meant(1, "error", "pause")]
    assert "(error)" in str(pause_reason(run_of(*entries), 99))
    paused = [*entries, decision("pause")]
    repeat = to_repeat(run_of(*paused))
    assert repeat == {"1": 2}
    resumed = run_of(*paused, decision("resume", repeat=repeat))
    assert pause_reason(resumed, 99) is None
    assert [t.index for t in open_trials(resumed)] == [1]


@pytest.mark.parametrize(("by", "pauses"), [({}, False), ({"by": "user"}, True)])
def test_going_on_after_a_pause_by_the_run_grants_the_limit_anew(by: dict[str, str], pauses: bool) -> None:
    entries = [failed(0, "a"), failed(1, "b"), decision("pause", **by), decision("resume"), failed(2, "c")]
    assert (pause_reason(run_of(*entries), 3) is not None) == pauses


def test_withdrawn_trials_are_not_open() -> None:
    taken_back = {"kind": "withdrawal", "time": 5.0, "trials": [1], "reason": "no", "by": "user"}
    run = run_of(proposal(0), proposal(1), meant(2, "lost", "retry"), taken_back)
    assert [t.index for t in open_trials(run)] == [0, 2]


def test_a_run_killed_before_its_pause_tries_again() -> None:
    run = run_of(good(0), meant(1, "error", "pause"), good(2))
    assert [t.index for t in open_trials(run)] == [1]
    again = run_of(good(0), meant(1, "error", "pause"), start(1, 2), outcome(1, 2, noise=1.0, f=30.0))
    assert open_trials(again) == []
