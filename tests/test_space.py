"""The design space: unit cube and back, grids, constraints."""

import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop.reading.expression import parse_comparison, parse_expression
from designloop.space import ChoiceParameter, FloatParameter, IntParameter, Space

LENGTH = FloatParameter(name="length", lower=200, upper=800, step=1, unit="um")
WIDTH = FloatParameter(name="width", lower=2, upper=8, step=0.05, unit="um")
GAP = FloatParameter(name="gap", lower=1.5, upper=4, unit="um")
CURRENT = FloatParameter(name="current", lower=0.1, upper=4, unit="mA", log=True)
COUNT = IntParameter(name="count", lower=1, upper=50)
ANCHOR = ChoiceParameter(name="anchor", choices=("single", "double", "triple"))
UNITS = {
    "length": "um",
    "width": "um",
    "gap": "um",
    "current": "mA",
    "count": "",
    "thickness": "um",
    "aspect": "",
}


def bounds(*texts, units=UNITS, choices=None):
    return tuple(c for t in texts for c in parse_comparison(t, units=units, choices=choices or {}))


@st.composite
def numbers(draw):
    log = draw(st.booleans())
    lower = draw(st.integers(1 if log else -500, 1000))
    span = draw(st.integers(1, 2000))
    scale = draw(st.sampled_from([1.0, 1e-2, 1e-7, 1e-9, 1e3]))
    lower, upper = (float(f"{n}e{round(math.log10(scale))}") for n in (lower, lower + span))
    step = None
    if draw(st.booleans()):
        step = float(f"{draw(st.integers(1, span))}e{round(math.log10(scale))}")
    return FloatParameter(name="x", lower=lower, upper=upper, log=log, step=step)


@st.composite
def integers(draw):
    log = draw(st.booleans())
    lower = draw(st.integers(1 if log else -1000, 1000))
    return IntParameter(name="x", lower=lower, upper=lower + draw(st.integers(1, 10_000)), log=log)


def choices():
    values = st.one_of(st.booleans(), st.integers(-5, 5), st.sampled_from(["a", "b", "Au", "1"]))
    unique = st.lists(values, min_size=1, max_size=5, unique_by=lambda v: (type(v), v))
    return st.builds(
        lambda c, o: ChoiceParameter(name="x", choices=tuple(c), ordered=o), unique, st.booleans()
    )


PARAMETERS = st.one_of(numbers(), integers(), choices())
COORDINATES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@settings(deadline=None)
@given(PARAMETERS, COORDINATES)
def test_designs_return_from_the_unit_cube_unchanged(parameter, coordinates):
    space = Space((parameter,))
    designs = space.from_unit(np.array(coordinates)[:, None])
    points = space.to_unit(designs)
    assert ((points >= 0) & (points <= 1)).all()
    assert space.from_unit(points) == designs


@settings(deadline=None)
@given(PARAMETERS, COORDINATES)
def test_snapped_values_are_allowed_values(parameter, coordinates):
    for design in Space((parameter,)).from_unit(np.array(coordinates)[:, None]):
        value = design["x"]
        if isinstance(parameter, ChoiceParameter):
            assert any(value is c or (value == c and type(value) is type(c)) for c in parameter.choices)
            continue
        assert type(value) is (int if isinstance(parameter, IntParameter) else float)
        assert parameter.lower <= value <= parameter.upper
        if getattr(parameter, "step", None) is not None:
            index = round((value - parameter.lower) / parameter.step)
            assert value == pytest.approx(parameter.lower + index * parameter.step, rel=1e-12, abs=1e-18)


@settings(deadline=None)
@given(numbers(), st.floats(0, 1))
def test_grid_values_carry_no_binary_dirt(parameter, coordinate):
    if parameter.step is None:
        return
    (design,) = Space((parameter,)).from_unit(np.array([[coordinate]]))
    assert len(f"{design['x']!r}".split("e")[0].replace("-", "").replace(".", "").strip("0")) <= 7


@settings(deadline=None)
@given(numbers(), st.floats(0, 1))
def test_continuous_values_stay_close_to_the_point(parameter, coordinate):
    free = FloatParameter(name="x", lower=parameter.lower, upper=parameter.upper, log=parameter.log)
    space = Space((free,))
    (design,) = space.from_unit(np.array([[coordinate]]))
    assert space.to_unit([design])[0, 0] == pytest.approx(coordinate, abs=1e-9)


@settings(deadline=None)
@given(PARAMETERS)
def test_ends_of_the_unit_interval_are_the_ends_of_the_range(parameter):
    first, last = (d["x"] for d in Space((parameter,)).from_unit(np.array([[0.0], [1.0]])))
    if isinstance(parameter, ChoiceParameter):
        assert (first, last) == (parameter.choices[0], parameter.choices[-1])
    else:
        assert first == parameter.lower
        assert last == parameter.upper or parameter.upper - last < parameter.step


def test_mask_grid_values_are_exact_decimals():
    values = [d["width"] for d in Space((WIDTH,)).enumerate(1000)]
    assert values == [float(f"{200 + 5 * k}e-2") for k in range(121)]
    assert 4.55 in values


def test_a_step_that_misses_the_upper_end_stays_below_it():
    space = Space((FloatParameter(name="x", lower=0.0, upper=1.0, step=0.3),))
    assert [d["x"] for d in space.enumerate(10)] == [0.0, 0.3, 0.6, 0.9]
    assert space.from_unit(np.array([[1.0]])) == [{"x": 0.9}]


def test_a_step_that_divides_the_range_reaches_the_upper_end():
    space = Space((FloatParameter(name="x", lower=0.1, upper=0.7, step=0.1),))
    assert [d["x"] for d in space.enumerate(10)] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


def test_log_and_step_together_keep_grid_and_scale():
    space = Space((FloatParameter(name="x", lower=1, upper=1000, step=1, log=True),))
    assert space.from_unit(np.array([[0.5]])) == [{"x": 32.0}]
    assert space.to_unit([{"x": 100.0}])[0, 0] == pytest.approx(2 / 3)


def test_small_ranges_are_no_special_case():
    space = Space((FloatParameter(name="x", lower=2e-6, upper=8e-6),))
    assert space.from_unit(np.array([[0.0], [0.5], [1.0], [0.123456789]])) == [
        {"x": 2e-6}, {"x": 5e-6}, {"x": 8e-6}, {"x": 2.740740734e-6},
    ]  # fmt: skip
    assert space.contains({"x": 2e-6}) is None


def test_points_beyond_the_cube_are_clipped_and_nan_is_refused():
    assert Space((GAP,)).from_unit(np.array([[-0.2], [1.7]])) == [{"gap": 1.5}, {"gap": 4.0}]
    with pytest.raises(ValueError, match="holds NaN"):
        Space((GAP,)).from_unit(np.array([[np.nan]]))


def test_values_out_of_range_keep_their_place_beyond_the_cube():
    assert Space((GAP,)).to_unit([{"gap": 6.5}])[0, 0] == 2.0


def test_a_choice_that_does_not_exist_has_no_coordinate():
    with pytest.raises(ValueError, match="'quadruple' is not one of its choices: single, double, triple"):
        Space((ANCHOR,)).to_unit([{"anchor": "quadruple"}])


def test_truth_values_and_numbers_are_different_choices():
    space = Space((ChoiceParameter(name="x", choices=(1, True, 0)),))
    assert space.to_unit([{"x": 1}, {"x": True}, {"x": 0}]).ravel().tolist() == [0.0, 0.5, 1.0]


def test_size_counts_discrete_spaces_only():
    assert Space((LENGTH, WIDTH, COUNT, ANCHOR)).size == 601 * 121 * 50 * 3
    assert Space((LENGTH, GAP)).size is None
    assert Space((LENGTH, GAP)).dimension == 2
    assert Space((LENGTH, GAP)).names == ("length", "gap")


def test_enumeration_lists_every_design_once_in_order():
    small = IntParameter(name="n", lower=3, upper=5)
    assert Space((small, ANCHOR)).enumerate(9) == [
        {"n": n, "anchor": a} for n, a in itertools.product((3, 4, 5), ANCHOR.choices)
    ]


def test_enumeration_is_refused_where_it_does_not_end():
    with pytest.raises(ValueError, match="has 601 designs, more than 600"):
        Space((LENGTH,)).enumerate(600)
    with pytest.raises(ValueError, match="infinitely many"):
        Space((GAP,)).enumerate(10**9)


def test_columns_hold_parameters_fixed_and_derived_values():
    aspect = parse_expression("thickness / width", units=UNITS)
    space = Space((WIDTH, ANCHOR), fixed={"thickness": 20.0, "drive": "tracked"}, derived={"aspect": aspect})
    designs = [{"width": 4.0, "anchor": "single"}, {"width": 8.0, "anchor": "double"}]
    for columns in (space.columns(designs), space.columns_of_unit(space.to_unit(designs))):
        assert {name: list(values) for name, values in columns.items()} == {
            "width": [4.0, 8.0],
            "anchor": ["single", "double"],
            "thickness": [20.0, 20.0],
            "drive": ["tracked", "tracked"],
            "aspect": [5.0, 2.5],
        }


def test_derived_values_may_use_earlier_derived_ones():
    first = parse_expression("2 * width", units=UNITS)
    second = parse_expression("first + 1 um", units={"first": "um"})
    space = Space((WIDTH,), derived={"first": first, "second": second})
    assert space.columns([{"width": 4.0}])["second"].tolist() == [9.0]


def test_slack_and_feasibility_have_one_column_per_constraint():
    aspect = parse_expression("thickness / width", units=UNITS)
    constraints = bounds("length / width <= 180", "aspect >= 3")
    space = Space((LENGTH, WIDTH), constraints, {"thickness": 20.0}, {"aspect": aspect})
    designs = [
        {"length": 720.0, "width": 4.0},
        {"length": 721.0, "width": 4.0},
        {"length": 300.0, "width": 8.0},
    ]
    np.testing.assert_allclose(space.slack(designs), [[0, 2], [-0.25, 2], [142.5, -0.5]])
    assert space.feasible(designs).tolist() == [True, False, False]


def test_a_space_without_constraints_allows_everything():
    space = Space((GAP,))
    assert space.slack([{"gap": 2.0}]).shape == (1, 0)
    assert space.slack_of_unit(np.zeros((5, 3, 1))).shape == (5, 3, 0)
    assert space.feasible([{"gap": 2.0}]).tolist() == [True]
    assert space.feasible_share() == 1.0


def test_slack_of_points_equals_slack_of_designs_on_the_grid():
    constraints = bounds("length / width <= 180", "anchor != triple", choices={"anchor": ANCHOR.choices})
    space = Space((LENGTH, WIDTH, CURRENT, ANCHOR), constraints)
    designs = space.from_unit(np.random.default_rng(0).random((50, 4)))
    np.testing.assert_allclose(space.slack_of_unit(space.to_unit(designs)), space.slack(designs), atol=1e-9)


def test_slack_of_tensors_has_gradients():
    torch = pytest.importorskip("torch")
    constraints = bounds("length / width <= 180", "current * gap <= 8 mA*um", "anchor != triple",
                         choices={"anchor": ANCHOR.choices})  # fmt: skip
    space = Space((LENGTH, WIDTH, CURRENT, GAP, ANCHOR), constraints, {"drive": "tracked"})
    plain = np.random.default_rng(1).random((2, 3, 5))
    points = torch.tensor(plain, requires_grad=True)
    slack = space.slack_of_unit(points)
    np.testing.assert_allclose(slack.detach().numpy(), space.slack_of_unit(plain), atol=1e-9)
    assert torch.autograd.gradcheck(lambda p: space.slack_of_unit(p)[..., :2], (points,))


def test_columns_of_tensors_follow_the_log_scale():
    torch = pytest.importorskip("torch")
    point = torch.tensor([[0.5]], dtype=torch.float64, requires_grad=True)
    column = Space((CURRENT,)).columns_of_unit(point)["current"]
    column.sum().backward()
    assert column.item() == pytest.approx(math.sqrt(0.4))
    assert point.grad.item() == pytest.approx(math.sqrt(0.4) * math.log(40))


@pytest.mark.parametrize(
    ("design", "problem"),
    [
        ({"length": 720.4, "count": 3, "anchor": "double"}, None),
        ({"length": 900, "count": 3, "anchor": "double"},
         "length = 900 um lies outside its range 200 .. 800 um."),
        ({"length": 720, "count": 2.5, "anchor": "double"}, "count = 2.5 is not a whole number."),
        ({"length": 720, "count": 51, "anchor": "double"}, "count = 51 lies outside its range 1 .. 50."),
        ({"length": 720, "count": 3, "anchor": "glue"},
         "anchor = 'glue' is not one of its choices: single, double, triple."),
        ({"length": True, "count": 3, "anchor": "double"}, "length = True is not a number."),
        ({"length": math.nan, "count": 3, "anchor": "double"}, "length = nan is not a number."),
        ({"length": 720}, "no value is given for 'count', 'anchor'."),
    ],
)  # fmt: skip
def test_a_design_outside_is_named_with_its_range(design, problem):
    assert Space((LENGTH, COUNT, ANCHOR)).contains(design) == problem


def test_snapping_finds_the_nearest_allowed_grid_design():
    space = Space((LENGTH, WIDTH), bounds("length / width <= 180"))
    everything = space.enumerate(100_000)
    allowed = [d for d, good in zip(everything, space.feasible(everything), strict=True) if good]
    units = space.to_unit(allowed)
    for point in np.random.default_rng(2).random((20, 2)):
        best = np.linalg.norm(units - point, axis=-1).min()
        snapped = space.snap_feasible(point)
        assert space.feasible([snapped])[0]
        assert np.linalg.norm(space.to_unit([snapped])[0] - point) == pytest.approx(best, abs=1e-12)


def test_snapping_moves_a_continuous_value_just_inside():
    space = Space((GAP, CURRENT), bounds("gap <= 2 um"))
    snapped = space.snap_feasible(np.array([0.2 + 1e-7, 0.5]))
    assert 2 - 1e-4 < snapped["gap"] <= 2
    assert snapped["current"] == pytest.approx(math.sqrt(0.4))


def test_snapping_an_allowed_point_only_rounds_it():
    space = Space((LENGTH, WIDTH, GAP), bounds("length / width <= 180"))
    point = np.array([0.3, 0.8, 0.123])
    assert space.snap_feasible(point) == space.from_unit(point[None])[0]


def test_snapping_changes_choices_where_it_must():
    constraints = bounds("anchor == double", choices={"anchor": ANCHOR.choices})
    space = Space((LENGTH, ANCHOR), constraints)
    assert space.snap_feasible(np.array([0.5, 1.0])) == {"length": 500.0, "anchor": "double"}


def test_snapping_stays_affordable_with_many_parameters():
    parameters = tuple(IntParameter(name=f"n{i}", lower=0, upper=100) for i in range(20))
    total = " + ".join(p.name for p in parameters)
    space = Space(
        parameters, bounds(f"{total} <= 998", units=dict.fromkeys((p.name for p in parameters), ""))
    )
    snapped = space.snap_feasible(np.full(20, 0.5))
    assert sum(snapped.values()) == 998
    assert sorted(snapped.values())[2:] == [50] * 18


def test_snapping_moves_through_derived_values():
    aspect = parse_expression("thickness / width", units=UNITS)
    space = Space((LENGTH, WIDTH), bounds("aspect >= 4"), {"thickness": 20.0}, {"aspect": aspect})
    assert space.snap_feasible(np.array([0.5, 0.6])) == {"length": 500.0, "width": 5.0}


def test_snapping_gives_up_where_nothing_is_allowed():
    space = Space((LENGTH, WIDTH), bounds("length / width <= 1"))
    assert space.snap_feasible(np.array([0.5, 0.5])) is None


def test_feasible_share_is_the_share_of_the_box():
    space = Space((GAP, CURRENT), bounds("gap <= 2 um"))
    assert space.feasible_share() == pytest.approx(0.2, abs=0.005)
    assert space.feasible_share() == space.feasible_share()
    assert Space((GAP,), bounds("gap >= 5 um")).feasible_share() == 0.0


def test_parameters_survive_json():
    parameters = (
        LENGTH,
        WIDTH,
        GAP,
        CURRENT,
        COUNT,
        ANCHOR,
        ChoiceParameter(name="b", choices=(1, True, "x")),
    )
    space = Space(parameters, bounds("gap <= 2 um"))
    again = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert again.parameters == parameters
    assert again.constraints == ()


def test_an_unknown_kind_in_json_is_refused():
    with pytest.raises(ValueError, match="'complex' is no kind of parameter; known are float, int, choice"):
        Space.from_json({"parameters": [{"kind": "complex", "name": "x"}]})


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        (FloatParameter(name="x", lower=2, upper=2), "lower one below the upper"),
        (FloatParameter(name="x", lower=0, upper=math.inf), "finite bounds"),
        (FloatParameter(name="x", lower=0, upper=2, log=True), "lower bound above zero"),
        (FloatParameter(name="x", lower=0, upper=2, step=0), "step above zero"),
        (FloatParameter(name="x", lower=0, upper=2, step=3), "step larger than its range"),
        (IntParameter(name="x", lower=1, upper=2.5), "whole bounds"),
        (ChoiceParameter(name="x", choices=()), "no choices"),
        (ChoiceParameter(name="x", choices=("a", "a")), "a choice twice"),
    ],
)
def test_an_ill_formed_parameter_is_refused(parameter, message):
    with pytest.raises(ValueError, match=message):
        Space((parameter,))


def test_a_name_stands_once():
    with pytest.raises(ValueError, match="'gap' stands twice"):
        Space((GAP, GAP))


def test_import_is_light():
    code = "import sys, designloop.space; print(sorted({'pint', 'scipy', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
