"""Errors of a model against the aims of a campaign, and when they are small enough."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support.entries import done, outcome, proposal, run_of, start

from designloop import goals
from designloop.campaign.model import Aim, Goal
from designloop.learning.features import Encoder
from designloop.learning.gp import MetricModel, pack
from designloop.learning.saved import SavedModel
from designloop.learning.transforms import MetricTransform
from designloop.space import FloatParameter, Space

SPACE = Space((FloatParameter(name="w", lower=1.0, upper=9.0, unit="um"),))
AIM = Aim(metric="noise", error=0.05, kind="relative", label="5 %")
GOAL = Goal(aims=(AIM,))


def response(width: float) -> float:
    return 10.0 + 0.5 * width**2


def model(widths: list[float], values: list[float], *, noise: float = 1e-6) -> SavedModel:
    """A Gaussian process through the labels, trials numbered in order."""
    mean, sd = float(np.mean(values)), float(np.std(values))
    found = MetricModel(
        metric="noise", encoder=Encoder((0,)), kernel="rbf", lengthscales=(0.5,),
        transform=MetricTransform(mean=mean, sd=sd), unit=SPACE.to_unit([{"w": w} for w in widths]),
        z=(np.array(values) - mean) / sd, noise=np.full(len(widths), noise), noise_level=noise,
        trials=tuple(range(len(widths))),
    )  # fmt: skip
    return pack([found], space=SPACE)


def learned(widths: list[float], *, errors: list[float] | None = None, sem: float | None = None) -> Any:
    """A run of labels at ``widths``, off the response by ``errors``, and its model."""
    values = [response(w) + e for w, e in zip(widths, errors or [0.0] * len(widths), strict=True)]
    entries = []
    for i, (w, v) in enumerate(zip(widths, values, strict=True)):
        ended = outcome(i, noise=v, f=30.0)
        if sem is not None:
            ended["metrics"]["noise"]["sem"] = sem
        entries.append([proposal(i, width=w), start(i), ended])
    return run_of(*entries), model(widths, values, noise=1e-6 if sem is None else 0.01)


WIDTHS = [float(w) for w in np.linspace(1, 9, 12)]


def test_a_model_through_a_smooth_response_is_known_well() -> None:
    run, saved = learned(WIDTHS)
    found = goals.assess(run, GOAL, saved=saved, space=SPACE)
    assert found["labels"] == 12
    assert found["errors"]["noise"]["designs"] == 12
    assert found["errors"]["noise"]["relative"] < 0.01


def test_relative_and_spread_share_one_error() -> None:
    run, saved = learned(WIDTHS)
    e = goals.assess(run, GOAL, saved=saved, space=SPACE)["errors"]["noise"]
    exact = np.array([response(w) for w in np.linspace(1, 9, 4001)])
    assert e["mean"] == pytest.approx(exact.mean(), rel=0.01)
    assert e["sd"] == pytest.approx(exact.std(), rel=0.01)
    assert e["relative"] * e["mean"] == pytest.approx(e["model"])
    assert e["spread"] * e["sd"] == pytest.approx(e["model"])


def test_known_noise_of_the_labels_is_not_the_models_error() -> None:
    errors = [2.0 * (-1) ** i for i in range(12)]
    run, saved = learned(WIDTHS, errors=errors, sem=2.0)
    known = goals.assess(run, GOAL, saved=saved, space=SPACE)["errors"]["noise"]
    unknown, _ = learned(WIDTHS, errors=errors)
    blind = goals.assess(unknown, GOAL, saved=saved, space=SPACE)["errors"]["noise"]
    assert known["noise"] == pytest.approx(2.0)
    assert known["model"] == pytest.approx(
        max(math.sqrt(max(known["rmse"] ** 2 - 4.0, 0)), known["predicted"])
    )
    assert known["model"] < blind["model"]


def test_the_error_is_never_said_to_be_below_the_models_own() -> None:
    run, saved = learned([1.0, 9.0])
    e = goals.assess(run, GOAL, saved=saved, space=SPACE)["errors"]["noise"]
    assert e["model"] >= e["predicted"] > 1.0


def test_a_reference_judges_by_its_own_answers() -> None:
    run, saved = learned(WIDTHS)
    designs = [{"w": w} for w in np.linspace(1.3, 8.7, 50)]
    exact = np.array([response(d["w"]) for d in designs])
    truth = goals.Truth(designs=designs, values={"noise": exact + 3.0})
    goal = Goal(aims=(AIM,), by="reference", designs=50, reference="other")
    e = goals.assess(run, goal, saved=saved, space=SPACE, truth=truth)["errors"]["noise"]
    assert e["designs"] == 50
    assert e["rmse"] == pytest.approx(3.0, abs=0.1)


def test_held_out_trials_judge_and_are_no_labels() -> None:
    run, saved = learned(WIDTHS)
    held = [
        proposal(12, origin="held_out", width=4.2),
        start(12),
        outcome(12, noise=response(4.2) + 1.0, f=30.0),
    ]
    run = run_of(*[done(i, noise=response(w), f=30.0) for i, w in enumerate(WIDTHS)], held)
    e = goals.assess(run, Goal(aims=(AIM,), by="held_out", designs=1), saved=saved, space=SPACE)
    assert e["labels"] == 12
    assert e["errors"]["noise"]["designs"] == 1
    assert e["errors"]["noise"]["rmse"] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("relative", 0.02 / 0.05, id="relative"),
        pytest.param("spread", 0.1 / 0.05, id="spread"),
        pytest.param("absolute", 3.0 / 0.05, id="absolute"),
    ],
)
def test_an_aim_is_met_in_its_own_measure(kind: Any, expected: float) -> None:
    errors = {"noise": {"model": 3.0, "relative": 0.02, "spread": 0.1}}
    aim = Aim(metric="noise", error=0.05, kind=kind, label="")
    assert goals.ratio(aim, errors) == pytest.approx(expected)
    assert goals.ratio(aim, {}) is None


def assessed(*relative: float, labels: int = 30) -> Any:
    """A run whose assessments found these relative errors."""
    entries = [
        proposal(i, progress={"labels": labels, "errors": {"noise": {"relative": r}}})
        for i, r in enumerate(relative)
    ]
    return run_of(*entries)


@pytest.mark.parametrize(
    ("relative", "labels", "reached"),
    [
        pytest.param((0.1, 0.04, 0.03), 30, True, id="twice in a row"),
        pytest.param((0.1, 0.04), 30, False, id="once"),
        pytest.param((0.04, 0.06), 30, False, id="not any more"),
        pytest.param((0.04, 0.03), 9, False, id="too few labels"),
    ],
)
def test_a_goal_is_reached_by_two_assessments_in_a_row(
    relative: tuple[float, ...], labels: int, reached: bool
) -> None:
    assert goals.reached(assessed(*relative, labels=labels), GOAL, dimension=1) is reached


def test_every_aim_counts() -> None:
    both = Goal(aims=(AIM, Aim(metric="f", error=0.1, kind="relative", label="10 %")))
    assert goals.worst(both, {"errors": {"noise": {"relative": 0.01}}}) is None
    errors = {"noise": {"relative": 0.01}, "f": {"relative": 0.2}}
    assert goals.worst(both, {"errors": errors}) == pytest.approx(2.0)


def test_a_metric_whose_labels_are_all_alike_is_known() -> None:
    run, saved = learned(WIDTHS)
    run = run_of(*[done(i, noise=7.0, f=30.0) for i in range(12)])
    found = goals.assess(run, GOAL, saved=saved, space=SPACE)
    assert goals.ratio(AIM, found["errors"]) == 0.0


def test_spread_and_mean_are_those_within_the_scope() -> None:
    _, saved = learned(WIDTHS)
    scope = [{"metric": "noise", "relation": "<=", "bound": 18.0, "label": "noise <= 18", "unit": "nT"}]
    entries = [[proposal(i, width=w), start(i), outcome(i, noise=response(w))] for i, w in enumerate(WIDTHS)]
    narrow = run_of(*entries, constraints=scope)
    e = goals.assess(narrow, GOAL, saved=saved, space=SPACE)["errors"]["noise"]
    inside = np.array([v for w in np.linspace(1, 9, 4001) if (v := response(w)) <= 18.0])
    assert e["mean"] == pytest.approx(inside.mean(), rel=0.02)
    assert e["sd"] == pytest.approx(inside.std(), rel=0.02)
    assert e["designs"] == sum(response(w) <= 18.0 for w in WIDTHS)
