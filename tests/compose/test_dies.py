"""Many devices in one trial, against closed forms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from designloop.campaign import loads
from designloop.campaign.model import Campaign
from designloop.compose import CampaignOracle
from designloop.compose.dies import corners, sampled, spec_metrics
from designloop.errors import OracleError
from designloop.oracle import (
    Context,
    Declaration,
    Failed,
    Infeasible,
    Input,
    Observation,
    Output,
    Result,
    Value,
)
from designloop.revision import campaign_record

DECLARATION = Declaration(
    name="line",
    summary="y = x + z, u = x z",
    inputs=(
        Input(name="x", lower=0, upper=10, unit="um"),
        Input(name="z", lower=-50, upper=50, default=0.0, unit="um"),
        Input(name="k", lower=-50, upper=50, default=0.0, unit="MPa"),
    ),
    outputs=(Output("y", unit="um"), Output("u", unit="um^2"), Output("room", unit="um", margin=True)),
)


class Line:
    """y = x + z; a die breaks where its margin 5 um - z - k/MPa um is negative."""

    declaration = DECLARATION

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        self.seeds.append(context.seed)
        x, z, k = (float(parameters.get(n, 0.0)) for n in ("x", "z", "k"))
        room = 5.0 - z - k
        if room < 0:
            raise Infeasible("broken", metrics={"room": room})
        values = {"y": x + z, "u": x * z, "room": room}
        return Result(metrics={n: Observation(value=v) for n, v in values.items()})


class Lacking(Line):
    """The same, but ``u`` cannot be read where z is above zero."""

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        whole = super().evaluate(parameters, context)
        if float(parameters.get("z", 0.0)) <= 0:
            return whole
        good = {name: o for name, o in whole.metrics.items() if name != "u"}
        raise Failed("u is missing", cause="partial", metrics=good, notes={"read": 2})


class Noting(Line):
    """The same, with a note of every die."""

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        whole = super().evaluate(parameters, context)
        said = {"z": parameters.get("z", 0.0), "stages": {"film": {"read": 2}, "device": {}}}
        return replace(whole, notes=said)


class Batched(Line):
    """The same, many dies at once."""

    def evaluate_batch(
        self, parameters: Sequence[Mapping[str, Value]], context: Context
    ) -> list[Result | Infeasible]:
        answers: list[Result | Infeasible] = []
        for design in parameters:
            try:
                answers.append(self.evaluate(design, context))
            except Infeasible as answer:
                answers.append(answer)
        return answers


def campaign(text: str) -> Campaign:
    head = "version: 1\nname: line\noracle: line\nparameters: {x: 0 .. 10 um}\ntracking: off\n"
    return loads(head + text, folder=Path("."), declaration=DECLARATION)


def answer(text: str, *, x: float = 4.0, oracle: Line | None = None, seed: int = 0) -> dict[str, Observation]:
    asked = CampaignOracle(campaign=campaign(text), oracle=oracle or Line())
    return dict(asked.evaluate({"x": x}, Context(seed=seed)).metrics)


PROCESS = "process: {z: {normal: [0.5 um, 1 um]}, k: {normal: [0 MPa, 1 MPa]}}\n"
WORST = PROCESS + "objectives: [{minimize: y, mode: worst_corner, corners: 1 sigma}]\n"


def test_corners_are_the_mean_and_every_sign_combination() -> None:
    found = corners(campaign(WORST).process, sigma=3)
    assert found[0] == {"z": 0.5, "k": 0.0}
    assert {(c["z"], c["k"]) for c in found[1:]} == {(-2.5, -3), (-2.5, 3), (3.5, -3), (3.5, 3)}


@pytest.mark.parametrize("oracle", [Line(), Batched()], ids=["single", "batch"])
def test_the_worst_corner_is_the_largest_of_a_minimized_metric(oracle: Line) -> None:
    metrics = answer(WORST, oracle=oracle)
    assert metrics["y.max"].value == pytest.approx(4.0 + 1.5)
    assert metrics["y"].value == pytest.approx(4.5)
    assert metrics["room.min"].value == pytest.approx(5 - 1.5 - 1)


def test_every_output_is_kept_over_the_corners_for_later_constraints() -> None:
    metrics = answer(WORST)
    assert (metrics["u.max"].value, metrics["u.min"].value) == (pytest.approx(6.0), pytest.approx(-2.0))


def test_without_process_one_die_answers() -> None:
    oracle = Line()
    assert answer("objectives: [minimize: y]\n", oracle=oracle)["y"].value == 4.0
    assert len(oracle.seeds) == 1


def test_what_the_oracle_notes_of_the_nominal_die_is_recorded() -> None:
    asked = CampaignOracle(campaign=campaign(WORST), oracle=Noting())
    assert asked.evaluate({"x": 4.0}, Context()).notes == {"z": 0.5, "stages": {"film": {"read": 2}}}


def lacking(text: str) -> Failed:
    """What is said where some dies lack ``u``."""
    asked = CampaignOracle(campaign=campaign(text), oracle=Lacking())
    with pytest.raises(Failed, match=r"^(at z = [\d.]+ um.*: )?u is missing$") as caught:
        asked.evaluate({"x": 4.0}, Context())
    assert caught.value.cause == "partial"
    return caught.value


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (
            WORST.replace("minimize: y", "minimize: 2 * y"),
            {"2_times_y.max": 11, "y": 4.5, "y.max": 5.5, "y.min": 3.5},
        ),
        ("fixed: {z: 1 um}\nobjectives: [{minimize: 2 * y}]\n", {"2_times_y": 10, "y": 5}),
    ],
    ids=["corners", "nominal"],
)
def test_what_needs_only_good_outputs_is_known_where_another_is_missing(
    text: str, known: Mapping[str, float]
) -> None:
    found = {name: o.value for name, o in lacking(text).metrics.items()}
    assert {name: found[name] for name in known} == pytest.approx(known)
    assert not any(name.startswith("u") for name in found)


def test_an_outcome_of_a_missing_output_is_missing_and_so_is_a_yield() -> None:
    assert "u.max" not in lacking(WORST.replace("minimize: y", "minimize: u")).metrics
    text = PROCESS + "objectives: [{maximize: yield, samples: 32}]\nspecs: [y <= 6 um]\n"
    assert not any(name.startswith("yield") for name in lacking(text).metrics)


def test_a_broken_corner_makes_the_design_infeasible_and_keeps_the_margin() -> None:
    text = PROCESS + "objectives: [{minimize: y, mode: worst_corner, corners: 3 sigma}]\n"
    with pytest.raises(Infeasible, match="1 of 5 dies cannot work; first at z = 3.5 um, k = 3 MPa") as caught:
        answer(text)
    assert caught.value.metrics["room.min"].value == pytest.approx(-1.5)
    assert "y.max" not in caught.value.metrics


def test_the_mean_is_exact_for_a_line_within_its_error() -> None:
    text = PROCESS.replace("0 MPa", "-40 MPa") + "objectives: [{minimize: y, mode: mean, samples: 256}]\n"
    mean = answer(text)["y.mean"]
    assert mean.sem is not None
    assert 0 < mean.sem < 0.02
    assert abs(mean.value - 4.5) < 5 * mean.sem


YIELD = (
    "process: {z: {normal: [0 um, 1 um]}, k: {normal: [-40 MPa, 1 MPa]}}\n"
    "specs: [y <= 5 um]\nobjectives: [{maximize: yield, samples: 512}]\n"
)


def test_the_yield_is_the_normal_integral_within_its_error() -> None:
    exact = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
    shares = [answer(YIELD, seed=seed)["yield"] for seed in range(8)]
    for share in shares:
        assert share.sem is not None
        assert abs(share.value - exact) < 4 * share.sem
    spread = np.std([s.value for s in shares], ddof=1)
    claimed = float(np.mean([s.sem or 0.0 for s in shares]))
    assert spread < 2 * claimed


def test_dies_out_of_spec_and_broken_dies_both_count_against_the_yield() -> None:
    text = YIELD.replace("-40 MPa", "5 MPa")
    share = answer(text, x=0.0)["yield"]
    exact = 0.5  # room = 5 - z - k is negative for half of the dies; y <= 5 um holds for all but 3e-7
    assert share.value == pytest.approx(exact, abs=4 * (share.sem or 0))


def test_a_certain_yield_still_has_an_error() -> None:
    share = answer(YIELD, x=0.0)["yield"]
    assert share.value == pytest.approx(1.0, abs=1e-3)
    assert (share.sem or 0) > 1e-4


def test_each_spec_has_its_own_share_of_the_same_dies() -> None:
    text = YIELD.replace("[y <= 5 um]", "[4 um <= y <= 5 um]")
    metrics = answer(text)
    assert {n for n in metrics if n.startswith("yield.")} == set(spec_metrics(campaign(text)))
    below, above = metrics["yield.y_le_5_um"], metrics["yield.4_um_le_y"]
    assert below.value == pytest.approx(0.5 * (1 + math.erf(1 / math.sqrt(2))), abs=4 * (below.sem or 0))
    assert above.value == pytest.approx(0.5, abs=4 * (above.sem or 0))
    assert metrics["yield"].value == pytest.approx(below.value + above.value - 1)  # no die fails both
    assert metrics["yield.room"].value == metrics["yield.working_dies"].value == 1.0


def test_broken_dies_are_charged_to_the_spec_that_they_report() -> None:
    metrics = answer(YIELD.replace("-40 MPa", "5 MPa"), x=0.0)
    assert metrics["yield.working_dies"].value == metrics["yield.room"].value == metrics["yield"].value
    assert metrics["yield"].value == pytest.approx(0.5, abs=0.05)


def test_without_yield_no_spec_has_a_share() -> None:
    assert not [n for n in answer(WORST) if n.startswith("yield")]
    assert spec_metrics(campaign(WORST)) == {}


def test_specs_with_one_slug_keep_names_of_their_own_and_stay_short() -> None:
    long = "(" + " + ".join(["y"] * 20) + ")"
    text = YIELD.replace("[y <= 5 um]", f"[y <= 5 um, 'y <=  5 um', '{long} <= 99 um', '{long} <= 98 um']")
    names = list(spec_metrics(campaign(text)))
    assert names[:2] == ["yield.y_le_5_um", "yield.y_le_5_um_2"]
    assert len(set(names)) == len(names) == 6
    assert max(map(len, names)) <= 48
    assert set(names) < set(answer(text))


def test_the_journal_knows_the_label_and_unit_of_every_share() -> None:
    content = campaign_record(campaign(YIELD), number=1)
    assert {"metric": "yield.y_le_5_um", "label": "y <= 5 um"} in content["specs"]
    assert content["metrics"]["yield.y_le_5_um"] == ""


def test_dies_of_different_trials_are_different_draws() -> None:
    process = campaign(YIELD).process
    assert sampled(process, samples=64, seed=1) == sampled(process, samples=64, seed=1)
    assert sampled(process, samples=64, seed=1) != sampled(process, samples=64, seed=2)


def test_each_die_of_an_oracle_without_batches_has_its_own_seed() -> None:
    oracle = Line()
    answer(YIELD.replace("512", "64"), oracle=oracle, seed=3)
    assert oracle.seeds[0] == 3
    assert len(set(oracle.seeds)) == len(oracle.seeds)


def test_nominal_mode_stands_at_the_mean_of_the_process() -> None:
    text = PROCESS + "objectives: [{minimize: y, mode: nominal}]\n"
    assert answer(text)["y"].value == pytest.approx(4.5)


def test_a_constraint_over_several_outputs_takes_its_worst_corner() -> None:
    text = WORST + "constraints: [u / y <= 2 um]\n"
    metrics = answer(text)
    ratios = [x * z / (x + z) for x, z in ((4.0, 0.5), (4.0, -0.5), (4.0, 1.5))]
    named = next(c.metric for c in campaign(text).constraints if not c.is_margin)
    assert metrics[named].value == pytest.approx(max(ratios))


class Measured(Line):
    """y with a sampling error of 0.1 and bounds 0.3 below and 0.5 above, u with an error of 0.2."""

    def __init__(self) -> None:
        super().__init__()
        self.fidelities: list[str | None] = []

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        self.fidelities.append(context.fidelity)
        known = super().evaluate(parameters, context).metrics
        y = known["y"].value
        errors = {"y": Observation(value=y, sem=0.1, lower=y - 0.3, upper=y + 0.5)}
        return Result(metrics={**known, **errors, "u": Observation(value=known["u"].value, sem=0.2)})


def test_the_errors_of_the_nominal_die_stay_with_the_objective() -> None:
    found = answer("objectives: [minimize: y]\n", oracle=Measured())["y"]
    assert found == Observation(value=4.0, sem=0.1, lower=3.7, upper=4.5)


def test_the_worst_corner_keeps_the_errors_of_its_die() -> None:
    found = answer(WORST, oracle=Measured())["y.max"]
    assert (found.value, found.sem) == (pytest.approx(5.5), 0.1)
    assert (found.lower, found.upper) == (pytest.approx(5.2), pytest.approx(6.0))


def test_the_mean_over_dies_averages_the_bounds_and_not_the_sampling_errors() -> None:
    text = PROCESS.replace("0 MPa", "-40 MPa") + "objectives: [{minimize: y, mode: mean, samples: 256}]\n"
    found = answer(text, oracle=Measured())["y.mean"]
    assert found.lower == pytest.approx(found.value - 0.3)
    assert found.upper == pytest.approx(found.value + 0.5)
    assert (found.sem or 1.0) < 0.02


@pytest.mark.parametrize(
    ("objective", "sem"),
    [
        pytest.param("3 * y", 0.3, id="scaled"),
        pytest.param("y + room", 0.1, id="one of two has an error"),
        pytest.param("abs(y - 4 um)", 0.1, id="in the kink"),
        pytest.param("y - u / (1 um)", 0.3, id="at most the sum"),
        pytest.param("max(y, 9 um)", 0.0, id="on the flat side"),
        pytest.param("room / y", 5 / 3.9 - 5 / 4, id="ratio, by its larger side"),
        pytest.param("room", None, id="none"),
        pytest.param("x", None, id="a parameter"),
    ],
)
def test_an_expression_carries_the_sampling_error_of_its_outputs(objective: str, sem: float | None) -> None:
    text = f"objectives: [minimize: '{objective}']\n"
    found = answer(text, oracle=Measured())[campaign(text).objective.metric]
    assert found.sem == (None if sem is None else pytest.approx(sem))
    assert (found.lower, found.upper) == (None, None)


def test_every_die_is_asked_at_the_fidelity_of_the_trial() -> None:
    oracle = Measured()
    CampaignOracle(campaign=campaign(WORST), oracle=oracle).evaluate({"x": 4.0}, Context(fidelity="screen"))
    assert oracle.fidelities == ["screen"] * 5


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        pytest.param({"y": 1.0}, "without room, u", id="missing"),
        pytest.param({"y": 1.0, "u": 1.0, "room": 1.0, "w": 1.0}, "with w", id="undeclared"),
    ],
)
def test_an_answer_unlike_the_declaration_is_a_failure(metrics: dict[str, float], words: str) -> None:
    class Wrong(Line):
        def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
            return Result(metrics={n: Observation(value=v) for n, v in metrics.items()})

    with pytest.raises(OracleError, match=words):
        answer("objectives: [minimize: y]\n", oracle=Wrong())
