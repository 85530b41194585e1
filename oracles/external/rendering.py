"""Templates of an oracle.yml: read, checked before the first run, and rendered for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from designloop.errors import CampaignError, Place
from designloop.oracle import Failed, Input, Value
from designloop.reading.document import Path_, read_file
from designloop.reading.problems import Problems, Refused

from .inputs import GIVEN
from .parts import ProgramFile
from .program import Each, Program, Step, Told
from .templating import TemplateFault, faults, is_static, names_in, render
from .values import variables


def with_templates(
    file: ProgramFile, steps: Sequence[Step], inputs: Sequence[str], folder: Path, problems: Problems
) -> tuple[Step, ...]:
    """Steps with the text of their templates; what is wrong with those and with needed files is noted."""
    known = [n for n in dict.fromkeys((*GIVEN, *inputs)) if n != "seed" or file.stochastic]
    for name, text in file.environment.items():
        _check(text, known, inputs, problems, ("environment", name))
    complete = []
    for number, step in enumerate(steps):
        path: Path_ = ("steps", number) if file.steps is not None else ()
        here = [*known, *([step.each.name] if step.each else [])]
        for position, text in enumerate(step.command):
            _check(text, here, inputs, problems, (*path, "command", position))
        texts = {}
        for target, source in step.sources.items():
            with problems.at((*path, "templates", target)):
                texts[target] = _read(folder, source, here, inputs, problems)
        _check_needs(step, folder, problems, path)
        complete.append(replace(step, templates=texts))
        known += [r.name for r in step.reads]
    return tuple(complete)


def _check(text: str, known: Sequence[str], inputs: Sequence[str], problems: Problems, path: Path_) -> None:
    for fault in faults(text, known, inputs):
        problems.add(path, fault.what, _advice(fault))


def _advice(fault: TemplateFault) -> str:
    return "Write stochastic: true for a seed." if " asks for seed," in fault.what else fault.instead


def _read(folder: Path, source: str, known: Sequence[str], inputs: Sequence[str], problems: Problems) -> str:
    if not (folder / source).is_file():
        raise Refused(f"there is no template {source} beside oracle.yml.", "Check its name.")
    try:
        text = read_file(folder / source)
    except CampaignError as error:
        raise Refused(f"the template {source}: {error.what}", error.instead or "") from None
    for fault in faults(text, known, inputs):
        problems.elsewhere(_place(problems, source, fault), fault.what, _advice(fault))
    return text


def _place(problems: Problems, source: str, fault: TemplateFault) -> Place:
    return Place(file=str(Path(problems.document.file).parent / source), line=fault.line)


def _check_needs(step: Step, folder: Path, problems: Problems, path: Path_) -> None:
    for key, link in (("needs", False), ("link", True)):
        mine = [need for need in step.needs if need.link == link]
        for number, need in enumerate(mine):
            if need.step is None and not (folder / need.source).exists():
                hint = "Put it there, or correct the name."
                problems.add((*path, key, number), f"there is no {need.source} beside oracle.yml.", hint)


def with_optional(program: Program) -> Program:
    """The program with those inputs marked that a design may lack: its templates can do without them.

    They are told by ``names`` or ``values``, or where the template asks whether they are defined.
    """
    whole = {t.name: middle(program.declaration.input(t.name)) for t in program.told}
    told = tuple(
        replace(one, optional=not one.when and _is_optional(one.name, program, whole)) for one in program.told
    )
    return replace(program, told=told)


def _is_optional(name: str, program: Program, whole: Mapping[str, Value]) -> bool:
    texts = [text for step in program.steps for text in (*step.command, *step.templates.values())]
    asking = [text for text in texts if names_in(text) & {name, "names", "values"}]
    values = _sample_values(program, {n: v for n, v in whole.items() if n != name})
    later = {r.name for s in program.steps for r in s.reads} | {s.each.name for s in program.steps if s.each}
    sure = [text for text in asking if name in names_in(text)]
    if any(names_in(text) & later for text in sure):
        return False
    return bool(asking) and all(_undefined(text, values) is None for text in sure)


def _sample_values(program: Program, design: Mapping[str, Value]) -> dict[str, Any]:
    return variables(
        program.told, design, unit_style=program.unit_style, seed=0, fidelity=None, directory=Path("/")
    )


def check_samples(program: Program, file: ProgramFile, problems: Problems) -> None:
    """Render with the middle of every input, once with and once without those that may not exist."""
    for design in _samples(program):
        _check_sample(program, file, design, problems)


def _samples(program: Program) -> Iterator[dict[str, Value]]:
    whole = {t.name: middle(program.declaration.input(t.name)) for t in program.told}
    yield whole
    if any(t.when for t in program.told):
        yield {t.name: whole[t.name] for t in program.told if not t.when}


def middle(declared: Input) -> Value:
    """The default, the first choice, or the middle of the range; 1 where there is none."""
    if declared.default is not None:
        return declared.default
    if declared.choices:
        return declared.choices[0]
    if declared.lower is None or declared.upper is None:
        return 1 if declared.integer else 1.0
    value = (declared.lower + declared.upper) / 2
    return round(value) if declared.integer else value


def _check_sample(
    program: Program, file: ProgramFile, design: Mapping[str, Value], problems: Problems
) -> None:
    values = _sample_values(program, design)
    unknown = {r.name for s in program.steps for r in s.reads}
    for number, step in enumerate(program.steps):
        path: Path_ = ("steps", number) if file.steps is not None else ()
        here = {**values, **_first(step.each)}
        unknown_here = unknown | ({step.each.name} if step.each and step.each.read else set())
        for position, text in enumerate(step.command):
            if not names_in(text) & unknown_here and (fault := _undefined(text, here)):
                problems.add((*path, "command", position), fault.what, fault.instead)
        for target, text in step.templates.items():
            if not names_in(text) & unknown_here and (fault := _undefined(text, here)):
                problems.elsewhere(_place(problems, step.sources[target], fault), fault.what, fault.instead)


def _first(each: Each | None) -> dict[str, Value]:
    return {each.name: each.items[0]} if each and each.items else {}


def _undefined(text: str, values: Mapping[str, Any]) -> TemplateFault | None:
    """What is wrong because a value does not exist; other faults may be those of the sample."""
    try:
        render(text, values)
    except TemplateFault as fault:
        return fault if fault.instead else None
    return None


def arguments(step: Step, values: Mapping[str, Any], told: Sequence[Told]) -> list[str]:
    """The command with its values, one argument for each entry. Raises Failed.

    An entry with ``{% if %}`` that comes out empty is left out. A text value that would make an option of an
    argument is refused, unless oracle.yml itself maps a choice to it.
    """
    words = {word for one in told for choice, word in one.words.items() if choice != word}
    found = []
    for text in step.command:
        argument = _rendered(text, values, step.name)
        if not argument and "{%" in text:
            continue
        if "\0" in argument:
            raise Failed(f"{step.name}: an argument holds a sign that no program can be told.")
        if argument.startswith("-") and not text.startswith("-") and argument not in words:
            try:
                float(argument)
            except ValueError:
                raise Failed(f"{step.name}: the value {argument!r} would be taken for an option.") from None
        found.append(argument)
    return found


def _rendered(text: str, values: Mapping[str, Any], what: str) -> str:
    if is_static(text):
        return text
    try:
        return render(text, values)
    except TemplateFault as fault:
        place = f"{what}:{fault.line}" if "\n" in text else what
        raise Failed(f"{place}: {fault.what} {fault.instead}".strip()) from None


def rendered_files(step: Step, values: Mapping[str, Any]) -> dict[str, str]:
    """Every file to render with its text. Raises Failed."""
    return {
        target: _rendered(text, values, f"{step.sources[target]}") for target, text in step.templates.items()
    }


def rendered_environment(program: Program, values: Mapping[str, Any]) -> dict[str, str]:
    """The declared variables with their values. Raises Failed."""
    return {name: _rendered(text, values, name) for name, text in program.environment.items()}
