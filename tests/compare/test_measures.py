"""What is counted, on rows made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from comparisons import campaign_in, comparison, row

from designloop.campaign.model import Aim
from designloop.compare import measures
from designloop.compare.measures import Measured, Reach, Threshold
from designloop.compare.setup import Setup
from designloop.compare.source import Reference, asked
from designloop.compare.verdict import advice, interval, main_measure, verdicts
from designloop.strategies import Problem


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    found = comparison(campaign_in(tmp_path)).setup
    return replace(found, initial=(("sobol", 2),), trials=4)


@pytest.fixture
def problem(setup: Setup) -> Problem:
    return asked(setup, setup.campaign(), 3)


ROWS = dict(
    [
        row("a", 0, [9.0, 7.0, 5.0, 1.0, 3.0, 2.0], initial=2),
        row("a", 1, [9.0, None, 8.0, 8.0, None, 6.0], initial=2),
        row("a", 2, [9.0, 1.0, 5.0, 5.0, 5.0, 5.0], initial=2),
    ]
)


def measured(setup: Setup, problem: Problem, target: float | None = 1.0) -> Measured:
    return measures.optimized(ROWS, "a", range(3), problem=problem, setup=setup, target=target, optimum=1.0)


def test_tries_count_after_the_shared_designs_and_a_miss_is_the_budget(
    setup: Setup, problem: Problem
) -> None:
    tries = measured(setup, problem).tries
    assert tries is not None
    assert tries.count.tolist() == [2, 4, 0]
    assert tries.reached.tolist() == [True, False, True]
    assert (tries.rate, tries.over_successes, tries.censored) == (2 / 3, 1.0, 2.0)


def test_with_replacement_the_shared_rows_do_not_count(setup: Setup, problem: Problem) -> None:
    tries = measured(replace(setup, replacement=True), problem).tries
    assert tries is not None
    assert tries.reached.tolist() == [True, False, False]
    assert tries.count.tolist() == [2, 4, 4]


def test_simple_regret_is_the_best_in_scope_so_far(setup: Setup, problem: Problem) -> None:
    found = measured(setup, problem)
    assert found.curve.tolist() == [[6, 4, 0, 0, 0], [8, 7, 7, 7, 5], [0, 0, 0, 0, 0]]
    assert found.final.tolist() == [0, 5, 0]
    assert found.waste.tolist() == [0, 2 / 6, 0]


def test_a_run_that_ended_early_keeps_its_last_regret(setup: Setup, problem: Problem) -> None:
    rows = dict([row("a", 0, [9.0, 7.0, 1.0], initial=2)])
    one = measures.optimized(rows, "a", [0], problem=problem, setup=setup, target=1.0, optimum=1.0)
    assert one.curve.tolist() == [[6, 0, 0, 0, 0]]


def test_without_a_known_best_the_target_is_near_the_best_of_anyone(problem: Problem) -> None:
    starts = [9.0, 7.0, 9.0, 9.0, 1.0]
    assert measures.target_of(ROWS, problem, None) == pytest.approx(1.0 + 0.01 * (np.median(starts) - 1.0))
    assert measures.target_of(ROWS, problem, 4.0) == 4.0
    upwards = replace(problem, minimize=False)
    assert measures.target_of(ROWS, upwards, None) == pytest.approx(9.0)


def learned(errors: list[float], setup: Setup, limit: float = 0.1) -> Measured:
    labels = [2, 3, 4, 5, 6][: len(errors)]
    rows = dict([row("a", 0, [1.0] * 6, initial=2, labels=labels, rmse={"value": errors}, coverage=[0.9])])
    reference = Reference(designs=[{}] * 4, values={"value": np.array([0.0, 2.0, 0.0, 2.0])})
    limits = [Threshold(name="t", errors={"value": limit})]
    learning = replace(setup, learn=("value",))
    return measures.learned(rows, "a", [0], setup=learning, reference=reference, thresholds=limits)


@pytest.mark.parametrize(
    ("errors", "labels", "reached"),
    [
        pytest.param([1, 0.5, 0.1, 0.05, 0.01], 4, True, id="down"),
        pytest.param([1, 0.09, 0.5, 0.05, 0.04], 5, True, id="a lucky one does not count"),
        pytest.param([1, 0.5, 0.5, 0.5, 0.05], 6, True, id="the last one"),
        pytest.param([1, 0.5, 0.5, 0.5, 0.2], 6, False, id="never: the budget"),
    ],
)
def test_labels_to_an_error_are_those_from_which_it_stays(
    setup: Setup, errors: list[float], labels: int, reached: bool
) -> None:
    reach = learned(errors, setup).labels["t"]
    assert (reach.count.tolist(), reach.reached.tolist()) == ([labels], [reached])


def test_the_area_is_the_mean_logarithm_of_the_error_over_the_spread(setup: Setup) -> None:
    found = learned([1.0, 0.5, 0.25, 0.125, 0.125], setup)
    assert found.area[0] == pytest.approx(np.mean(np.log([1.0, 0.5, 0.25, 0.125, 0.125])))


def test_the_goals_errors_are_taken_in_their_own_kind(setup: Setup) -> None:
    reference = Reference(designs=[{}] * 2, values={m: np.array([2.0, 6.0]) for m in "rsa"})
    aims = [
        Aim(metric="r", error=0.05, kind="relative", label=""),
        Aim(metric="s", error=0.05, kind="spread", label=""),
        Aim(metric="a", error=0.05, kind="absolute", label=""),
    ]
    found = measures.thresholds_of(replace(setup, learn=("r", "s", "a")), aims, reference)
    assert found[0].errors == pytest.approx({"r": 0.05 * 4, "s": 0.05 * 2, "a": 0.05})
    assert [t.name for t in found] == ["the goal", "NRMSE 0.10", "NRMSE 0.05"]
    assert found[1].errors == pytest.approx(dict.fromkeys("rsa", 0.2))


def strategy(label: str, counts: list[float], budget: float = 40) -> Measured:
    count = np.array(counts, dtype=float)
    reach = Reach(count=count, reached=count < budget, budget=budget)
    return Measured(
        label=label, repeats=tuple(range(len(counts))), tries=reach, curve=np.ones((len(counts), 2))
    )


RANDOM = [30.0, 28, 32, 40, 25, 31, 29, 33, 27, 30]


@pytest.mark.parametrize(
    ("counts", "ruling", "words"),
    [
        pytest.param([0.5 * c for c in RANDOM], "win", "ratio 0.50, 90 %: 0.50 .. 0.50): trust it", id="win"),
        pytest.param([1.2 * c for c in RANDOM], "harm", "worse than random: leave it", id="harm"),
        pytest.param(RANDOM[::-1], "open", "no difference that 10 repeats can show", id="open"),
        pytest.param([0.97 * c for c in RANDOM], "open", "no difference", id="too small a gain"),
    ],
)
def test_a_verdict_needs_the_whole_interval(counts: list[float], ruling: str, words: str) -> None:
    (found,) = verdicts([strategy("random", RANDOM), strategy("x", counts)], main="tries")
    assert found.ruling == ruling
    assert words in found.text


def test_misses_stand_in_the_sentence() -> None:
    (found,) = verdicts([strategy("random", RANDOM), strategy("x", [10.0] * 10)], main="tries")
    assert "against 30.5 (1 of 10 never did, counted as 40) by random" in found.text


def test_few_repeats_get_no_verdict() -> None:
    (found,) = verdicts([strategy("random", RANDOM[:4]), strategy("x", [5.0] * 4)], main="tries")
    assert (found.ruling, found.ratio) == ("open", pytest.approx(5 / 32.5))
    assert "too few for a verdict" in found.text


def test_the_interval_covers_the_true_ratio_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        theirs = rng.gamma(9.0, 4.0, 20)
        ours = 0.5 * rng.gamma(9.0, 4.0, 20)
        _, low, high = interval(ours, theirs, logs=False)
        hits += low <= 0.5 <= high
    assert 0.82 <= hits / 200 <= 0.96  # 0.90, less what 20 repeats cost the bootstrap, 3 standard errors


def test_the_curve_decides_where_hardly_anybody_arrives() -> None:
    never = strategy("random", [40.0] * 10)
    assert main_measure([never, strategy("x", [40.0] * 9 + [3.0])]) is None
    assert main_measure([never, strategy("x", [3.0] * 5 + [40.0] * 5)]) == "tries"


def test_the_first_stands_in_for_a_missing_random() -> None:
    (found,) = verdicts([strategy("a", RANDOM), strategy("b", [3.0] * 10)], main="tries")
    assert (found.strategy, found.against) == ("b", "a")


def test_what_never_draws_a_row_twice_gets_no_ruling_and_is_not_recommended_where_others_may() -> None:
    three = [strategy("random", RANDOM), strategy("sobol", [5.0] * 10), strategy("x", [9.0] * 10)]
    found = verdicts(three, main="tries", apart=["sobol"])
    assert [v.ruling for v in found] == ["not comparable", "win"]
    assert found[0].text == "sobol against random: not comparable: never draws a row twice."
    assert advice(found) == "Take x: 70 % fewer tries to the target than random."
    assert advice(found[:1]) == "Nothing here can be compared with random: leave --replacement out."


def test_strategies_that_never_draw_a_row_twice_are_compared_among_themselves_and_are_no_reference() -> None:
    pair = [strategy("sobol", RANDOM), strategy("latin_hypercube", [9.0] * 10)]
    assert verdicts(pair, main="tries", apart=["sobol", "latin_hypercube"])[0].ruling == "win"
    mixed = [*pair, strategy("x", RANDOM)]
    found = verdicts(mixed, main="tries", apart=["sobol", "latin_hypercube"])
    assert {v.against for v in found} == {"x"}


def test_advice_names_the_best_and_those_that_may_be_as_good() -> None:
    three = [strategy("random", RANDOM), strategy("x", [9.0] * 10), strategy("y", [9.1] * 10)]
    assert advice(verdicts(three, main="tries")) == (
        "Take x: 70 % fewer tries to the target than random; y may be as good."
    )
    assert "None is shown to beat random" in advice(
        verdicts([*three[:1], strategy("z", RANDOM)], main="tries")
    )
