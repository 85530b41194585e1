"""What goes with people who run the trials, and with nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from designloop.campaign import loads
from designloop.errors import CampaignError

TEXT = """
version: 1
oracle: latp
parameters:
  acid_deviation: {{range: -22.5 .. 7.5 %{step}, hard_to_change: true}}
  sintering_temperature:
{time}objectives: [{objective}]
execution: {{engine: {engine}}}
{more}
tracking: off
"""


def text(
    step: str = ", step: 7.5 %",
    engine: str = "manual",
    objective: str = "maximize: ionic_conductivity",
    time: str = "  holding_time: 30 .. 60 min\n",
    more: str = "",
) -> str:
    return TEXT.format(step=step, engine=engine, objective=objective, time=time, more=more)


def refused(**changes: str) -> str:
    with pytest.raises(CampaignError) as error:
        loads(text(**changes), folder=Path())
    return str(error.value)


def test_levels_of_a_grid_may_be_hard_to_change() -> None:
    written = loads(text(), folder=Path()).file.parameters
    assert written is not None
    assert written["acid_deviation"].hard_to_change


def test_a_range_without_a_grid_has_no_levels() -> None:
    said = refused(step="")
    assert ":5:" in said
    assert "Give it a step or choices" in said


def test_programs_change_everything_alike() -> None:
    assert "Add execution: {engine: manual}" in refused(engine="in_process")


def test_what_is_fixed_is_not_changed() -> None:
    said = refused(time="  holding_time: {value: 30 min, hard_to_change: true}\n")
    assert "hard_to_change goes with what is chosen only" in said


def test_people_measure_one_device() -> None:
    said = refused(
        objective="{maximize: ionic_conductivity, mode: mean}", time="",
        more="process: {holding_time: {normal: [45 min, 1 min]}}",
    )  # fmt: skip
    assert "people measure one device of a design" in said
