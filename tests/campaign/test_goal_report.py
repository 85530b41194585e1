# ruff: noqa: E501 - tables
"""``validate`` of a campaign that learns: the goal in the user's units, its bill, what is doubtful."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from goal_example import FILM, GOAL_FILE

from designloop import goals
from designloop.campaign import loads, template, validate_report
from designloop.campaign.labels import error_after, realizations_for
from designloop.errors import OracleError
from designloop.oracle import Declaration, Input, Output, Realizations

STRATEGY = "strategy: {name: query_by_committee, members: 7}"


def report(*changes: tuple[str, str], declaration: Declaration = FILM) -> str:
    text = GOAL_FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return validate_report(loads(text, declaration=declaration))


@pytest.mark.parametrize(
    "words",
    [
        "learn stiffness_mean to 0.2 % (root mean square error over the mean absolute value)",
        "learn H_xx to 30 MPa (root mean square error, 0.03 GPa)",
        "learn stress / stiffness_mean (metric stress_over_stiffness_mean) to 4 % of spread",
        "judged on every label in scope, each predicted without it (leave-one-out)",
        "learned where           stress <= 300 MPa",
        "query_by_committee, committee gp, members 7, subset auto",
        "first 6 sobol",
        "after 60 trials, or as soon as the goal is reached, or after 12 h",
        "about 27 min of computing by the oracle",
        "film-scatter, alias champion, once the goal is reached",
    ],
)
def test_the_goal_is_echoed_in_the_units_of_the_user(words):
    assert words in report()


def test_there_is_no_objective_to_show_where_nothing_is_improved():
    assert "  objective" not in report()
    assert "minimize stress [MPa]" in report(("goal:", "objectives: [minimize: stress]\ngoal:"))


def test_the_strategies_of_a_list_are_shown_in_order():
    text = report(
        (STRATEGY, "objectives: [minimize: stress]\nstrategy: [{name: bald, committee: networks, until: "
                   "{trials: 30}}, {name: gsx, until: goal}, gp_ucb]"),
        ("goal: reached, ", ""),
    )  # fmt: skip
    assert "hidden [10, 15]" in text
    assert text.index("; for 30 trials") < text.index("then gsx") < text.index("then gp_ucb, kappa 1.96")
    assert "gsx, kernel matern52, gate off; until the goal is reached" in text
    assert "not at the goal" in text


def test_learned_metrics_are_said_to_hold_at_the_nominal_die():
    text = report(("constraints:", "process: {load: {normal: [1 mN, 0.1 mN]}}\nconstraints:"))
    assert "learn stiffness_mean at the nominal die to 0.2 %" in text


# the bill of a goal

PRICE = "a single label to 5 % would cost about 201 realizations"


def test_the_bill_compares_what_a_label_knows_with_what_it_would_have_to():
    assert (
        f"stiffness_std to 5 %: a label known to 7 % (about 103 realizations) is averaged by the model; {PRICE}"
    ) in report()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([("fidelity: standard", "fidelity: screen")], "a label known to 18 % (about 16 realizations)"),
        ([("fidelity: standard\n", "")], "a label known to 18 % (about 16 realizations)"),
        ([("fidelity: standard", "fixed: {films: 64}")], "a label known to 8.9 % (about 64 realizations)"),
        ([("fidelity: standard", "fixed: {scatter_error: 1 %}")], "a label is known to 4.4 % (about 256 realizations)"),
        ([("stiffness_std: 5 %", "stiffness_std: 8 %")], "stiffness_std to 8 %: a label is known to 7 %"),
        ([("  width:", "  films: 16 .. 64\n  width:")], "a single label to 5 % costs about 201 realizations"),
    ],
    ids=["screen", "defaults", "fixed", "at most", "known well enough", "chosen"],
)  # fmt: skip
def test_the_bill_follows_what_the_oracle_is_set_to(changes, words):
    assert words in report(*changes)


@pytest.mark.parametrize(
    "error", ["stiffness_std: 5 % of spread", "stiffness_std: 30 MPa", "stiffness_mean: 5 %"]
)
def test_only_a_relative_error_of_a_scatter_has_a_bill(error):
    learn = GOAL_FILE[GOAL_FILE.index("  learn:") : GOAL_FILE.index("  judge:")]
    assert "realizations)" not in report((learn, f"  learn: {{{error}}}\n"))


def test_an_oracle_that_counts_no_realizations_gets_the_price_alone():
    text = report(declaration=replace(FILM, realizations=None))
    assert "stiffness_std to 5 %: a single label to 5 % costs about 201 realizations" in text


@pytest.mark.parametrize("count", [9, 33, 103, 201])
def test_the_error_of_a_scatter_is_that_of_normal_samples(count):
    assert realizations_for(error_after(count)) == count
    scatter = np.random.default_rng(5).normal(size=(40_000, count)).std(axis=1, ddof=1)
    # exact: 1/sqrt(2(n-1)) to first order in 1/n; 40,000 samples know a standard deviation to 0.35 %
    assert scatter.std() / scatter.mean() == pytest.approx(error_after(count), rel=0.02 + 0.5 / count)


def test_the_shipped_film_says_what_its_oracle_delivers():
    from designloop.discovery import find

    declaration = find("polysilicon", folder=Path.cwd()).declaration
    assert {o.name: o.statistic for o in declaration.outputs} == {
        "axial_modulus_mean": "mean", "axial_modulus_std": "std",
        "bending_modulus_mean": "mean", "bending_modulus_std": "std",
    }  # fmt: skip
    wish = (
        "version: 1\noracle: polysilicon\nparameters: {grain_size: 0.4 .. 1.2 um}\n"
        "goal: {learn: {axial_modulus_std: 5 %}}\n"
    )
    assert "a label known to 7 % (about 103 realizations)" in validate_report(loads(wish))


def test_realizations_are_counted_by_declared_inputs_only():
    with pytest.raises(OracleError, match="'repeats' is no declared input"):
        replace(FILM, realizations=Realizations(least="repeats"))


# notes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([("trials: 60", "trials: 11")], "11 labels for 3 parameters are fewer than the 12 to 24"),
        ([("trials: 60", "trials: 20")], "20 labels for 3 parameters are hardly more than the 12 to 24"),
        ([("judge: leave_one_out", "judge: {held_out: 40}")], "40 of 60 trials are held out"),
        ([("trials: 60", "trials: 6")], "all 6 trials are initial designs (6)"),
        (
            [("trials: 60", "trials: 9")],
            "cannot be reached with 9 labels: two judgements in a row must meet it, the second with 10 labels or more; 10 trials are the least",
        ),
        (
            [("members: 7", "initial: {sobol: 60}")],
            "the second with 61 labels or more; 61 trials are the least",
        ),
        (
            [("judge: leave_one_out", "judge: {held_out: 55}")],
            "with 5 labels: two judgements in a row must meet it, the second with 10 labels or more; 65 trials",
        ),
        (
            [("members: 7", "batch: 70")],
            "query_by_committee proposes 70 at once, and all 60 trials are fewer",
        ),
        ([("register:", "tracking: off\nregister:")], "register has no effect with tracking: off"),
    ],
)
def test_what_is_doubtful_in_a_goal_gets_a_note(changes, words):
    assert words not in report()
    assert words in report(*changes)


@pytest.mark.parametrize("parameters", [1, 3, 4, 5, 12])
def test_the_least_number_of_trials_is_that_at_which_a_goal_can_count(parameters):
    inputs = tuple(Input(name=f"x{i}", lower=0, upper=1) for i in range(parameters))
    declaration = Declaration(name="plain", summary="", inputs=inputs, outputs=(Output("y"),))
    needed = max(goals.FEWEST, 2 * parameters + 2)
    for trials in (needed - 1, needed):
        text = f"version: 1\noracle: plain\ngoal: {{learn: {{y: 5 %}}}}\nstop: {{trials: {trials}}}\nstrategy: {{name: gsx, initial: {{sobol: 4}}}}"
        said = validate_report(loads(text, declaration=declaration))
        assert ("cannot be reached" in said) is (trials < needed)


def test_a_learner_beside_an_objective_and_no_goal_minimizes_nothing():
    goal = GOAL_FILE[GOAL_FILE.index("goal:") : GOAL_FILE.index("strategy:")]
    improve = [
        (goal, "objectives: [minimize: stress]\n"),
        ("goal: reached, ", ""),
        (", if: goal reached", ""),
    ]
    words = "nothing minimizes stress: query_by_committee learns; add a goal, or choose gp_ucb"
    assert words in report(*improve)
    both = "strategy: [{name: query_by_committee, until: {trials: 20}}, gp_ucb]"
    assert "nothing minimizes" not in report(*improve, (STRATEGY, both))


@pytest.mark.parametrize(
    ("changes", "spent"),
    [
        ([], "spends about 5 of the 60 trials"),
        ([("members: 7", "shadow: 5")], "spends about 10 of the 60 trials"),
        ([("judge: leave_one_out", "judge: {held_out: 20}")], "spends about 3 of the 60 trials"),
        ([("name: query_by_committee, members: 7", "name: gsx, gate: random, shadow: 3")], "the gate of gsx spends about 18"),
    ],
)  # fmt: skip
def test_the_gate_says_what_it_costs(changes, spent):
    assert spent in report(*changes)


@pytest.mark.parametrize("strategy", ["gsx", "{name: query_by_committee, gate: off}", "sobol"])
def test_without_a_gate_nothing_is_spent_on_it(strategy):
    assert "random picks" not in report((STRATEGY, f"strategy: {strategy}"))


def test_a_first_file_offers_a_goal():
    text = template(FILM)
    assert "#   learn: {stiffness_mean: 5 %}" in text
    start = text.index("objectives:\n")
    learning = text[:start] + "goal:\n  learn: {stiffness_mean: 5 %}\nstop: {trials: 30}\n"
    assert loads(learning, declaration=FILM).goal
