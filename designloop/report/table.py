"""The trials of a run as a table, for spreadsheets: one row per trial, units in the headers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from designloop.record import RunRecord, TrialRecord
from designloop.report.plain import all_units

Row = dict[str, Any]


def rows(record: RunRecord) -> list[Row]:
    """One mapping per trial, equal keys in all; a metric's errors follow it where any trial has them.

    ``METRIC predicted`` and ``METRIC predicted sd`` are what the model said before the evaluation.
    Parameters are as they were run; where that is not as suggested, ``PARAMETER suggested`` stands beside.

    A parameter that is also the objective stands once, as a parameter.

    Keys of quantities end in their unit: ``beam_length [um]``. Absent values are None.
    """
    units = all_units(record)
    parameters = [p["name"] for p in record.campaign["parameters"]]
    seen = {m for t in record.trials for m in t.metrics} - set(parameters)
    known = record.campaign.get("metrics") or {}
    metrics = [m for m in known if m in seen] + sorted(seen - set(known))
    errors = [
        (m, part) for m in metrics for part in ("sem", "lower", "upper")
        if any(getattr(t.metrics[m], part) is not None for t in record.trials if m in t.metrics)
    ]  # fmt: skip
    foreseen = [m for m in metrics if any(m in _predictions(t) for t in record.trials)]
    ran = [t for t in record.trials if t.ran is not None]
    deviating = [p for p in parameters if any(t.design.get(p) != t.parameters.get(p) for t in ran)]
    both = (record.campaign.get("oracle") or {}).get("fidelities")
    failed = any(t.last and t.last.cause for t in record.trials)
    table = []
    for trial in record.trials:
        last = trial.last
        row: Row = {
            "trial": trial.index,
            "status": trial.status,
            "feasible": "yes" if record.is_feasible(trial) else "no",
            "generator": trial.reason.get("generator") or trial.origin,
            **({"fidelity": trial.fidelity or both[-1]} if both else {}),
            **{heading(p, units): trial.design.get(p) for p in parameters},
            **{heading(f"{p} suggested", units, of=p): trial.parameters.get(p) for p in deviating},
        }
        for metric in metrics:
            row[heading(metric, units)] = trial.value(metric)
            for _, part in (e for e in errors if e[0] == metric):
                value = getattr(trial.metrics[metric], part) if metric in trial.metrics else None
                row[heading(f"{metric} {part}", units, of=metric)] = value
            if metric in foreseen:
                mean, sd = _predictions(trial).get(metric, (None, None))
                row[heading(f"{metric} predicted", units, of=metric)] = mean
                row[heading(f"{metric} predicted sd", units, of=metric)] = sd
        row |= {
            "origin": trial.origin,
            "attempts": len(trial.attempts),
            "seconds": last.seconds if last else None,
            **(
                {"cause": last.cause if last else None, "means": last.does if last else None}
                if failed
                else {}
            ),
            "reason": (last.reason if last else None) or "",
        }
        table.append(row)
    return table


def _predictions(trial: TrialRecord) -> dict[str, Any]:
    return trial.reason.get("prediction") or {}


def heading(name: str, units: dict[str, str], *, of: str | None = None) -> str:
    """A column's header: the name and, in brackets, its unit."""
    unit = units.get(of or name, "")
    return f"{name} [{unit}]" if unit else name


def write_csv(record: RunRecord, path: Path) -> Path:
    """Write the trials as CSV (UTF-8, points as decimal marks); returns ``path``."""
    table = rows(record)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]) if table else ["trial"])
        writer.writeheader()
        writer.writerows(table)
    return path


def write_xlsx(record: RunRecord, path: Path) -> Path:
    """Write the trials as a spreadsheet with a frozen, bold header; returns ``path``."""
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "trials"
    table = rows(record)
    names = list(table[0]) if table else ["trial"]
    sheet.append(names)
    for row in table:
        sheet.append([row[name] for name in names])
        for cell in sheet[sheet.max_row]:
            if cell.data_type == "f":
                cell.data_type = "s"  # a text that begins with = is a text
    for column, name in enumerate(names, start=1):
        sheet.cell(1, column).font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(column)].width = max(10, len(name) + 2)
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = sheet.dimensions
    book.save(path)
    return path
