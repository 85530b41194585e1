"""A small laboratory for commands of people who run the trials."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.laboratory import CAMPAIGN, ORACLE, here


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a run with four open suggestions, 0 to 3; the working directory is above it."""
    monkeypatch.setattr("designloop.report.draw", lambda _: [])
    (tmp_path / "furnace.py").write_text(ORACLE)
    (tmp_path / "lab.yaml").write_text(CAMPAIGN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESIGNLOOP_HOME", str(tmp_path))
    here("run", "lab.yaml", "--runs", "runs", "--set", "strategy.name=sobol")
    directory = next((tmp_path / "runs").iterdir())
    here("suggest", str(directory), "-n", "3")
    return directory
