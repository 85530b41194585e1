"""A campaign names a fidelity of the oracle: defaults for some inputs, and what the trials will cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from designloop.campaign import Campaign, explain, json_schema, loads, template, validate_report
from designloop.errors import CampaignError
from designloop.oracle import Declaration, Fidelity, Input, Output

CELL = Declaration(
    name="cell",
    summary="Permeability of a cell.",
    inputs=(
        Input(name="fraction", lower=0.05, upper=0.6),
        Input(name="pixels", lower=16, upper=512, integer=True, default=128),
        Input(name="realizations", lower=1, upper=64, integer=True, default=8),
        Input(name="rule", choices=("fine", "coarse")),
        Input(name="spacing", unit="um", lower=0, upper=2, default=1.0),
    ),
    outputs=(Output("permeability"),),
    fidelities=(
        Fidelity(name="screen", cost=0.8, settings={"pixels": 64, "realizations": 4, "rule": "coarse"}),
        Fidelity(name="standard", description="for results", cost=90.0, settings={"rule": "fine"}),
        Fidelity(name="reference", settings={"pixels": 512, "spacing": 0.5}),
    ),
)
HEAD = "version: 1\noracle: cell\nobjectives: [minimize: permeability]\n"


def cell(text: str, declaration: Declaration = CELL) -> Campaign:
    return loads(HEAD + text, declaration=declaration)


def report(text: str) -> list[str]:
    return [" ".join(line.split()) for line in validate_report(cell(text)).splitlines()]


def test_the_settings_of_a_fidelity_reach_the_oracle():
    campaign = cell("fidelity: screen\n")
    assert campaign.fidelity == "screen"
    assert campaign.inputs_of({"fraction": 0.3}, {}) == {
        "fraction": 0.3, "pixels": 64, "realizations": 4, "rule": "coarse",
    }  # fmt: skip


def test_an_input_that_the_fidelity_sets_is_neither_chosen_nor_missing():
    assert cell("fidelity: screen\n").space.names == ("fraction",)
    assert cell("").space.names == ("fraction", "rule")
    assert cell("fidelity: screen\nparameters: {fraction: }\n").fixed["rule"] == "coarse"


def test_without_a_fidelity_the_defaults_of_the_oracle_hold():
    campaign = cell("fixed: {rule: fine}\n")
    assert (campaign.fidelity, campaign.fixed) == (None, {"rule": "fine"})


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        pytest.param("fixed: {realizations: 8}", {"realizations": 8}, id="fixed"),
        pytest.param("parameters: {fraction: , pixels: 16 .. 64}", {"pixels": 32}, id="parameters"),
        pytest.param("parameters: {fraction: , pixels: {value: 256}}", {"pixels": 256}, id="value"),
        pytest.param("derived: {pixels: 100 * fraction}", {"pixels": 30}, id="derived"),
    ],
)
def test_what_the_campaign_sets_itself_wins_over_the_fidelity(text, inputs):
    found = cell(f"fidelity: screen\n{text}\n").inputs_of({"fraction": 0.3, "pixels": 32}, {})
    assert found == {"fraction": 0.3, "pixels": 64, "realizations": 4, "rule": "coarse", **inputs}


def test_a_process_variable_wins_over_the_fidelity():
    campaign = cell(
        "fidelity: reference\nfixed: {rule: fine}\nprocess: {spacing: {normal: [1 um, 0.1 um]}}\n"
    )
    assert campaign.inputs_of({"fraction": 0.3}, {"spacing": 1.2})["spacing"] == 1.2


def test_expressions_see_the_settings_of_the_fidelity():
    campaign = cell("fidelity: screen\nconstraints: [permeability * pixels <= 640]\n")
    outcome = next(o for o in campaign.outcomes if "times" in o.name)
    assert outcome.expression.evaluate({"permeability": 10.0}) == pytest.approx(640.0)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("scren", r"has no fidelity scren\. Did you mean screen\? Known", id="near"),
        pytest.param("best", r"Known fidelities: screen \(0.8 s\), standard \(1.5 min\), ref", id="far"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_refused_at_its_line_with_all_names_and_costs(name, words):
    with pytest.raises(CampaignError, match=rf"campaign\.yaml:4:11: cell .*{words}"):
        cell(f"fidelity: {name}\n")


def test_an_oracle_without_fidelities_says_so():
    with pytest.raises(CampaignError, match="cell has no fidelity screen. It declares none; leave it out"):
        cell("fidelity: screen\nfixed: {rule: fine}\n", replace(CELL, fidelities=()))


def test_other_than_two_fidelities_are_of_a_later_version():
    with pytest.raises(CampaignError, match="not in this version: a choice from other than two fidelities"):
        cell("fidelities: {coarse: {pixels: 16}}\nfixed: {rule: fine}\n")


def test_the_report_repeats_the_settings_and_who_changes_them():
    assert "fidelity screen: pixels 64, realizations 4, rule coarse" in report("fidelity: screen\n")
    changed = report(
        "fidelity: screen\nfixed: {realizations: 8}\nparameters: {fraction: , pixels: 16 .. 64}\n"
    )
    said = "pixels by parameters, realizations: 8 by fixed"
    assert f"fidelity screen: pixels 64, realizations 4, rule coarse ({said})" in changed
    assert "fixed realizations = 8" in changed
    assert not any("rule = " in line for line in changed)


PROCESS = "process: {spacing: {normal: [1 um, 0.1 um]}}\n"


@pytest.mark.parametrize(
    ("text", "bill"),
    [
        pytest.param("fidelity: screen\n", "40 s", id="trials times cost"),
        pytest.param("fidelity: standard\nstop: {trials: 60}\n", "1.5 h", id="hours"),
        pytest.param(f"fidelity: screen\n{PROCESS}", "40 s", id="nominal"),
        pytest.param(f"fidelity: screen\n{PROCESS}MODE: worst_corner", "2 min", id="three corners"),
        pytest.param(f"fidelity: screen\n{PROCESS}MODE: mean, samples: 100", "1.4 h", id="129 dies"),
    ],
)  # fmt: skip
def test_the_report_says_what_the_computing_costs(text, bill):
    text, _, mode = text.partition("MODE: ")
    head = HEAD.replace(
        "[minimize: permeability]", f"[{{minimize: permeability, mode: {mode or 'nominal'}}}]"
    )
    said = validate_report(loads(head + text, declaration=CELL))
    assert f"about {bill} of computing" in said


@pytest.mark.parametrize(
    "text",
    ["fidelity: screen\nfixed: {pixels: 256}\n", "fidelity: reference\nfixed: {rule: fine}\n", ""],
    ids=["changed", "not measured", "no fidelity"],
)
def test_an_unknown_bill_is_not_made_up(text):
    assert "computing" not in validate_report(cell(text))


def test_the_bill_counts_the_dies_that_are_sampled():
    from designloop.compose.dies import sampled

    campaign = cell(f"fidelity: screen\n{PROCESS}")
    for samples, counted in ((100, 128), (256, 256), (16, 16)):
        assert len(sampled(campaign.process, samples=samples, seed=0)) == counted


def test_a_first_file_offers_every_fidelity():
    text = template(CELL)
    assert "# fidelity: screen    # pixels 64, realizations 4, rule coarse; 0.8 s" in text
    assert "# fidelity: standard    # rule fine; 1.5 min; for results" in text
    chosen = loads(text.replace("# fidelity: standard ", "fidelity: standard "), declaration=CELL)
    assert chosen.fidelity == "standard"


def test_fidelity_is_explained_and_known_to_editors():
    said = explain("fidelity")
    assert "example: fidelity: screen" in said
    assert "default: left out" in said
    assert "fidelity" in str(json_schema())
