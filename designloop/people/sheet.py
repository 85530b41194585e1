"""The table that a laboratory fills in: suggested designs, and empty columns for what is measured."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from designloop.campaign.model import Campaign
from designloop.errors import RunError
from designloop.oracle import Value
from designloop.record import OPEN, RunRecord, TrialRecord
from designloop.report.table import heading

TRIAL, STATUS, NOTE = "trial", "status", "note"
Row = dict[str, Value | None]


def measured(campaign: Campaign) -> dict[str, str]:
    """Units by name of what people may report: the oracle's outputs, and outcomes computed from them."""
    units = {o.name: o.unit for o in campaign.declaration.outputs}
    return {**units, **{o.name: o.unit for o in campaign.outcomes if o.name not in units}}


def needed(campaign: Campaign) -> list[str]:
    """Outputs without which a result is not complete; margins are not, as what exists shows."""
    margins = {c.metric for c in campaign.constraints if c.is_margin}
    named = {n for o in campaign.outcomes if o.name not in margins for n in o.expression.names}
    return [o.name for o in campaign.declaration.outputs if o.name in named]


def rows(campaign: Campaign, trials: Sequence[TrialRecord]) -> list[Row]:
    """One mapping per trial, keys with units: what is to be run, and what is to be filled in."""
    units = {p.name: p.unit for p in campaign.space.parameters}
    outputs = {o.name: o.unit for o in campaign.declaration.outputs}
    empty: Row = {heading(name, outputs): None for name in outputs}
    return [
        {
            TRIAL: trial.index,
            **{heading(name, units): trial.parameters.get(name) for name in units},
            **empty,
            STATUS: None,
            NOTE: None,
        }
        for trial in trials
    ]


def round_of(run: RunRecord, trial: TrialRecord) -> int:
    """In which round, counted from 1, a trial was suggested; given designs belong to the first."""
    before = run.proposals[: (trial.proposal or 0) + 1]
    return max(1, len([p for p in before if p["origin"] == "strategy" and p["candidates"]]))


def place_of(run: RunRecord, number: int) -> Path:
    """The table of one round within the run's directory."""
    return run.directory / f"suggestions-{number}.csv"


def complete(run: RunRecord, campaign: Campaign) -> None:
    """Write the table of every round that has open suggestions and no table yet."""
    rounds: dict[int, list[TrialRecord]] = {}
    for trial in run.trials:
        if trial.proposal is not None and trial.origin != "told" and trial.status in OPEN:
            rounds.setdefault(round_of(run, trial), []).append(trial)
    for number, trials in rounds.items():
        if not place_of(run, number).exists():
            write(rows(campaign, trials), place_of(run, number))


def write(table: Sequence[Row], path: Path, *, decimal: str = ".") -> None:
    """Write a table as .csv (with ``;`` between columns where the decimal mark is a comma) or .xlsx.

    Raises RunError for another kind of file, or where it cannot be written.
    """
    writers = {".csv": _write_csv, ".xlsx": _write_xlsx}
    if path.suffix.lower() not in writers:
        raise RunError(f"{path}: tables are written as .csv or .xlsx; name the file so.")
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        writers[path.suffix.lower()](table, fresh, decimal)
        os.replace(fresh, path)
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}).") from None
    finally:
        fresh.unlink(missing_ok=True)


def _write_csv(table: Sequence[Row], path: Path, decimal: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";" if decimal == "," else ",")
        writer.writerow(table[0])
        writer.writerows([_text(v, decimal) for v in row.values()] for row in table)


def _text(value: Value | None, decimal: str) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).replace(".", decimal) if isinstance(value, float) else value


def _write_xlsx(table: Sequence[Row], path: Path, decimal: str) -> None:  # noqa: ARG001 - cells are numbers
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "suggestions"
    sheet.append(list(table[0]))
    for row in table:
        sheet.append([_text(v, ".") if isinstance(v, bool) else v for v in row.values()])
        for cell in sheet[sheet.max_row]:
            if cell.data_type == "f":
                cell.data_type = "s"  # a text that begins with = is a text
    for column, name in enumerate(table[0], start=1):
        sheet.cell(1, column).font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(column)].width = max(10, len(name) + 2)
    sheet.freeze_panes = "B2"
    book.save(path)
