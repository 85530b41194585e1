"""Campaigns in which a trained model answers until it is unsure, and learns from the solver meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.chain import Chain, essence
from support.surrogates import card, designs, saved_gp, stiffness

from designloop import session
from designloop.answered import answered
from designloop.campaign import load
from designloop.compose.answers import FILE
from designloop.errors import CampaignError
from designloop.learning import models
from designloop.learning.metrics import rmse
from designloop.learning.packed import Packed
from designloop.record import RunRecord, read

SOLVER = '''
"""What the model was trained on, at six designs."""
from pathlib import Path
from typing import Annotated
from designloop.oracle import Input, Observation, Output

def solve(
    grain_size: Annotated[float, Input(lower=400, upper=1200, unit="nm")],
    width: Annotated[float, Input(lower=1, upper=9, unit="um")],
    fibre_axis: Annotated[str, Input(choices=("100", "110"))] = "100",
) -> Annotated[dict[str, float], Output("E_mean", unit="MPa")]:
    with Path(__file__).with_name("solved.log").open("a") as log:
        log.write("solved\\n")
    g = grain_size / 1000
    return {"E_mean": Observation(value=1e3 * (150 + 10 * g - 3 * width), sem=1.0)}
'''
ORACLE = "{name: ./film.dlmodel, escalate: {to: './solver.py:solve', %s}}"
LEARNING = "spread: 0.5 GPa, audit: 20 %, retrain: {every: 20, tests: 4}"
QUESTION = """\
parameters: {grain_size: 0.4 .. 1.2 um}
process: {width: {normal: [3 um, 0.3 um]}}
objectives: [{maximize: E_mean, mode: mean, samples: 16}]"""
DIES = 17


def sparse() -> Packed:
    return Packed(saved=saved_gp(rows=6), card=card())


def place(folder: Path, *, trials: int, rule: str = LEARNING, strategy: str = "sobol") -> Chain:
    sparse().save(folder / "film.dlmodel")
    (folder / "solver.py").write_text(SOLVER)
    return Chain(folder, trials=trials, strategy=strategy, question=QUESTION, oracle=ORACLE % rule)


def ran(folder: Path, **options: str | int) -> RunRecord:
    with place(folder, **options) as chain:  # type: ignore[arg-type]
        return session.run(load(chain.campaign), folder=folder / "runs")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return ran(tmp_path_factory.mktemp("taught"), trials=9)


def test_every_trial_records_the_version_that_answered_and_who_did(taught: RunRecord) -> None:
    first = sparse().card.version
    versions = [t.attempts[-1].notes["escalation"][""]["version"] for t in taught.trials]
    assert versions[0] == first
    changed = [lesson["outcomes_before"] for lesson in taught.lessons if lesson["promoted"]]
    assert changed
    assert set(versions[: changed[0]]) == {first}
    assert first not in versions[changed[0] :]


def test_a_lesson_takes_over_only_where_the_audited_answers_are_met_better(taught: RunRecord) -> None:
    for lesson in taught.lessons:
        before, after = (lesson["errors"][when].get("E_mean", np.inf) for when in ("before", "after"))
        assert lesson["promoted"] == (lesson["tests"] >= 4 and after < before)
    assert any(lesson["promoted"] for lesson in taught.lessons)


def test_what_was_learned_halves_the_error_everywhere(taught: RunRecord) -> None:
    path = next(lesson["path"] for lesson in reversed(taught.lessons) if lesson["promoted"])
    unseen = designs(200, seed=5)
    errors = [
        rmse([stiffness(d) for d in unseen], models.parts(packed.saved, unseen)["E_mean"].mean)
        for packed in (sparse(), Packed.load(taught.directory / path))
    ]
    assert errors[1] < 0.5 * errors[0]


def test_the_taught_models_lie_in_the_run_with_their_cards(taught: RunRecord) -> None:
    for lesson in taught.lessons:
        packed = Packed.load(taught.directory / lesson["path"])
        assert packed.card.version == lesson["version"]
        assert packed.card.data["further_labels"] > 0


def test_the_run_says_how_often_the_solver_answered_and_how_wrong_the_model_was(taught: RunRecord) -> None:
    (found,) = answered(taught)
    assert found.answers == 9 * DIES
    assert found.solved == len((taught.directory / "answers" / FILE).read_text().splitlines())
    assert 0 < found.rate < 1
    assert 0 < found.audits["E_mean"].count < found.solver["audit"]
    assert found.versions[0] == sparse().card.version
    assert len(found.versions) > 1


def test_kills_change_nothing_and_no_answer_is_asked_for_twice(tmp_path: Path) -> None:
    with place(tmp_path, trials=5) as chain:
        _, whole = chain.run("whole")
        asked = len((tmp_path / "solved.log").read_text().splitlines())
        _, broken = chain.run("broken", kill=(4, "inside"))
        kills: Iterator[tuple[int, str]] = iter([(1, mode) for mode in ("before", "inside", "after")] * 8)
        while chain.resume(broken, kill=next(kills, None)) != 0:
            pass
        assert essence(broken) == essence(whole)
        assert [e["version"] for e in read(broken).lessons] == [e["version"] for e in read(whole).lessons]
        assert len((tmp_path / "solved.log").read_text().splitlines()) == 2 * asked


def test_outside_the_box_the_solver_answers_and_refuse_makes_validation_refuse(tmp_path: Path) -> None:
    wide = "parameters: {grain_size: 0.4 .. 1.2 um, width: 5 .. 9 um}\nobjectives: [maximize: E_mean]"
    sparse().save(tmp_path / "film.dlmodel")
    (tmp_path / "solver.py").write_text(SOLVER)
    rule = "spread: 9 GPa, audit: 0 %"
    with Chain(tmp_path, trials=2, strategy="sobol", question=wide, oracle=ORACLE % rule) as chain:
        run = session.run(load(chain.campaign), folder=tmp_path / "runs")
        assert answered(run)[0].solver == {"outside": 2}
        text = chain.campaign.read_text().replace(rule, f"{rule}, outside: refuse")
        chain.campaign.write_text(text)
        with pytest.raises(
            CampaignError, match=r"width goes to 9 um, .* below 4 um.*a solver to escalate to"
        ):
            load(chain.campaign)
