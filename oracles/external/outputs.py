"""Declared outputs of an oracle.yml, checked: where each number stands, and its unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from designloop.oracle import Output
from designloop.reading.document import Path_
from designloop.reading.problems import Problems, Refused, advice
from designloop.reading.values import measure, shown

from .bounds import check_units, errors_of
from .chain import optional, wanted
from .conditions import Names
from .inputs import checked_name
from .parts import ProgramFile
from .program import Answer, Step, Wanted
from .source_parts import OutputSpec


def resolve_outputs(
    file: ProgramFile, steps: Sequence[Step], names: Names, problems: Problems
) -> tuple[tuple[Output, ...], tuple[Answer, ...]]:
    """Every output as declared and as read, noting every error; ``names`` gains the outputs."""
    outputs, answers = list[Output](), dict[str, Answer]()
    maybe = optional(steps)
    for name, spec in file.outputs.items():
        path: Path_ = ("outputs", name)
        with problems.at(path):
            checked_name(name, what="an output")
            if name in names.units or name in names.choices:
                raise Refused(
                    f"{name} is the name of an input, a value or another output.", "Rename it.", key=True
                )
            check_units(spec)
            found = _wanted(name, spec, file, {s.name: s for s in steps})
            answer = _answer(found, spec, {s.name: s for s in steps}[found.step], answers)
            if found.step in maybe and answer.otherwise is None:
                raise Refused(
                    f"{name} has no value where the step {found.step} does not run.",
                    "Write otherwise: a value, or the name of another output.", key=True,
                )  # fmt: skip
            answers[name] = answer
            outputs.append(Output(name, unit=spec.unit, description=spec.description, margin=spec.margin))
    for output in outputs:
        names.add(output.name, output.unit)
    names.refused |= file.outputs.keys() - answers.keys()
    return tuple(outputs), tuple(answers.values())


def _wanted(name: str, spec: OutputSpec, file: ProgramFile, steps: Mapping[str, Step]) -> Wanted:
    if file.steps is None:
        (only,) = steps
        return wanted(name, spec, only, spec.file)
    step, _, rest = spec.file.partition("/")
    if not rest or step not in steps:
        last = list(steps)[-1]
        raise Refused(
            f"{shown(spec.file)} names no step.",
            f"Write STEP/FILE, such as {last}/{rest or spec.file}. {advice(step, steps, kind='steps')}",
            below=(spec.form,),
        )
    return wanted(name, spec, step, rest)


def _answer(found: Wanted, spec: OutputSpec, step: Step, earlier: Mapping[str, Answer]) -> Answer:
    if step.each and spec.reduce is None:
        raise Refused(
            f"{step.name} runs once per item, so {found.name} has many values.",
            "Write reduce: mean, max, min or sum.", key=True,
        )  # fmt: skip
    if not step.each and spec.reduce is not None:
        raise Refused(f"{step.name} runs once.", "Leave reduce out.", below=("reduce",), key=True)
    answer = Answer(wanted=found, reduce=spec.reduce, **errors_of(spec, found, step))
    if spec.otherwise is None:
        return answer
    if isinstance(spec.otherwise, str) and spec.otherwise in earlier:
        other = earlier[spec.otherwise].wanted.spec
        if other.unit != spec.unit:
            raise Refused(
                f"{spec.otherwise} is in another unit.", "Give both the same.", below=("otherwise",)
            )
        return replace(answer, otherwise=spec.otherwise)
    try:
        return replace(answer, otherwise=measure(spec.otherwise).to(spec.unit))
    except Refused as error:
        hint = f"{error.instead} Or name an earlier output."
        raise Refused(error.what, hint, below=("otherwise",)) from None
