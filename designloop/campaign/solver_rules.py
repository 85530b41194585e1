"""``escalate``: which solver stands behind a surrogate, what both declare, and when the solver answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from designloop import units
from designloop.campaign.composition import Escalation, OracleChoice
from designloop.campaign.escalated import escalated
from designloop.campaign.found import declared
from designloop.campaign.oracle_parts import EscalateSpec
from designloop.errors import OracleError
from designloop.oracle import Declaration, Output
from designloop.reading.document import Path_
from designloop.reading.problems import Problems, Refused, advice
from designloop.reading.values import Measure


def resolve_escalation(
    spec: EscalateSpec, declaration: Declaration, *, folder: Path, problems: Problems, path: Path_
) -> tuple[Escalation, Declaration]:
    """The rule in the surrogate's units, and what surrogate and solver declare together; errors are noted."""
    solver = OracleChoice(name=spec.to.name, options=spec.to.options)
    behind = declared(solver, folder=folder, problems=problems, path=(*path, "to"))
    together = declaration
    with problems.at(path):
        if not declaration.trained:
            raise Refused(
                f"{declaration.name} is no trained model, so that nothing says when it is unsure.",
                "Leave escalate out, or name a model: models:/NAME@champion or ./FILE.dlmodel.", key=True,
            )  # fmt: skip
    with problems.at((*path, "to")):
        if behind.trained:
            raise Refused(
                f"{spec.to.name} is a trained model, and a model does not check another.",
                "Name the solver that made the labels.",
            )
        try:
            together = escalated(declaration, behind, refuse_outside=spec.outside == "refuse")
        except OracleError as error:
            raise Refused(str(error)) from None
    spread: dict[str, float] = {}
    with problems.at((*path, "spread")):
        spread = _spread(spec.spread, together)
    rule = Escalation(
        to=solver,
        spread=spread,
        outside=spec.outside,
        audit=spec.audit.to(""),
        retrain_every=spec.retrain.every,
        retrain_tests=spec.retrain.tests,
    )
    return rule, together


def _spread(written: Measure | Mapping[str, Measure] | None, declaration: Declaration) -> dict[str, float]:
    """Output to largest standard deviation, in the output's unit; raises Refused and UnitError."""
    if written is None:
        return {}
    outputs = {o.name: o for o in declaration.outputs}
    for one in [written] if isinstance(written, Measure) else written.values():
        if one.unit == "%":
            raise Refused(f"a spread of {one} says not of what.", "Write it in the output's unit: 0.5 GPa.")
    if isinstance(written, Measure):
        alike = [
            o for o in outputs.values() if written.unit is None or units.compatible(written.unit, o.unit)
        ]
        if not alike or (written.unit is None and len({o.unit for o in alike}) > 1):
            kinds = ", ".join(f"{o.name} [{o.unit or '1'}]" for o in outputs.values())
            raise Refused(
                f"a spread of {written} fits no output of {declaration.name}: {kinds}.",
                "Write spread: {METRIC: 0.5 GPa}.",
            )
        return {o.name: _width(written, o) for o in alike}
    for name in written:
        if name not in outputs:
            raise Refused(
                f"{declaration.name} has no output {name}.", advice(name, outputs, kind="outputs"),
                below=(name,), key=True,
            )  # fmt: skip
    return {name: _width(width, outputs[name]) for name, width in written.items()}


def _width(written: Measure, output: Output) -> float:
    unit = output.unit if written.unit is None else written.unit
    return units.difference(written.value, unit, output.unit)
