"""Whether the model still promises an improvement: a bound on what is left to gain, from the record alone.

For a minimized objective, the best feasible value ``b`` known when the strategy chose the designs ``x``, and
what its model predicted of them then::

    gain = max over x of (b - (mean(x) - kappa sd(x))) / |b|

Makarova et al. 2022 stop where such a bound on the simple regret, the least upper confidence bound of the
designs tried minus the least lower confidence bound of the space, falls below a threshold. Here the best
value stands for the former, as measured, and the designs chosen stand for the space: under gp_ucb they
minimize that lower bound; under ei, pi and log_nei they need not, and the promise is that of the designs that
these prefer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from designloop.record import RunRecord
from designloop.strategies.base import OPTIMIZERS

KAPPA = 1.96
"""Standard deviations of optimism, at least; a strategy's own kappa where that is larger."""
TWICE = 2
"""So many proposals in a row must promise too little: a single fit may be too sure of itself."""


def promised(run: RunRecord, *, kappa: float = KAPPA) -> float | None:
    """The largest relative gain that the last proposals promise; None where it is not known.

    Those are the last two, and all from the first one on of which a design is still to be answered.
    """
    recent = _recent(run)
    if len(recent) < TWICE:
        return None
    gains = [_gain(run, c["reason"], _best(run, p), kappa) for p in recent for c in p["candidates"]]
    known = [gain for gain in gains if gain is not None]
    return max(known) if len(known) == len(gains) else None


def _recent(run: RunRecord) -> list[dict[str, Any]]:
    """The proposals with designs of the strategy at work that count, the last first."""
    phase, found = run.phase, list[dict[str, Any]]()
    under_way = (run.trials[index].proposal for index in run.tally.open)
    first = min((number for number in under_way if number is not None), default=len(run.proposals))
    for proposal in reversed(run.proposals):
        if len(found) >= TWICE and proposal["number"] < first:
            break
        if proposal["origin"] == "strategy" and proposal.get("phase", 0) == phase and proposal["candidates"]:
            found.append(proposal)
    return found


def _best(run: RunRecord, proposal: Mapping[str, Any]) -> float | None:
    """The best feasible value when a proposal was made."""
    if "seen" in proposal:
        best = run.incumbents.after(run, proposal["seen"]["outcomes"])
    else:
        best = run.best(run.trials[: proposal["candidates"][0]["trial"]])
    return None if best is None else best.value(run.metric)


def _gain(run: RunRecord, reason: Mapping[str, Any], best: float | None, kappa: float) -> float | None:
    """What one design promised; None where no model that optimizes chose it, or nothing was feasible yet."""
    predicted = reason.get("believed") or reason.get("prediction") or {}
    mean, sd = predicted.get(run.metric, (None, None))
    if reason.get("generator") not in OPTIMIZERS or mean is None or sd is None or best is None:
        return None
    spread = max(kappa, KAPPA) * sd
    gain = best - (mean - spread) if run.minimize else mean + spread - best
    return float(max(0.0, gain) / (abs(best) or 1.0))
