"""The declaration of a pipeline: inputs and outputs of its stages under names that say whose they are."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from designloop import units
from designloop.campaign.carried import carried
from designloop.campaign.composition import Stage
from designloop.oracle import Declaration, Fidelity, Input, Output, Realizations, Value, most_tokens
from designloop.reading.problems import Refused

NAME = "pipeline"


def composed(stages: Sequence[Stage]) -> Declaration:
    """What stages declare together; outputs of the last are plain, of the others ``stage.output``.

    An input that several stages call alike is one input: in the unit of the last, within the bounds of all,
    with a default where theirs agree. Raises Refused, whose ``below`` names the stage.
    """
    inputs = tuple(_merged(name, shared) for name, shared in _shared(stages).items())
    outputs = tuple(_output(s, o, last=s is stages[-1]) for s in stages for o in s.declaration.outputs)
    _check_names(stages, outputs)
    declared = [s.declaration for s in stages]
    return Declaration(
        name=NAME,
        summary=_summary(stages),
        inputs=inputs,
        outputs=outputs,
        stochastic=any(d.stochastic for d in declared),
        cheap=all(d.cheap for d in declared),
        version="+".join(f"{s.name}:{s.declaration.version}" for s in stages),
        labels=tuple(dict.fromkeys(label for d in declared for label in d.labels)),
        source="; ".join(f"{s.name}: {s.declaration.source}" for s in stages if s.declaration.source),
        fidelities=_fidelities(stages, inputs),
        realizations=_realizations(stages),
        licences=most_tokens(declared),
    )


def input_names(
    stage: str, inputs: Iterable[Input], *, fed: Collection[str], written: Collection[str]
) -> dict[str, str]:
    """Composed name of every input that no joint feeds: ``stage.input`` where the campaign writes it so."""
    free = [i.name for i in inputs if i.name not in fed]
    return {name: dotted if (dotted := f"{stage}.{name}") in written else name for name in free}


def _summary(stages: Sequence[Stage]) -> str:
    said = f"{' -> '.join(s.name for s in stages)}: {stages[-1].declaration.summary}"
    deaf = [s.name for s in stages if s.joints and not s.declaration.cheap]
    if deaf:
        said += f" Errors of what feeds {', '.join(deaf)} are not carried through: not declared cheap."
    return said


def _shared(stages: Sequence[Stage]) -> dict[str, list[tuple[str, Input]]]:
    """Composed name to the stages that take it, with the input that each declares."""
    named = [(s, called, s.declaration.input(name)) for s in stages for name, called in s.names.items()]
    units_here = {called: declared.unit for _, called, declared in named}  # those of the last that takes it
    found: dict[str, list[tuple[str, Input]]] = {}
    for stage, called, declared in named:
        when = carried(stage, declared, units_here) if declared.when else ""
        found.setdefault(called, []).append((stage.name, replace(declared, when=when)))
    return found


def _merged(name: str, shared: Sequence[tuple[str, Input]]) -> Input:
    stage, last = shared[-1]
    if len(shared) == 1:
        return replace(last, name=name)
    for other, declared in shared[:-1]:
        if not _alike(declared, last):
            raise Refused(
                f"{name} is {_kind(declared)} for {other} and {_kind(last)} for {stage}, so one value cannot "
                "serve both.", f"Write {other}.{name} and {stage}.{name} under fixed or parameters.",
                below=(stage,), key=True,
            )  # fmt: skip
    inputs, said = [declared for _, declared in shared], [declared.outside for _, declared in shared]
    choices = tuple(c for c in last.choices if all(i.allows(c) for i in inputs))
    lower = max((b for i in inputs if (b := _in_unit(i.lower, i, last)) is not None), default=None)
    upper = min((b for i in inputs if (b := _in_unit(i.upper, i, last)) is not None), default=None)
    if (last.choices and not choices) or (lower is not None and upper is not None and lower > upper):
        raise Refused(
            f"no value of {name} suits {' and '.join(s for s, _ in shared)}.",
            f"Write {stage}.{name} beside {name}, so that each has its own.", below=(stage,), key=True,
        )  # fmt: skip
    return replace(
        last, name=name, lower=lower, upper=upper, choices=choices, default=_default(inputs),
        integer=any(i.integer for i in inputs), outside=" ".join(dict.fromkeys(filter(None, said))),
        when=last.when if len({i.when for i in inputs}) == 1 else "",
        optional=all(i.optional for i in inputs),
    )  # fmt: skip


def _alike(first: Input, second: Input) -> bool:
    words = [bool(i.choices) or isinstance(i.default, str | bool) for i in (first, second)]
    return words[0] == words[1] and (words[0] or units.compatible(first.unit, second.unit))


def _kind(declared: Input) -> str:
    if declared.choices or isinstance(declared.default, str | bool):
        return "a choice"
    return f"in {declared.unit}" if declared.unit else "a number without unit"


def _in_unit(value: float | None, declared: Input, to: Input) -> float | None:
    return None if value is None else float(units.convert(value, declared.unit, to.unit))


def _default(inputs: Sequence[Input]) -> Value | None:
    """The default that all have; None where one has another or none."""
    last = inputs[-1]
    if last.default is None or isinstance(last.default, str | bool) or last.choices:
        return last.default if all(i.default == last.default for i in inputs) else None
    for other in inputs[:-1]:
        if other.default is None or not math.isclose(
            float(units.convert(other.default, other.unit, last.unit)), last.default, rel_tol=1e-12
        ):
            return None
    return last.default


def _output(stage: Stage, output: Output, *, last: bool) -> Output:
    return output if last else replace(output, name=f"{stage.name}.{output.name}")


def _check_names(stages: Sequence[Stage], outputs: Sequence[Output]) -> None:
    final = {o.name for o in stages[-1].declaration.outputs}
    for stage in stages:
        if stage.name in final:
            raise Refused(
                f"{stage.name} is an output of {stages[-1].name} too.", "Give the stage another name.",
                below=(stage.name,), key=True,
            )  # fmt: skip
        for name, called in stage.names.items():
            if any(o.name == called for o in outputs):
                raise Refused(
                    f"{called} is an input of {stage.name} and an output of the pipeline.",
                    f"Feed it, or write {stage.name}.{name} under fixed or parameters.",
                    below=(stage.name,), key=True,
                )  # fmt: skip


def _fidelities(stages: Sequence[Stage], inputs: Sequence[Input]) -> tuple[Fidelity, ...]:
    """Those of the only stage that has any, without costs: nobody measured the pipeline's."""
    having = [s for s in stages if s.declaration.fidelities]
    if len(having) != 1:
        return ()
    stage, known = having[0], {i.name: i for i in inputs}
    found = []
    for fidelity in stage.declaration.fidelities:
        settings = _settings(stage, fidelity.settings, known)
        if all(known[name].allows(value) for name, value in settings.items()):
            found.append(replace(fidelity, settings=settings, cost=None))
    return tuple(found)


def _settings(stage: Stage, written: Mapping[str, Value], known: Mapping[str, Input]) -> dict[str, Value]:
    settings = {}
    for name, value in written.items():
        if name in stage.names:
            called = stage.names[name]
            unit, to = stage.declaration.input(name).unit, known[called].unit
            convert = unit != to and not isinstance(value, str | bool)
            settings[called] = float(units.convert(value, unit, to)) if convert else value
    return settings


def _realizations(stages: Sequence[Stage]) -> Realizations | None:
    """Those of the only stage that counts any, where nothing feeds the counts."""
    having = [s for s in stages if s.declaration.realizations]
    if len(having) != 1:
        return None
    stage, counted = having[0], having[0].declaration.realizations
    if counted is None or not set(counted.inputs) <= set(stage.names):
        return None
    return Realizations(
        least=stage.names[counted.least],
        most=stage.names.get(counted.most, ""),
        std_error=stage.names.get(counted.std_error, ""),
    )
