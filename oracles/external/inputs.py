"""Declared inputs of an oracle.yml, checked: what the campaign may set, and what the program is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from designloop.oracle import Input, Value
from designloop.reading.document import Path_
from designloop.reading.problems import Problems, Refused, sentences
from designloop.reading.values import Plain, Span, measure, shown
from designloop.units import UnitError

from .conditions import Names, parsed
from .parts import InputSpec, ProgramFile
from .paths import WORD
from .program import Told

GIVEN = {
    "names": "what the program calls its inputs, in order",
    "values": "the inputs' values as text with units, in order",
    "inputs": "the design, by the inputs' names here",
    "seed": "a whole number below 2^31",
    "fidelity": "the name of the fidelity, or nothing",
    "directory": "the folder in which the program runs",
    "python": "the Python that runs designloop",
}
"""Values that every template may use, beside the inputs."""

_TAKEN = {
    "and", "as", "block", "call", "elif", "else", "endfor", "endif", "extends", "false", "filter", "for",
    "from", "if", "import", "in", "include", "is", "loop", "macro", "namespace", "none", "not", "or", "range",
    "recursive", "self", "set", "true", "with", "without", "yield", "dict", "lipsum", "cycler", "joiner",
}  # fmt: skip


def checked_name(name: str, *, what: str) -> None:
    """Refuse a name that no template or comparison could use."""
    if not WORD.fullmatch(name):
        raise Refused(
            f"{shown(name)} cannot name {what}.", "Write a word of letters, digits and underscores.", key=True
        )
    if name in GIVEN or name.lower() in _TAKEN:
        means = f" ({GIVEN[name]})" if name in GIVEN else ""
        raise Refused(f"{name} means something else in a template{means}.", "Rename it.", key=True)


def resolve_inputs(
    file: ProgramFile, problems: Problems
) -> tuple[tuple[Input, ...], tuple[Told, ...], Names]:
    """Every input as declared, as told, and the names that comparisons may use, noting every error."""
    names, inputs, told = Names(), list[Input](), list[Told]()
    for name, spec in file.inputs.items():
        path: Path_ = ("inputs", name)
        with problems.at(path):
            checked_name(name, what="an input")
            declared = _declared(name, spec)
            called = Told(name=name, called=spec.name or name, unit=declared.unit, words=spec.told)
            when = parsed(spec.when, names, problems, (*path, "when"))
            inputs.append(declared)
            told.append(replace(called, when=when))
            names.add(name, declared.unit, declared.choices)
        if problems.below(path):
            names.refused.add(name)
    return tuple(inputs), tuple(told), names


def _declared(name: str, spec: InputSpec) -> Input:
    if spec.told:
        return _choice(name, spec)
    unit = spec.unit
    if unit is None:
        unit = (spec.range.upper.unit if spec.range else None) or ""
    lower, upper = _bounds(spec.range, unit, whole=spec.integer)
    declared = Input(
        name=name, unit=unit, lower=lower, upper=upper, integer=spec.integer, description=spec.description
    )
    if spec.default is None:
        return declared
    return replace(declared, default=number_of(spec.default, declared, below=("default",)))


def _choice(name: str, spec: InputSpec) -> Input:
    choices = tuple(spec.told)
    if len(set(choices)) < len(spec.choices or spec.map or ()):
        raise Refused(
            f"the choices of {name} repeat one.",
            "Keep one of them.",
            below=("choices" if spec.choices else "map",),
        )
    for word in spec.told.values():
        if isinstance(word, str) and "\0" in word:
            raise Refused(f"{shown(word)} holds a sign that no program can be told.", "Leave it out.")
    if spec.default is not None and spec.default not in choices:
        raise Refused(
            f"{shown(spec.default)} is not a choice of {name}.",
            f"Choices are: {', '.join(map(str, choices))}.",
            below=("default",),
        )
    return Input(name=name, choices=choices, default=spec.default, description=spec.description)


def _bounds(range_: Span | None, unit: str, *, whole: bool) -> tuple[float | None, float | None]:
    if range_ is None:
        return None, None
    ends = range_.lower.to(unit), range_.upper.to(unit)
    if whole and any(end % 1 for end in ends):
        raise Refused("a whole number has whole bounds.", "Write whole ends.", below=("range",))
    return ends


def number_of(value: Plain, declared: Input, *, below: Path_ = ()) -> Value:
    """A number for an input, in its unit; raises Refused."""
    try:
        number = measure(value).to(declared.unit)
    except (Refused, UnitError) as error:
        raise Refused(*sentences(error), below=below) from None
    if not declared.allows(number):
        what = "no whole number" if declared.integer and number % 1 else "outside the range"
        ends = ["" if end is None else f"{end:.12g}" for end in (declared.lower, declared.upper)]
        within = f", within {' .. '.join(ends)} {declared.unit}".rstrip() if any(ends) else ""
        raise Refused(
            f"{shown(value)} is {what} of {declared.name}.", f"Choose another{within}.", below=below
        )
    return int(number) if declared.integer else number


def setting(value: Plain, declared: Input) -> Any:
    """A value that a fidelity sets: a choice, or a number in the input's unit; raises Refused."""
    if not declared.choices:
        return number_of(value, declared)
    if value not in declared.choices:
        listed = ", ".join(map(str, declared.choices))
        raise Refused(f"{shown(value)} is not a choice of {declared.name}.", f"Choices are: {listed}.")
    return value
