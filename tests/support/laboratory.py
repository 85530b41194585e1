"""A laboratory that fills in tables of suggestions, and a command line that it uses."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from click.testing import CliRunner

from designloop import journal
from designloop.cli import main
from designloop.record import TrialRecord, read

SCRIPT = Path(sys.executable).with_name("designloop")


def here(*words: str) -> str:
    """A command in this process; its output. Fails where the command does."""
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 0, done.output
    return done.output


def refused(*words: str) -> str:
    """A command that is refused with a sentence; its output."""
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 2, done.output
    return done.output


def elsewhere(*words: str) -> str:
    """A command in a process of its own; its output."""
    done = subprocess.run([str(SCRIPT), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows_of(path: Path) -> list[dict[str, str]]:
    """A table as mappings."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def written(rows: Sequence[Mapping[str, str]], path: Path) -> Path:
    """Mappings as a table."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def design_of(row: Mapping[str, str], names: Collection[str]) -> dict[str, float]:
    """The numbers of a row by parameter."""
    return {key.split(" [")[0]: float(value) for key, value in row.items() if key.split(" [")[0] in names}


def filled(row: Mapping[str, str], results: Mapping[str, float]) -> dict[str, str]:
    """A row with results under their headers."""
    named = {key: key.split(" [")[0] for key in row}
    return {key: repr(results[name]) if name in results else row[key] for key, name in named.items()}


ORACLE = """
from typing import Annotated

from designloop.oracle import Input, Output


def furnace(
    temperature: Annotated[float, Input(lower=800, upper=1100, unit="degC")],
    powder: Annotated[float, Input(lower=0, upper=10, unit="%")],
    hours: Annotated[float, Input(lower=1, upper=100, unit="h")],
    gas: Annotated[str, Input(choices=("air", "argon"))],
) -> Annotated[
    dict[str, float], Output("conductivity", unit="mS/cm"), Output("density", unit="%"),
    Output("crack_margin", margin=True),
]:
    raise AssertionError("people answer, not the program")
"""
CAMPAIGN = """
version: 1
name: lab
seed: 3
oracle: ./furnace.py:furnace
parameters:
  temperature: {range: 800 .. 1100 degC, step: 25 degC}
  powder: {choices: [0, 2, 4, 6, 8, 10], hard_to_change: true}
  hours: {choices: [1, 2, 5, 10, 100], ordered: true}
  gas:
objectives: [maximize: conductivity]
strategy: sobol
execution: {engine: manual}
stop: {trials: 12}
tracking: off
"""
HEADERS = [
    "trial", "temperature [degC]", "powder [%]", "hours [h]", "gas", "conductivity [mS/cm]", "density [%]",
    "crack_margin", "status", "note",
]  # fmt: skip


def results(lab: Path, **values: float) -> dict[str, str]:
    """The row of the first suggestion with a result."""
    (row,) = rows_of(lab / "suggestions-1.csv")
    return filled(row, {"conductivity": 1.0, "density": 90.0, **values})


def told(lab: Path, *rows: dict[str, str], options: tuple[str, ...] = ()) -> str:
    return here("tell", str(lab), str(written(rows, Path("results.csv"))), *options)


def not_told(lab: Path, *rows: dict[str, str], options: tuple[str, ...] = ()) -> str:
    """What the refusal says; the journal stays as it was."""
    before = (lab / journal.FILE).read_bytes()
    said = refused("tell", str(lab), str(written(rows, Path("results.csv"))), *options)
    assert (lab / journal.FILE).read_bytes() == before
    return said


def kinds(lab: Path) -> list[str]:
    return [r["kind"] for r in journal.read(lab) if r["kind"] != "report"]


def trial(lab: Path, number: int) -> TrialRecord:
    return read(lab).trials[number]
