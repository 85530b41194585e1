"""Stages in a row: joints in their units, one realization or many, errors carried through."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from support.stages import FILES, HEAD, TAIL

from designloop.campaign import loads
from designloop.compose import CampaignOracle, oracle_of
from designloop.compose.draws import Z95 as Z
from designloop.compose.pipeline import Pipeline
from designloop.discovery import find
from designloop.errors import CampaignError, OracleError
from designloop.oracle import Context, Failed, Infeasible, Observation, Result
from designloop.record import RunRecord
from designloop.revision import campaign_record, check_revision, seed_of
from designloop.session import run

DIE = "process: {film.realization: {level: die}}\n"
MEAN = "objectives: [{minimize: force, mode: mean, samples: 32}]\ntracking: off\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def asked(folder: Path, text: str = HEAD + TAIL) -> CampaignOracle:
    campaign = loads(text, folder=folder)
    return CampaignOracle(campaign=campaign, oracle=oracle_of(campaign))


def pipeline(folder: Path, text: str = HEAD + TAIL) -> Pipeline:
    found = oracle_of(loads(text, folder=folder))
    assert isinstance(found, Pipeline)
    return found


GIVEN = {"length": 0.2, "film.grain": 5.0, "width": 2.0}


def test_an_output_feeds_the_next_stage_in_its_own_unit(folder: Path) -> None:
    metrics = pipeline(folder).evaluate(GIVEN, Context(seed=3)).metrics
    modulus = metrics["film.modulus"].value
    assert modulus != 150e3
    assert metrics["force"].value == pytest.approx(modulus / 1000 * 2)
    assert metrics["frequency"].value == pytest.approx(modulus / 1000 / 0.2)


def test_a_shared_input_reaches_every_stage_in_its_unit(folder: Path) -> None:
    found = pipeline(folder)
    metrics = found.evaluate({**GIVEN, "heat": 310.0}, Context()).metrics
    assert metrics["film.warmth"].value == pytest.approx(310 - 273.15)
    assert found.oracles[1].target.asked[0]["heat"] == 310.0  # type: ignore[attr-defined]


def test_equal_seeds_give_equal_answers_and_other_seeds_other_ones(folder: Path) -> None:
    found = pipeline(folder)
    values = [found.evaluate(GIVEN, Context(seed=s)).metrics["force"].value for s in (1, 1, 2)]
    assert values[0] == values[1] != values[2]


def test_stages_draw_from_seeds_of_their_own(folder: Path) -> None:
    text = HEAD.replace("    device:", "    again: {oracle: ./film.py:film}\n    device:")
    text = text.replace("film.grain: 5 um", "grain: 5 um")
    metrics = pipeline(folder, text + TAIL).evaluate({"length": 0.2, "grain": 5.0}, Context()).metrics
    assert metrics["film.modulus"].value != metrics["again.modulus"].value


def test_dies_share_one_realization_where_nothing_else_is_said(folder: Path) -> None:
    process = "process: {width: {normal: [2 um, 0.1 um]}}\n"
    oracle = asked(folder, HEAD.replace(", width: 2 um", "") + process + MEAN)
    dies = oracle.dies({"length": 200.0}, Context(seed=3))
    moduli = dies.column("film.modulus")
    assert moduli is not None
    assert len(moduli) == 33
    assert set(moduli) == {moduli[0]}


def test_a_question_that_dies_have_in_common_is_asked_once(folder: Path) -> None:
    film = (folder / "film.py").read_text().replace("    room = 50", "    ASKED.append(seed)\n    room = 50")
    (folder / "film.py").write_text(film.replace("def film", "ASKED = []\ndef film"))
    process = "process: {width: {normal: [2 um, 0.1 um]}}\n"
    oracle = asked(folder, HEAD.replace(", width: 2 um", "") + process + MEAN)
    oracle.dies({"length": 200.0}, Context(seed=3))
    assert len(oracle.oracle.oracles[0].target.__globals__["ASKED"]) == 1  # type: ignore[attr-defined]


def test_every_die_has_a_realization_of_its_own_where_the_campaign_says_so(folder: Path) -> None:
    dies = asked(folder, HEAD + DIE + MEAN).dies({"length": 200.0}, Context(seed=3))
    moduli = dies.column("film.modulus")
    assert moduli is not None
    assert len(set(moduli)) == len(moduli) == 33
    assert float(moduli.std()) == pytest.approx(5e3, rel=0.4)


def test_realizations_are_common_to_the_designs_of_one_trial_and_others_in_the_next(folder: Path) -> None:
    oracle = asked(folder, HEAD + DIE + MEAN)
    seeds = [seed_of(7, "oracle", trial) for trial in (0, 1)]
    columns = [
        oracle.dies({"length": length}, Context(seed=seed)).column("film.modulus")
        for length, seed in ((200.0, seeds[0]), (300.0, seeds[0]), (200.0, seeds[1]))
    ]
    assert np.array_equal(columns[0], columns[1])  # type: ignore[arg-type]
    assert not set(columns[0]) & set(columns[2])  # type: ignore[arg-type]


def test_the_mean_over_realizations_is_known_to_its_error(folder: Path) -> None:
    metrics = (
        asked(folder, HEAD + DIE + MEAN.replace("32", "512")).evaluate({"length": 200.0}, Context()).metrics
    )
    force = metrics["force.mean"]
    assert force.sem == pytest.approx(2 * 5 / math.sqrt(512), rel=0.6)
    assert force.value == pytest.approx(300, abs=4 * (force.sem or 0))


def test_a_plain_stochastic_oracle_may_have_a_realization_per_die(folder: Path) -> None:
    text = HEAD.split("oracle:")[0] + "oracle: ./film.py:film\nfixed: {grain: 5 um}\n"
    text += "parameters: {length: 100 .. 400 um}\nprocess: {realization: {level: die}}\n"
    dies = asked(folder, text + MEAN.replace("force", "modulus")).dies({"length": 200.0}, Context(seed=3))
    moduli = dies.column("modulus")
    assert moduli is not None
    assert len(set(moduli)) == 33


def test_a_stochastic_batch_oracle_gets_one_seed_per_die(folder: Path) -> None:
    (folder / "batch.py").write_text(
        "from designloop.oracle import *\n"
        "class Batch:\n"
        "    declaration = Declaration(name='b', summary='.', stochastic=True,\n"
        "        outputs=(Output('modulus'),),\n"
        "        inputs=(Input(name='length', lower=0, upper=900, unit='um'),))\n"
        "    def evaluate(self, parameters, context):\n"
        "        return Result(metrics={'modulus': Observation(value=context.seed)})\n"
        "    def evaluate_batch(self, parameters, context):\n"
        "        return [Result(metrics={'modulus': Observation(value=s)}) for s in context.seeds]\n"
    )
    text = "version: 1\noracle: ./batch.py:Batch\nparameters: {length: 1 .. 4 um}\n"
    text += "process: {realization: {level: die}}\n" + MEAN.replace("force", "modulus")
    dies = asked(folder, text).dies({"length": 2.0}, Context(seed=3))
    moduli = dies.column("modulus")
    assert moduli is not None
    assert moduli[0] == 3
    assert len(set(moduli)) == 33


def test_an_infeasible_stage_ends_the_pipeline_with_what_is_known(folder: Path) -> None:
    with pytest.raises(Infeasible, match="^film: grains too large$") as caught:
        pipeline(folder).evaluate({**GIVEN, "film.grain": 60.0}, Context())
    assert {n: o.value for n, o in caught.value.metrics.items()} == {"film.room": -10.0}
    with pytest.raises(Infeasible, match="^device: too wide$") as caught:
        pipeline(folder).evaluate({**GIVEN, "width": 8.5}, Context())
    assert set(caught.value.metrics) == {"film.modulus", "film.warmth", "film.room", "force"}


def test_a_stage_that_lacks_outputs_leaves_what_is_known_under_its_own_name(folder: Path) -> None:
    film = (folder / "film.py").read_text()
    lacking = "raise Failed('no room', cause='partial', metrics={'warmth': 1})"
    film = film.replace("    return {", f"    {lacking}\n    return {{")
    (folder / "film.py").write_text(film.replace("Context, Infeasible", "Context, Failed, Infeasible"))
    with pytest.raises(Failed, match="^film: no room$") as caught:
        pipeline(folder).evaluate(GIVEN, Context())
    assert (caught.value.cause, set(caught.value.metrics)) == ("partial", {"film.warmth"})


def test_a_fed_value_beyond_what_the_stage_answers_is_infeasible(folder: Path) -> None:
    film = (folder / "film.py").read_text().replace("150e3 +", "300e3 +")
    (folder / "film.py").write_text(film)
    said = r"^device: film.modulus gives stiffness = 295.8 GPa, outside 100 .. 200 GPa$"
    with pytest.raises(Infeasible, match=said):
        pipeline(folder).evaluate(GIVEN, Context(seed=3))


def test_a_fed_value_that_is_no_number_is_an_error(folder: Path) -> None:
    film = (folder / "film.py").read_text().replace("150e3 +", "float('nan') +")
    (folder / "film.py").write_text(film)
    with pytest.raises(OracleError, match="stage film answered modulus = nan"):
        pipeline(folder).evaluate(GIVEN, Context())


def test_only_dies_that_break_are_broken_in_a_batch(folder: Path) -> None:
    answers = pipeline(folder).evaluate_batch([{**GIVEN, "film.grain": 60.0}, GIVEN], Context())
    assert [type(a) for a in answers] == [Infeasible, Result]


def test_artifacts_of_the_nominal_die_lie_in_a_folder_of_the_stage(folder: Path, tmp_path: Path) -> None:
    trial = tmp_path / "trial"
    trial.mkdir()
    asked(folder, HEAD + DIE + MEAN).evaluate({"length": 200.0}, Context(directory=trial))
    assert [p.relative_to(trial).as_posix() for p in trial.rglob("*")] == ["film", "film/film.txt"]


def test_a_pipeline_pickles(folder: Path) -> None:
    found = pipeline(folder)
    again = pickle.loads(pickle.dumps(found))
    assert again.evaluate(GIVEN, Context(seed=3)).metrics == found.evaluate(GIVEN, Context(seed=3)).metrics


MODELLED = """\
version: 1
oracle:
  pipeline:
    film: {oracle: ./model.py:model}
    device: {oracle: ./device.py:Device, inputs: {stiffness: film.modulus}}
fixed: {grain: 50 um, width: 2 um}
parameters: {length: 100 .. 400 um}
"""


def modelled(folder: Path, text: str = MODELLED, grain: float = 50.0) -> dict[str, Observation]:
    (folder / "device.py").write_text(
        FILES["device.py"].replace("lower=100, upper=200", "lower=1, upper=200")
    )
    given = {"length": 0.2, "grain": grain, "width": 2.0}
    return dict(pipeline(folder, text + TAIL).evaluate(given, Context()).metrics)


def test_the_interval_of_a_fed_value_is_carried_through_exactly_where_the_stage_is_linear(
    folder: Path,
) -> None:
    metrics = modelled(folder)
    assert metrics["force"].value == 100.0
    assert metrics["force"].lower == pytest.approx(100 - 2 * Z)
    assert metrics["force"].upper == pytest.approx(100 + 2 * Z)
    assert metrics["frequency"].upper == pytest.approx((50 + Z) / 0.2)
    assert metrics["force"].sem is None
    assert metrics["film.modulus"].lower == pytest.approx(50 - Z)


def test_errors_of_two_fed_values_add_in_squares(folder: Path) -> None:
    text = MODELLED.replace("{stiffness: film.modulus}", "{stiffness: film.modulus, load: film.other}")
    force = modelled(folder, text)["force"]
    assert force.value == 150.0
    assert force.upper == pytest.approx(150 + Z * math.hypot(2, 2))


def test_an_interval_stops_at_a_stage_that_is_not_cheap_and_the_declaration_says_so(folder: Path) -> None:
    text = MODELLED.replace("Device, inputs", "Device, options: {cheap: false}, inputs")
    assert modelled(folder, text)["force"] == Observation(value=100.0)
    assert "not carried through" in pipeline(folder, text + TAIL).declaration.summary
    assert "not carried" not in pipeline(folder, MODELLED + TAIL).declaration.summary


def test_draws_without_an_answer_leave_the_range_of_the_others(folder: Path) -> None:
    force = modelled(folder, grain=1.0)["force"]  # half of the draws lie below what the device takes
    assert force.lower is not None
    assert force.upper is not None
    assert force.lower <= 2.0 < force.upper <= 2 * (1 + 3 * Z)


def test_a_campaign_of_two_stages_runs_and_its_journal_names_the_stages(folder: Path) -> None:
    campaign = loads(HEAD + DIE + "stop: {trials: 3}\nstrategy: sobol\n" + MEAN, folder=folder)
    done: RunRecord = run(campaign, folder=folder / "runs")
    assert [t.status for t in done.trials] == ["completed"] * 3
    assert "force.mean" in done.trials[0].metrics
    oracle = done.campaign["oracle"]
    assert [(s["name"], s["oracle"], s["version"]) for s in oracle["stages"]] == [
        ("film", "./film.py:film", "1"), ("device", "./device.py:Device", "7"),
    ]  # fmt: skip
    assert oracle["version"] == "film:1+device:7"
    assert oracle["stages"][1]["inputs"] == {"stiffness": "film.modulus"}
    assert done.campaign["realizations"] == ["film.realization"]


def test_a_run_goes_on_with_other_versions_but_not_with_other_stages(folder: Path) -> None:
    campaign = loads(HEAD + TAIL, folder=folder)
    old = campaign_record(campaign, number=1)
    old["oracle"]["stages"][0]["version"] = "0"
    check_revision(old, campaign)
    other = loads(HEAD.replace("Device,", "Device, options: {cheap: false},") + TAIL, folder=folder)
    with pytest.raises(CampaignError, match="changes the stages"):
        check_revision(old, other)


SMALL_BEAM = """\
version: 1
oracle:
  pipeline:
    film: {oracle: polysilicon, options: {specimen: beam, single: true}}
    device: {oracle: magnetometer, inputs: {youngs_modulus: film.bending_modulus}}
fixed: {beam_length: 100 um, beam_width: 3 um, film.grain_size: 1 um, pixels_per_grain: 4}
parameters: {gap: 1.5 .. 3 um}
objectives: [minimize: noise_equivalent_field]
tracking: off
"""


def test_the_bending_modulus_of_a_film_of_grains_sets_the_frequency_of_a_device(tmp_path: Path) -> None:
    found = pipeline(tmp_path, SMALL_BEAM)
    given = {**loads(SMALL_BEAM).fixed, "gap": 2.0}
    metrics = found.evaluate(given, Context(seed=1)).metrics
    assert 130 < metrics["film.bending_modulus"].value < 170
    alone = find("magnetometer", folder=tmp_path)
    device = {n: given[n] for n in ("beam_length", "beam_width", "gap")}
    device["youngs_modulus"] = metrics["film.bending_modulus"].value
    expected = alone.evaluate(device, Context()).metrics["resonance_frequency"]
    assert metrics["resonance_frequency"].value == expected.value


@pytest.mark.long
def test_grains_of_the_film_move_the_frequency_of_the_device(tmp_path: Path) -> None:
    text = SMALL_BEAM + "strategy: sobol\nstop: {trials: 2}\n"
    done = run(loads(text, folder=tmp_path), folder=tmp_path / "runs")
    assert [t.status for t in done.trials] == ["completed"] * 2
    found = [t.attempts[-1].metrics for t in done.trials]
    moduli, frequencies = (
        [m[n].value for m in found] for n in ("film.bending_modulus", "resonance_frequency")
    )
    assert moduli[0] != moduli[1]
    assert all(130 < e < 170 for e in moduli)
    assert frequencies[0] / frequencies[1] == pytest.approx(math.sqrt(moduli[0] / moduli[1]), rel=2e-3)
