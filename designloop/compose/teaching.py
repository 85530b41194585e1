"""Which surrogates of a campaign learn, when, and which of their versions is at work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from designloop.campaign.composition import Stage
from designloop.campaign.model import Campaign
from designloop.compose import retraining
from designloop.compose.building import oracle_of, surrogate_of
from designloop.compose.dies import CampaignOracle
from designloop.compose.retraining import Retraining
from designloop.learning.packed import Packed
from designloop.record import RunRecord


@dataclass(frozen=True)
class Teaching:
    """The surrogates of one campaign between its trials."""

    campaign: Campaign

    def due(self, run: RunRecord) -> list[str]:
        """Stages whose surrogate has enough new answers to learn from."""
        return [n for n, s in self._stages.items() if retraining.is_due(run, stage=n, plan=_plan(s))]

    def lesson(self, run: RunRecord, stage: str) -> dict[str, Any]:
        """Train and judge a stage's next model; what the journal keeps of it."""
        known = self._stages[stage]
        path = retraining.at_work(run, stage)
        packed = Packed.load(path) if path else surrogate_of(known, folder=self.campaign.folder).packed
        return retraining.lesson(run, stage=stage, packed=packed, plan=_plan(known), seed=self.campaign.seed)

    def oracle(self, run: RunRecord) -> CampaignOracle:
        """What the campaign asks, with the versions that the run's lessons put to work."""
        found = {name: retraining.at_work(run, name) for name in self._stages}
        taught: dict[str, Path] = {name: path for name, path in found.items() if path}
        return CampaignOracle(campaign=self.campaign, oracle=oracle_of(self.campaign, taught=taught))

    @property
    def _stages(self) -> Mapping[str, Stage]:
        """Those that learn, by name."""
        composition = self.campaign.composition
        stages = composition.stages if composition else ()
        return {s.name: s for s in stages if s.escalation and s.escalation.retrain_every}


def _plan(stage: Stage) -> Retraining:
    rule = stage.escalation
    assert rule is not None
    assert rule.retrain_every is not None
    return Retraining(every=rule.retrain_every, tests=rule.retrain_tests)
