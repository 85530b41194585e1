"""A small campaign and rows of virtual campaigns, for the comparison's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from designloop.compare import Comparison, contenders, planned

CAMPAIGN = """\
version: 1
name: little
seed: 3
oracle: branin
objectives: [minimize: value]
strategy: {name: gp_ucb, initial: {sobol: 3}}
stop: {trials: 9}
tracking: off
"""


def campaign_in(folder: Path, text: str = CAMPAIGN) -> Path:
    path = folder / "little.yaml"
    path.write_text(text)
    return path


def comparison(path: Path, strategies: str = "random,sobol", repeats: int = 3, **options: Any) -> Comparison:
    setup, campaign = planned(path, **options)
    return Comparison(setup=setup, campaign=campaign, contenders=contenders([strategies]), repeats=repeats)


def row(strategy: str, repeat: int, values: list[float | None], *, initial: int = 0, **more: Any) -> Any:
    found = {"strategy": strategy, "repeat": repeat, "values": values, "initial": initial, "cpu_seconds": 0.0}
    return (strategy, repeat), {**found, **more}
