"""Is the model to be believed? Judged by predicting each trial from all the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from designloop.record import RunRecord

if TYPE_CHECKING:
    from designloop.learning.saved import SavedModel

LEVEL = 0.95
"""Nominal coverage of mean +- 1.96 sd."""
TREND = 0.3
"""Below this leave-one-out R2 of the objective the model knows little more than the mean."""
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
class Belief:
    """The verdict and its grounds."""

    believed: bool
    verdict: str
    """One sentence for the user."""
    checks: Mapping[str, Check] = field(default_factory=dict)


def judge(record: RunRecord, saved: SavedModel | None) -> Belief:
    """Judge the run's last model on its objective and its constrained metrics."""
    if saved is None:
        return Belief(believed=False, verdict="no model was fitted")
    from designloop.learning.gp import leave_one_out

    checks = {
        metric: Check(trials=len(loo.trials), coverage=loo.coverage, r2=loo.r2, nrmse=loo.nrmse)
        for metric, loo in leave_one_out(saved).items()
    }
    reason = _against(record, checks)
    return Belief(believed=reason is None, verdict=reason or _praise(checks[record.metric]), checks=checks)


def _against(record: RunRecord, checks: Mapping[str, Check]) -> str | None:
    objective = checks.get(record.metric)
    if objective is None:
        return f"the model does not predict {record.metric}"
    needed = 2 * len(record.campaign["parameters"]) + 2
    if objective.trials < needed:
        return f"too few data: {objective.trials} trials, {needed} needed for a judgement"
    if not objective.r2 >= TREND:
        return (
            f"no trend found: predicted from the others, the trials' {record.metric} is hardly better "
            f"than its mean (R2 {objective.r2:.2f})"
        )
    constrained = [c["metric"] for c in record.campaign.get("constraints") or ()]
    for metric in dict.fromkeys([record.metric, *constrained]):
        check = checks.get(metric)
        if check and at_most(round(check.coverage * check.trials), check.trials) < RARE:
            return (
                f"its bands for {metric} are too narrow: the 95 % band holds "
                f"{round(100 * check.coverage)} % of the trials"
            )
    return None


def _praise(check: Check) -> str:
    return (
        f"predicted from the others, {round(100 * check.coverage)} % of {check.trials} trials "
        f"lie in the 95 % band, error {check.nrmse:.2g} of the spread (R2 {check.r2:.2f})"
    )


def at_most(k: int, n: int, p: float = LEVEL) -> float:
    """Probability of at most ``k`` hits in ``n`` (binomial)."""
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
