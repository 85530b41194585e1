"""Plain data -> CampaignFile, with pydantic's findings turned into sentences with places."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from designloop.campaign import execution_parts, failure_parts, goal_parts, oracle_parts, parts, stop_parts
from designloop.campaign.later import refuse_later
from designloop.campaign.schema import VERSION, CampaignFile
from designloop.campaign.strategies import StrategySpec, UntilSpec
from designloop.reading.document import Document
from designloop.reading.explaining import raise_explained
from designloop.reading.problems import Problems, nearest
from designloop.reading.values import shown

OWNERS: dict[tuple[str, ...], type[parts.Part]] = {
    (): CampaignFile,
    ("oracle",): oracle_parts.OracleSpec,
    ("oracle", "escalate"): oracle_parts.EscalateSpec,
    ("oracle", "escalate", "to"): oracle_parts.SolverSpec,
    ("oracle", "escalate", "retrain"): oracle_parts.RetrainSpec,
    ("oracle", "pipeline", "*"): oracle_parts.StageSpec,
    ("oracle", "pipeline", "*", "escalate"): oracle_parts.EscalateSpec,
    ("oracle", "pipeline", "*", "escalate", "to"): oracle_parts.SolverSpec,
    ("oracle", "pipeline", "*", "escalate", "retrain"): oracle_parts.RetrainSpec,
    ("parameters", "*"): parts.ParameterSpec,
    ("process", "*"): parts.ProcessSpec,
    ("objectives", "*"): parts.ObjectiveSpec,
    ("existing_trials",): parts.ExistingTrialsSpec,
    ("existing_trials", "columns", "*"): parts.ColumnSpec,
    ("existing_trials", "failed_if"): parts.FailedIfSpec,
    ("goal",): goal_parts.GoalSpec,
    ("goal", "judge"): goal_parts.JudgeSpec,
    ("strategy",): StrategySpec,
    ("strategy", "until"): UntilSpec,
    ("strategy", "*"): StrategySpec,
    ("strategy", "*", "until"): UntilSpec,
    ("register",): goal_parts.RegisterSpec,
    ("stop",): stop_parts.StopSpec,
    ("stop", "coverage"): stop_parts.CoverageSpec,
    ("stop", "no_improvement"): stop_parts.NoImprovementSpec,
    ("stop", "nothing_to_gain"): stop_parts.NothingToGainSpec,
    ("execution",): execution_parts.ExecutionSpec,
    ("execution", "licences", "*"): execution_parts.LicenceSpec,
    ("execution", "queue"): execution_parts.QueueSpec,
    ("execution", "failures"): failure_parts.FailuresSpec,
    ("execution", "failures", "*"): failure_parts.ReactionSpec,
    ("tracking",): parts.TrackingSpec,
}
"""The schema class of every mapping of the file."""


def validated(document: Document, problems: Problems) -> CampaignFile:
    """The schema's view of a document; raises CampaignError with everything found."""
    data = refuse_later(document.data, problems)
    _check_version(data, problems)
    _check_question(data, problems)
    try:
        file = CampaignFile.model_validate(data)
    except ValidationError as error:
        raise_explained(error, data, problems, owners=OWNERS)
    problems.stop()
    return file


def _check_version(data: dict[str, Any], problems: Problems) -> None:
    version = VERSION if data.get("version") is None else data["version"]
    if version != VERSION or isinstance(version, bool | float):
        problems.add(
            ("version",), f"not in this version: campaign files of version {shown(version)}.",
            f"This designloop reads version: {VERSION}.",
        )  # fmt: skip
        problems.stop()


def _check_question(data: dict[str, Any], problems: Problems) -> None:
    """A campaign improves something or learns something."""
    asked = ("objectives", "goal")
    unknown = [key for key in data if key not in CampaignFile.by_key()]
    if not any(data.get(key) is not None or problems.below((key,)) for key in asked) and not any(
        nearest(key, CampaignFile.by_key()) in asked for key in unknown
    ):
        problems.add(
            (), "the key objectives is missing.",
            "Write what to improve, such as objectives: [{minimize: METRIC}], or what to learn, such as "
            "goal: {learn: {METRIC: 5 %}}.",
        )  # fmt: skip
