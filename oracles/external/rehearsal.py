"""One evaluation to look at: what the programs are told, where they run, what they answer."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from designloop.errors import OracleError
from designloop.oracle import Context, Observation, Value
from designloop.reading.problems import Refused, advice
from designloop.units import format_quantity

from .evaluating import Evaluation
from .inputs import setting
from .program import Program
from .rendering import middle
from .values import present


def rehearse(program: Program, settings: Mapping[str, Value], directory: Path) -> Iterator[str]:
    """Lines about one evaluation at ``settings``, and elsewhere in the middle.

    Raises Failed, Infeasible, OracleError.
    """
    design = present(program.declaration, program.told, _design(program, settings))
    yield f"folder: {directory}"
    shown = [_shown(value, program.declaration.input(name).unit) for name, value in design.items()]
    yield "design: " + ", ".join(f"{name} {text}" for name, text in zip(design, shown, strict=True))
    asked = Evaluation(
        program=program, design=design, context=Context(directory=directory), folder=directory.resolve()
    )
    try:
        result = asked.answer()
    finally:
        for step, folders in asked.ran.items():
            for folder in folders:
                yield from _told(step, folder)
    for name, one in result.metrics.items():
        yield f"{name} = {_answered(one, program.declaration.output(name).unit)}"


def _design(program: Program, settings: Mapping[str, Value]) -> dict[str, Value]:
    declaration = program.declaration
    names = [i.name for i in declaration.inputs]
    for name in settings:
        if name not in names:
            raise OracleError(f"there is no input {name}. {advice(name, names, kind='inputs')}")
    design: dict[str, Value] = {}
    for one in declaration.inputs:
        if one.name in settings:
            try:
                design[one.name] = setting(settings[one.name], one)
            except Refused as error:
                raise OracleError(f"--set {one.name}: {error.what} {error.instead}".strip()) from None
        elif one.choices or one.default is not None or one.lower is not None:
            design[one.name] = middle(one)
        else:
            raise OracleError(
                f"{one.name} has neither a range nor a default. Write --set {one.name}=VALUE"
                + (f", in {one.unit}." if one.unit else ".")
            )
    return design


def _shown(value: Value, unit: str) -> str:
    return str(value) if isinstance(value, str | bool) else format_quantity(value, unit)


def _answered(one: Observation, unit: str) -> str:
    """A value with what is known of its error."""
    said = [("standard error", one.sem), ("at least", one.lower), ("at most", one.upper)]
    known = [f"{words} {_shown(number, unit)}" for words, number in said if number is not None]
    return _shown(one.value, unit) + (f" ({', '.join(known)})" if known else "")


def _told(step: str, folder: Path) -> Iterator[str]:
    """The command of a step and how it ended, as recorded in its folder."""
    try:
        entry = json.loads((folder / "exit.json").read_text(encoding="utf-8"))
    except OSError:
        return
    yield f"{step}: {shlex.join(entry['command'])}"
    yield f"  exit status {entry['status']} after {entry['seconds']:.3g} s; it printed {folder / step}.log"
