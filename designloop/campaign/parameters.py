"""One parameter of the space from what the user wrote and what the oracle declares."""

from __future__ import annotations

import math
from dataclasses import replace

from designloop import units
from designloop.campaign.parts import ParameterSpec
from designloop.oracle import Input, Value
from designloop.reading.problems import Refused, advice
from designloop.reading.values import Measure, Plain, measure, shown
from designloop.space import ChoiceParameter, FloatParameter, IntParameter, Parameter

EMPTY = ParameterSpec()
MOST_STEPS = 1e9


def parameter(declared: Input, spec: ParameterSpec | None) -> Parameter:
    """A parameter in the user's unit; raises Refused and UnitError."""
    spec = spec or EMPTY
    return replace(_unconditional(declared, spec), when=spec.when or "")


def _unconditional(declared: Input, spec: ParameterSpec) -> Parameter:
    if spec.choices is not None:
        return _choices(declared, spec.choices, bool(spec.ordered))
    if declared.choices:
        if spec.range or spec.step or spec.scale:
            words = ", ".join(map(str, declared.choices))
            raise Refused(f"{declared.name} is a choice, not a range.", f"Write choices: [{words}].")
        ordered = declared.ordered if spec.ordered is None else spec.ordered
        return ChoiceParameter(
            name=declared.name, choices=declared.choices, unit=declared.unit, ordered=ordered
        )
    return _range(declared, spec)


def _range(declared: Input, spec: ParameterSpec) -> Parameter:
    lower, upper, unit = _ends(declared, spec)
    _inside(declared, lower, upper, unit, spec)
    log = spec.scale == "log" or (spec.scale is None and declared.log and lower > 0)
    if log and lower <= 0:
        raise Refused(
            f"{declared.name} has scale: log, but its range begins at {lower:g}.",
            "Begin above zero, or leave scale out.", below=("scale",) if spec.range else (),
        )  # fmt: skip
    if declared.integer and spec.integer is False:
        raise Refused(f"{declared.name} is a whole number.", "Leave integer out.", below=("integer",))
    step = _step(declared.name, spec.step, lower, upper, unit)
    if declared.integer or spec.integer:
        return _whole(declared.name, lower, upper, unit, log, step)
    return FloatParameter(name=declared.name, lower=lower, upper=upper, unit=unit, log=log, step=step)


def _ends(declared: Input, spec: ParameterSpec) -> tuple[float, float, str]:
    if spec.range is not None:
        low, high = spec.range.lower, spec.range.upper
        return low.value, high.value, high.unit if high.unit is not None else declared.unit
    if declared.lower is None or declared.upper is None:
        raise Refused(
            f"{declared.name} has no range, and the oracle declares no bounds for it.",
            f"Write a range such as {declared.name}: 1 .. 2 {declared.unit}".rstrip() + ".",
        )
    return float(declared.lower), float(declared.upper), declared.unit


def _inside(declared: Input, lower: float, upper: float, unit: str, spec: ParameterSpec) -> None:
    below = ("range",) if spec.range is not None else ()
    for value, bound, sign in ((lower, declared.lower, -1.0), (upper, declared.upper, 1.0)):
        number = float(units.convert(value, unit, declared.unit))
        if bound is None or sign * (number - bound) <= 0 or math.isclose(number, bound, rel_tol=1e-12):
            continue
        limit = units.format_quantity(float(units.convert(bound, declared.unit, unit)), unit)
        raise Refused(
            f"the range of {declared.name} goes to {units.format_quantity(value, unit)}, beyond what the "
            "oracle answers.",
            f"Stay {'at or above' if sign < 0 else 'at or below'} {limit}. {declared.outside}".rstrip(),
            below=below,
        )  # fmt: skip


def _step(name: str, step: Measure | None, lower: float, upper: float, unit: str) -> float | None:
    if step is None:
        return None
    size = step.value
    if step.unit is not None and step.unit != unit:
        size = units.difference(size, step.unit, unit)
    if size <= 0:
        raise Refused(
            f"the step of {name} is {step}; it must be positive.", "Write step: 1 um.", below=("step",)
        )
    if (upper - lower) / size > MOST_STEPS:
        raise Refused(
            f"the step of {name}, {step}, makes more than {MOST_STEPS:.0e} values.", "Leave step out.",
            below=("step",),
        )  # fmt: skip
    if size > (upper - lower) * (1 + 1e-12):
        raise Refused(
            f"the step of {name}, {step}, is larger than its range.",
            f"Write a step of at most {units.format_quantity(upper - lower, unit)}.", below=("step",),
        )  # fmt: skip
    return size


def _whole(name: str, lower: float, upper: float, unit: str, log: bool, step: float | None) -> IntParameter:
    for end in (lower, upper):
        if end != round(end):
            raise Refused(
                f"{name} is a whole number, but its range has an end at {end:g}.", "Write whole ends."
            )
    if step not in (None, 1.0):
        raise Refused(
            f"not in this version: whole numbers in steps of {step:g}.", "List the values under choices.",
            below=("step",),
        )  # fmt: skip
    return IntParameter(name=name, lower=round(lower), upper=round(upper), unit=unit, log=log)


def _choices(declared: Input, written: tuple[Plain, ...], ordered: bool) -> ChoiceParameter:
    values: list[Value] = []
    unit = declared.unit
    if not declared.choices and not isinstance(declared.default, str | bool):
        measures = [_numeric(i, w) for i, w in enumerate(written)]
        unit = next((m.unit for m in measures if m.unit is not None), declared.unit)
        values = [_in_unit(declared, i, m, unit) for i, m in enumerate(measures)]
    else:
        values = [_word(declared, i, w) for i, w in enumerate(written)]
    for i, value in enumerate(values):
        if value in values[:i]:
            raise Refused(f"{shown(written[i])} stands twice.", "Keep one.", below=("choices", i))
    return ChoiceParameter(name=declared.name, choices=tuple(values), unit=unit, ordered=ordered)


def _numeric(position: int, value: Plain) -> Measure:
    try:
        return measure(value)
    except Refused as error:
        raise Refused(error.what, error.instead, below=("choices", position)) from None


def _in_unit(declared: Input, position: int, value: Measure, unit: str) -> Value:
    source = value.unit if value.unit is not None else declared.unit
    number = float(units.convert(value.value, source, unit))
    at_oracle = float(units.convert(value.value, source, declared.unit))
    for bound, sign in ((declared.lower, -1.0), (declared.upper, 1.0)):
        beyond = bound is not None and sign * (at_oracle - bound) > 0
        if bound is not None and beyond and not math.isclose(at_oracle, bound, rel_tol=1e-12):
            limit = units.format_quantity(bound, declared.unit, exact=True)
            raise Refused(
                f"{value} lies outside what the oracle answers for {declared.name}.",
                f"Stay {'at or above' if sign < 0 else 'at or below'} {limit}. {declared.outside}".rstrip(),
                below=("choices", position),
            )  # fmt: skip
    if declared.integer:
        if at_oracle != round(at_oracle):
            raise Refused(f"{declared.name} is a whole number, not {value}.", "", below=("choices", position))
        return round(number)
    return number


def _word(declared: Input, position: int, value: Plain) -> Value:
    if not declared.choices or value in declared.choices:
        return value
    words = {str(c): c for c in declared.choices}
    if str(value) in words:
        return words[str(value)]
    raise Refused(
        f"{shown(value)} is no choice of {declared.name}.",
        f"{advice(str(value), words, kind='choices')} {declared.outside}".rstrip(),
        below=("choices", position),
    )  # fmt: skip
