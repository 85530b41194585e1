"""``stop``: limits in plain numbers, refused where they mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from designloop.campaign.amounts import seconds
from designloop.campaign.model import Stop
from designloop.campaign.outcomes import Outcomes
from designloop.campaign.schema import CampaignFile
from designloop.campaign.stop_parts import StopSpec, until
from designloop.campaign.strategies import OPTIMIZERS, StrategySpec
from designloop.campaign.targets import resolve_target
from designloop.reading.problems import Problems, Refused, advice
from designloop.reading.values import Measure

COMMITTEES = ("query_by_committee", "bald")
"""Strategies with a committee that can disagree."""


def resolve_stop(file: CampaignFile, outcomes: Outcomes, problems: Problems) -> Stop:
    """When the campaign ends, noting every error."""
    spec, less_than, disagreement, coverage, gain, target = file.stop, None, None, None, None, None
    if spec.no_improvement:
        with problems.at(("stop", "no_improvement", "less_than")):
            less_than = _share(spec.no_improvement.less_than, "less_than")
    if spec.coverage:
        with problems.at(("stop", "coverage", "less_than")):
            coverage = _share(spec.coverage.less_than, "less_than")
    if spec.disagreement:
        with problems.at(("stop", "disagreement")):
            disagreement = _share(spec.disagreement, "disagreement", example="2 %")
            if disagreement == 0:
                raise Refused("a committee of several models never agrees fully.", "Write disagreement: 2 %.")
    if spec.nothing_to_gain:
        with problems.at(("stop", "nothing_to_gain")):
            gain = _share(spec.nothing_to_gain.less_than, "nothing_to_gain")
    if spec.target is not None and outcomes.objective is not None and file.objectives:
        with problems.at(("stop", "target")):
            target = resolve_target(spec.target, outcomes)
    _refuse_meaningless(file, problems)
    return Stop(
        trials=spec.trials,
        no_improvement_trials=spec.no_improvement.trials if spec.no_improvement else None,
        no_improvement_less_than=less_than,
        wall_time=_seconds(spec.wall_time, "wall_time", problems, example="12 h"),
        at_goal=ends_at_goal(spec, file.strategy) if file.goal else False,
        disagreement=disagreement,
        coverage_trials=spec.coverage.trials if spec.coverage else None,
        coverage_less_than=coverage,
        nothing_to_gain=gain,
        target=target,
        cost=_seconds(spec.cost, "cost", problems, example="200 h"),
        licence_time=_licence_time(file, outcomes, problems),
        until=until(spec.until).isoformat() if spec.until is not None else None,
    )


def refuse_over(spec: StopSpec, problems: Problems, *, now: datetime) -> None:
    """Note an ``until`` that lies before ``now``, in local time: such a campaign would end at once."""
    if spec.until is not None and until(spec.until) <= now:
        problems.add(
            ("stop", "until"), f"until {spec.until} has passed: it is {now:%Y-%m-%d %H:%M} here.",
            "Write a later day, or leave it out.",
        )  # fmt: skip


def ends_at_goal(spec: StopSpec, strategies: Sequence[StrategySpec]) -> bool:
    """Whether the campaign is over once the goal is: by default where its last strategy learns."""
    if spec.goal is not None:
        return spec.goal == "reached"
    earlier = any(s.until and s.until.goal for s in strategies[:-1])
    return strategies[-1].name not in OPTIMIZERS and not earlier


def _refuse_meaningless(file: CampaignFile, problems: Problems) -> None:
    spec = file.stop
    if file.goal is None:
        for key in ("goal", "coverage"):
            if getattr(spec, key) is not None:
                problems.add(
                    ("stop", key), f"{key} means nothing without a goal.",
                    "Leave it out, or add goal: {learn: {METRIC: 5 %}}.", key=True,
                )  # fmt: skip
    if spec.target is not None and not file.objectives:
        problems.add(
            ("stop", "target"), "target means nothing without an objective.",
            "Write goal: reached, or add objectives: [{minimize: METRIC}].", key=True,
        )  # fmt: skip
    if spec.nothing_to_gain is not None and not any(s.name in OPTIMIZERS for s in file.strategy):
        problems.add(
            ("stop", "nothing_to_gain"), f"no model promises a gain under {file.strategy[0].name}.",
            f"Leave it out, or write strategy: {OPTIMIZERS[0]}.", key=True,
        )  # fmt: skip
    if spec.disagreement is not None and not any(s.name in COMMITTEES for s in file.strategy):
        problems.add(
            ("stop", "disagreement"), f"no committee disagrees under {file.strategy[0].name}.",
            "Leave it out, or write strategy: query_by_committee.", key=True,
        )  # fmt: skip
    rows = [(key, part.trials) for key in ("no_improvement", "coverage") if (part := getattr(spec, key))]
    for key, trials in rows:
        if file.goal is not None and trials >= spec.trials:
            problems.add(
                ("stop", key, "trials"),
                f"{key} looks at {trials} trials, and the campaign ends after {spec.trials}.",
                "Write fewer, or leave it out.",
            )


def _share(written: Measure, key: str, *, example: str = "1 %") -> float:
    share = written.to("")
    if not 0 <= share < 1:
        raise Refused(f"{key} is {written}; it must lie between 0 and 100 %.", f"Write {key}: {example}.")
    return share


def _seconds(written: Measure | None, key: str, problems: Problems, *, example: str) -> float | None:
    if written is not None:
        with problems.at(("stop", key)):
            return seconds(written, key, example=example)
    return None


def _licence_time(file: CampaignFile, outcomes: Outcomes, problems: Problems) -> dict[str, float]:
    """Seconds by licence; a bare number counts hours."""
    written = file.stop.licence_hours
    known = {**outcomes.inputs.declaration.licences, **file.execution.licences}
    if written is None:
        return {}
    if isinstance(written, Measure):
        with problems.at(("stop", "licence_hours")):
            return {"": _licence_seconds(written, "licence_hours")}
        return {}
    found = {}
    for name, hours in written.items():
        with problems.at(("stop", "licence_hours", name)):
            if name not in known:
                raise Refused(
                    f"no attempt takes the licence {name}.",
                    advice(name, known, kind="licences")
                    if known
                    else f"Add execution: {{licences: {{{name}: 1}}}}.",
                )  # fmt: skip
            found[name] = _licence_seconds(hours, name)
    return found


def _licence_seconds(written: Measure, key: str) -> float:
    hours = written if written.unit else Measure(f"{written} h", written.value, "h")
    return seconds(hours, key, example="120")
