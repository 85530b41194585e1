"""What people who run the trials can and cannot do: measure one device, and group what is hard to change."""

from __future__ import annotations

from designloop._scale import levels
from designloop.campaign.execution import Execution
from designloop.campaign.inputs import Inputs
from designloop.campaign.outcomes import Outcomes
from designloop.campaign.schema import CampaignFile
from designloop.reading.problems import Problems


def check_by_hand(
    file: CampaignFile, inputs: Inputs, outcomes: Outcomes, execution: Execution, problems: Problems
) -> None:
    """Note what goes with people only, and what they cannot answer."""
    manual = execution.engine == "manual"
    if manual and outcomes.mode not in ("nominal", "learn"):
        problems.add(
            ("objectives", 0), f"people measure one device of a design, not what mode {outcomes.mode} asks.",
            "Choose mode: nominal, or another engine under execution.",
        )  # fmt: skip
    for name, spec in (file.parameters or {}).items():
        path = ("parameters", name, "hard_to_change")
        if not spec.hard_to_change or problems.below(path[:2]):
            continue
        if name not in inputs.parameters:
            problems.add(
                path, "hard_to_change goes with what is chosen only.", "Leave it out.", key=True
            )  # fmt: skip
            continue
        if levels(inputs.parameters[name]) is None:
            problems.add(
                path, f"{name} has no levels, so each of its designs would be a new one.",
                "Give it a step or choices.", key=True,
            )  # fmt: skip
        if not manual:
            problems.add(
                path, "hard_to_change means nothing where no people run the trials.",
                "Add execution: {engine: manual}, or leave it out.", key=True,
            )  # fmt: skip
