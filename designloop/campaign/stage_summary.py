"""What ``designloop validate`` says of stages, their joints, and the realizations of dies."""

from __future__ import annotations

from collections.abc import Iterator

from designloop import units
from designloop.campaign.composition import Composition, Escalation, OracleChoice, Stage
from designloop.campaign.model import Campaign


def oracle_lines(c: Campaign) -> list[str]:
    """The oracle, or every stage: what feeds it, which names it takes, which solver stands behind it."""
    composition = c.composition
    labels = f" [{', '.join(c.declaration.labels)}]" if c.declaration.labels else ""
    if composition is None or not composition.is_pipeline:
        choice = OracleChoice(name=c.oracle_name, options=c.oracle_options)
        plain = [f"{_chosen(choice)}{labels}: {c.declaration.summary}"]
        stages = composition.stages if composition else ()
        return plain + [line for s in stages for line in _escalation(s.escalation, s)]
    lines = [f"pipeline of {len(composition.stages)} stages{labels}"]
    for stage in composition.stages:
        lines += _stage(stage, c, composition)
    return lines


def realization_lines(c: Campaign) -> list[str]:
    """Who shares a realization of a stochastic stage."""
    pipeline = c.composition is not None and c.composition.is_pipeline
    offered = c.composition.realizations if c.composition and pipeline else c.realizations
    several = ", common to its dies" if c.process or c.realizations else ""
    return [
        f"{name}: every die has its own" if name in c.realizations else f"{name}: one per trial{several}"
        for name in offered
    ]


def _chosen(choice: OracleChoice) -> str:
    written = {k: str(v).lower() if isinstance(v, bool) else v for k, v in choice.options.items()}
    options = ", ".join(f"{k}: {v}" for k, v in written.items())
    return f"{choice.name}{f' ({options})' if options else ''}"


def _stage(stage: Stage, c: Campaign, composition: Composition) -> Iterator[str]:
    yield f"{stage.name}: {_chosen(stage.oracle)}: {stage.declaration.summary}"
    for joint in stage.joints:
        yield f"  {joint.input} [{joint.unit or '1'}] <- {joint.source} [{joint.output_unit or '1'}]"
    given = {*c.space.names, *c.fixed, *(v.name for v in c.process), *(d.name for d in c.derived)}
    others = {called for s in composition.stages if s is not stage for called in s.names.values()}
    said = [f"{n} (shared)" if n in others else n for n in stage.names.values() if n in given]
    if said:
        yield f"  takes {', '.join(said)}"
    yield from (f"  {line}" for line in _escalation(stage.escalation, stage))


def _escalation(rule: Escalation | None, stage: Stage) -> Iterator[str]:
    if rule is None:
        return
    kinds = {o.name: o.unit for o in stage.declaration.outputs}
    parts = [
        f"where the error of {name} exceeds {units.format_quantity(width, kinds[name])}"
        for name, width in rule.spread.items()
    ]
    parts += ["outside the domain"] if rule.outside == "solver" else []
    parts += [f"in an audit of {units.format_quantity(100 * rule.audit, '%')}"] if rule.audit else []
    yield f"{_chosen(rule.to)} answers {', '.join(parts) or 'never'}"
    if rule.retrain_every is not None:
        yield f"learns after every {rule.retrain_every} new answers, judged by {rule.retrain_tests} at least"
