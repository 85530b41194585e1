"""Given designs (baseline, start_with) checked against the space."""

from __future__ import annotations

import math
from collections.abc import Mapping

from designloop import units
from designloop.campaign.inputs import Inputs
from designloop.oracle import Input, Value
from designloop.reading.document import Path_
from designloop.reading.problems import Problems, Refused, advice
from designloop.reading.values import Plain, measure, shown
from designloop.space import ChoiceParameter, FloatParameter, IntParameter, Parameter


def resolve_design(
    written: Mapping[str, Plain], inputs: Inputs, problems: Problems, path: Path_
) -> dict[str, Value]:
    """A complete design in the user's units, noting every error."""
    design: dict[str, Value] = {}
    for name, value in written.items():
        with problems.at((*path, name)):
            if name not in inputs.parameters:
                known = advice(name, inputs.parameters, kind="parameters")
                raise Refused(f"{name} is no parameter of this campaign.", known, key=True)
            parameter = inputs.parameters[name]
            design[name] = placed(
                parameter, in_parameter_unit(parameter, inputs.declaration.input(name), value)
            )
    if len(design) == len(written):
        _refuse_incomplete(design, inputs, problems, path)
    return {name: design[name] for name in inputs.parameters if name in design}


def _refuse_incomplete(design: Mapping[str, Value], inputs: Inputs, problems: Problems, path: Path_) -> None:
    """Note values that lack, and those of parameters that do not exist in this design."""
    always = [p for p in inputs.parameters.values() if not p.when]
    lacking = [p.name for p in always if p.name not in design]
    if not lacking:
        exists = inputs.existing(design)
        lacking = [name for name in exists if name not in design]
        for name in (n for n in design if n not in exists):
            what = f"{name} exists only where {inputs.parameters[name].when}, which fails for this design."
            problems.add((*path, name), what, "Leave it out.", key=True)
    if lacking:
        problems.add(
            path, f"this design lacks {', '.join(lacking)}.", "Give a value for every parameter.", key=True
        )


def in_parameter_unit(parameter: Parameter, declared: Input, value: Plain) -> Value:
    """A written value as the parameter counts it; raises Refused and UnitError."""
    if isinstance(parameter, ChoiceParameter):
        return _choice(parameter, declared, value)
    number = _number(declared, parameter.unit, value)
    if isinstance(parameter, IntParameter):
        if number != round(number):
            raise Refused(f"{parameter.name} is a whole number, not {shown(value)}.", "Write a whole number.")
        return round(number)
    return number


def _number(declared: Input, unit: str, value: Plain) -> float:
    written = measure(value)
    source = written.unit if written.unit is not None else declared.unit
    return float(units.convert(written.value, source, unit))


def _choice(parameter: ChoiceParameter, declared: Input, value: Plain) -> Value:
    numeric = all(isinstance(c, int | float) and not isinstance(c, bool) for c in parameter.choices)
    if numeric:
        number = _number(declared, parameter.unit, value)
        found = [c for c in parameter.choices if math.isclose(float(c), number, rel_tol=1e-12)]
    else:
        found = [c for c in parameter.choices if c == value or str(c) == str(value)]
    if not found:
        hint = advice(str(value), map(str, parameter.choices), kind="choices")
        raise Refused(f"{shown(value)} is no choice of {parameter.name}.", hint)
    return found[0]


def placed(parameter: Parameter, value: Value) -> Value:
    """The value where it lies in the range and on the grid; raises Refused."""
    if isinstance(parameter, ChoiceParameter):
        return value
    number = float(value)
    for bound in (parameter.lower, parameter.upper):
        if math.isclose(number, bound, rel_tol=1e-12):
            return bound
    if not parameter.lower <= number <= parameter.upper:
        words = f"{parameter.lower:g} .. {parameter.upper:g} {parameter.unit}".rstrip()
        raise Refused(
            f"{parameter.name} = {number:g} lies outside its range {words}.",
            "Widen the range, or bring the design in by existing_trials.",
        )
    if isinstance(parameter, FloatParameter) and parameter.step:
        return _on_grid(parameter, parameter.step, number)
    return value


def _on_grid(parameter: FloatParameter, step: float, number: float) -> float:
    place = (number - parameter.lower) / step
    if abs(place - round(place)) > 1e-6:
        below, above = (parameter.lower + k * step for k in (math.floor(place), math.ceil(place)))
        ends = [units.format_quantity(round(v, 12), parameter.unit) for v in (below, above)]
        raise Refused(
            f"{parameter.name} = {number:g} is not on its grid of {step:g} {parameter.unit}".rstrip() + ".",
            f"Write {ends[0]} or {ends[1]}, or change the step.",
        )
    return number
