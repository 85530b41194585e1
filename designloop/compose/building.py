"""The oracle that a campaign names, or the one composed of several."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from designloop.campaign.composition import Stage
from designloop.campaign.model import Campaign
from designloop.compose.escalation import Escalated, Rule
from designloop.compose.pipeline import Pipeline
from designloop.compose.surrogate import SurrogateOracle
from designloop.discovery import find
from designloop.errors import OracleError
from designloop.learning.packed import Packed
from designloop.oracle import Oracle


def oracle_of(campaign: Campaign, *, taught: Mapping[str, Path] | None = None) -> Oracle:
    """Find what a campaign asks, and compose it where it is more than one oracle.

    ``taught``: by stage, the model file that stands in for the surrogate that the campaign names. A model is
    the version that the campaign was checked with. Raises OracleError.
    """
    composition = campaign.composition
    if composition is None:
        return find(
            campaign.oracle_name,
            folder=campaign.folder,
            options=campaign.oracle_options,
            version=campaign.declaration.version,
        )
    models = taught or {}
    oracles = tuple(
        _of_stage(stage, folder=campaign.folder, taught=models.get(stage.name))
        for stage in composition.stages
    )
    return Pipeline(composition=composition, oracles=oracles) if composition.is_pipeline else oracles[0]


def surrogate_of(stage: Stage, *, folder: Path) -> SurrogateOracle:
    """The trained model that a stage with a solver behind it names. Raises OracleError."""
    found = _found(stage, folder=folder)
    if not isinstance(found, SurrogateOracle):
        raise OracleError(
            f"escalate: {stage.oracle.name!r} is no trained model, so that nothing says when it is unsure. "
            "Name a model (models:/NAME@champion or ./FILE.dlmodel), or leave escalate out."
        )
    return found


def _found(stage: Stage, *, folder: Path) -> Oracle:
    version = stage.declaration.version.partition("+")[0]
    return find(stage.oracle.name, folder=folder, options=stage.oracle.options, version=version)


def _of_stage(stage: Stage, *, folder: Path, taught: Path | None) -> Oracle:
    rule = stage.escalation
    if rule is None:
        return _found(stage, folder=folder)
    surrogate = surrogate_of(stage, folder=folder)
    if taught is not None:
        surrogate = SurrogateOracle(Packed.load(taught), surrogate.origin, surrogate.options)
    return Escalated(
        surrogate=surrogate,
        solver=find(rule.to.name, folder=folder, options=rule.to.options),
        rule=Rule(spread=rule.spread, outside=rule.outside, audit=rule.audit),
    )
