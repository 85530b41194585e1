"""Units: strict reading, exact conversion, screens."""

import math
import subprocess
import sys

import numpy as np
import pint
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop import units
from designloop.units import (
    Quantity,
    UnitError,
    atoms,
    check_unit,
    compatible,
    convert,
    factor_offset,
    format_quantity,
    parse_quantity,
    parse_range,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False)
UNITS = ("um", "%", "nT/sqrt(Hz)", "W/(m*K)", "1/K", "degC", "um^2", "S/cm")


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("nT/sqrt(Hz)", "nT/sqrt(Hz)"),
        ("nT/Hz^0.5", "nT/sqrt(Hz)"),
        ("nT/Hz**(1/2)", "nT/sqrt(Hz)"),
        ("nT*Hz^(-1/2)", "nT/sqrt(Hz)"),
        ("W/m/K", "W/(m*K)"),
        ("W/(m*K)", "W/(m*K)"),
        ("W·m^-1·K^-1", "W/(m*K)"),
        ("1/K", "1/K"),
        ("um^2", "um^2"),
        ("µm", "um"),
        ("μm", "um"),
        ("µm²", "um^2"),
        ("°C", "degC"),
        ("kΩ", "kOhm"),
        ("%", "%"),
        ("ppm/K", "ppm/K"),
        ("m/m", ""),
        ("1", ""),
        ("", ""),
    ],
)
def test_equal_units_have_one_text(written, canonical):
    assert check_unit(written) == canonical


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("khz", "kHz"),
        ("Mpa", "MPa"),
        ("GHZ", "GHz"),
        ("ohm", "Ohm"),
        ("torr", "Torr"),
        ("sec", "s"),
        ("hours", "h"),
        ("micron", "um"),
        ("celsius", "degC"),
        ("um2", r"um\^2"),
        ("nT/sqrt(hz)", "Hz"),
    ],
)
def test_an_unknown_unit_is_refused_with_the_nearest_spelling(written, near):
    with pytest.raises(UnitError, match=f"not known; did you mean {near}\\?"):
        check_unit(written)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("furlong", "known are SI units"),
        ("W/(m K)", r"join units by \* or /"),
        ("N m", "join units"),
        ("nT/", "ends where a unit should follow"),
        ("um^", "ends where an exponent"),
        ("um^x", "number should stand"),
        ("um^1000000", "the exponent 1000000, which no unit has"),
        ("um^(1/0)", "number should stand"),
        ("3*um", "'3' where a unit should stand"),
        ("um$", "where a unit should stand"),
        ("1/degC", "write K for temperature steps"),
        ("nm/degC", "write K"),
        ("kmin", "not known"),
    ],
)
def test_a_malformed_unit_is_refused(written, message):
    with pytest.raises(UnitError, match=message):
        check_unit(written)


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1, "mm", "um", 1000.0),
        (0.05, "um", "um", 0.05),
        (0.05, "um", "m", 5e-8),
        (4.55, "um", "nm", 4550.0),
        (25, "degC", "K", 298.15),
        (298.15, "K", "degC", 25.0),
        (1, "mbar", "Pa", 100.0),
        (760, "Torr", "atm", 1.0),
        (3, "%", "", 0.03),
        (180, "deg", "rad", math.pi),
        (42, "nT/sqrt(Hz)", "T/Hz^0.5", 4.2e-8),
        (1, "N/m", "uN/um", 1.0),
        (160, "GPa", "MPa", 160000.0),
        (1.5, "h", "min", 90.0),
        (2, "S/cm", "S/m", 200.0),
        (1, "L", "mm^3", 1e6),
        (1, "W/m/K", "uW/um/K", 1.0),
    ],
)
def test_conversion_of_one_number_is_correctly_rounded(value, source, target, expected):
    assert convert(value, source, target) == expected


def test_arrays_convert_elementwise():
    lengths = np.array([720.0, 4.55, -1.0])
    assert convert(lengths, "um", "m").tolist() == [7.2e-4, 4.55e-6, -1e-6]
    np.testing.assert_allclose(convert(np.array([25.0, -40.0]), "degC", "K"), [298.15, 233.15], rtol=1e-15)


def test_tensors_convert_with_gradient():
    torch = pytest.importorskip("torch")
    lengths = torch.tensor([720.0, 3.0], dtype=torch.float64, requires_grad=True)
    convert(lengths, "um", "mm").sum().backward()
    assert lengths.grad.tolist() == [1e-3, 1e-3]


def test_an_infinite_value_stays_infinite():
    assert convert(math.inf, "mm", "um") == math.inf
    assert math.isnan(convert(math.nan, "um", "mm"))


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [(5.0, "degC", "K", 5.0), (0.1, "K", "degC", 0.1), (2.0, "um", "nm", 2000.0), (-3.0, "MPa", "MPa", -3.0)],
)
def test_a_difference_knows_no_offset(value, source, target, expected):
    assert units.difference(value, source, target) == expected


def test_a_fitting_unit_is_spelled_canonically():
    assert units.fitting("µm", "nm") == "um"
    with pytest.raises(units.UnitError):
        units.fitting("um", "MPa")


def test_units_of_different_kinds_do_not_convert():
    assert not compatible("um", "V")
    with pytest.raises(UnitError, match="'um' cannot be converted to 'V'"):
        convert(1.0, "um", "V")
    with pytest.raises(UnitError, match="to a number without unit"):
        convert(1.0, "um", "")


@pytest.mark.parametrize(
    ("written", "wanted", "meant"), [("C", "K", "degC"), ("S", "min", "s"), ("H", "s", "h")]
)
def test_a_unit_of_another_kind_with_like_letters_is_pointed_out(written, wanted, meant):
    with pytest.raises(
        UnitError, match=f"'{written}' cannot be converted to '{wanted}'; did you mean {meant}\\?"
    ):
        convert(1.0, written, wanted)


@settings(deadline=None)
@given(
    st.floats(min_value=1e-6, max_value=1e6), st.sampled_from([("um", "mm"), ("degC", "K"), ("Torr", "mbar")])
)
def test_conversion_there_and_back_changes_nothing_visible(value, pair):
    there = convert(value, *pair)
    assert convert(there, *reversed(pair)) == pytest.approx(value, rel=1e-14, abs=1e-12)


PINT_NAMES = {"%": "percent", "Ohm": "ohm", "Torr": "torr", "L": "liter", "degC": "delta_degC", "ppb": "1e-9"}


@pytest.mark.parametrize("atom", sorted(set(atoms()) - {"ppb"}))
def test_factor_agrees_with_pints_own_table(atom):
    reference = pint.get_application_registry()
    word = PINT_NAMES.get(atom, atom.replace("Ohm", "ohm").replace("Torr", "torr"))
    expected = reference.Quantity(1.0, word).to_base_units()
    factor, _, dimension = factor_offset(atom)
    assert float(factor) == pytest.approx(expected.magnitude, rel=1e-9)
    theirs = {str(name).strip("[]"): float(power) for name, power in expected.dimensionality.items()}
    assert {name: float(power) for name, power in dimension} == theirs


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("20 um", 20.0, "um"),
        ("20um", 20.0, "um"),
        ("20\u00a0um", 20.0, "um"),
        ("  -0.5 MPa ", -0.5, "MPa"),
        ("+3 %", 3.0, "%"),
        ("1e-6", 1e-6, None),
        ("2E-6 m", 2e-6, "m"),
        (".5 um", 0.5, "um"),
        ("25 degC", 25.0, "degC"),
        ("42.3 nT/sqrt(Hz)", 42.3, "nT/sqrt(Hz)"),
        ("2e-6 1/K", 2e-6, "1/K"),
        ("2/K", 2.0, "1/K"),
        ("5 µm", 5.0, "um"),
        ("0", 0.0, None),
        ("12 h", 12.0, "h"),
    ],
)
def test_a_quantity_is_read(text, value, unit):
    assert parse_quantity(text) == Quantity(value, unit)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,5 um", "decimal comma; write '1.5 um'"),
        ("0,05 um", "write '0.05 um'"),
        ("-1,5", "write '-1.5'"),
        ("1.000,5 um", "write '1000.5 um'"),
        ("1,500 um", "'1500 um' or '1.500 um'"),
        ("1,234,567", "write '1234567'"),
        ("1.5,2", "comma in its number"),
        ("1 000 um", "write '1000 um'"),
        ("1\u2009000 um", "write '1000 um'"),
        ("1\u202f000 um", "write '1000 um'"),
        ("1\u00a0000 um", "write '1000 um'"),
        ("1'000 um", "write '1000 um'"),
        ("1_000", "write '1000'"),
        ("010", "begins with a zero; write '10'"),
        ("-007 um", "write '-7 um'"),
        ("12:30", "time of day"),
        ("12:30:00", "time of day"),
        ("1.5.2", "two decimal points"),
        ("nan", "not a finite number"),
        (".nan", "not a finite number"),
        ("inf um", "not a finite number"),
        ("-.inf", "not a finite number"),
        ("1e400 um", "beyond what a number can hold"),
        ("1e-400 um", "beyond what a number can hold"),
        ("0.30000000000000001", "write '0.3'"),
        ("0x10", "decimal digits"),
        ("−5 um", "write '-5 um'"),
        ("um", "does not begin with a number"),
        ("", "does not begin with a number"),
        ("on", "does not begin with a number"),
        ("2 khz", "did you mean kHz"),
        ("3 Mpa", "did you mean MPa"),
        ("1 e-6", "not known"),
        ("5 K 3", "goes on with '3'"),
        ("20 um, 30 um", "where a unit should stand"),
    ],
)
def test_a_doubtful_quantity_is_refused_with_a_correction(text, message):
    with pytest.raises(UnitError, match=message):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("text", "lower", "upper", "unit"),
    [
        ("200 .. 800 um", 200, 800, "um"),
        ("200..800um", 200, 800, "um"),
        ("0.2 um .. 1.5 um", 0.2, 1.5, "um"),
        ("0.2 um .. 1.5", 0.2, 1.5, "um"),
        ("1 mm .. 2000 um", 1000, 2000, "um"),
        ("20 .. 60 %", 20, 60, "%"),
        ("2e-6 .. 8e-6 m", 2e-6, 8e-6, "m"),
        ("-5 .. 5", -5, 5, None),
        ("-40 .. 85 degC", -40, 85, "degC"),
        ("5 degC .. 300 K", 278.15, 300, "K"),
    ],
)
def test_a_range_is_read(text, lower, upper, unit):
    assert parse_range(text) == (Quantity(lower, unit), Quantity(upper, unit))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8 .. 2 um", "runs backwards; write '2 .. 8 um'"),
        ("2 mm .. 800 um", "write '800 .. 2000 um'"),
        ("2 .. 2 um", "is empty.*write '2 um' under 'fixed'"),
        ("1 mm .. 1000 um", "is empty"),
        ("1.5...4", "write '1.5 .. 4'"),
        ("1.5 ... 4 um", "write '1.5 .. 4 um'"),
        ("200 - 800 um", "not a range; write lower and upper end"),
        ("1 .. 2 .. 3", "not a range"),
        ("20 ..", "not a range"),
        (".. 20 um", "not a range"),
        ("1,5 .. 4 um", "write '1.5'"),
        ("1 .. 2,5 um", "write '2.5 um'"),
        ("2 um .. 3 V", "'um' cannot be converted to 'V'"),
    ],
)
def test_a_doubtful_range_is_refused_with_a_correction(text, message):
    with pytest.raises(UnitError, match=message):
        parse_range(text)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (720, "um", "720 um"),
        (4.55, "um", "4.55 um"),
        (42.298761234567, "nT/sqrt(Hz)", "42.3 nT/sqrt(Hz)"),
        (79876.54321987654, "Hz", "79877 Hz"),
        (0.03204123456789, "nm", "0.03204 nm"),
        (2e-6, "m", "2e-6 m"),
        (1e10, "Hz", "1e10 Hz"),
        (1234567.5, None, "1234567.5"),
        (1 / 3, "", "0.3333"),
        (0.0, "um", "0 um"),
        (-0.0, "um", "0 um"),
        (800, "%", "800 %"),
        (math.nan, "um", "not a number um"),
        (-math.inf, None, "-infinity"),
    ],
)
def test_a_quantity_is_shown_short(value, unit, shown):
    assert format_quantity(value, unit) == shown


@settings(deadline=None)
@given(FINITE, st.sampled_from([None, *UNITS]))
def test_no_number_changes_from_text_to_screen_and_back(value, unit):
    shown = format_quantity(value, unit, exact=True)
    assert parse_quantity(shown) == Quantity(value, unit)
    assert str(parse_quantity(shown)) == shown


@settings(deadline=None)
@given(st.integers(-(10**8), 10**8), st.integers(0, 6), st.sampled_from(UNITS))
def test_grid_values_are_shown_in_full(digits, places, unit):
    value = float(f"{digits}e-{places}")
    assert parse_quantity(format_quantity(value, unit)).value == value


@settings(deadline=None)
@given(st.text(alphabet="0123456789.,:_' -+eE\u2009\u00a0umk%", max_size=12))
def test_text_is_read_as_python_reads_it_or_refused(text):
    try:
        quantity = parse_quantity(text)
    except UnitError:
        return
    digits = text.strip().rstrip("umk%").strip()
    assert quantity.value == float(digits)


@settings(deadline=None)
@given(FINITE, FINITE, st.sampled_from(UNITS))
def test_a_range_keeps_its_numbers(first, second, unit):
    lower, upper = sorted((first, second))
    text = f"{format_quantity(lower, exact=True)} .. {format_quantity(upper, unit, exact=True)}"
    if lower == upper:
        with pytest.raises(UnitError, match="is empty"):
            parse_range(text)
    else:
        assert parse_range(text) == (Quantity(lower, unit), Quantity(upper, unit))


def test_import_is_light():
    code = "import sys, designloop.units; print(sorted({'pint', 'numpy', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_exists():
    assert all(hasattr(units, name) for name in units.__all__)
