"""Try a campaign without recording anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from designloop.campaign import load, validate_report
from designloop.campaign.model import Campaign
from designloop.cli.screen import quantity
from designloop.compose import CampaignOracle, oracle_of
from designloop.execution import Outcome, Task
from designloop.execution.attempt import attempt
from designloop.oracle import Context, Value
from designloop.revision import seed_of


def dry_run(path: Path, overrides: Sequence[str]) -> str:
    """The validation report, then one call of the oracle at the baseline or the centre of the space."""
    campaign = load(path, overrides=overrides, begins=True)
    if campaign.execution.engine == "manual":
        return f"{validate_report(campaign)}\n\ndry run: people run the trials, so there is nothing to call"
    oracle = oracle_of(campaign)
    design = _first_design(campaign)
    context = Context(seed=seed_of(campaign.seed, "oracle", 0), fidelity=campaign.counts)
    task = Task(trial=0, attempt=1, design=design, context=context)
    outcome = attempt(CampaignOracle(campaign=campaign, oracle=oracle), task)
    return "\n".join([validate_report(campaign), "", *_told(campaign, design, outcome)])


def _first_design(campaign: Campaign) -> dict[str, Value]:
    if campaign.baseline:
        return dict(campaign.baseline)
    centre = np.full(campaign.space.dimension, 0.5)
    return campaign.space.snap_feasible(centre) or campaign.space.from_unit(centre[None])[0]


def _told(campaign: Campaign, design: dict[str, Value], outcome: Outcome) -> list[str]:
    units = {p.name: p.unit for p in campaign.space.parameters}
    lines = ["dry run, one trial at " + ", ".join(f"{n} {quantity(v, units[n])}" for n, v in design.items())]
    reason = f": {outcome.reason}" if outcome.reason else ""
    lines.append(f"  {outcome.status} in {outcome.seconds:.3g} s{reason}")
    metrics = {o.name: o.unit for o in campaign.declaration.outputs}
    metrics |= {o.name: o.unit for o in campaign.outcomes}
    width = max(map(len, metrics))
    lines += [
        f"  {name:<{width}}  {quantity(outcome.metrics[name].value, unit)}"
        for name, unit in metrics.items()
        if name in outcome.metrics
    ]
    expected = campaign.stop.trials * outcome.seconds
    lines.append(f"  {campaign.stop.trials} such trials take the oracle about {max(expected, 1):.0f} s")
    return lines
