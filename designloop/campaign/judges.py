"""``goal: judge``: which designs tell the error of what was learned."""

from __future__ import annotations

from pathlib import Path

from designloop import units
from designloop.campaign.goal_parts import TEST_DESIGNS
from designloop.campaign.inputs import Inputs, bounds_text
from designloop.campaign.model import Aim, Goal
from designloop.campaign.outcomes import Outcomes
from designloop.campaign.schema import CampaignFile
from designloop.errors import OracleError
from designloop.oracle import Declaration, Input
from designloop.reading.problems import Problems, Refused
from designloop.space import ChoiceParameter, Parameter


def resolve_goal(
    file: CampaignFile, aims: tuple[Aim, ...], found: Outcomes, problems: Problems, *, folder: Path
) -> Goal | None:
    """The goal with its judge, noting every error."""
    if file.goal is None:
        return None
    judge = file.goal.judge
    if judge.held_out is not None:
        with problems.at(("goal", "judge", "held_out")):
            _check_held_out(judge.held_out, file.stop.trials)
        return Goal(aims=aims, by="held_out", designs=judge.held_out)
    if judge.reference is None:
        return Goal(aims=aims)
    with problems.at(("goal", "judge", "reference")):
        _check_reference(judge.reference, found, folder=folder)
    designs = judge.designs or TEST_DESIGNS
    return Goal(aims=aims, by="reference", designs=designs, reference=judge.reference)


def _check_held_out(held_out: int, trials: int) -> None:
    if held_out >= trials:
        raise Refused(
            f"{held_out} of {trials} trials are held out, so that none is left to learn from.",
            "Hold out fewer, or raise trials under stop.",
        )


def _check_reference(name: str, found: Outcomes, *, folder: Path) -> None:
    """Refuse an oracle that cannot judge this campaign; it takes no options."""
    from designloop.discovery import find

    try:
        declaration = find(name, folder=folder).declaration
    except OracleError as error:
        raise Refused(str(error)) from None
    if not declaration.cheap:
        raise Refused(
            f"{declaration.name} is not declared cheap, so it cannot answer hundreds of test designs.",
            "Write judge: {held_out: 20}, or name an emulator.",
        )
    _check_inputs(declaration, found.inputs)
    outputs = {o.name: o.unit for o in found.inputs.declaration.outputs}
    named = set().union(*(o.expression.names for o in found.outcomes.values()))
    answered = {o.name: o.unit for o in declaration.outputs}
    for output in (o for o in outputs if o in named):
        _same("output", output, outputs[output], answered, declaration)


def _check_inputs(declaration: Declaration, inputs: Inputs) -> None:
    """Every input that the campaign gives is taken, in its unit and range; no other one is needed."""
    taken = {i.name: i.unit for i in declaration.inputs}
    own = {i.name: i for i in inputs.declaration.inputs}
    given = [n for n in own if n in {*inputs.parameters, *inputs.fixed, *inputs.process, *inputs.derived}]
    for name in given:
        _same("input", name, own[name].unit, taken, declaration)
    lacking = [i.name for i in declaration.inputs if i.default is None and i.name not in given]
    if lacking:
        raise Refused(
            f"{declaration.name} needs {', '.join(lacking)} too, which this campaign does not have.",
            "Name a reference with the same inputs and outputs.",
        )
    for parameter in inputs.parameters.values():
        declared = declaration.input(parameter.name)
        if parameter.when and declared.default is None and not (declared.when or declared.optional):
            raise Refused(
                f"{declaration.name} needs {parameter.name} also where {parameter.when} fails.",
                "Give the reference's input a default, or declare its condition.",
            )
        if not all(_allowed(declared, end, parameter) for end in _ends(parameter)):
            words = ", ".join(map(str, declared.choices)) or bounds_text(declared)
            raise Refused(
                f"{declaration.name} does not answer the whole range of {parameter.name}: it takes {words}.",
                "Narrow the range, or name another reference.",
            )


def _same(kind: str, name: str, unit: str, known: dict[str, str], declaration: Declaration) -> None:
    if name not in known:
        raise Refused(
            f"{declaration.name} has no {kind} {name}.", "Name a reference with the same inputs and outputs."
        )
    if known[name] != unit:
        raise Refused(
            f"{declaration.name} has {name} in {known[name] or 'no unit'}, not in {unit or 'no unit'}.",
            "Name a reference with the same inputs and outputs.",
        )


def _ends(parameter: Parameter) -> tuple[object, ...]:
    if isinstance(parameter, ChoiceParameter):
        return parameter.choices
    return (parameter.lower, parameter.upper)


def _allowed(declared: Input, value: object, parameter: Parameter) -> bool:
    if declared.choices or not isinstance(value, int | float) or isinstance(value, bool):
        return declared.allows(value)  # type: ignore[arg-type]
    number = float(units.convert(float(value), parameter.unit, declared.unit))
    tolerance = 1e-12 * abs(number)
    return any(declared.allows(number + shift) for shift in (0.0, tolerance, -tolerance))
