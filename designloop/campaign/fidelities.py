"""``fidelities``: two accuracies of one oracle to choose from in every trial, with costs."""

from __future__ import annotations

import math
from dataclasses import replace

from designloop.campaign.amounts import seconds
from designloop.campaign.composition import Composition
from designloop.campaign.execution import Execution
from designloop.campaign.inputs import Inputs, fidelity_named, open_settings
from designloop.campaign.model import Level, StrategyChoice
from designloop.campaign.schema import CampaignFile
from designloop.oracle import Declaration, Value
from designloop.reading.document import Path_
from designloop.reading.problems import Problems, Refused

STRATEGY = "gp_ucb"
RATIO = 3.0
FEWEST, MOST = 5, 20
"""Initial designs by default; see ``default_initial``."""


def resolve_fidelities(
    file: CampaignFile,
    inputs: Inputs,
    execution: Execution,
    composition: Composition | None,
    problems: Problems,
) -> tuple[Level, ...]:
    """The cheap one, then the one that counts, noting every error; empty where the file names none."""
    if file.fidelities is None:
        return ()
    _refuse_beside(file, execution, composition, problems)
    levels = []
    for name in file.fidelities:
        with problems.at(_path(name, file, problems)):
            levels.append(_level(name, file, inputs))
    if len(levels) == 2 and levels[0].cost >= levels[1].cost:
        problems.add(
            ("fidelities",),
            f"{levels[0].name} costs {levels[0].cost:g} s, {levels[1].name} only {levels[1].cost:g} s.",
            f"Name the one that counts last; where {levels[0].name} does, write fidelity: {levels[0].name}.",
        )  # fmt: skip
    return tuple(levels)


def default_initial(levels: tuple[Level, ...]) -> int:
    """Initial designs where the file says none: the more, the cheaper the cheap fidelity is."""
    cheap, counting = levels
    return min(MOST, max(FEWEST, round(RATIO * math.sqrt(counting.cost / cheap.cost))))


def with_initial(
    phases: tuple[StrategyChoice, ...], file: CampaignFile, levels: tuple[Level, ...]
) -> tuple[StrategyChoice, ...]:
    """The strategies with the initial design that two fidelities ask for, where the file says none."""
    if len(levels) != 2 or file.strategy[0].initial:
        return phases
    return (replace(phases[0], initial={"sobol": default_initial(levels)}), *phases[1:])


def _path(name: str, file: CampaignFile, problems: Problems) -> Path_:
    listed = not isinstance(problems.document.data.get("fidelities"), dict)
    return ("fidelities", list(file.fidelities or ()).index(name) if listed else name)


def _level(name: str, file: CampaignFile, inputs: Inputs) -> Level:
    declared = fidelity_named(name, inputs.declaration)
    written = (file.fidelities or {}).get(name)
    cost = declared.cost if written is None else seconds(written, name, example="4.3 s")
    if cost is None:
        raise Refused(
            f"nobody measured what an evaluation at {name} costs.",
            "Write the costs: fidelities: {" + ", ".join(f"{n}: 4.3 s" for n in file.fidelities or ()) + "}.",
        )
    return Level(name=name, cost=cost, fixed=_fixed(name, file, inputs))


def _fixed(name: str, file: CampaignFile, inputs: Inputs) -> dict[str, Value]:
    """What stays as it is under one fidelity: its own settings in place of those of the one that counts."""
    declaration = inputs.declaration
    counting = declaration.fidelity(list(file.fidelities or ())[-1])
    others = open_settings(counting, file)
    own = open_settings(declaration.fidelity(name), file)
    found = {**{n: v for n, v in inputs.fixed.items() if n not in others}, **own}
    _check_complete(name, declaration, set(others) - set(found))
    return found


def _check_complete(name: str, declaration: Declaration, missing: set[str]) -> None:
    lacking = sorted(n for n in missing if declaration.input(n).default is None)
    if lacking:
        raise Refused(
            f"{name} leaves {', '.join(lacking)} open, which the other fidelity sets.",
            f"Write {lacking[0]} under fixed.",
        )


def _refuse_beside(
    file: CampaignFile, execution: Execution, composition: Composition | None, problems: Problems
) -> None:
    """Note what does not go with two fidelities in this version."""
    with problems.at(("fidelities",)):
        if file.fidelity is not None:
            raise Refused("fidelity and fidelities exclude each other.", "Keep one of them.", key=True)
        if file.goal is not None:
            raise Refused(
                "not in this version: fidelities with a goal.",
                "Write fidelity: NAME, or leave goal out.",
                key=True,
            )
        if composition is not None:
            what = "a pipeline" if composition.is_pipeline else "escalate"
            raise Refused(
                f"not in this version: fidelities with {what}.",
                "Write fidelity: NAME, or name a plain oracle.", key=True,
            )  # fmt: skip
        if execution.engine == "manual":
            raise Refused("people choose no fidelity.", "Write fidelity: NAME, or leave it out.", key=True)
    _refuse_strategies(file, problems)


def _refuse_strategies(file: CampaignFile, problems: Problems) -> None:
    listed = isinstance(problems.document.data.get("strategy"), list)
    if len(file.strategy) > 1:
        problems.add(
            ("strategy",), "not in this version: several strategies with fidelities.",
            f"Write strategy: {STRATEGY}.", key=True,
        )  # fmt: skip
        return
    (spec,) = file.strategy
    path: Path_ = ("strategy", 0) if listed else ("strategy",)
    if spec.name != STRATEGY:
        problems.add(
            path, f"{spec.name} does not choose between fidelities in this version.",
            f"Write strategy: {STRATEGY}, or fidelity: NAME in place of fidelities.",
        )  # fmt: skip
    if spec.believer == "joint":
        problems.add(
            (*path, "believer"), "not in this version: believer joint with fidelities.",
            "Write believer: kriging, or leave it out.",
        )  # fmt: skip
