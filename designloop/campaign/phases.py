"""``strategy``: one choice after the other, refused where one has nothing to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from designloop.campaign.inputs import Inputs
from designloop.campaign.model import Stop, StrategyChoice
from designloop.campaign.schema import CampaignFile
from designloop.campaign.strategies import OPTIMIZERS, StrategySpec
from designloop.reading.document import Path_
from designloop.reading.expression import parse_expression
from designloop.reading.problems import Problems, Refused


def resolve_phases(
    file: CampaignFile, inputs: Inputs, stop: Stop, problems: Problems
) -> tuple[StrategyChoice, ...]:
    """The strategies in order, noting every error."""
    last = len(file.strategy) - 1
    for number, (path, spec) in enumerate(_placed(file, problems)):
        with problems.at(path):
            _check_task(spec, file)
            _check_until(spec, file, last=number == last)
        for i, text in enumerate(spec.features or ()):
            with problems.at((*path, "features", i)):
                _check_feature(text, inputs)
    _check_room(file, problems)
    return tuple(
        StrategyChoice(
            name=spec.name,
            options=spec.options(),
            initial=spec.initial_design(parameters=len(inputs.parameters), first=number == 0),
            until=_until(spec, stop, last=number == last, alone=last == 0),
        )
        for number, spec in enumerate(file.strategy)
    )


def _placed(file: CampaignFile, problems: Problems) -> Iterator[tuple[Path_, StrategySpec]]:
    """Every strategy with its place in the file."""
    listed = isinstance(problems.document.data.get("strategy"), list)
    for i, spec in enumerate(file.strategy):
        yield ("strategy", i) if listed else ("strategy",), spec


def _check_task(spec: StrategySpec, file: CampaignFile) -> None:
    """Refuse an optimizer without an objective, and a goal that nothing works towards."""
    if not file.objectives and spec.name in OPTIMIZERS:
        raise Refused(
            f"{spec.name} improves an objective, and this campaign has a goal only.",
            "Write strategy: query_by_committee, or add objectives.", below=("name",),
        )  # fmt: skip
    if file.goal is not None and all(s.name in OPTIMIZERS for s in file.strategy):
        raise Refused(
            f"{spec.name} improves the objective and learns nothing for the goal.",
            "Write strategy: query_by_committee, or both one after the other: "
            f"[{{name: query_by_committee, until: goal}}, {{name: {spec.name}}}]; or leave the goal out.",
            below=("name",),
        )


def _check_until(spec: StrategySpec, file: CampaignFile, *, last: bool) -> None:
    if spec.until is None:
        if not last:
            raise Refused(
                f"{spec.name} is not the last strategy and says not when it ends.",
                "Add until: goal, or until: {trials: 20}." if file.goal else "Add until: {trials: 20}.",
            )
        return
    if spec.until.goal and file.goal is None:
        raise Refused(
            "there is no goal to wait for.", "Write until: {trials: 20}, or add goal.", below=("until",)
        )
    if spec.until.goal and spec.name in OPTIMIZERS:
        raise Refused(
            f"{spec.name} learns nothing for the goal, which may so never be reached.",
            "Write until: {trials: 20}.", below=("until",),
        )  # fmt: skip
    if last and spec.until.trials is not None:
        raise Refused(
            "the last strategy ends with the campaign.",
            f"Leave until out, and write stop: {{trials: {spec.until.trials}}}.", below=("until",), key=True,
        )  # fmt: skip
    if spec.until.goal and last and file.stop.goal == "ignored":
        raise Refused(
            "until: goal and stop: {goal: ignored} exclude each other.", "Keep one of them.", below=("until",)
        )
    if spec.until.goal and not last and file.stop.goal == "reached":
        raise Refused(
            "stop: {goal: reached} ends the campaign where the next strategy shall begin.",
            "Leave goal out of stop.", below=("until",),
        )  # fmt: skip


def _check_feature(text: str, inputs: Inputs) -> None:
    """A feature is an expression of chosen parameters alone, in their units."""
    units = {p.name: p.unit for p in inputs.parameters.values()}
    expression = parse_expression(text, units=units, choices=inputs.choices())
    if expression.is_constant:
        raise Refused(f"{text} is the same for every design.", f"Name a parameter: {', '.join(units)}.")


def _check_room(file: CampaignFile, problems: Problems) -> None:
    """Refuse strategies that never begin because those before use up the trials."""
    used = (file.goal.judge.held_out or 0) if file.goal else 0
    for path, spec in list(_placed(file, problems))[:-1]:
        used += spec.until.trials or 0 if spec.until else 0
        if used >= file.stop.trials:
            problems.add(
                (*path, "until"),
                f"the {file.stop.trials} trials are used up before the next strategy begins.",
                "Write fewer, or raise trials under stop.",
            )  # fmt: skip
            return


def _until(spec: StrategySpec, stop: Stop, *, last: bool, alone: bool) -> Literal["goal"] | int | None:
    if last:
        return "goal" if stop.at_goal and not alone else None
    if spec.until is None:
        return None
    return "goal" if spec.until.goal else spec.until.trials
