"""An oracle.yml from text to a checked program: whatever can be wrong before a run is found here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from designloop.oracle import Declaration, Fidelity, Input, Output
from designloop.reading.document import Document, Kind, parse, read_file
from designloop.reading.explaining import raise_explained
from designloop.reading.problems import Problems, Refused, advice

from .bounds import check_units
from .chain import resolve_steps
from .conditions import parsed
from .digest import digest
from .inputs import resolve_inputs, setting
from .outputs import resolve_outputs
from .parts import OWNERS, ProgramFile
from .paths import inside
from .program import Program
from .rendering import check_samples, with_optional, with_templates

KIND = Kind("an oracle.yml", "inputs", "then outputs and command (see docs/external-programs.md)")


def load(path: Path) -> Program:
    """The program that an oracle.yml describes. Raises CampaignError with everything that was found."""
    path = path.absolute()
    here = Path.cwd()
    shown = str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
    document = parse(read_file(path), file=shown, kind=KIND)
    problems = Problems(document)
    return _program(_validated(document, problems), document, path, problems)


def _validated(document: Document, problems: Problems) -> ProgramFile:
    try:
        return ProgramFile.model_validate(document.data)
    except ValidationError as error:
        raise_explained(error, document.data, problems, owners=OWNERS)


def _program(file: ProgramFile, document: Document, path: Path, problems: Problems) -> Program:
    inputs, told, names = resolve_inputs(file, problems)
    steps = resolve_steps(file, names, problems)
    _check_reads(file, problems)
    outputs, answers = resolve_outputs(file, steps, names, problems)
    guards = parsed(file.guards, names, problems, ("guards",))
    _check_names_of_files(file, problems)
    fidelities = _fidelities(file, inputs, problems)
    steps = with_templates(file, steps, list(file.inputs), path.parent, problems)
    problems.stop()
    program = Program(
        folder=path.parent,
        declaration=_declaration(file, path, inputs, outputs, fidelities),
        told=told,
        steps=steps,
        answers=answers,
        guards=guards,
        failures=file.failures,
        unit_style=file.unit_style,
        environment=file.environment,
        inherit=file.inherit,
        time_limit=file.time_limit,
        keep=file.keep,
        cache=file.cache,
    )
    check_samples(program, file, problems)
    problems.stop()
    version = f"{file.version}-{digest(document.data, steps, path.parent)}"
    program = with_optional(program)
    inputs = tuple(
        replace(i, when=" and ".join(file.inputs[i.name].when), optional=told.optional)
        for i, told in zip(program.declaration.inputs, program.told, strict=True)
    )
    return replace(program, declaration=replace(program.declaration, version=version, inputs=inputs))


def _check_reads(file: ProgramFile, problems: Problems) -> None:
    for number, step in enumerate(file.steps or ()):
        for name, source in step.read.items():
            with problems.at(("steps", number, "read", name)):
                check_units(source)


def _declaration(
    file: ProgramFile,
    path: Path,
    inputs: Sequence[Input],
    outputs: Sequence[Output],
    fidelities: Sequence[Fidelity],
) -> Declaration:
    name = file.name or (path.parent.name if path.stem == "oracle" else path.stem)
    command = file.command or (file.steps or ())[0].command
    return Declaration(
        name=name,
        summary=file.description or f"The external program {command[0]}.",
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        stochastic=file.stochastic,
        labels=file.labels,
        fidelities=tuple(fidelities),
        licences=file.licences,
    )


def _check_names_of_files(file: ProgramFile, problems: Problems) -> None:
    """Files that signs of success and failure name, and patterns of what stays, lie within the folder."""
    named: list[tuple[tuple[str | int, ...], str]] = [
        (("success", "files", n), f) for n, f in enumerate(file.success.files)
    ]
    for number, step in enumerate(file.steps or ()):
        named += [(("steps", number, "success", "files", n), f) for n, f in enumerate(step.success.files)]
    named += [(("keep", n), f) for n, f in enumerate(file.keep or ())]
    steps = [step.name for step in file.steps or ()]
    for number, failure in enumerate(file.failures):
        if failure.step is not None and failure.step not in steps:
            hint = advice(failure.step, steps, kind="steps")
            problems.add(("failures", number, "step"), f"there is no step {failure.step}.", hint)
        if failure.missing is not None and steps and failure.step is None:
            hint = f"Write for example step: {steps[-1]}."
            problems.add(("failures", number), "missing is about one of several steps.", hint)
        for key in ("file", "missing"):
            if getattr(failure, key) is not None:
                named.append((("failures", number, key), getattr(failure, key)))
    for path, name in named:
        with problems.at(path):
            inside(name)
    for number, name in enumerate(file.inherit):
        if not re.fullmatch(r"[A-Za-z_]\w*", name, flags=re.ASCII):
            problems.add(("inherit", number), f"{name!r} names no variable.", "Write LM_LICENSE_FILE.")
    for name in file.environment:
        if not re.fullmatch(r"[A-Za-z_]\w*", name, flags=re.ASCII):
            problems.add(("environment", name), f"{name!r} names no variable.", "Write THREADS: 1.", key=True)


def _fidelities(file: ProgramFile, inputs: Sequence[Input], problems: Problems) -> list[Fidelity]:
    known: Mapping[str, Input] = {i.name: i for i in inputs}
    found = []
    for name, spec in file.fidelities.items():
        settings = {}
        for key, value in spec.settings.items():
            with problems.at(("fidelities", name, "settings", key)):
                if key not in known:
                    raise Refused(f"{key} is no input.", advice(key, known, kind="inputs"), key=True)
                settings[key] = setting(value, known[key])
        found.append(Fidelity(name=name, description=spec.description, settings=settings, cost=spec.cost))
    return found
