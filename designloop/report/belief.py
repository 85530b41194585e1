"""Is the model to be believed? Judged by predicting each trial from all the others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from designloop import goals, progress
from designloop.campaign.strategies import MODEL_FREE
from designloop.record import RunRecord

if TYPE_CHECKING:
    from designloop.learning.saved import SavedModel

LEVEL = 0.95
"""Nominal coverage of mean +- 1.96 sd."""
TREND = 0.3
"""Below this leave-one-out R2 of the objective the model knows little more than the mean."""
STRONG = 0.6
"""From this leave-one-out R2 on a model may be believed; between TREND and this it shows a weak trend."""
FEWEST = 10
"""Trials that a judgement needs at least; with many parameters two per parameter and two more."""
RARE = 0.01
"""A shortfall of coverage that honest bands show less often than this speaks against them."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """Leave-one-out figures of one metric; ``coverage`` of the 95 % band, ``nrmse`` in data sds."""

    trials: int
    coverage: float
    r2: float
    nrmse: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Share of ``predictions``, made before the evaluation, whose 95 % band held the observation."""

    metric: str
    predictions: int
    coverage: float


@dataclass(frozen=True, kw_only=True)
class Belief:
    """The verdict and its grounds."""

    believed: bool
    verdict: str
    """Grounds, as a clause for the user."""
    summary: str
    """What they come to, as a clause for the user: ``the model is to be believed``."""
    checks: Mapping[str, Check] = field(default_factory=dict)


def judge(record: RunRecord, saved: SavedModel | None) -> Belief:
    """Judge the run's last model on its objective and its constrained metrics."""
    if saved is None:
        return _without_model(record)
    checks = _checks(saved)
    reason = _against(record, checks)
    if reason is not None:
        return Belief(
            believed=False, verdict=reason, summary="the model is not to be believed", checks=checks
        )
    metric = _telling(record)
    telling = checks[metric]
    if telling.r2 < STRONG:
        summary, needed = "the model shows only a weak trend", f"; {STRONG:g} is needed to believe it"
    else:
        summary, needed = "the model is to be believed", ""
    verdict = _figures(telling, metric, record.metric) + needed
    return Belief(believed=not needed, verdict=verdict, summary=summary, checks=checks)


def judge_learned(record: RunRecord, saved: SavedModel | None, calibration: Sequence[Calibration]) -> Belief:
    """Judge a learner on every metric with an aim: trend, and bands that hold what they promise."""
    if saved is None:
        return _without_model(record)
    checks = _checks(saved)
    metrics = [m for m in progress.learned_metrics(record) if not goals.is_constant(record, m)]
    found = [_against_one(record, metric, checks.get(metric)) for metric in metrics]
    found += [_too_narrow(c.metric, c.coverage, c.predictions, "observations that it predicted")
              for c in calibration]  # fmt: skip
    reasons = [reason for reason in found if reason]
    if reasons:
        summary = "the model is not to be believed"
        return Belief(believed=False, verdict=reasons[0], summary=summary, checks=checks)
    if not metrics:
        return Belief(believed=True, verdict="every label is alike", summary="nothing is left to learn")
    worst = min(metrics, key=lambda m: checks[m].coverage)
    verdict = _figures(checks[worst], worst, worst if len(metrics) == 1 else "")
    if calibration:
        least = min(calibration, key=lambda c: c.coverage)
        verdict += (
            f"; predicted before the evaluation, {round(100 * least.coverage)} % of {least.predictions}"
        )
    return Belief(believed=True, verdict=verdict, summary="the model is to be believed", checks=checks)


def _checks(saved: SavedModel) -> dict[str, Check]:
    from designloop.learning.models import leave_one_out

    return {
        metric: Check(trials=len(loo.trials), coverage=loo.coverage, r2=loo.r2, nrmse=loo.nrmse)
        for metric, loo in leave_one_out(saved).items()
    }


def _telling(record: RunRecord) -> str:
    """The metric that shows what the model knows: the objective, or its bound where it is a parameter."""
    parameters = {p["name"] for p in record.campaign["parameters"]}
    return next((m for m in (record.metric, *_constrained(record)) if m not in parameters), record.metric)


def _constrained(record: RunRecord) -> list[str]:
    """Metrics that a constraint bounds."""
    return [c["metric"] for c in record.campaign.get("constraints") or ()]


def _without_model(record: RunRecord) -> Belief:
    strategy = str((record.campaign.get("strategy") or {}).get("name") or "the strategy")
    if any(p.get("model") for p in record.proposals):
        return Belief(believed=False, verdict="its files are missing", summary="the model cannot be judged")
    if strategy in MODEL_FREE:
        verdict = f"{strategy} proposes without one"
    else:
        verdict = f"the run ended before {strategy} had the trials for one"
    return Belief(believed=False, verdict=verdict, summary="no model was fitted")


def _against(record: RunRecord, checks: Mapping[str, Check]) -> str | None:
    metric = _telling(record)
    reason = _against_one(record, metric, checks.get(metric))
    others = [c for c in dict.fromkeys(_constrained(record)) if c != metric and c in checks]
    found = [_too_narrow(each, checks[each].coverage, checks[each].trials, "trials") for each in others]
    return reason or next((text for text in found if text), None)


def _against_one(record: RunRecord, metric: str, check: Check | None) -> str | None:
    """What speaks against believing the model in one metric."""
    if check is None:
        return f"the model does not predict {metric}"
    needed = max(FEWEST, 2 * len(record.campaign["parameters"]) + 2)
    if check.trials < needed:
        return f"too few data: {check.trials} trials, {needed} needed for a judgement"
    if not check.r2 >= TREND:
        return (
            f"no trend found: predicted from the others, the trials' {metric} is hardly better "
            f"than its mean (R2 {check.r2:.2f})"
        )
    return _too_narrow(metric, check.coverage, check.trials, "trials")


def _too_narrow(metric: str, coverage: float, count: int, what: str) -> str | None:
    if at_most(round(coverage * count), count) >= RARE:
        return None
    share = f"{round(100 * coverage)} % of the {what}"
    return f"its bands for {metric} are too narrow: the 95 % band holds {share}"


def _figures(check: Check, metric: str, objective: str) -> str:
    of = "" if metric == objective else f" in {metric}"
    return (
        f"predicted from the others, {round(100 * check.coverage)} % of {check.trials} trials "
        f"lie in the 95 % band{of}, error {check.nrmse:.2g} of the spread (R2 {check.r2:.2f})"
    )


def at_most(k: int, n: int, p: float = LEVEL) -> float:
    """Probability of at most ``k`` hits in ``n`` (binomial)."""
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
