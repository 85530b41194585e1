"""``stop``: limits in plain numbers, refused where they mean nothing."""

from __future__ import annotations

from collections.abc import Sequence

from designloop.campaign.model import Stop
from designloop.campaign.parts import StopSpec
from designloop.campaign.schema import CampaignFile
from designloop.campaign.strategies import OPTIMIZERS, StrategySpec
from designloop.reading.problems import Problems, Refused
from designloop.reading.values import Measure

COMMITTEES = ("query_by_committee", "bald")
"""Strategies with a committee that can disagree."""


def resolve_stop(file: CampaignFile, problems: Problems) -> Stop:
    """When the campaign ends, noting every error."""
    spec, less_than, wall_time, disagreement, coverage = file.stop, None, None, None, None
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
    if spec.wall_time:
        with problems.at(("stop", "wall_time")):
            wall_time = _seconds(spec.wall_time)
    _refuse_meaningless(file, problems)
    return Stop(
        trials=spec.trials,
        no_improvement_trials=spec.no_improvement.trials if spec.no_improvement else None,
        no_improvement_less_than=less_than,
        wall_time=wall_time,
        at_goal=ends_at_goal(spec, file.strategy) if file.goal else False,
        disagreement=disagreement,
        coverage_trials=spec.coverage.trials if spec.coverage else None,
        coverage_less_than=coverage,
    )


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


def _seconds(written: Measure) -> float:
    if written.unit is None:
        raise Refused(
            f"wall_time is {written} without a unit.", f"Write {written} h, or another unit of time."
        )
    seconds = written.to("s")
    if seconds <= 0:
        raise Refused(f"wall_time is {written}; it must be positive.", "Write wall_time: 12 h.")
    return seconds
