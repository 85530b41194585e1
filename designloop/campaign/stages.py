"""``oracle: {pipeline: ...}`` and ``escalate``: found, wired and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from designloop import units
from designloop.campaign.composed import composed, input_names
from designloop.campaign.composition import Composition, Joint, OracleChoice, Stage
from designloop.campaign.found import declared
from designloop.campaign.oracle_parts import StageSpec
from designloop.campaign.schema import CampaignFile
from designloop.campaign.solver_rules import resolve_escalation
from designloop.oracle import Declaration, Input, Output
from designloop.reading.document import Path_
from designloop.reading.problems import Problems, Refused, advice

PIPELINE: Path_ = ("oracle", "pipeline")
HEADINGS = ("fixed", "parameters", "process", "derived")


def resolve_composition(
    file: CampaignFile,
    declaration: Declaration | None,
    *,
    folder: Path,
    problems: Problems,
    versions: Mapping[str, str],
) -> Composition | None:
    """The stages of a pipeline, or the one that escalates; None for a plain oracle.

    ``declaration``: that of the plain oracle, where there is one. ``versions``: of oracles by name, where a
    run has begun with them. Raises CampaignError.
    """
    if file.oracle.pipeline is not None:
        return _pipeline(file, file.oracle.pipeline, folder=folder, problems=problems, versions=versions)
    if file.oracle.escalate is None or declaration is None:
        return None
    rule, declaration = resolve_escalation(
        file.oracle.escalate, declaration, folder=folder, problems=problems, path=("oracle", "escalate")
    )
    problems.stop()
    stage = Stage(
        name="",
        oracle=OracleChoice(name=file.oracle.name or "", options=file.oracle.options),
        declaration=declaration,
        names={i.name: i.name for i in declaration.inputs},
        escalation=rule,
    )
    return Composition(stages=(stage,), declaration=declaration)


def _pipeline(
    file: CampaignFile,
    written: Mapping[str, StageSpec],
    *,
    folder: Path,
    problems: Problems,
    versions: Mapping[str, str],
) -> Composition:
    names = {name for heading in HEADINGS for name in getattr(file, heading) or ()}
    stages: list[Stage] = []
    for name, spec in written.items():
        choice = OracleChoice(name=spec.oracle, options=spec.options, version=versions.get(spec.oracle))
        stages.append(_stage(name, spec, choice, stages, list(written), names, folder, problems))
    problems.stop()
    _refuse_fed(file, stages, problems)
    with problems.at(PIPELINE):
        declaration = composed(stages)
    problems.stop()
    return Composition(stages=tuple(stages), declaration=declaration)


def _stage(
    name: str,
    spec: StageSpec,
    choice: OracleChoice,
    earlier: Sequence[Stage],
    all_names: Sequence[str],
    written: set[str],
    folder: Path,
    problems: Problems,
) -> Stage:
    path: Path_ = (*PIPELINE, name)
    short = not isinstance(problems.document.data["oracle"]["pipeline"][name], dict)
    at = path if short else (*path, "oracle")
    declaration = declared(choice, folder=folder, problems=problems, path=at)
    _check_units(declaration, problems, at)
    rule = None
    if spec.escalate is not None:
        rule, declaration = resolve_escalation(
            spec.escalate, declaration, folder=folder, problems=problems, path=(*path, "escalate")
        )
    joints = []
    for target, source in spec.inputs.items():
        with problems.at((*path, "inputs", target)):
            joints.append(_joint(name, declaration, target, source, earlier, all_names))
    return Stage(
        name=name,
        oracle=choice,
        declaration=declaration,
        joints=tuple(joints),
        names=input_names(name, declaration.inputs, fed=spec.inputs, written=written),
        escalation=rule,
    )


def _check_units(declaration: Declaration, problems: Problems, path: Path_) -> None:
    parts: tuple[Input | Output, ...] = (*declaration.inputs, *declaration.outputs)
    for part in parts:
        try:
            units.check_unit(part.unit)
        except units.UnitError as error:
            problems.add(
                path, f"{declaration.name} declares {part.name} in {part.unit!r}: {error}",
                "The oracle's author has to mend this.",
            )  # fmt: skip
    problems.stop()


def _joint(
    stage: str,
    declaration: Declaration,
    target: str,
    source: str,
    earlier: Sequence[Stage],
    all_names: Sequence[str],
) -> Joint:
    """One input fed by one output; raises Refused."""
    inputs = {i.name: i for i in declaration.inputs}
    if target not in inputs:
        raise Refused(
            f"{stage} ({declaration.name}) has no input {target}.", advice(target, inputs, kind="inputs"),
            key=True,
        )  # fmt: skip
    fed = inputs[target]
    if fed.choices or fed.integer or isinstance(fed.default, str | bool):
        raise Refused(
            f"{target} of {stage} is no real number, so no output can feed it.",
            "Put it under fixed.",
            key=True,
        )
    origin, output = _source(stage, source, earlier, all_names)
    if not units.compatible(output.unit, fed.unit):
        raise Refused(
            f"{origin.name}.{output.name} is {_in(output.unit)}, and {target} of {stage} is {_in(fed.unit)}.",
            "Feed it from an output of the same kind.",
        )
    return Joint(input=target, unit=fed.unit, stage=origin.name, output=output.name, output_unit=output.unit)


def _in(unit: str) -> str:
    return f"in {unit}" if unit else "without unit"


def _source(
    stage: str, source: str, earlier: Sequence[Stage], all_names: Sequence[str]
) -> tuple[Stage, Output]:
    """The earlier stage and its output that ``STAGE.OUTPUT``, or an output's own name, stands for."""
    known = {f"{s.name}.{o.name}": (s, o) for s in earlier for o in s.declaration.outputs}
    if source in known:
        return known[source]
    if not earlier:
        raise Refused(f"{stage} is the first stage, so that nothing can feed it.", "Leave inputs out.")
    plain = [pair for pair in known.values() if pair[1].name == source]
    if len(plain) == 1:
        return plain[0]
    if plain:
        choices = " or ".join(f"{s.name}.{o.name}" for s, o in plain)
        raise Refused(f"{len(plain)} earlier stages have an output {source}.", f"Write {choices}.")
    origin = source.partition(".")[0]
    if origin in all_names and origin not in {s.name for s in earlier}:
        raise Refused(
            f"{origin} does not answer before {stage}.", "Stages answer in the order of the file: move it up."
        )
    raise Refused(f"no earlier stage has an output {source}.", advice(source, known, kind="outputs"))


def _refuse_fed(file: CampaignFile, stages: Sequence[Stage], problems: Problems) -> None:
    """Refuse a value for an input that has one already: from a joint."""
    free = {called for stage in stages for called in stage.names.values()}
    for stage in stages:
        for joint in stage.joints:
            for heading, name in _given(file, (joint.input, f"{stage.name}.{joint.input}")):
                if name not in free:
                    problems.add(
                        (heading, name), f"{joint.source} feeds {joint.input} of {stage.name}.",
                        f"Leave it out here, or take it from inputs of {stage.name}.", key=True,
                    )  # fmt: skip


def _given(file: CampaignFile, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((h, name) for h in HEADINGS for name in getattr(file, h) or () if name in names)
