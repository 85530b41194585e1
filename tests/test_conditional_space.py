"""Spaces in which parameters exist under conditions: unit cube and back, distinct designs, constraints."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop.learning.features import Encoder, encoder_of
from designloop.reading.expression import parse_comparison, parse_expression
from designloop.space import ChoiceParameter, FloatParameter, IntParameter, Space

ANCHOR = ChoiceParameter(name="anchor", choices=("single", "double", "ring"))
LENGTH = FloatParameter(name="length", lower=300, upper=700, unit="um")
PITCH = FloatParameter(name="pitch", lower=20, upper=80, unit="um", when="anchor == double")
RADIUS = FloatParameter(name="radius", lower=5, upper=50, unit="um", log=True, when="anchor == ring")
FINS = IntParameter(name="fins", lower=1, upper=6)
GAP = FloatParameter(name="gap", lower=0, upper=10, unit="um", step=0.5, when="fins >= 3")
TIP = ChoiceParameter(name="tip", choices=("flat", "round"), when="3 <= fins <= 5 and anchor != single")
BEND = FloatParameter(name="bend", lower=0, upper=1, step=0.25, when="tip == round")
SUSPENSION = Space((LENGTH, ANCHOR, PITCH, RADIUS, FINS, GAP, TIP, BEND))


def test_a_design_leaves_out_what_its_choices_leave_out():
    middle = SUSPENSION.from_unit(np.full((1, 8), 0.5))[0]
    double = {"anchor": "double", "pitch": 50.0}
    assert middle == {"length": 500.0, **double, "fins": 4, "gap": 5.0, "tip": "flat"}
    plain = {"length": 400.0, "anchor": "single", "fins": 2}
    assert SUSPENSION.to_unit([plain])[0].tolist() == [0.25, 0.0, 0.5, 0.5, 0.2, 0.5, 0.5, 0.5]
    assert SUSPENSION.from_unit(SUSPENSION.to_unit([plain])) == [plain]


@st.composite
def spaces(draw, *, discrete=False):
    """Spaces of three to six parameters, each conditional on earlier ones or not; shuffled."""
    parameters = []
    for i in range(draw(st.integers(3, 6))):
        name, when = f"p{i}", ""
        if parameters and draw(st.booleans()):
            others = draw(st.permutations(parameters))[: draw(st.integers(1, 2))]
            when = " and ".join(_condition(draw, p) for p in others)
        kind = draw(st.sampled_from(["step", "int", "words", "numbers"] + ["float"] * (not discrete)))
        parameters.append(
            {
                "float": lambda n, w: FloatParameter(name=n, lower=1, upper=9, log=True, when=w),
                "step": lambda n, w: FloatParameter(name=n, lower=-1, upper=1, step=0.4, when=w),
                "int": lambda n, w: IntParameter(name=n, lower=-1, upper=3, when=w),
                "words": lambda n, w: ChoiceParameter(name=n, choices=("a", "b", "c"), when=w),
                "numbers": lambda n, w: ChoiceParameter(name=n, choices=(1, 4, 2), ordered=True, when=w),
            }[kind](name, when)
        )
    return Space(tuple(draw(st.permutations(parameters))))


def _condition(draw, parameter):
    if isinstance(parameter, ChoiceParameter):
        value = draw(st.sampled_from(parameter.choices))
        return f"{parameter.name} {draw(st.sampled_from(['==', '!=']))} {value}"
    value = draw(st.sampled_from([-0.6, 0, 1, 2, 2.5]))
    return f"{parameter.name} {draw(st.sampled_from(['<=', '>=']))} {value}"


def points(space, seed, n=40):
    return np.random.default_rng(seed).random((n, space.dimension))


@settings(deadline=None)
@given(spaces(), st.integers(0, 99))
def test_designs_and_points_of_the_unit_cube_go_back_and_forth(space, seed):
    designs = space.from_unit(points(space, seed))
    unit = space.to_unit(designs)
    assert space.from_unit(unit) == designs
    assert (space.to_unit(space.from_unit(unit)) == unit).all()
    assert [space.contains(d) for d in designs] == [None] * len(designs)
    absent = ~space.active(designs)
    assert (unit[absent] == 0.5).all()
    names = np.array(space.names)
    assert [set(names[row]) for row in ~absent] == [set(d) for d in designs]


@settings(deadline=None)
@given(spaces(), st.integers(0, 99))
def test_points_that_differ_only_in_what_they_do_not_have_are_one_design(space, seed):
    unit = space.to_unit(space.from_unit(points(space, seed)))
    moved = np.where(space.active_of_unit(unit), unit, points(space, seed + 1))
    assert space.from_unit(moved) == space.from_unit(unit)
    assert (space.canonical(moved) == unit).all()
    encoder = encoder_of(space)
    assert (encoder.features(moved) == encoder.features(unit)).all()


@settings(deadline=None, max_examples=60)
@given(spaces(discrete=True))
def test_enumeration_holds_each_distinct_design_once(space):
    designs = space.enumerate(10**6)
    levels = [np.linspace(0, 1, _levels(p)) for p in space.parameters]
    snapped = space.from_unit(np.array(list(itertools.product(*levels))))
    distinct = {tuple(d.items()) for d in snapped}
    assert len(designs) == len(distinct) == space.size
    assert {tuple(d.items()) for d in designs} == distinct


def _levels(parameter):
    if isinstance(parameter, ChoiceParameter):
        return len(parameter.choices)
    return 5 if isinstance(parameter, IntParameter) else 6


@settings(deadline=None, max_examples=60)
@given(spaces(), st.integers(0, 99))
def test_a_space_survives_its_json_form(space, seed):
    again = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert again == space
    unit = points(space, seed)
    assert again.from_unit(unit) == space.from_unit(unit)
    encoder = Encoder.from_json(json.loads(json.dumps(encoder_of(space).to_json())))
    assert (encoder.features(unit) == encoder_of(space).features(unit)).all()


def test_a_space_without_conditions_has_the_json_form_it_always_had():
    (entry,) = Space((LENGTH,)).to_json()["parameters"]
    assert "when" not in entry


def test_what_lacks_and_what_is_too_much_is_said():
    design = {"length": 400.0, "anchor": "double", "fins": 2}
    assert SUSPENSION.contains(design) == "no value is given for 'pitch'."
    assert SUSPENSION.contains({**design, "pitch": 90.0}) == (
        "pitch = 90 um lies outside its range 20 .. 80 um."
    )
    single = {**design, "anchor": "single", "pitch": 30.0}
    assert SUSPENSION.contains(single) == "pitch has a value, but exists only where anchor == double."
    assert SUSPENSION.contains({**single, "pitch": None}) is None
    with pytest.raises(KeyError, match="pitch"):
        SUSPENSION.to_unit([{**design, "pitch": None}])


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("anchors == double", "'anchors' is not known"),
        ("anchor == triple", "not a choice of 'anchor'"),
        ("anchor", "compares nothing"),
        ("gap >= 1 um", "'gap' is not known"),
    ],
)
def test_an_ill_formed_condition_makes_no_space(when, words):
    with pytest.raises(ValueError, match=words):
        Space((ANCHOR, FloatParameter(name="gap", lower=1, upper=2, unit="um", when=when)))


def test_a_circle_of_conditions_makes_no_space():
    parts = [FloatParameter(name=a, lower=0, upper=1, when=f"{b} >= 0.5") for a, b in ("ab", "bc", "ca")]
    with pytest.raises(ValueError, match="a exists only where b does, and b exists only where c does"):
        Space(tuple(parts))


def test_a_constraint_holds_where_a_parameter_that_it_names_does_not_exist():
    units = {"pitch": "um", "length": "um"}
    constraints = parse_comparison("pitch <= length / 10", units=units)
    space = Space((LENGTH, ANCHOR, PITCH), constraints)
    designs = [
        {"length": 300.0, "anchor": "single"},
        {"length": 300.0, "anchor": "double", "pitch": 40.0},
        {"length": 500.0, "anchor": "double", "pitch": 40.0},
    ]
    assert space.feasible(designs).tolist() == [True, False, True]
    assert (space.slack_of_unit(space.to_unit(designs)) >= 0).ravel().tolist() == [True, False, True]


def test_so_does_one_that_names_it_through_a_derived_value():
    derived = {"share": parse_expression("pitch / length", units={"pitch": "um", "length": "um"})}
    space = Space((LENGTH, ANCHOR, PITCH), parse_comparison("share <= 0.1", units={"share": ""}), {}, derived)
    designs = [
        {"length": 300.0, "anchor": "single"},
        {"length": 300.0, "anchor": "double", "pitch": 40.0},
    ]
    assert space.feasible(designs).tolist() == [True, False]


def test_the_nearest_allowed_design_keeps_its_conditions():
    constraints = parse_comparison("pitch <= length / 10", units={"pitch": "um", "length": "um"})
    space = Space((LENGTH, ANCHOR, PITCH), constraints)
    design = space.snap_feasible(space.to_unit([{"length": 310.0, "anchor": "double", "pitch": 31.5}])[0])
    assert design is not None
    assert space.contains(design) is None
    assert design["anchor"] == "double"
    assert design["pitch"] <= design["length"] / 10


def test_gradients_flow_through_what_exists_and_no_further():
    torch = pytest.importorskip("torch")
    designs = [{"length": 400.0, "anchor": "single", "fins": 2},
               {"length": 400.0, "anchor": "double", "pitch": 30.0, "fins": 2}]  # fmt: skip
    unit = torch.tensor(SUSPENSION.to_unit(designs), requires_grad=True)
    features = encoder_of(SUSPENSION).features(unit)
    assert np.allclose(features.detach(), encoder_of(SUSPENSION).features(unit.detach().numpy()))
    (slopes,) = torch.autograd.grad(features.sum(), unit)
    assert slopes[:, 0].tolist() == [1.0, 1.0]
    assert slopes[:, 2].tolist() == [0.0, 1.0]
    assert slopes[:, 3].tolist() == [0.0, 0.0]


def test_an_absent_choice_looks_like_none_of_its_choices():
    designs = [{"length": 400.0, "anchor": "double", "pitch": 30.0, "fins": 4, "gap": 1.0, "tip": tip}
               | ({"bend": 0.5} if tip == "round" else {}) for tip in ("flat", "round")]  # fmt: skip
    without = {"length": 400.0, "anchor": "double", "pitch": 30.0, "fins": 6, "gap": 1.0}
    flat, round_, none = encoder_of(SUSPENSION).features(SUSPENSION.to_unit([*designs, without]))[:, -3:-1]
    assert np.linalg.norm(flat - none) == pytest.approx(np.linalg.norm(round_ - none))
    assert np.linalg.norm(flat - none) == pytest.approx(0.5)
