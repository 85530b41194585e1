"""Surrogate unless unsure: who answers, why, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from designloop.campaign.escalated import escalated as joined
from designloop.compose.escalation import Escalated, Rule, summed
from designloop.compose.notes import gathered
from designloop.errors import OracleError
from designloop.learning.models import Parts
from designloop.oracle import Context, Declaration, Infeasible, Input, Observation, Output, Result, Value

MODEL = Declaration(
    name="stiffness-model",
    summary="A straight line.",
    inputs=(Input(name="x", unit="um", lower=1, upper=4), Input(name="n", lower=1, upper=1, default=1)),
    outputs=(Output("k", unit="N/m"), Output("only_model")),
    version="abc",
)
SOLVER = Declaration(
    name="solver",
    summary="k = x^2.",
    inputs=(Input(name="x", unit="nm", lower=500, upper=9000), Input(name="n", lower=1, upper=3, default=1)),
    outputs=(Output("k", unit="mN/m"), Output("only_solver")),
    version="7",
)


class Line:
    """k = x N/m, sure to 0.1 N/m below 3 um and to 1 N/m above."""

    declaration = MODEL

    def parts(self, inputs: Sequence[Mapping[str, Value]], seeds: Sequence[int]) -> dict[str, Parts]:
        x = np.array([float(i["x"]) for i in inputs])
        assert len(seeds) == len(x)
        sd = np.where(x > 3, 1.0, 0.1)
        return {name: Parts(mean=x, aleatoric=0 * x, epistemic=sd) for name in ("k", "only_model")}

    def outside(self, inputs: Mapping[str, Value]) -> str | None:
        x = float(inputs["x"])
        return None if 1 <= x <= 4 and inputs["n"] == 1 else f"x = {x:g} um is outside 1 .. 4 um"


@dataclass
class Square:
    """k = x^2 N/m, counted in mN/m; no answer above 8 um."""

    asked: list[dict[str, Value]] = field(default_factory=list)
    declaration = SOLVER

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        self.asked.append(dict(parameters))
        x = float(parameters["x"]) / 1000
        if x > 8:
            raise Infeasible("it breaks", metrics={"k": 1000 * x**2})
        return Result(
            metrics={"k": Observation(value=1000 * x**2, sem=1.0), "only_solver": Observation(value=0)}
        )


def escalated(
    *, audit: float = 0.0, outside: Literal["solver", "refuse"] = "solver"
) -> tuple[Escalated, Square]:
    solver = Square()
    rule = Rule(spread={"k": 0.5}, audit=audit, outside=outside)
    return Escalated(surrogate=Line(), solver=solver, rule=rule), solver


def test_a_sure_model_answers_with_its_interval_and_without_sampling_error() -> None:
    oracle, solver = escalated()
    found = oracle.evaluate({"x": 2.0}, Context()).metrics["k"]
    assert found.value == 2.0
    assert found.upper == pytest.approx(2 + 1.96 * 0.1, abs=1e-4)
    assert found.lower == pytest.approx(2 - 1.96 * 0.1, abs=1e-4)
    assert found.sem is None
    assert solver.asked == []


def test_an_unsure_model_sends_the_question_to_the_solver_in_its_units() -> None:
    oracle, solver = escalated()
    answer = oracle.evaluate({"x": 3.5}, Context())
    assert answer.metrics["k"] == Observation(value=pytest.approx(12.25), sem=pytest.approx(1e-3))
    assert solver.asked == [{"n": 1, "x": 3500.0}]
    assert answer.notes["escalation"]["why"] == "spread"
    assert answer.notes["escalation"]["predicted"]["k"] == [3.5, 1.0]


def test_outside_the_domain_the_solver_answers_and_nothing_is_predicted() -> None:
    oracle, _ = escalated()
    answer = oracle.evaluate({"x": 5.0}, Context())
    assert answer.metrics["k"].value == pytest.approx(25.0)
    assert answer.notes["escalation"]["why"] == "outside"
    assert "predicted" not in answer.notes["escalation"]


def test_outside_the_domain_is_refused_where_the_rule_says_so() -> None:
    oracle, solver = escalated(outside="refuse")
    with pytest.raises(OracleError, match=r"x = 5 um is outside 1 \.\. 4 um"):
        oracle.evaluate({"x": 5.0}, Context())
    assert solver.asked == []


def test_the_declared_bounds_are_the_solvers_in_the_models_unit() -> None:
    declared = escalated()[0].declaration
    assert (declared.input("x").lower, declared.input("x").upper, declared.input("x").unit) == (
        0.5,
        9.0,
        "um",
    )
    assert declared.input("n").upper == 3
    refusing = escalated(outside="refuse")[0].declaration
    assert (refusing.input("x").lower, refusing.input("x").upper) == (1, 4)


def test_only_common_outputs_are_declared() -> None:
    assert [o.name for o in escalated()[0].declaration.outputs] == ["k"]


def test_an_infeasible_answer_of_the_solver_keeps_its_metrics_in_the_models_units() -> None:
    oracle, _ = escalated()
    with pytest.raises(Infeasible, match="it breaks") as caught:
        oracle.evaluate({"x": 9.0}, Context())
    assert caught.value.metrics["k"].value == pytest.approx(81.0)
    assert caught.value.notes["escalation"]["why"] == "outside"


def test_audits_take_their_share_and_leave_the_rest() -> None:
    oracle, solver = escalated(audit=0.1)
    designs = [{"x": 1 + 2 * k / 4000} for k in range(4000)]
    answers = oracle.evaluate_batch(designs, Context())
    audited = [a.notes["escalation"]["why"] == "audit" for a in answers]
    assert len(solver.asked) == sum(audited)
    assert abs(sum(audited) / 4000 - 0.1) < 4 * (0.1 * 0.9 / 4000) ** 0.5
    halves = [sum(audited[:2000]), sum(audited[2000:])]
    assert abs(halves[0] - halves[1]) < 4 * (4000 * 0.1 * 0.9) ** 0.5


@given(x=st.floats(1, 3), seed=st.integers(0, 2**32 - 1))
def test_who_answers_depends_on_inputs_and_seed_and_version_alone(x: float, seed: int) -> None:
    alone = escalated(audit=0.5)[0].evaluate({"x": x}, Context(seed=seed)).notes["escalation"]["why"]
    oracle, _ = escalated(audit=0.5)
    batch = oracle.evaluate_batch([{"x": 2.0}, {"x": x}, {"x": 1.5}], Context(seeds=(1, seed, 2)))[1]
    assert batch.notes["escalation"]["why"] == alone


def test_an_answer_of_the_solver_is_asked_for_once_in_a_run(tmp_path: Path) -> None:
    oracle, solver = escalated()
    first = oracle.evaluate({"x": 3.5}, Context(answers=tmp_path))
    again, other = escalated()
    second = again.evaluate({"x": 3.5}, Context(answers=tmp_path))
    assert len(solver.asked) == 1
    assert other.asked == []
    assert second.metrics == first.metrics
    assert second.notes == first.notes


def test_a_failure_of_the_solver_is_not_kept(tmp_path: Path) -> None:
    class Failing(Square):
        def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
            raise RuntimeError("no licence")

    oracle = Escalated(surrogate=Line(), solver=Failing(), rule=Rule(spread={"k": 0.5}))
    with pytest.raises(RuntimeError, match="no licence"):
        oracle.evaluate({"x": 3.5}, Context(answers=tmp_path))
    answer = escalated()[0].evaluate({"x": 3.5}, Context(answers=tmp_path))
    assert answer.metrics["k"].value == pytest.approx(12.25)


def test_notes_of_many_dies_become_counts_labels_and_audits() -> None:
    oracle, _ = escalated(audit=0.3)
    answers = oracle.evaluate_batch([{"x": 1 + k / 10} for k in range(60)], Context())
    figures = gathered([a.notes for a in answers])["escalation"][""]
    why = [a.notes["escalation"]["why"] for a in answers]
    assert figures["version"] == "abc"
    assert figures["answers"] == 60
    assert figures["solver"] == {w: why.count(w) for w in ("audit", "spread", "outside")}
    assert len(figures["labels"]) == why.count("spread") + why.count("outside")
    assert len(figures["tests"]) == why.count("audit")
    predicted, sd, solved = figures["audits"]["k"][0]
    assert solved == pytest.approx(predicted**2)
    assert sd == 0.1


def test_a_question_that_dies_have_in_common_counts_once() -> None:
    oracle, _ = escalated()
    answers = oracle.evaluate_batch([{"x": 3.5}, {"x": 3.5}, {"x": 2.0}, {"x": 2.0}], Context())
    figures = gathered([a.notes for a in answers])["escalation"][""]
    assert (figures["answers"], figures["solver"]) == (2, {"spread": 1})


def test_where_the_model_can_say_nothing_of_one_die_the_solver_answers_that_one() -> None:
    class Picky(Line):
        def parts(self, inputs: Sequence[Mapping[str, Value]], seeds: Sequence[int]) -> dict[str, Parts]:
            if any(i["x"] == 2.0 for i in inputs):
                raise Infeasible("no structure")
            return super().parts(inputs, seeds)

    oracle = Escalated(surrogate=Picky(), solver=Square(), rule=Rule(spread={"k": 0.5}, audit=0.0))
    answers = oracle.evaluate_batch([{"x": 1.5}, {"x": 2.0}, {"x": 2.5}], Context())
    assert [a.notes["escalation"]["why"] for a in answers] == [None, "outside", None]
    assert [a.metrics["k"].value for a in answers] == pytest.approx([1.5, 4.0, 2.5])


def test_a_draw_from_a_law_is_nothing_that_a_solver_checks() -> None:
    model = replace(MODEL, outputs=(Output("k", unit="N/m", statistic="draw"),))
    with pytest.raises(OracleError, match="no output in common"):
        joined(model, SOLVER)


def test_notes_of_stages_are_told_apart() -> None:
    said = {"version": "v", "why": None, "key": "k"}
    notes = [{"stages": {"film": {"escalation": said}}}, {"stages": {"film": {}, "device": {}}}]
    assert gathered(notes) == {"escalation": {"film": summed([said])}}
    assert gathered([{}, {}]) == {}


@pytest.mark.parametrize(
    ("model", "spread", "words"),
    [
        (replace(MODEL, inputs=(*MODEL.inputs, Input(name="z"))), {"k": 1.0}, "the solver has no input z"),
        (replace(MODEL, outputs=(Output("other"),)), {}, "no output in common"),
        (replace(MODEL, outputs=(Output("k", unit="GPa"),)), {"k": 1.0}, "k: "),
        (MODEL, {"only_model": 1.0}, "spread names 'only_model', which is no output of both"),
        (MODEL, {"k": 0.0}, "must be above 0"),
    ],
)
def test_what_cannot_escalate_is_refused(model: Declaration, spread: dict[str, float], words: str) -> None:
    surrogate = Line()
    surrogate.declaration = model  # type: ignore[misc]
    with pytest.raises(OracleError, match=words):
        Escalated(surrogate=surrogate, solver=Square(), rule=Rule(spread=spread))
