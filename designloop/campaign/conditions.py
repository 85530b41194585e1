"""``when`` of a parameter: conditions read, and put against what the oracle needs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from designloop import _conditions as conditions
from designloop import _scale as scale
from designloop._activity import CENTER, Activity, Array
from designloop._conditions import Circle, names_of
from designloop.campaign.model import at_border
from designloop.oracle import Input, Value
from designloop.reading.document import Path_
from designloop.reading.expression import Comparison, ExpressionError
from designloop.reading.problems import Problems, Refused
from designloop.space import ChoiceParameter, FloatParameter, Parameter, Space

if TYPE_CHECKING:
    from designloop.campaign.inputs import Inputs
    from designloop.campaign.schema import CampaignFile

EVERY = 2**14
"""Combinations of values up to which conditions are judged on all of them; beyond, on so many points."""
CORNERS = 2**10
DESIGNS = 2**10
"""Designs on which the oracle's own conditions are tried."""


def resolve_conditions(file: CampaignFile, inputs: Inputs, problems: Problems) -> None:
    """Check every condition and what it leaves out; a parameter without one takes the oracle's own.

    Notes every error; without errors ``inputs.parameters`` can make a space.
    """
    declared = _declared(inputs, problems)
    for name, comparisons in declared.items():
        with problems.at(("parameters", name)):
            _inherit(name, comparisons, inputs)
    for name, parameter in inputs.parameters.items():
        if parameter.when:
            with problems.at(_path(name, file)):
                _readable(parameter, inputs)
    if problems.found:
        return
    try:
        never = unmet(Activity(tuple(inputs.parameters.values())))
    except Circle as circle:
        for name in circle.names[:-1]:
            problems.add(_path(name, file), circle.what, "Break the circle.")
        return
    for name in never:
        what = f"no design has {name}: {inputs.parameters[name].when} never holds."
        problems.add(_path(name, file), what, f"Change the condition, or leave {name} out.")
    if not problems.found:
        _refuse_needed(file, inputs, declared, problems)


def _path(name: str, file: CampaignFile) -> Path_:
    spec = (file.parameters or {}).get(name)
    return ("parameters", name, "when") if spec is not None and spec.when else ("parameters", name)


def _declared(inputs: Inputs, problems: Problems) -> dict[str, tuple[Comparison, ...]]:
    """The oracle's own conditions, over its inputs and in their units."""
    found = {}
    for declared in inputs.declaration.inputs:
        if declared.when:
            others = [as_parameter(i) for i in inputs.declaration.inputs if i is not declared]
            try:
                found[declared.name] = conditions.read(declared.when, others)
            except ExpressionError as error:
                what = f"the oracle declares {declared.name} where {declared.when!r}: {error.what}"
                problems.add(("oracle",), what, "The oracle's author has to mend this.")
    return found


def as_parameter(declared: Input) -> Parameter:
    """What a condition may say of an input."""
    choices = declared.choices
    if not choices and isinstance(declared.default, str | bool):
        choices = (True, False) if isinstance(declared.default, bool) else (declared.default,)
    if choices:
        return ChoiceParameter(name=declared.name, choices=choices, unit=declared.unit)
    return FloatParameter(name=declared.name, lower=0.0, upper=1.0, unit=declared.unit)


def _inherit(name: str, comparisons: tuple[Comparison, ...], inputs: Inputs) -> None:
    """Give a parameter without a condition the oracle's own, where that speaks of parameters alone.

    Bare numbers count in the oracle's units there, so that it is not taken over units that differ. Raises
    Refused where the condition fails for the fixed values.
    """
    parameter, constants = inputs.parameters.get(name), inputs.constants()
    if parameter is None or parameter.when:
        return
    when, needed = inputs.declaration.input(name).when, names_of(comparisons)
    if needed <= constants.keys() and not conditions.hold(comparisons, constants, ()):
        said = ", ".join(f"{n} is {constants[n]}" for n in sorted(needed))
        raise Refused(
            f"{inputs.declaration.name} takes {name} only where {when}, and {said}.",
            f"Leave {name} out.", key=True,
        )  # fmt: skip
    chosen = [inputs.parameters[n] for n in needed if n in inputs.parameters]
    if len(chosen) == len(needed) and all(inputs.declaration.input(p.name).unit == p.unit for p in chosen):
        inputs.parameters[name] = replace(parameter, when=when)


def _readable(parameter: Parameter, inputs: Inputs) -> None:
    """Refuse a condition that cannot be read, or that speaks of what no design chooses."""
    others = [p for p in inputs.parameters.values() if p.name != parameter.name]
    try:
        conditions.read(parameter.when, others)
    except ExpressionError:
        words = set(re.findall(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*", parameter.when))
        if parameter.name in words:
            raise Refused(f"{parameter.name} depends on itself.", "Name another parameter.") from None
        for kind, names in _elsewhere(inputs).items():
            for name in sorted(words & set(names)):
                raise Refused(
                    f"{name} is {kind}, and a condition speaks of what a design chooses.",
                    f"Name one of {', '.join(p.name for p in others)}, or leave when out.",
                ) from None
        raise


def _elsewhere(inputs: Inputs) -> dict[str, Collection[str]]:
    return {
        "derived": inputs.derived, "a process variable": inputs.process, "fixed": inputs.constants(),
        "an output": [o.name for o in inputs.declaration.outputs],
    }  # fmt: skip


def unmet(activity: Activity) -> list[str]:
    """The conditional parameters that no design has."""
    mask = activity.of_points(_telling(activity))
    return [p.name for p, exists in zip(activity.parameters, mask.T, strict=True) if not exists.any()]


def always_met(space: Space) -> list[str]:
    """The conditional parameters that every design has."""
    activity = Activity(space.parameters)
    mask = activity.of_points(_telling(activity))
    rows = zip(space.parameters, mask.T, strict=True)
    return [p.name for p, exists in rows if p.when and exists.all()]


def _telling(activity: Activity) -> Array:
    """Points that conditions are judged on: all that differ where they are few, else corners and a spread."""
    needed = list(activity.needed)
    levels = [scale.levels(activity.parameters[i]) or EVERY + 1 for i in needed]
    if np.prod(levels, dtype=float) <= EVERY:
        return activity.grid(needed)
    ends = [(0.0, 1.0)] * len(needed)
    corners = np.array(list(itertools.islice(itertools.product(*ends), CORNERS)))
    points = np.full((EVERY + len(corners), len(activity.parameters)), CENTER)
    points[:, needed] = np.vstack([corners, scale.spread(EVERY, len(needed))])
    return points


def _refuse_needed(
    file: CampaignFile, inputs: Inputs, declared: Mapping[str, tuple[Comparison, ...]], problems: Problems
) -> None:
    """Refuse to leave out what the oracle needs."""
    oracle = inputs.declaration
    required = [i for i in oracle.inputs if i.default is None and (i.when or not i.optional)]
    for i in required:
        parameter, derived = inputs.parameters.get(i.name), inputs.derived.get(i.name)
        open_ = conditional(derived.expression.names if derived else (), inputs)
        if not i.when and parameter is not None and parameter.when:
            what = f"{oracle.name} needs {i.name} also where {parameter.when} fails."
            advice = "Give the oracle's input a default, or declare its condition; or leave when out."
            problems.add(_path(i.name, file), what, advice)
        elif not i.when and open_:
            what = f"{oracle.name} needs {i.name}, and {open_[0].name} exists only where {open_[0].when}."
            advice = f"Compute {i.name} from what every design has, or give the oracle's input a default."
            problems.add(("derived", i.name), what, advice)
    known = None
    for i in (i for i in required if i.name in declared and i.name not in inputs.fixed | inputs.process):
        known = known if known is not None else _known_designs(inputs)
        if any(i.name not in d and _holds(declared[i.name], d) for d in known):
            _add_needed(i, file, inputs, problems)


def _add_needed(declared: Input, file: CampaignFile, inputs: Inputs, problems: Problems) -> None:
    name, oracle = declared.name, inputs.declaration.name
    if name in inputs.parameters:
        what = (
            f"{oracle} needs {name} where {declared.when}, also where {inputs.parameters[name].when} fails."
        )
        problems.add(_path(name, file), what, f"Write when: {declared.when}.")
    elif name in inputs.derived:
        what = f"{oracle} needs {name} where {declared.when}, and not every such design has it."
        problems.add(("derived", name), what, f"Compute {name} from what these designs have.")
    else:
        where: Path_ = ("parameters",) if file.parameters is not None else ("oracle",)
        what = f"{oracle} needs {name} where {declared.when}, and it has no value and no range."
        problems.add(where, what, f"Add it under parameters, with when: {declared.when}.", key=True)


def _known_designs(inputs: Inputs) -> list[dict[str, Any]]:
    """What the oracle is told of designs all over the space, in its units; absent inputs are left out."""
    space = Space(tuple(inputs.parameters.values()))
    activity = Activity(space.parameters)
    points = np.vstack([_telling(activity)[:DESIGNS], scale.spread(DESIGNS, space.dimension)])
    found = []
    for design in space.from_unit(points):
        means = {v.name: v.mean for v in inputs.process.values()}
        known: dict[str, Any] = {**inputs.constants(), **means, **design}
        for name in set(space.names) - design.keys():
            known.pop(name, None)
        for derived in inputs.derived.values():
            if derived.expression.names <= known.keys():
                known[derived.name] = derived.expression.evaluate(known)
            else:
                known.pop(derived.name, None)
        found.append(
            {i.name: _told(i, known[i.name], inputs) for i in inputs.declaration.inputs if i.name in known}
        )
    return found


def _told(declared: Input, value: Value, inputs: Inputs) -> Value:
    chosen = inputs.parameters.get(declared.name) or inputs.process.get(declared.name)
    return at_border(value, chosen.unit if chosen else declared.unit, declared)


def _holds(comparisons: Sequence[Comparison], known: Mapping[str, Any]) -> bool:
    return names_of(comparisons) <= known.keys() and bool(conditions.hold(comparisons, known, ()))


def conditional(names: Collection[str], inputs: Inputs) -> list[Parameter]:
    """The conditional parameters among some names."""
    return [p for p in inputs.parameters.values() if p.when and p.name in names]


def refuse_conditional(text: str, names: Collection[str], inputs: Inputs) -> None:
    """Refuse to measure every design by what only some of them have."""
    for parameter in conditional(names, inputs):
        raise Refused(
            f"{text} names {parameter.name}, which exists only where {parameter.when}.",
            "Name what every design has, or let the oracle answer it as an output.",
        )
