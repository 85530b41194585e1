"""Expressions: grammar, units, evaluation on floats, arrays and tensors."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop.reading.expression import ExpressionError, parse_comparison, parse_expression
from designloop.units import UnitError

UNITS = {
    "beam_length": "um",
    "beam_width": "um",
    "gap": "um",
    "h": "um",
    "frequency": "kHz",
    "power": "mW",
    "temperature": "degC",
    "temperature_rise": "K",
    "E": "GPa",
    "S": "",
    "lambda": "nm",
    "film.grain_size": "um",
    "größe": "mm",
    "beam-depth": "um",
    "fraction": "%",
    "angle": "deg",
    "alpha": "1/K",
    "k": "N/m",
    "voxels": "",
    "anchor": "",
}
CHOICES = {
    "anchor": ("single", "double"),
    "fibre_axis": ("100", "110"),
    "voxels": (64, 128),
    "mirror": (True, False),
    "left": ("a", "b"),
    "right": ("a", "b"),
}
COLUMNS = {
    "beam_length": 720.0,
    "beam_width": 4.0,
    "gap": 2.0,
    "h": 3.0,
    "frequency": 20.0,
    "power": 0.1,
    "temperature": 80.0,
    "temperature_rise": 3.0,
    "E": 160.0,
    "S": 3.0,
    "lambda": 500.0,
    "film.grain_size": 0.5,
    "größe": 2.0,
    "beam-depth": 5.0,
    "fraction": 40.0,
    "angle": 30.0,
    "alpha": 2e-6,
    "k": 3.0,
    "voxels": 64,
    "anchor": "double",
    "fibre_axis": "100",
    "mirror": True,
    "left": "a",
    "right": "b",
}


def expression(text):
    return parse_expression(text, units=UNITS, choices=CHOICES)


def comparison(text):
    (only,) = parse_comparison(text, units=UNITS, choices=CHOICES)
    return only


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("beam_length", 720.0, "um"),
        ("beam_length / beam_width", 180.0, ""),
        ("1 um / beam_width", 0.25, ""),
        ("2 * beam_width", 8.0, "um"),
        ("beam_width * 2", 8.0, "um"),
        ("(gap + h) / 2", 2.5, "um"),
        ("beam_width - 0.5 * gap", 3.0, "um"),
        ("-gap", -2.0, "um"),
        ("lambda + größe", 2000500.0, "nm"),
        ("film.grain_size * 2", 1.0, "um"),
        ("`beam-depth` - gap", 3.0, "um"),
        ("1e3 * E", 160000.0, "GPa"),
        ("beam_width^2 / gap", 8e-6, "m"),
        ("beam_width ** 2 / gap", 8e-6, "m"),
        ("sqrt(beam_width * beam_width)", 4e-6, "m"),
        ("beam_width * frequency", 0.08, "m/s"),
        ("k * gap", 6e-6, "N"),
        ("20 kHz * h", 0.06, "m/s"),
        ("alpha * temperature_rise", 6e-6, ""),
        ("alpha * 3 K", 6e-6, ""),
        ("5 nT/sqrt(Hz)", 5.0, "nT/sqrt(Hz)"),
        ("5 nT/Hz^0.5", 5.0, "nT/sqrt(Hz)"),
        ("3 N/m", 3.0, "N/m"),
        ("3 W/(m*K)", 3.0, "W/(m*K)"),
        ("2e-6 1/K", 2e-6, "1/K"),
        ("2 um^2", 2.0, "um^2"),
        ("2 µm", 2.0, "um"),
        ("3 %", 3.0, "%"),
        ("10", 10.0, ""),
        ("-5 um", -5.0, "um"),
        ("1 - fraction", 0.6, ""),
        ("sin(angle)", 0.5, ""),
        ("sin(30 deg)", 0.5, ""),
        ("exp(-gap / h)", math.exp(-2 / 3), ""),
        ("log10(100)", 2.0, ""),
        ("abs(-gap)", 2.0, "um"),
        ("min(beam_width, 3 um, gap)", 2.0, "um"),
        ("max(1 um, größe)", 2000.0, "um"),
        ("2**-1", 0.5, ""),
        ("-2**2", -4.0, ""),
        ("2^3^2", 512.0, ""),
        ("S ** S", 27.0, ""),
        ("voxels * 2", 128.0, ""),
        ("temperature", 80.0, "degC"),
        ("25 degC", 25.0, "degC"),
        ("temperature + 10 K", 363.15, "K"),
        ("temperature - 20 degC", 60.0, "K"),
        ("max(temperature, 300 K)", 80.0, "degC"),
    ],
)
def test_an_expression_has_value_and_unit(text, value, unit):
    read = expression(text)
    assert read.unit == unit
    assert read.evaluate(COLUMNS) == pytest.approx(value, rel=1e-12)


def test_quotients_of_grid_values_are_exact():
    assert expression("beam_length / beam_width").evaluate({"beam_length": 720.0, "beam_width": 4.0}) == 180.0
    assert expression("beam_length").evaluate({"beam_length": 0.1}) == 0.1
    assert expression("3 * beam_width").evaluate({"beam_width": 0.5}) == 1.5


def test_declared_names_win_over_units_after_an_operator():
    units = {"m": "um", "K": "", "s": "um"}
    assert parse_expression("5 N/m", units=units).names == {"m"}
    assert parse_expression("5 m/s", units=units).names == {"s"}
    assert parse_expression("5 W/(m*K)", units=units).names == {"m", "K"}
    assert parse_expression("5 m", units=units).is_constant


def test_text_names_and_constancy_are_known():
    read = expression(" gap + 2 * h ")
    assert (read.text, read.names, read.is_constant) == ("gap + 2 * h", {"gap", "h"}, False)
    assert expression("2 * 3 um").is_constant


def test_value_in_another_unit():
    assert expression("gap + h").in_unit("nm").evaluate(COLUMNS) == 5000.0
    assert expression("gap").in_unit("um") == expression("gap")
    assert expression("gap / h").in_unit("%").evaluate({"gap": 1.0, "h": 4.0}) == 25.0
    with pytest.raises(UnitError, match="'gap' is in um, which is not a kind of 'V'"):
        expression("gap").in_unit("V")


@pytest.mark.parametrize("text", ["temperature", "20 degC", "max(temperature, 300 K)"])
def test_temperatures_convert_there_and_back(text):
    read = expression(text)
    kelvin = read.in_unit("K")
    assert kelvin.evaluate(COLUMNS) == pytest.approx(read.evaluate(COLUMNS) + 273.15, rel=1e-14)
    assert kelvin.in_unit("degC").evaluate(COLUMNS) == pytest.approx(read.evaluate(COLUMNS), rel=1e-12)


def test_expressions_are_values():
    read, same = expression("gap / h"), expression("gap / h")
    assert read == same
    assert hash(read) == hash(same)
    assert pickle.loads(pickle.dumps(read)) == read
    bound = comparison("gap / h <= 3 %")
    assert pickle.loads(pickle.dumps(bound)) == bound
    assert len({bound, comparison("gap / h <= 3 %")}) == 1


@pytest.mark.parametrize(
    "text",
    ["gap / h + 1", "exp(-gap/h) * max(gap, 3 um, h)", "sqrt(gap**2 + h^2)", "abs(gap - h) ^ 1.5", "2 ** S"],
)
def test_arrays_and_tensors_give_what_floats_give(text):
    torch = pytest.importorskip("torch")
    read = expression(text)
    rows = [{"gap": 2.0, "h": 3.0, "S": 1.0}, {"gap": 4.5, "h": 0.7, "S": -2.0}]
    floats = [read.evaluate(row) for row in rows]
    arrays = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    tensors = {name: torch.tensor(values, requires_grad=True) for name, values in arrays.items()}
    assert all(type(value) is float for value in floats)
    np.testing.assert_allclose(read.evaluate(arrays), floats, rtol=1e-14)
    answer = read.evaluate(tensors)
    np.testing.assert_allclose(answer.detach().numpy(), floats, rtol=1e-14)
    answer.sum().backward()
    assert all(torch.isfinite(tensors[name].grad).all() for name in read.names)


def test_values_outside_a_function_are_not_numbers_and_warn_of_nothing(recwarn):
    assert math.isnan(expression("sqrt(S)").evaluate({"S": -1.0}))
    assert expression("log(S)").evaluate({"S": 0.0}) == -math.inf
    assert expression("1 / S").evaluate({"S": 0.0}) == math.inf
    assert not recwarn.list


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("beam_lenght / 2", 0, "'beam_lenght' is not known. Did you mean 'beam_length'"),
        ("Gap * 2", 0, "Did you mean 'gap'"),
        ("beam_deph * 2", 0, "Did you mean '`beam-depth`'"),
        ("gap * um", 6, "A unit may follow only a number, such as '1 um'"),
        ("3 beam_width", 2, r"Write '3 \* beam_width'"),
        ("beam_width gap", 11, r"Write '\*' between 'beam_width' and 'gap'"),
        ("2 (gap)", 2, r"Write '\*' between '2' and '\('"),
        ("(gap)(h)", 5, "not expected here"),
        ("gap + E", 4, r"gap \(in um\) and E \(in GPa\) cannot be added"),
        ("E - 3 um", 2, "in GPa.*a number in um cannot be subtracted"),
        ("gap + 3", 4, "such as '3 um'"),
        ("max(gap, 3)", 0, "such as '3 um'"),
        ("2 khz", 2, "did you mean kHz"),
        ("gap * 3 Mpa", 8, "did you mean MPa"),
        ("(gap ** 4) ** 4", 0, "exponent 16, which no unit has"),
        ("(gap ** 12) ** 12", 0, "beyond what can be held"),
        ("1e300 * 1e300 um * gap", 0, "beyond what can be held"),
        ("S * sqrt(-1)", 0, "no finite number"),
        ("exp(gap)", 0, r"exp needs a pure number.*exp\(x / \(1 um\)\)"),
        ("gap ** h", 4, "an exponent is a pure number"),
        ("gap ** S", 4, "needs a fixed, small exponent"),
        ("gap ** 1e6", 4, "needs a fixed, small exponent"),
        ("anchor + 1", 0, "'anchor' is a choice"),
        ("1,5 * gap", 0, "decimal comma; write '1.5'"),
        ("min(S, 1,5)", 7, "decimal comma; write '1.5'"),
        ("1 000 * gap", 0, "write '1000'"),
        ("1\u2009000 * gap", 0, "write '1000'"),
        ("1_000 * gap", 0, "write '1000'"),
        ("010 * gap", 0, "begins with a zero; write '10'"),
        ("12:30 * gap", 0, "time of day"),
        ("1.5.2 * gap", 0, "two decimal points"),
        ("1e400 * S", 0, "beyond what a number can hold"),
        ("gap % 2", 4, "'%' may follow only a number"),
        ("gap / 0", 4, "divides by zero"),
        ("foo(3)", 0, "function 'foo' is not known. Known are sqrt"),
        ("gap(3)", 0, r"'gap' is not a function. Write 'gap \* \(...\)'"),
        ("min(3)", 0, "needs two arguments"),
        ("abs(gap, h)", 0, "takes one argument, not 2"),
        ("(gap", 0, "not closed"),
        ("gap)", 3, "not expected here"),
        ("gap +", 5, "ends where a name or number should follow"),
        ("", 0, "ends where"),
        ("gap * * h", 6, "stands where a name or number should follow"),
        ("gap & h", 4, "cannot join comparisons"),
        ("gap × h", 4, r"Write '\*'"),
        ("'single' + 1", 0, "quoted words"),
        ("gap <= 3 um", 4, "a comparison cannot stand here"),
    ],
)
def test_a_wrong_expression_is_refused_at_its_place(text, offset, message):
    with pytest.raises(ExpressionError, match=message) as caught:
        expression(text)
    assert caught.value.offset == offset


def test_an_error_survives_pickling():
    with pytest.raises(ExpressionError, match="not known") as caught:
        expression("2 * gapp")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.offset, again.instead) == (
        str(caught.value), 4, "Did you mean 'gap'?"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "slack", "unit"),
    [
        ("beam_length / beam_width <= 180", 0.0, ""),
        ("beam_length / beam_width < 200", 20.0, ""),
        ("beam_length >= 300", 420.0, "um"),
        ("300 <= beam_length", 420.0, "um"),
        ("beam_length >= 3 * 100", 420.0, "um"),
        ("beam_length <= 1 mm", 280.0, "um"),
        ("20000 Hz <= frequency", 0.0, "Hz"),
        ("power<=0.2 mW", 0.1, "mW"),
        ("temperature <= 80 degC", 0.0, "degC"),
        ("temperature <= 360 K", 6.85, "degC"),
        ("temperature_rise <= 10 K", 7.0, "K"),
        ("beam_width >= 2 * film.grain_size", 3.0, "um"),
        ("fraction <= 50", 10.0, "%"),
        ("gap - h >= 0", -1.0, "um"),
        ("gap / h <= 3 %", 3 - 200 / 3, "%"),
        ("gap * h <= 10 um^2", 4.0, "um^2"),
        ("voxels >= 64", 0.0, ""),
        ("voxels == 64", 0.0, ""),
        ("voxels == 128", -64.0, ""),
        ("voxels != 64", -1.0, ""),
        ("voxels != 128", 1.0, ""),
        ("anchor == double", 1.0, ""),
        ("anchor != double", -1.0, ""),
        ("single == anchor", -1.0, ""),
        ("anchor == 'double'", 1.0, ""),
        ('anchor == "single"', -1.0, ""),
        ("fibre_axis == 100", 1.0, ""),
        ("fibre_axis == '110'", -1.0, ""),
        ("mirror == true", 1.0, ""),
        ("left == right", -1.0, ""),
        ("left != right", 1.0, ""),
        ("left == b", -1.0, ""),
    ],
)
def test_slack_is_signed_and_in_the_unit_of_the_left_side(text, slack, unit):
    bound = comparison(text)
    assert bound.label == bound.text == text
    assert bound.left.unit == unit
    assert bound.slack(COLUMNS) == pytest.approx(slack, abs=1e-12)
    arrays = {
        n: np.array([v, v], dtype=object if isinstance(v, str | bool) else float) for n, v in COLUMNS.items()
    }
    np.testing.assert_allclose(bound.slack(arrays), [slack, slack], atol=1e-12)


def test_a_chain_gives_one_comparison_per_relation():
    lower, upper = parse_comparison("20 kHz <= frequency < 80 kHz", units=UNITS)
    assert (lower.text, lower.relation, upper.text, upper.relation) == (
        "20 kHz <= frequency", "<=", "frequency < 80 kHz", "<=",
    )  # fmt: skip
    assert (lower.slack({"frequency": 30.0}), upper.slack({"frequency": 30.0})) == (10.0, 50.0)
    assert lower.names == upper.names == {"frequency"}


def test_a_bound_counts_as_met_to_nine_digits():
    bound = parse_comparison("a - b <= 0.3 um", units={"a": "um", "b": "um"})[0]
    assert bound.slack({"a": 0.4, "b": 0.1}) == 0.0
    assert bound.slack({"a": 0.4 + 1e-7, "b": 0.1}) < 0


def test_slack_of_an_infinite_value_keeps_its_sign():
    bound = comparison("frequency <= 80 kHz")
    assert bound.slack({"frequency": math.inf}) == -math.inf
    assert bound.slack({"frequency": -math.inf}) == math.inf


def test_slack_has_gradients_on_the_bound_too():
    torch = pytest.importorskip("torch")
    gap = torch.tensor([2.0, 3.0], dtype=torch.float64, requires_grad=True)
    comparison("gap * gap <= 4 um^2").slack({"gap": gap}).sum().backward()
    assert gap.grad.tolist() == pytest.approx([-4.0, -6.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gap", "compares nothing"),
        ("gap = 3", "Write '=='"),
        ("gap ≤ 3", "Write '<='"),
        ("gap <= 3 V", r"gap \(in um\) and a number in V cannot be compared"),
        ("gap - h >= 1", "such as '1 um'"),
        ("3 <= 5", "holds no name"),
        ("gap <= nan", "'nan' is not known"),
        ("gap <= 1,5 um", "write '1.5'"),
        ("gap == foo", "'foo' is not known"),
        ("anchor == tripel", "'tripel' is not a choice of 'anchor'. Choices are: single, double"),
        ("anchor == 3", "'3' is not a choice"),
        ("anchor <= double", "'anchor' is a choice"),
        ("20 <= frequency <= 80000 Hz", "20 has no unit, beside a bound in Hz"),
        ("gap <= 3 um um", "not expected here"),
        ("gap <=", "ends where"),
        ("<= gap", "stands where"),
    ],
)
def test_a_wrong_comparison_is_refused(text, message):
    with pytest.raises(ExpressionError, match=message):
        parse_comparison(text, units=UNITS, choices=CHOICES)


def trees():
    leaves = st.sampled_from(["a", "b", "lambda_", "0.5", "3", "1e-2"])

    def grow(inner):
        binary = st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/"]), inner)
        loose = st.builds("{} {} {}".format, inner, st.sampled_from(["+", "-", "*", "/"]), inner)
        power = st.builds("abs({}) ** {}".format, inner, st.sampled_from(["2", "3", "0.5", "-1"]))
        call = st.builds("{}({})".format, st.sampled_from(["abs", "exp", "sin", "cos"]), inner)
        both = st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), inner, inner)
        return st.one_of(binary, loose, power, call, both, st.builds("-{}".format, inner))

    return st.recursive(leaves, grow, max_leaves=8)


@settings(deadline=None)
@given(trees(), st.tuples(*[st.floats(0.1, 10)] * 3))
def test_arithmetic_is_that_of_python(text, values):
    columns = dict(zip(("a", "b", "lambda_"), values, strict=True))
    functions = {"abs": abs, "exp": math.exp, "sin": math.sin, "cos": math.cos, "min": min, "max": max}
    try:
        expected = eval(text, {"__builtins__": {}}, {**functions, **columns})
    except (ZeroDivisionError, OverflowError):
        return
    if isinstance(expected, complex) or not math.isfinite(expected):
        return
    try:
        read = parse_expression(text, units=dict.fromkeys(columns, ""))
    except ExpressionError as error:
        assert "divides by zero" in str(error)  # noqa: PT017 - the one reason to refuse
        return
    assert read.evaluate(columns) == pytest.approx(expected, rel=1e-9, abs=1e-9)
