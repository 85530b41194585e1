"""Values computed from parameters, fixed values and process variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from designloop.campaign.model import Derived
from designloop.campaign.schema import CampaignFile
from designloop.campaign.substitution import bound_to
from designloop.reading.document import Path_
from designloop.reading.problems import Problems, Refused

if TYPE_CHECKING:
    from designloop.campaign.inputs import Inputs

OVER_ETCH = "over_etch"


def add_derived(file: CampaignFile, inputs: Inputs, problems: Problems) -> None:
    """Parse every derived value; each may name others, in any order but not in a circle."""
    written: dict[Path_, tuple[str, str]] = {("derived", n): (n, t) for n, t in file.derived.items()}
    for name, spec in (file.parameters or {}).items():
        if spec.derived is not None:
            written["parameters", name, "derived"] = (name, spec.derived)
    while written:
        waiting = {name for name, _ in written.values()}
        ready = [path for path, (_, text) in written.items() if not waiting & _words(text)]
        for path in ready:
            name, text = written.pop(path)
            with problems.at(path):
                inputs.derived[name] = _derived(name, text, inputs)
        if not ready:
            path, (name, _) = next(iter(written.items()))
            problems.add(
                path, f"{name} is computed from itself: {', '.join(sorted(waiting))}.", "Break the circle."
            )
            return


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*", text))


def _derived(name: str, text: str, inputs: Inputs) -> Derived:
    from designloop.reading.expression import parse_expression

    declaration = inputs.declaration
    if name in inputs.parameters or name in inputs.fixed or name in inputs.process:
        raise Refused(f"{name} has a value already.", "Keep one of them.", key=True)
    if any(o.name == name for o in declaration.outputs):
        raise Refused(f"{name} is an output of {declaration.name}.", "Choose another name.", key=True)
    expression = parse_expression(text, units=inputs.units(), choices=inputs.choices())
    declared = next((i for i in declaration.inputs if i.name == name), None)
    if OVER_ETCH in expression.names and any(i.name == OVER_ETCH for i in declaration.inputs):
        raise Refused(
            f"{declaration.name} subtracts {OVER_ETCH} by itself; this would subtract it twice.",
            f"Write the drawn size, and leave {OVER_ETCH} to the oracle.",
        )
    if declared is None:
        return Derived(name=name, unit=expression.unit, expression=bound_to(expression, inputs))
    if declared.choices:
        raise Refused(f"{name} is a choice and cannot be computed.", "Put it under fixed.", key=True)
    expression = bound_to(expression.in_unit(declared.unit), inputs)
    return Derived(name=name, unit=declared.unit, expression=expression)
