"""Steps of an oracle.yml, checked: their order, the files that they hand on, and what they read."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from designloop.oracle import Value
from designloop.reading.document import Path_
from designloop.reading.problems import Problems, Refused, advice
from designloop.reading.values import plain, shown

from .conditions import Names, parsed
from .inputs import checked_name
from .keys import key_path
from .parts import ProgramFile, StepSpec
from .paths import WORD, inside
from .program import Each, Need, Step, Wanted
from .source_parts import SourceSpec

ONLY = "run"
"""Name of the step where there is one command."""
MOST_ITEMS = 10_000


def resolve_steps(file: ProgramFile, names: Names, problems: Problems) -> tuple[Step, ...]:
    """Every step in order; ``names`` gains what the steps read, and every error is noted."""
    if file.steps is None:
        only = StepSpec(
            name=ONLY, command=file.command or (), needs=file.needs, link=file.link, templates=file.templates
        )
        return (_step(only, file, {}, names, problems, path=()),)
    steps: dict[str, Step] = {}
    for number, spec in enumerate(file.steps):
        path: Path_ = ("steps", number)
        with problems.at((*path, "name")):
            _check_step_name(spec.name, steps)
        steps[spec.name] = _step(spec, file, steps, names, problems, path=path)
    return tuple(steps.values())


def _check_step_name(name: str, earlier: Mapping[str, Step]) -> None:
    if not WORD.fullmatch(name):
        raise Refused(
            f"{shown(name)} cannot name a step.", "Write a word of letters, digits and underscores."
        )
    if name.lower() in {n.lower() for n in earlier}:
        raise Refused(f"there are two steps {name}.", "Give each a name of its own.")


def _step(
    spec: StepSpec,
    file: ProgramFile,
    earlier: Mapping[str, Step],
    names: Names,
    problems: Problems,
    *,
    path: Path_,
) -> Step:
    when = parsed(spec.when, names, problems, (*path, "when"))
    each = None
    with problems.at((*path, "each")):
        each = _each(spec.each, earlier, names)
    folder = "" if file.steps is None else spec.name
    return Step(
        name=spec.name,
        folder=folder,
        command=spec.command,
        needs=_needs(spec, file, earlier, problems, path),
        templates={},
        sources=_targets(spec, problems, path),
        makes=tuple(_inside_all(spec.makes, problems, (*path, "makes"))),
        reads=_reads(spec, names, problems, path, fanned=each is not None),
        when=when,
        infeasible=spec.otherwise == "infeasible",
        each=each,
        time_limit=spec.time_limit,
        successes=(file.success, spec.success),
    )


def _inside_all(files: Sequence[str], problems: Problems, path: Path_) -> list[str]:
    found = []
    for number, name in enumerate(files):
        with problems.at((*path, number)):
            found.append(inside(name))
    return found


def _targets(spec: StepSpec, problems: Problems, path: Path_) -> dict[str, str]:
    """File to render: its template."""
    found = {}
    for target, source in spec.templates.items():
        with problems.at((*path, "templates", target)):
            found[_free(inside(target), spec.name)] = inside(source)
    return found


def _free(target: str, step: str) -> str:
    if target in ("exit.json", "parameters.json", "running.json", f"{step}.log"):
        raise Refused(f"{target} is written by designloop.", "Choose another name.")
    return target


def _needs(
    spec: StepSpec, file: ProgramFile, earlier: Mapping[str, Step], problems: Problems, path: Path_
) -> tuple[Need, ...]:
    found: list[Need] = []
    later = [s.name for s in file.steps or () if s.name not in earlier]
    for key, link in (("needs", False), ("link", True)):
        for number, name in enumerate(getattr(spec, key)):
            with problems.at((*path, key, number)):
                unsure = {s for n, s in enumerate(earlier) if problems.below(("steps", n, "makes"))}
                need = _need(inside(name), earlier, later, link=link, unsure=unsure)
                taken = [n.target for n in found] + [str(t) for t in spec.templates]
                if need.target in taken:
                    raise Refused(f"{need.target} comes from two places.", "Rename one of them.")
                _free(need.target, spec.name)
                found.append(need)
    return tuple(found)


def _need(
    name: str, earlier: Mapping[str, Step], later: Sequence[str], *, link: bool, unsure: Collection[str]
) -> Need:
    first, _, rest = name.partition("/")
    if rest and first in later:
        raise Refused(
            f"{first} runs later than this step, or is this step.",
            f"Put {first} before it; steps cannot need each other in a circle.",
        )
    if not rest or first not in earlier:
        return Need(source=name, step=None, target=name, link=link)
    made = earlier[first].makes
    if rest not in made and first not in unsure:
        raise Refused(
            f"{first} does not say that it makes {rest}.",
            f"{advice(rest, made, kind='files')} List it under makes.",
        )
    target = name if earlier[first].each else rest
    return Need(source=rest, step=first, target=target, link=link)


def _reads(
    spec: StepSpec, names: Names, problems: Problems, path: Path_, *, fanned: bool
) -> tuple[Wanted, ...]:
    found = []
    for name, source in spec.read.items():
        place: Path_ = (*path, "read", name)
        with problems.at(place):
            checked_name(name, what="a value")
            if name in names.units or name in names.choices:
                raise Refused(f"{name} is the name of another value.", "Rename it.", key=True)
            found.append(wanted(name, source, spec.name, source.file))
            if not fanned:
                names.add(name, source.unit)
    return tuple(found)


def wanted(name: str, spec: SourceSpec, step: str, file: str) -> Wanted:
    """A number to read, its file and key checked; raises Refused."""
    name_of_file = inside(file, below=(spec.form,))
    key = key_path(spec.key if spec.key is not None else name) if spec.form in ("json", "yaml") else ()
    return Wanted(name=name, step=step, file=name_of_file, spec=spec, key=key)


def _each(written: Mapping[str, Any], earlier: Mapping[str, Step], names: Names) -> Each | None:
    if not written:
        return None
    if len(written) > 1:
        raise Refused("each has one name.", "Write for example each: {load: 1 .. 6}.")
    ((name, items),) = written.items()
    checked_name(name, what="a value")
    if name in names.units or name in names.choices:
        raise Refused(f"{name} is the name of another value.", "Rename it.", below=(name,), key=True)
    if isinstance(items, str):
        return _each_of(name, items, [r.name for s in earlier.values() for r in s.reads])
    if not isinstance(items, list) or not items:
        raise Refused(f"{shown(items)} is no list of items.", "Write [a, b], or 1 .. 6.", below=(name,))
    return Each(name=name, items=tuple(plain(item) for item in items))


def _each_of(name: str, text: str, reads: Sequence[str]) -> Each:
    span = re.fullmatch(r"\s*(\d{1,9})\s*\.\.\s*(\d{1,9})\s*", text)
    if span:
        items: tuple[Value, ...] = tuple(range(int(span[1]), int(span[2]) + 1)[: MOST_ITEMS + 1])
        if not items or len(items) > MOST_ITEMS:
            raise Refused(f"{text} has no item, or too many.", "Write for example 1 .. 6.", below=(name,))
        return Each(name=name, items=items)
    if text in reads:
        return Each(name=name, read=text)
    known = advice(text, reads, kind="lists read by earlier steps")
    raise Refused(f"{shown(text)} is no list.", f"Write 1 .. 6 or [a, b]. {known}", below=(name,))


def optional(steps: Sequence[Step]) -> set[str]:
    """Steps that may be left out: their condition does not hold, or what they need was left out."""
    found: set[str] = set()
    lists: set[str] = set()
    for step in steps:
        waits = any(n.step in found for n in step.needs) or (step.each and step.each.read in lists)
        if (step.when and not step.infeasible) or waits:
            found.add(step.name)
            lists |= {r.name for r in step.reads}
    return found
