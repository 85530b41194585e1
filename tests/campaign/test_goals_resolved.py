# ruff: noqa: E501 - tables
"""A goal in a campaign file: aims in the metrics' units, outcomes, judges, phases, ends, registration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from campaign_example import DECLARATION, FILE
from goal_example import EMULATOR, FILM, GOAL_FILE
from hypothesis import given
from hypothesis import strategies as st

from designloop.campaign import Campaign, explain, load, loads
from designloop.campaign.aims import is_pattern
from designloop.campaign.model import Aim, StrategyChoice
from designloop.campaign.strategies import DEFAULTS, LEARNERS, OPTIMIZERS, OPTIONS, PUBLISHED_INITIAL
from designloop.campaign.tolerance import tolerance
from designloop.errors import CampaignError
from designloop.reading.problems import Refused

ROOT = Path(__file__).parents[2]
STRATEGY = "strategy: {name: query_by_committee, members: 7}\n"
STOP = "stop: {goal: reached, trials: 60, wall_time: 12 h}\n"
JUDGE = "judge: leave_one_out"
OBJECTIVE = "objectives: [minimize: stress]\n"


def film(*changes: tuple[str, str], folder: Path = ROOT) -> Campaign:
    text = GOAL_FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return loads(text, declaration=FILM, folder=folder)


def learning(learn: str) -> tuple[Aim, ...]:
    start, end = GOAL_FILE.index("  learn:"), GOAL_FILE.index("  judge:")
    goal = film((GOAL_FILE[start:end], f"  learn: {learn}\n")).goal
    assert goal
    return goal.aims


# aims


def test_the_aims_stand_in_the_order_of_the_file_in_the_units_of_the_metrics():
    goal = film().goal
    assert goal
    assert [(a.metric, a.error, a.kind, a.label) for a in goal.aims] == [
        ("stiffness_mean", 0.002, "relative", "0.2 %"),
        ("stiffness_std", 0.05, "relative", "5 %"),
        ("H_xx", 0.03, "absolute", "30 MPa"),
        ("H_xy", 0.03, "absolute", "30 MPa"),
        ("stress_over_stiffness_mean", 0.04, "spread", "4 % of spread"),
    ]


@pytest.mark.parametrize(
    ("written", "error", "kind"),
    [
        ("5 %", 0.05, "relative"),
        ("500 ppm", 5e-4, "relative"),
        ("3 MPa", 0.003, "absolute"),
        ("0.5", 0.5, "absolute"),
        ("5 % of spread", 0.05, "spread"),
        ("0.5 %  of spread", 0.005, "spread"),
    ],
)
def test_every_form_of_an_error_is_understood(written, error, kind):
    (aim,) = learning(f"{{stiffness_std: {written}}}")
    assert (aim.error, aim.kind) == (pytest.approx(error, rel=1e-15), kind)


def test_an_expression_becomes_an_outcome_with_its_own_unit():
    campaign = film()
    outcome = next(o for o in campaign.outcomes if o.name == "stress_over_stiffness_mean")
    assert outcome.expression.evaluate({"stress": 150.0, "stiffness_mean": 150.0}) == pytest.approx(1e-3)


def test_an_expression_counts_in_the_unit_of_its_error():
    campaign = film(("stress / stiffness_mean: 4 % of spread", "stress / width: 2 MPa/mm"))
    assert campaign.goal
    aim, outcome = campaign.goal.aims[-1], next(o for o in campaign.outcomes if o.name == "stress_over_width")
    assert outcome.unit == "MPa/mm"
    assert outcome.expression.evaluate({"stress": 3.0, "width": 2.0}) == pytest.approx(1500.0)
    assert (aim.error, aim.kind) == (2.0, "absolute")


def test_an_own_entry_wins_over_a_pattern_wherever_it_stands():
    aims = learning('{"H_*": 5 %, "stiffness_*": 2 %, stiffness_std: 8 %, H_xy: 1 %}')
    assert {a.metric: a.error for a in aims} == {
        "H_xx": 0.05, "stiffness_mean": 0.02, "stiffness_std": 0.08, "H_xy": 0.01,
    }  # fmt: skip


def test_a_star_alone_learns_every_output_but_the_margins():
    assert [a.metric for a in learning('{"*": 5 %}')] == [
        "stiffness_mean", "stiffness_std", "H_xx", "H_xy", "stress",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "pattern"),
    [("H_*", True), ("*", True), ("*_std", True), ("a*b", False), ("2*a", False), ("a * b", False), ("a**2", False)],
)  # fmt: skip
def test_a_product_is_no_pattern(text, pattern):
    assert is_pattern(text, {"a", "b", "H_xx"}) == pattern


SIZES = st.floats(1e-3, 99, allow_nan=False)


@given(SIZES, st.sampled_from(["%", "ppm", "ppb"]), st.booleans())
def test_a_share_is_that_share(size, unit, of_spread):
    found = tolerance(f"{size!r} {unit}{' of spread' if of_spread else ''}")
    assert found.kind == ("spread" if of_spread else "relative")
    assert found.amount.to("") == pytest.approx(size * {"%": 1e-2, "ppm": 1e-6, "ppb": 1e-9}[unit])


@given(SIZES, st.sampled_from(["GPa", "MPa", "um", "nT/sqrt(Hz)", "degC"]))
def test_an_error_in_a_unit_keeps_its_number(size, unit):
    found = tolerance(f"{size!r} {unit}")
    assert (found.kind, found.amount.value, found.amount.unit) == ("absolute", size, unit)


@given(st.text(max_size=20) | st.floats() | st.integers() | st.booleans() | st.none() | st.lists(st.none()))
def test_anything_is_a_positive_error_or_refused_in_a_sentence(value):
    said = ""
    try:
        found = tolerance(value)
    except Refused as error:
        said = error.what
    assert said.endswith(".") if said else 0 < found.amount.value < float("inf")


# outcomes and objectives


def test_without_objectives_the_first_metric_stands_for_what_is_learned():
    campaign = film()
    objective = campaign.objective
    assert (objective.metric, objective.minimize, objective.mode) == ("stiffness_mean", False, "learn")
    assert [o.name for o in campaign.outcomes][:2] == ["stiffness_mean", "stiffness_std"]
    assert [(c.metric, c.bound) for c in campaign.constraints] == [("stress", 300.0), ("margin", 0.0)]


def test_with_objectives_too_the_objective_stands_first_and_metrics_are_shared():
    campaign = film(("goal:", f"{OBJECTIVE}goal:"))
    assert campaign.objective.mode == "nominal"
    assert [o.name for o in campaign.outcomes] == [
        "stress", "stiffness_mean", "stiffness_std", "H_xx", "H_xy", "stress_over_stiffness_mean", "margin",
    ]  # fmt: skip


def test_metrics_are_learned_at_the_nominal_die_whatever_the_objective_survives():
    goal = "goal: {learn: {noise_equivalent_field: 5 %}}\nstrategy: query_by_committee\n"
    strategy = "strategy: {name: gp_ucb, kappa: 1.96, initial: {sobol: 8}}\n"
    campaign = loads(FILE.replace(strategy, goal), declaration=DECLARATION)
    how = {o.name: o.aggregate for o in campaign.outcomes}
    assert how["noise_equivalent_field.max"] == "max"
    assert how["noise_equivalent_field"] == "nominal"
    assert campaign.goal
    assert campaign.goal.aims[0].metric == "noise_equivalent_field"


def test_process_and_a_goal_alone_ask_the_nominal_die():
    campaign = film(("constraints:", "process: {load: {normal: [1 mN, 0.1 mN]}}\nconstraints:"))
    assert campaign.objective.mode == "learn"
    assert {o.aggregate for o in campaign.outcomes} == {"nominal"}


# judges


@pytest.fixture
def emulated(tmp_path):
    (tmp_path / "emulator.py").write_text(EMULATOR)
    return tmp_path


@pytest.mark.parametrize(
    ("judge", "found"),
    [
        ("leave_one_out", ("leave_one_out", 0, None)),
        ("{held_out: 20}", ("held_out", 20, None)),
        ("{reference: ./emulator.py:Emulator}", ("reference", 500, "./emulator.py:Emulator")),
        ("{reference: ./emulator.py:Emulator, designs: 99}", ("reference", 99, "./emulator.py:Emulator")),
    ],
)
def test_each_judge_is_resolved(judge, found, emulated):
    goal = film((JUDGE, f"judge: {judge}"), folder=emulated).goal
    assert goal
    assert (goal.by, goal.designs, goal.reference) == found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('Input(name="width", unit="um"', 'Input(name="width", unit="mm"', "has width in mm, not in um"),
        ('Input(name="width", unit="um", lower=1, upper=10),', "", "has no input width"),
        ('Output("H_xy", unit="GPa"),', "", "has no output H_xy"),
        ('Output("margin"),', "", "has no output margin"),
        ("default=7.0", "", "needs scatter_error too"),
    ],
)
def test_a_reference_has_the_same_inputs_and_outputs(old, new, words, emulated):
    assert old in EMULATOR
    (emulated / "emulator.py").write_text(EMULATOR.replace(old, new))
    changes = [(JUDGE, "judge: {reference: ./emulator.py:Emulator}"), ("fidelity: standard\n", "")]
    with pytest.raises(CampaignError, match=rf":\d+:\d+: emulator {words}"):
        film(*changes, folder=emulated)


# strategies


def test_with_a_goal_the_committee_is_the_default():
    for change in ("", "strategy: {members: 7}\n"):
        campaign = film((STRATEGY, change))
        assert campaign.strategy.name == "query_by_committee"
        assert campaign.strategy.initial == {"sobol": 6}
    assert loads(FILE, declaration=DECLARATION, overrides=["strategy={}"]).strategy.name == "log_nei"


@pytest.mark.parametrize(
    "name", ["gp_variance", "qnipv", "bald", "gsx", "igs", "random", "sobol", "latin_hypercube"]
)
def test_every_rival_and_every_model_free_strategy_may_learn(name):
    choice = film((STRATEGY, f"strategy: {name}\n")).strategy
    assert choice.name == name
    assert choice.initial == ({"sobol": 6} if name in LEARNERS else {})


@pytest.mark.parametrize("name", ["query_by_committee", "gp_variance", "gsx"])
def test_a_learner_may_learn_an_objective_without_a_goal(name):
    text = FILE.replace("{name: gp_ucb, kappa: 1.96, initial: {sobol: 8}}", name)
    campaign = loads(text, declaration=DECLARATION)
    assert (campaign.goal, campaign.strategy.name, campaign.stop.at_goal) == (None, name, False)


def test_options_in_force_hold_defaults_and_leave_out_what_has_no_effect():
    options = film().strategy.options
    assert options["members"] == 7
    assert options["subset"] == "auto"
    assert "hidden" not in options
    networks = film(
        (STRATEGY, "strategy: {name: query_by_committee, committee: networks, hidden: [4], region: off}\n")
    )
    assert networks.strategy.options["hidden"] == (4,)
    assert networks.strategy.options["alpha"] == 1e-4
    assert not {"action", "weight"} & set(networks.strategy.options)


def test_a_publication_sets_all_that_is_not_written():
    choice = film(
        (STRATEGY, "strategy: {name: query_by_committee, reproduce: morand_2022, hidden: [4]}\n")
    ).strategy
    assert choice.options == {"reproduce": "morand_2022", "hidden": (4,)}
    assert choice.initial == {"random": 100}


def phases(*lines: str) -> tuple[StrategyChoice, ...]:
    text = OBJECTIVE + "strategy:\n" + "".join(f"  - {line}\n" for line in lines)
    return film((STRATEGY, text), ("goal: reached, ", "")).phases


def test_a_list_of_strategies_runs_one_after_the_other():
    first, second = phases("{name: query_by_committee, until: goal}", "{name: gp_ucb, kappa: 1}")
    assert (first.name, first.until, first.initial) == ("query_by_committee", "goal", {"sobol": 6})
    assert (second.name, second.until, second.initial) == ("gp_ucb", None, {})
    assert second.options == {"kappa": 1.0}


def test_a_later_strategy_has_an_initial_design_only_where_one_is_written():
    found = phases(
        "{name: sobol, until: {trials: 9}}", "{name: gsx, initial: {random: 3}, until: goal}", "ei"
    )
    assert [(p.until, dict(p.initial)) for p in found] == [(9, {}), ("goal", {"random": 3}), (None, {})]


@pytest.mark.parametrize(
    ("lines", "stop", "ends"),
    [
        (("query_by_committee",), "", True),
        (("query_by_committee",), "goal: ignored, ", False),
        (("{name: query_by_committee, until: goal}", "gp_ucb"), "", False),
        (("{name: query_by_committee, until: {trials: 20}}", "gp_ucb"), "", False),
        (("{name: sobol, until: {trials: 20}}", "query_by_committee"), "", True),
        (("{name: sobol, until: {trials: 20}}", "{name: gsx, until: goal}"), "", True),
        (("{name: sobol, until: {trials: 20}}", "gsx"), "goal: ignored, ", False),
    ],
)
def test_the_goal_ends_a_campaign_whose_last_strategy_learns(lines, stop, ends):
    text = OBJECTIVE + "strategy:\n" + "".join(f"  - {line}\n" for line in lines)
    campaign = film((STRATEGY, text), ("goal: reached, ", stop))
    assert campaign.stop.at_goal == ends
    alone = len(campaign.phases) == 1
    assert campaign.phases[-1].until == ("goal" if ends and not alone else None)


def test_the_options_of_a_file_are_those_of_the_strategies():
    from designloop.strategies.base import OPTIMIZERS as DECLARED_OPTIMIZERS
    from designloop.strategies.learning_options import PUBLISHED_INITIAL as DECLARED_INITIAL
    from designloop.strategies.options import STRATEGIES

    assert set(OPTIONS) == set(STRATEGIES)
    assert set(OPTIMIZERS) == set(DECLARED_OPTIMIZERS)
    assert PUBLISHED_INITIAL == DECLARED_INITIAL
    for name, options in OPTIONS.items():
        declared = STRATEGIES[name].options
        assert set(options) <= set(declared), name
        for option, value in DEFAULTS.get(name, {}).items():
            assert declared[option].default == value, (name, option)
            assert declared[option].check(option, value) == value


# ends and registration


def test_every_limit_arrives_as_a_plain_number():
    stop = film(
        (STOP, "stop: {trials: 60, disagreement: 2 %, coverage: {trials: 20, less_than: 0.5 %}, "
               "no_improvement: {trials: 15}}\n")
    ).stop  # fmt: skip
    assert (stop.at_goal, stop.disagreement, stop.coverage_trials) == (True, 0.02, 20)
    assert stop.coverage_less_than == pytest.approx(0.005)
    assert (stop.no_improvement_trials, stop.no_improvement_less_than) == (15, 0.01)


def test_registration_defaults_to_the_campaigns_name_and_champion():
    assert vars(film().register) == {"name": "film-scatter", "alias": "champion", "if_reached": True}
    plain = loads(FILE, declaration=DECLARATION).register
    assert vars(plain) == {"name": "magnetometer", "alias": "champion", "if_reached": False}


# overrides, help, shipped files


def test_a_word_is_opened_by_an_override_below_it():
    found = loads(
        GOAL_FILE, declaration=FILM,
        overrides=["goal.judge.held_out=20", "strategy.members=3", "stop.goal=ignored", "register.if=always"],
    )  # fmt: skip
    assert found.goal
    assert (found.goal.by, found.strategy.options["members"]) == ("held_out", 3)
    assert (found.stop.at_goal, found.register.if_reached) == (False, False)
    assert loads(found.text, declaration=FILM).file == found.file


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("goal.learn", "5 % of spread"),
        ("judge", "leave_one_out"),
        ("held_out", "held_out: 20"),
        ("strategy.until", "trials: 20"),
        ("register.as", "the campaign's name"),
        ("register.if", "goal reached"),
        ("stop.coverage", "less_than: 0.5 %"),
        ("gate", "one random pick|some picks are random"),
    ],
)
def test_new_keys_are_explained_with_an_example(key, words):
    text = explain(key)
    assert "example:" in text
    assert any(word in text for word in words.split("|"))


def test_the_shipped_film_learns_three_metrics():
    campaign = load(ROOT / "campaigns" / "film_scatter.yaml")
    assert campaign.goal
    assert [a.metric for a in campaign.goal.aims] == [
        "axial_modulus_mean", "axial_modulus_std", "bending_modulus_std",
    ]  # fmt: skip
    assert (campaign.strategy.name, campaign.register.name) == ("query_by_committee", "film-scatter")


WISH = """\
version: 1
name: film-scatter
seed: 11
oracle: polysilicon
fixed: {fibre_axis: "100", boundary: tensile_test, pixels_per_grain: 8}
parameters:
  grain_size:     {range: 0.2 .. 1.5 um, scale: log}
  texture_spread: 5 .. 45 deg
  beam_width:     2 .. 6 um
  beam_length:    {range: 40 .. 400 um, scale: log}
constraints: [beam_width >= 2 * grain_size]
goal:
  learn: {axial_modulus_mean: 0.2 %, axial_modulus_std: 5 %, bending_modulus_std: 5 %}
replicates: {min: 16, max: 256, until: {relative_error_of_std: 7 %}}
strategy: {name: query_by_committee, gate: random}
stop: {goal: reached, trials: 150, wall_time: 12 h}
register: {as: film-scatter, alias: champion, if: goal reached}
execution: {workers: 2}
"""


def test_of_the_film_that_people_wish_to_write_only_replicates_are_missing():
    with pytest.raises(CampaignError, match="not in this version: replicates") as caught:
        loads(WISH)
    assert [e.what for e in caught.value.errors] == ["not in this version: replicates."]
    start, end = WISH.index("replicates:"), WISH.index("strategy:")
    assert loads(WISH.replace(WISH[start:end], "")).goal


HEAVY = ("torch", "ax", "botorch", "gpytorch", "sklearn", "mlflow", "pandas", "matplotlib", "scipy.stats",
         "scipy.optimize", "scipy.linalg", "scipy.special")  # fmt: skip


def test_validating_a_goal_and_its_reference_loads_nothing_heavy(emulated):
    (emulated / "c.yaml").write_text(
        GOAL_FILE.replace(JUDGE, "judge: {reference: ./emulator.py:Emulator}").replace(
            "oracle: film", "oracle: ./emulator.py:Emulator"
        ).replace("fidelity: standard\n", "")
    )  # fmt: skip
    code = (
        "import sys; from designloop.campaign import load, validate_report\n"
        f"validate_report(load({str(emulated / 'c.yaml')!r}))\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
