"""A campaign names two fidelities of the oracle: costs and settings, and what is refused beside them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from designloop.campaign import Campaign, json_schema, loads, validate_report
from designloop.errors import CampaignError
from designloop.oracle import Declaration, Fidelity, Input, Output
from designloop.revision import fidelities_of

CELL = Declaration(
    name="cell",
    summary="Permeability of a cell.",
    inputs=(
        Input(name="fraction", lower=0.05, upper=0.6),
        Input(name="pixels", lower=16, upper=512, integer=True, default=128),
        Input(name="rule", choices=("fine", "coarse")),
        Input(name="spacing", unit="um", lower=0, upper=2, default=1.0),
    ),
    outputs=(Output("permeability"),),
    fidelities=(
        Fidelity(name="screen", cost=0.5, settings={"pixels": 64, "rule": "coarse"}),
        Fidelity(name="reference", cost=5.0, settings={"rule": "fine", "spacing": 0.5}),
        Fidelity(name="unmeasured", settings={"rule": "fine"}),
        Fidelity(name="open", cost=0.1, settings={"pixels": 32}),
    ),
)
HEAD = "version: 1\noracle: cell\nobjectives: [minimize: permeability]\n"
TWO = "fidelities: [screen, reference]\n"


def cell(text: str, declaration: Declaration = CELL) -> Campaign:
    return loads(HEAD + text, declaration=declaration)


def test_each_fidelity_has_its_own_settings_and_cost_and_the_last_counts() -> None:
    campaign = cell(TWO)
    assert [(f.name, f.cost) for f in campaign.fidelities] == [("screen", 0.5), ("reference", 5.0)]
    assert campaign.counts == "reference"
    design = {"fraction": 0.3}
    assert campaign.at("screen").inputs_of(design, {}) == {"fraction": 0.3, "pixels": 64, "rule": "coarse"}
    counting = {"fraction": 0.3, "rule": "fine", "spacing": 0.5}
    assert campaign.at("reference").inputs_of(design, {}) == counting
    assert campaign.at(None).inputs_of(design, {}) == campaign.inputs_of(design, {}) == counting


def test_what_the_campaign_sets_itself_wins_at_both_fidelities() -> None:
    campaign = cell(TWO + "fixed: {pixels: 200, spacing: 2 um}\n")
    for name in ("screen", "reference"):
        found = campaign.at(name).inputs_of({"fraction": 0.3}, {})
        assert (found["pixels"], found["spacing"]) == (200, 2.0)


def test_costs_in_the_file_win_and_may_have_any_unit_of_time() -> None:
    campaign = cell("fidelities: {screen: 1 min, unmeasured: 0.5 h}\n")
    assert [f.cost for f in campaign.fidelities] == [60.0, 1800.0]


def test_the_strategy_and_its_initial_design_follow_where_the_file_says_nothing() -> None:
    assert (cell(TWO).strategy.name, cell(TWO).strategy.initial) == ("gp_ucb", {"sobol": 9})
    assert cell("").strategy.name == "log_nei"
    assert cell(TWO + "strategy: {kappa: 3}\n").strategy.options["kappa"] == 3
    assert cell(TWO + "strategy: {name: gp_ucb, initial: {sobol: 4}}\n").strategy.initial == {"sobol": 4}


def test_a_trial_costs_as_many_evaluations_as_it_asks_for_dies() -> None:
    text = "process: {spacing: {normal: [1 um, 0.1 um]}}\nstop: {trials: 30, cost: 1 h}\n"
    corners = HEAD.replace("permeability]", "permeability, mode: worst_corner}]").replace("[min", "[{min")
    found = fidelities_of(loads(corners + TWO + text, declaration=CELL))
    assert found is not None
    assert (found.cheap_cost, found.cost, found.trials, found.most_cost) == (1.5, 15.0, 30, 3600.0)
    assert fidelities_of(cell("")) is None


def test_the_report_names_both_with_settings_and_costs() -> None:
    lines = [" ".join(line.split()) for line in validate_report(cell(TWO)).splitlines()]
    assert "fidelities screen: pixels 64, rule coarse, 0.5 s" in lines
    assert "reference: rule fine, spacing 0.5 um, 5 s, counts" in lines


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fidelities: [scren, reference]\n", ("no fidelity scren", "Did you mean screen?")),
        ("fidelities: [screen, refrence]\n", ("no fidelity refrence", "Did you mean reference?")),
        ("fidelities: [screen]\n", ("other than two", "fidelity: NAME")),
        ("fidelities: [screen, screen]\n", ("other than two",)),
        ("fidelities: [screen, open, reference]\n", ("other than two",)),
        ("fidelities: screen\n", ("does not name two", "[screen, reference]")),
        ("fidelities: {}\n", ("other than two",)),
        ("fidelities: [1, 2]\n", ("1 is no name",)),
        ("fidelities: [reference, screen]\n", ("costs 5 s", "counts last")),
        ("fidelities: [screen, unmeasured]\n", ("nobody measured", "screen: 4.3 s, unmeasured: 4.3 s")),
        ("fidelities: {screen: 1, unmeasured: 2 h}\n", ("without a unit",)),
        ("fidelities: {screen: 1 um, unmeasured: 2 h}\n", ("um",)),
        ("fidelities: [open, reference]\n", ("open leaves rule open", "Write rule under fixed")),
        (TWO + "fidelity: screen\n", ("exclude each other",)),
        (TWO + "strategy: ei\n", ("ei does not choose", "strategy: gp_ucb")),
        (TWO + "strategy: [{name: gp_ucb, until: {trials: 9}}, gp_ucb]\n", ("several strategies",)),
        (TWO + "strategy: {name: gp_ucb, batch: 4, believer: joint}\n", ("believer joint", "kriging")),
        (TWO + "goal: {learn: {permeability: 5 %}}\n", ("fidelities with a goal", "fidelity: NAME")),
        (TWO + "execution: {engine: manual}\n", ("people choose no fidelity",)),
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_write(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(CampaignError) as caught:
        cell(text)
    for word in words:
        assert word in str(caught.value)


def test_an_oracle_without_fidelities_says_so() -> None:
    with pytest.raises(CampaignError, match="declares none"):
        cell(TWO, replace(CELL, fidelities=()))


def test_editors_learn_that_a_list_and_costs_both_fit() -> None:
    shapes = json_schema()["properties"]["fidelities"]["anyOf"]
    assert [s["type"] for s in shapes[0].get("anyOf", shapes)][:2] == ["array", "object"]
