"""Virtual campaigns that learn a response."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from comparisons import campaign_in, comparison

from designloop.compare.judge import Judge
from designloop.compare.measures import thresholds_of
from designloop.compare.source import asked
from designloop.compare.virtual import run, source_of
from designloop.oracle import Observation
from designloop.strategies import History, Trial


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return campaign_in(tmp_path)


def test_one_learner_judges_all_strategies_from_equal_labels_on(path: Path) -> None:
    compared = comparison(path, "sobol,gp_variance", learn=["value"], initial=6, trials=3, test=64)
    source = source_of(compared.setup)
    rows = [run(source, compared.setup, c, repeat=0, seed=5) for c in compared.contenders]
    for row in rows:
        assert row["labels"] == [6, 7, 8, 9]
        assert all(e > 0 for e in row["rmse"]["value"])
    first, second = (row["rmse"]["value"] for row in rows)
    assert first[0] == second[0]
    assert first[1:] != second[1:]


def test_the_error_is_that_of_the_learner_on_designs_without_a_label(path: Path) -> None:
    """A response that is linear in x1 is known from few labels; noise in the labels keeps it from that."""
    compared = comparison(path, learn=["value"], initial=6, test=64)
    source = source_of(compared.setup)
    reference = source.reference()
    truth = np.array([2.0 * d["x1"] + 1 for d in reference.designs])
    reference = type(reference)(designs=reference.designs, values={"value": truth})
    found = []
    for noise in (0.0, 3.0):
        judge = Judge(problem=source.problem, learn=("value",), reference=reference)
        rng = np.random.default_rng(0)
        designs = [design for design, _ in source.start(1)] + list(reference.designs[:12])
        values = [2.0 * d["x1"] + 1 + noise * rng.standard_normal() for d in designs]
        trials = tuple(
            Trial(index=i, parameters=d, status="completed", metrics={"value": Observation(value=v)})
            for i, (d, v) in enumerate(zip(designs, values, strict=True))
        )
        judged = judge.judge(History(trials=trials))
        assert judged is not None
        assert judge._unlabelled(History(trials=trials)).sum() == len(reference.designs) - 12
        found.append(judged)
    assert found[0].rmse["value"] < 0.02 * truth.std() < found[1].rmse["value"] < truth.std()
    assert found[1].coverage > 0.7


def test_too_few_labels_are_no_judgement(path: Path) -> None:
    compared = comparison(path, learn=["value"], initial=6, test=32)
    source = source_of(compared.setup)
    judge = Judge(problem=source.problem, learn=("value",), reference=source.reference())
    assert judge.judge(History()) is None


def test_test_designs_are_in_scope_and_none_of_the_shared_ones(path: Path) -> None:
    path.write_text(path.read_text().replace("stop:", "constraints: [value <= 60]\nstop:"))
    source = source_of(comparison(path, learn=["value"], initial=6, test=64).setup)
    reference = source.reference()
    assert 10 <= len(reference.designs) < 64
    assert (reference.values["value"] <= 60).all()
    for seed in range(3):
        shared = [design for design, _ in source.start(seed)]
        assert not [d for d in shared if d in reference.designs]


def test_only_strategies_that_learn_are_told_what_to_learn(path: Path) -> None:
    setup = comparison(path, learn=["value"], initial=6).setup
    campaign = setup.campaign()
    learn = {
        name: asked(setup, campaign, 1, name).learn for name in ("random", "gp_ucb", "query_by_committee")
    }
    assert learn == {"random": (), "gp_ucb": (), "query_by_committee": ("value",)}
    assert asked(setup, campaign, 1, "gp_ucb").minimize


def test_a_goal_says_what_is_learned_and_to_which_error(path: Path) -> None:
    goal = "goal: {learn: {value: 10 % of spread}}"
    text = path.read_text().replace("objectives: [minimize: value]", goal)
    path.write_text(text.replace("{name: gp_ucb, initial: {sobol: 3}}", "query_by_committee"))
    compared = comparison(path, trials=3)
    assert compared.setup.learn == ("value",)
    source = source_of(compared.setup)
    assert compared.campaign.goal is not None
    limits = thresholds_of(compared.setup, compared.campaign.goal.aims, source.reference())
    assert [t.name for t in limits] == ["the goal", "NRMSE 0.10", "NRMSE 0.05"]
    assert limits[0].errors == pytest.approx(limits[1].errors)
