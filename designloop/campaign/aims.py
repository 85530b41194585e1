"""``goal: learn``: metrics as outcomes, and the errors that are good enough in their units."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from designloop import units
from designloop.campaign.model import Aim, Objective
from designloop.campaign.outcomes import Outcomes, outcome_expression
from designloop.campaign.schema import CampaignFile
from designloop.campaign.tolerance import Tolerance
from designloop.reading.document import Path_
from designloop.reading.expression import Expression
from designloop.reading.problems import Problems, Refused, advice, sentences

LEARN: Path_ = ("goal", "learn")


def resolve_aims(file: CampaignFile, found: Outcomes, problems: Problems) -> tuple[Aim, ...]:
    """How well each metric shall be known, noting every error; metrics become outcomes at the nominal die."""
    learn = file.goal.learn if file.goal else {}
    aims: dict[str, Aim] = {}
    for text, tolerance in learn.items():
        path: Path_ = (*LEARN, text)
        for name in _meant(text, learn, found, problems):
            expression = _learnable(name, path, found, problems)
            if expression is None:
                continue
            with problems.at(path):
                aim = _aim(expression, tolerance, found)
                if aim.metric in aims:
                    raise Refused(f"{name.strip()} is to be learned twice.", "Keep one of them.", key=True)
                aims[aim.metric] = aim
    if aims and not file.objectives:
        found.objective = Objective(metric=next(iter(aims)), minimize=False, mode="learn")
    return tuple(aims.values())


def _meant(text: str, learn: Mapping[str, Tolerance], found: Outcomes, problems: Problems) -> Iterator[str]:
    """The expression itself, or the outputs that a pattern fits and that have no entry of their own."""
    outputs = [o.name for o in found.inputs.declaration.outputs if not o.margin]
    if not is_pattern(text, {*found.units()}):
        yield text
        return
    fitting = [name for name in outputs if fnmatchcase(name, text.strip())]
    if not fitting:
        problems.add(
            (*LEARN, text), f"no output is called {text}.", advice(text, outputs, kind="outputs"), key=True
        )
    yield from (name for name in fitting if name not in {t.strip() for t in learn})


def is_pattern(text: str, known: set[str]) -> bool:
    """Whether ``text`` is a pattern of names such as ``H_*``, and no product of ``known`` names."""
    pieces = text.strip().split("*")
    if len(pieces) < 2 or "**" in text or not re.fullmatch(r"[\w*]+", text.strip()):
        return False
    return not all(piece in known or piece.isdecimal() for piece in pieces)


def _learnable(name: str, path: Path_, found: Outcomes, problems: Problems) -> Expression | None:
    """The expression; None where nothing can be learned of it, which is noted at its key."""
    outputs = {o.name for o in found.inputs.declaration.outputs}
    try:
        expression = outcome_expression(name, found)
        if not expression.names & outputs:
            raise Refused(
                f"{name} holds no output, so it is known without any trial.",
                f"Name an output: {', '.join(sorted(outputs))}.",
            )
    except ValueError as error:
        problems.add(path, *sentences(error), key=True)
        return None
    return expression


def _aim(expression: Expression, tolerance: Tolerance, found: Outcomes) -> Aim:
    """The aim, its metric an outcome; a plain output keeps its unit, anything longer counts in the aim's."""
    amount, error = tolerance.amount, 0.0
    if tolerance.kind == "absolute":
        unit = amount.unit if amount.unit is not None else expression.unit
        plain = expression.text in {o.name for o in found.inputs.declaration.outputs}
        error = units.difference(amount.value, unit, expression.unit if plain else unit)
        expression = expression if plain else expression.in_unit(unit)
    else:
        error = amount.to("")
    outcome = found.add_aggregate(expression, "nominal")
    return Aim(metric=outcome.name, error=error, kind=tolerance.kind, label=str(tolerance))
