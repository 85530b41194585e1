# ruff: noqa: E501 - tables
"""A file and a declaration make a campaign: units, defaults, outcomes by mode, margins."""

from __future__ import annotations

from dataclasses import replace

import pytest
from campaign_example import DECLARATION, FILE

from designloop.campaign import Campaign, loads
from designloop.campaign.model import Outcome
from designloop.errors import CampaignError
from designloop.oracle import Declaration, Input, Output
from designloop.space import ChoiceParameter, FloatParameter, IntParameter

OBJECTIVE = "objectives: [{minimize: noise_equivalent_field, mode: worst_corner, corners: 3 sigma}]"
SMALL = Declaration(
    name="small",
    summary="",
    inputs=(
        Input(name="E", unit="GPa", lower=1, upper=500),
        Input(name="m", unit="um", lower=1e-7, upper=100, log=True),
        Input(name="n", integer=True, lower=1, upper=9),
        Input(name="anchor", choices=("single", "double"), ordered=True),
        Input(name="T", unit="K", lower=1, upper=1000, default=300.0),
        Input(name="h", unit="um", lower=0, upper=1, default=0.5),
    ),
    outputs=(Output("f", unit="kHz"), Output("S", unit="MPa"), Output("margin", margin=True)),
)
HEAD = "version: 1\noracle: small\nobjectives: [minimize: f]\n"


def small(text: str = "", head: str = HEAD) -> Campaign:
    return loads(head + text, declaration=SMALL)


def example(old: str = "", new: str = "") -> Campaign:
    assert old in FILE
    return loads(FILE.replace(old, new, 1), declaration=DECLARATION)


def test_the_shortest_file_takes_everything_from_the_declaration():
    campaign = small()
    assert campaign.space.parameters == (
        FloatParameter(name="E", lower=1.0, upper=500.0, unit="GPa"),
        FloatParameter(name="m", lower=1e-7, upper=100.0, unit="um", log=True),
        IntParameter(name="n", lower=1, upper=9),
        ChoiceParameter(name="anchor", choices=("single", "double"), ordered=True),
    )
    assert campaign.strategy.name == "log_nei"
    assert campaign.strategy.initial == {"sobol": 5}
    assert campaign.stop.trials == 50
    assert campaign.objective.mode == "nominal"
    assert [c.label for c in campaign.constraints] == ["margin"]


def test_a_named_parameter_without_a_range_takes_the_declared_bounds():
    campaign = small("parameters: {E: , m: {scale: linear}, n: {range: 2 .. 4}}\nfixed: {anchor: single}")
    assert [(p.lower, p.upper) for p in campaign.space.parameters] == [(1, 500), (1e-7, 100), (2, 4)]
    assert not campaign.space.parameters[1].log
    assert isinstance(campaign.space.parameters[2], IntParameter)


def test_parameters_keep_the_unit_of_the_user_and_convert_at_the_border():
    campaign = small(
        "parameters: {E: 5e3 .. 2e5 MPa, m: 2e-7 .. 2e-6 m}\nfixed: {n: 3, anchor: double, T: 25 degC}"
    )
    assert campaign.space.parameters[0] == FloatParameter(name="E", lower=5e3, upper=2e5, unit="MPa")
    inputs = campaign.inputs_of({"E": 169_000.0, "m": 2e-6}, {})
    assert inputs == {"E": 169.0, "m": 2.0, "n": 3, "anchor": "double", "T": 298.15}


def test_a_bare_number_takes_the_declared_unit():
    campaign = small("parameters: {E: 100 .. 200}\nfixed: {m: 5, n: 3, anchor: double}")
    assert campaign.space.parameters[0].unit == "GPa"
    assert campaign.fixed["m"] == 5.0


def test_rounding_at_the_border_stays_inside_the_declared_bounds():
    declaration = replace(SMALL, inputs=(Input(name="x", unit="m", lower=1.1e-6, upper=3.3e-6),))
    campaign = loads(HEAD + "parameters: {x: 1.1 .. 3.3 um}", declaration=declaration)
    assert campaign.inputs_of({"x": 1.1}, {})["x"] == 1.1e-6
    assert campaign.inputs_of({"x": 3.3}, {})["x"] == 3.3e-6


def test_choices_of_numbers_share_a_unit():
    campaign = small(
        "parameters: {m: {choices: [500 nm, 1 um], ordered: true}}\nfixed: {E: 5, n: 3, anchor: double}"
    )
    (parameter,) = campaign.space.parameters
    assert parameter == ChoiceParameter(name="m", choices=(500.0, 1000.0), unit="nm", ordered=True)
    assert campaign.inputs_of({"m": 500.0}, {})["m"] == 0.5


def test_a_value_among_the_parameters_is_fixed():
    campaign = small("parameters: {E: {value: 5 GPa}, m: , n: , anchor: {choices: [double, single]}}")
    assert campaign.fixed == {"E": 5.0}
    assert campaign.space.parameters[2].choices == ("double", "single")


def test_derived_inputs_are_computed_in_the_declared_unit():
    campaign = small(
        "parameters: {m: 2e3 .. 9e3 nm, h: {derived: m / 10}}\nderived: {area: m * h}\n"
        "fixed: {E: 5, n: 3, anchor: single}\nconstraints: [area <= 0.9 um^2]"
    )
    assert campaign.inputs_of({"m": 4000.0}, {})["h"] == pytest.approx(0.4)
    assert "area" not in campaign.inputs_of({"m": 4000.0}, {})
    assert campaign.space.feasible([{"m": 2999.0}, {"m": 3001.0}]).tolist() == [True, False]


def test_derived_values_do_not_run_in_circles():
    with pytest.raises(CampaignError, match=r"4:\d+: a is computed from itself: a, b"):
        small("derived: {a: 2 * b, b: a / 2}")


def test_process_variables_keep_their_unit_and_reach_the_oracle():
    campaign = example("{normal: [0.05 um, 0.05 um]}", "{normal: [50 nm, 0.05 um]}")
    assert (campaign.process[0].unit, campaign.process[0].mean, campaign.process[0].sd) == ("nm", 50.0, 50.0)
    assert (
        campaign.inputs_of(campaign.baseline, {"over_etch": 200.0, "residual_stress": 0.0})["over_etch"]
        == 0.2
    )


def test_a_standard_deviation_of_a_temperature_is_a_difference():
    campaign = example(
        "{normal: [0 MPa, 3 MPa]}", "{normal: [0 MPa, 3 MPa]}\n  temperature: {normal: [25 degC, 5 K]}"
    )
    assert (campaign.process[2].unit, campaign.process[2].mean, campaign.process[2].sd) == ("degC", 25.0, 5.0)


def names(campaign: Campaign) -> list[str]:
    return [o.name for o in campaign.outcomes]


def bounds(campaign: Campaign) -> list[tuple[str, str, float]]:
    return [(c.metric, c.relation, c.bound) for c in campaign.constraints if not c.is_margin]


def test_under_worst_corner_bounds_hold_at_the_worst_side():
    campaign = example()
    assert campaign.objective.metric == "noise_equivalent_field.max"
    assert bounds(campaign) == [
        ("resonance_frequency.min", ">=", 20.0),
        ("resonance_frequency.max", "<=", 80.0),
    ]
    assert {c.metric for c in campaign.constraints if c.is_margin} == {
        "buckling_margin.min",
        "pull_in_margin.min",
    }
    assert names(campaign)[0] == "noise_equivalent_field.max"


def test_a_metric_to_maximize_counts_at_its_smallest():
    assert example("minimize: noise", "maximize: noise").objective.metric == "noise_equivalent_field.min"


def test_under_nominal_names_are_plain_and_each_outcome_stands_once():
    campaign = example(OBJECTIVE, "objectives: [{minimize: noise_equivalent_field}]")
    assert names(campaign) == [
        "noise_equivalent_field",
        "resonance_frequency",
        "buckling_margin",
        "pull_in_margin",
    ]
    assert bounds(campaign) == [("resonance_frequency", ">=", 20.0), ("resonance_frequency", "<=", 80.0)]


def test_under_mean_outcomes_are_averages():
    campaign = example(OBJECTIVE, "objectives: [{minimize: noise_equivalent_field, mode: mean, samples: 64}]")
    assert {o.aggregate for o in campaign.outcomes} == {"mean"}
    assert campaign.objective.samples == 64


def test_under_yield_margins_become_specs_and_constraints_hold_at_nominal():
    campaign = example(
        OBJECTIVE, "objectives: [{maximize: yield}]\nspecs: [noise_equivalent_field <= 60 nT/sqrt(Hz)]"
    )
    assert campaign.objective.metric == "yield"
    assert names(campaign) == ["yield", "resonance_frequency"]
    assert [s.label for s in campaign.specs] == [
        "noise_equivalent_field <= 60 nT/sqrt(Hz)", "buckling_margin", "pull_in_margin",
    ]  # fmt: skip
    assert not any(c.is_margin for c in campaign.constraints)
    slack = campaign.specs[0].slack
    assert slack.evaluate({"noise_equivalent_field": 50.0}) == pytest.approx(10.0)
    assert slack.evaluate({"noise_equivalent_field": 61.0}) == pytest.approx(-1.0)


def test_a_bound_of_the_user_replaces_the_default_margin():
    campaign = example("beam_length / beam_width <= 180", "buckling_margin >= 0.1")
    assert [c.metric for c in campaign.constraints if c.is_margin] == ["pull_in_margin.min"]
    assert ("buckling_margin.min", ">=", 0.1) in bounds(campaign)


def test_bounds_convert_to_the_unit_of_the_metric():
    assert ("resonance_frequency.min", ">=", 20.0) in bounds(example("20 kHz <=", "20000 Hz <="))


def test_a_longer_expression_becomes_an_outcome_of_its_own():
    campaign = example("beam_length / beam_width <= 180", "drive_power / resonance_frequency <= 2 nJ")
    outcome = next(o for o in campaign.outcomes if "over" in o.name)
    assert (outcome.name, outcome.aggregate) == ("drive_power_over_resonance_frequency.max", "max")
    constraint = next(c for c in campaign.constraints if c.metric == outcome.name)
    value = outcome.expression.evaluate({"drive_power": 1e-3, "resonance_frequency": 1.0})
    nanojoule = outcome.expression.evaluate({"drive_power": 1e-3, "resonance_frequency": 1.0 / 2})
    assert constraint.bound == pytest.approx(nanojoule)
    assert value == pytest.approx(nanojoule / 2)


def test_two_varying_sides_become_a_difference():
    campaign = example("beam_length / beam_width <= 180", "drive_power <= 0.1 mW/mA * current")
    metric, relation, bound = bounds(campaign)[0]
    outcome = next(o for o in campaign.outcomes if o.name == metric)
    assert (relation, bound) == ("<=", 0.0)
    assert outcome.expression.evaluate({"drive_power": 0.3, "current": 2.0}) == pytest.approx(0.1)


def test_different_expressions_never_share_a_name():
    campaign = example(
        "beam_length / beam_width <= 180",
        "drive_power + 1 mW <= 3 mW, drive_power + (1 mW) <= 3 mW, drive_power + 1 W <= 3 W",
    )
    kinds: dict[str, Outcome] = {o.name: o for o in campaign.outcomes}
    assert len(kinds) == len(campaign.outcomes)
    assert all(c.metric in kinds for c in campaign.constraints)
    assert len({c.metric for c in campaign.constraints if "plus" in c.metric}) == 2


def test_outcomes_name_only_what_varies():
    campaign = example("beam_length / beam_width <= 180", "drive_power * thickness <= 4 mW*um")
    outcome = next(o for o in campaign.outcomes if "thickness" in o.name)
    assert outcome.expression.names == {"drive_power"}
    assert outcome.expression.evaluate({"drive_power": 2.0}) == pytest.approx(
        outcome.expression.evaluate({"drive_power": 1.0}) * 2
    )


def test_constraints_on_inputs_may_name_fixed_and_derived_values():
    campaign = example("process:", "derived: {ratio: beam_length / thickness}\nprocess:")
    assert len(campaign.space.constraints) == 1
    campaign = loads(
        FILE.replace("process:", "derived: {ratio: beam_length / thickness}\nprocess:").replace(
            "beam_length / beam_width <= 180", "ratio <= 30, gap <= thickness / 8"
        ),
        declaration=DECLARATION,
    )
    slack = campaign.space.slack([{"beam_length": 500.0, "beam_width": 2.0, "gap": 2.0, "current": 1.0}])
    assert slack[0] == pytest.approx([5.0, 0.5])


def test_names_that_look_like_units_are_names():
    campaign = small("constraints: [m >= 2e-6 m / 2 um * 1 um, E <= 200 GPa, S <= 300 MPa]")
    assert [c.label for c in campaign.space.constraints][1:] == ["E <= 200 GPa"]


def test_a_choice_constrains_by_its_words():
    campaign = small("constraints: [anchor == double, n >= 2]")
    rows = [
        {"E": 5.0, "m": 1.0, "n": n, "anchor": a} for n, a in ((2, "double"), (1, "double"), (2, "single"))
    ]
    assert campaign.space.feasible(rows).tolist() == [True, False, False]


def test_an_objective_may_be_an_expression():
    campaign = small(head="version: 1\noracle: small\nobjectives: [minimize: abs(f - 30 kHz)]\n")
    outcome = campaign.outcomes[0]
    assert outcome.expression.evaluate({"f": 28.0}) == pytest.approx(2.0)
    assert campaign.objective.metric == outcome.name
    assert outcome.name not in ("f", "S")


def test_a_rare_but_not_empty_space_is_no_error():
    campaign = small(
        "parameters: {E: 1 .. 500 GPa}\nfixed: {m: 1, n: 3, anchor: single}\nconstraints: [E <= 1.1 GPa]"
    )
    assert campaign.space.feasible_share() < 0.01


def test_center_is_in_the_initial_design_only_when_asked():
    assert "center" not in small().strategy.initial
    assert small("strategy: {initial: {center: 1, sobol: 7}}").strategy.initial == {"center": 1, "sobol": 7}


@pytest.mark.parametrize(
    ("strategy", "options", "initial"),
    [
        ("gp_ucb", {"kappa": 1.96}, {"sobol": 5}),
        ("{name: gp_ucb, kappa: 3, batch: 4, believer: joint}", {"kappa": 3.0, "batch": 4, "believer": "joint"}, {"sobol": 5}),
        ("{name: ei, xi: 0.1}", {"xi": 0.1}, {"sobol": 5}),
        ("sobol", {}, {}),
    ],
)  # fmt: skip
def test_options_in_force_are_those_of_the_strategy(strategy, options, initial):
    choice = small(f"strategy: {strategy}").strategy
    assert (choice.options, choice.initial) == (options, initial)


def test_start_with_is_checked_like_the_baseline():
    campaign = small("start_with: [{E: 5, m: 1 um, n: 3, anchor: single}]")
    assert campaign.start_with == ({"E": 5.0, "m": 1.0, "n": 3, "anchor": "single"},)
    with pytest.raises(CampaignError, match=r"4:\d+: 'tripple' is no choice of anchor"):
        small("start_with: [{E: 5, m: 1 um, n: 3, anchor: tripple}]")
    with pytest.raises(CampaignError, match=r"n is a whole number"):
        small("start_with: [{E: 5, m: 1 um, n: 3.5, anchor: single}]")


def test_stopping_rules_convert():
    stop = small("stop: {trials: 9, wall_time: 1.5 h, no_improvement: {trials: 4, less_than: 0.02}}").stop
    assert (stop.trials, stop.wall_time, stop.no_improvement_trials, stop.no_improvement_less_than) == (
        9,
        5400,
        4,
        0.02,
    )


def test_a_name_comes_from_the_file_where_it_is_left_out(tmp_path):
    from designloop.campaign import load

    path = tmp_path / "my beam.yaml"
    path.write_text(HEAD, encoding="utf-8")
    assert load(path, declaration=SMALL).name == "my beam"
    assert load(path, declaration=SMALL).folder == tmp_path


def test_a_unit_that_the_oracle_invented_is_its_authors_to_mend():
    broken = replace(SMALL, outputs=(Output("f", unit="furlong"),))
    with pytest.raises(CampaignError, match=r"2:9: the oracle declares f in 'furlong'.*author"):
        loads(HEAD, declaration=broken)


def test_an_unknown_oracle_is_refused_at_its_name():
    with pytest.raises(CampaignError, match=r"c\.yaml:2:9: .*magnetometre"):
        loads(HEAD.replace("small", "magnetometre"), name="c.yaml")
    with pytest.raises(CampaignError, match=r"c\.yaml:2:16: .*magnetometre"):
        loads(HEAD.replace("small", "{name: magnetometre}"), name="c.yaml")


def test_several_errors_of_meaning_are_reported_together():
    with pytest.raises(CampaignError, match="bean") as caught:
        loads(
            FILE.replace("gap: 1.5 .. 4 um", "gap: 1.5 .. 40 um").replace("thickness:", "bean:"),
            declaration=DECLARATION,
        )
    assert len(caught.value.errors) == 2
