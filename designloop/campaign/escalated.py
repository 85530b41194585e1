"""What a surrogate and the solver behind it declare together."""

from __future__ import annotations

from dataclasses import replace

from designloop import units
from designloop.errors import OracleError
from designloop.oracle import Declaration, Input, Output, most_tokens


def escalated(model: Declaration, solver: Declaration, *, refuse_outside: bool = False) -> Declaration:
    """The model's inputs as far as the solver goes, or not at all outside the model's domain; common outputs.

    Everything is in the model's units. Raises OracleError where the solver does not answer the same question.
    """
    outputs = common(model, solver)
    _check(model, solver, outputs)
    inputs = model.inputs
    if not refuse_outside:
        inputs = tuple(_widened(i, solver.input(i.name)) for i in inputs)
    return Declaration(
        name=model.name,
        summary=f"{model.summary.rstrip('.')}; {solver.name} where the model is unsure.",
        inputs=inputs,
        outputs=outputs,
        options={"escalate": solver.name},
        stochastic=model.stochastic or solver.stochastic,
        version=f"{model.version}+{solver.name}:{solver.version}",
        labels=tuple(dict.fromkeys((*model.labels, *solver.labels))),
        source=solver.source,
        licences=most_tokens((model, solver)),
    )


def common(model: Declaration, solver: Declaration) -> tuple[Output, ...]:
    """The model's outputs that the solver gives too; a draw from a law is nothing that a solver checks."""
    given = {o.name for o in solver.outputs}
    return tuple(o for o in model.outputs if o.name in given and o.statistic != "draw")


def _check(model: Declaration, solver: Declaration, outputs: tuple[Output, ...]) -> None:
    what = f"escalation from {model.name!r} to {solver.name!r}"
    known = {i.name for i in solver.inputs}
    unknown = [i.name for i in model.inputs if i.name not in known]
    if unknown:
        raise OracleError(
            f"{what}: the solver has no input {', '.join(unknown)}. Escalate to the oracle that made the "
            "model's labels."
        )
    if not outputs:
        mine, theirs = (", ".join(o.name for o in d.outputs) for d in (model, solver))
        raise OracleError(
            f"{what}: they have no output in common; the model gives {mine}, the solver {theirs}."
        )
    pairs = [(i.name, i.unit, solver.input(i.name).unit) for i in model.inputs]
    pairs += [(o.name, o.unit, solver.output(o.name).unit) for o in outputs]
    for name, unit, other in pairs:
        try:
            units.convert(1.0, unit, other)
        except units.UnitError as error:
            raise OracleError(f"{what}, {name}: {error}") from None


def _widened(mine: Input, other: Input) -> Input:
    """A model's input with the solver's bounds and choices, in the model's unit."""

    def bound(value: float | None) -> float | None:
        return None if value is None else float(units.convert(value, other.unit, mine.unit))

    return replace(
        mine, lower=bound(other.lower), upper=bound(other.upper), choices=other.choices, outside=""
    )
