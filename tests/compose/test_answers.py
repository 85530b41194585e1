"""Dear answers outlive a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from designloop.compose.answers import FILE, Answer, Answers, question
from designloop.oracle import Declaration, Infeasible, Input, Observation, Output, Result

SOLVER = Declaration(
    name="solver", summary="", inputs=(Input(name="x"),), outputs=(Output("y"),), stochastic=True
)
ONE = Answer(key="a", inputs={"x": 0.1}, seed=3, metrics={"y": Observation(value=0.1 + 0.2, sem=1e-3)})


def test_a_kept_answer_is_read_again_bit_for_bit(tmp_path: Path) -> None:
    Answers(tmp_path).keep(ONE)
    assert Answers(tmp_path).get("a") == ONE


def test_an_answer_that_was_never_given_is_none(tmp_path: Path) -> None:
    assert Answers(tmp_path).get("a") is None


def test_a_torn_last_line_costs_that_answer_alone(tmp_path: Path) -> None:
    Answers(tmp_path).keep(ONE)
    Answers(tmp_path).keep(replace(ONE, key="b"))
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-7])
    again = Answers(tmp_path)
    assert again.get("a") == ONE
    assert again.get("b") is None
    again.keep(replace(ONE, key="c"))
    assert Answers(tmp_path).get("c") == replace(ONE, key="c")


def test_a_damaged_line_is_passed_over(tmp_path: Path) -> None:
    Answers(tmp_path).keep(ONE)
    Answers(tmp_path).keep(replace(ONE, key="b"))
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes().replace(b'"key":"a"', b'"key":"x"'))
    assert Answers(tmp_path).get("x") is None
    assert Answers(tmp_path).get("b") is not None


def test_without_a_folder_answers_last_as_long_as_the_object() -> None:
    kept = Answers(None)
    kept.keep(ONE)
    assert kept.get("a") == ONE
    assert Answers(None).get("a") is None


def test_an_infeasible_answer_stays_infeasible(tmp_path: Path) -> None:
    Answers(tmp_path).keep(replace(ONE, infeasible="too thin"))
    found = Answers(tmp_path).get("a")
    assert found is not None
    assert isinstance(found.outcome, Infeasible)
    assert found.outcome.reason == "too thin"
    assert isinstance(ONE.outcome, Result)


def test_a_question_is_told_apart_by_all_that_decides_its_answer() -> None:
    asked = question(SOLVER, {"x": 1.0}, 5)
    others = [
        question(SOLVER, {"x": 1.0}, 6),
        question(SOLVER, {"x": 1.5}, 5),
        question(replace(SOLVER, name="other"), {"x": 1.0}, 5),
        question(replace(SOLVER, version="2"), {"x": 1.0}, 5),
        question(replace(SOLVER, options={"grid": 8}), {"x": 1.0}, 5),
    ]
    assert len({asked, *others}) == 6
    assert question(SOLVER, {"x": 1.0}, 5) == asked


@pytest.mark.parametrize("seed", [0, 7])
def test_a_deterministic_oracle_answers_alike_under_every_seed(seed: int) -> None:
    plain = replace(SOLVER, stochastic=False)
    assert question(plain, {"x": 1.0}, seed) == question(plain, {"x": 1.0}, 99)
