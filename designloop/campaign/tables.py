"""Tables of earlier results: CSV and XLSX as rows of text and numbers, without guessing at numbers."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from designloop.reading.problems import Refused, advice, nearest

Cell = str | float | None
_NUMBER = {
    mark: re.compile(rf"[-+]?(\d+({re.escape(mark)}\d*)?|{re.escape(mark)}\d+)([eE][-+]?\d+)?")
    for mark in ".,"
}


@dataclass(frozen=True, kw_only=True)
class Table:
    """Headers, and rows with the row number that a spreadsheet shows."""

    file: str
    headers: tuple[str, ...]
    rows: tuple[tuple[int, tuple[Cell, ...]], ...]


def read_table(path: Path, *, sheet: str | None, delimiter: str | None, decimal: str) -> Table:
    """Read a CSV or XLSX file whose first row holds the headers; raises Refused.

    Rows without any content are skipped. In CSV files every cell is text; numbers are read by ``to_number``.
    """
    if path.is_dir():
        raise Refused("this is a folder.", "Name a file.", below=("file",))
    if not path.is_file():
        folder = path.parent
        names = sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
        guess = nearest(path.name, names)
        hint = f"Did you mean {guess}?" if guess else "The path counts from the campaign file's folder."
        raise Refused(f"there is no file {path}.", hint, below=("file",))
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        rows = _xlsx(path, sheet)
    elif path.suffix.lower() in (".csv", ".tsv", ".txt"):
        rows = _csv(path, delimiter, decimal)
    else:
        raise Refused(f"{path.name} is neither CSV nor XLSX.", "Save it as one of them.", below=("file",))
    filled = [(n, row) for n, row in enumerate(rows, start=1) if any(c is not None and c != "" for c in row)]
    if not filled:
        raise Refused(f"{path.name} is empty.", "Its first row holds the headers.", below=("file",))
    headers = tuple("" if c is None else str(c).strip() for c in filled[0][1])
    twice = {h for h in headers if h and headers.count(h) > 1}
    if twice:
        raise Refused(
            f"{path.name} has the header {sorted(twice)[0]!r} twice.", "Rename one.", below=("file",)
        )
    return Table(file=path.name, headers=headers, rows=tuple((n, tuple(row)) for n, row in filled[1:]))


def _csv(path: Path, delimiter: str | None, decimal: str) -> list[list[Cell]]:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Refused(
            f"{path.name} is not UTF-8 text (row {line}).", "Save it as CSV UTF-8.", below=("file",)
        ) from None
    mark = delimiter or _delimiter(text, decimal)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True))
    except csv.Error as error:
        raise Refused(
            f"{path.name} cannot be read as CSV: {error}.", "Check its quotes.", below=("file",)
        ) from None
    return [[cell.strip() for cell in row] for row in rows]


def _delimiter(text: str, decimal: str) -> str:
    """The separator that the header row holds most of; never the decimal mark."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    candidates = [c for c in ";\t,|" if c != decimal]
    return max(candidates, key=bare.count)


def _xlsx(path: Path, sheet: str | None) -> list[list[Cell]]:
    import zipfile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError, ValueError):
        raise Refused(
            f"{path.name} is no XLSX workbook.", "Save it as XLSX again.", below=("file",)
        ) from None
    try:
        if sheet is not None and sheet not in book.sheetnames:
            hint = advice(sheet, book.sheetnames, kind="sheets")
            raise Refused(f"{path.name} has no sheet {sheet!r}.", hint, below=("sheet",))
        chosen = book[sheet] if sheet is not None else book.worksheets[0]
        return [[_cell(value) for value in row] for row in chosen.iter_rows(values_only=True)]
    finally:
        book.close()


def _cell(value: object) -> Cell:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return None if value is None else float(value)
    return str(value).strip()


def to_number(cell: Cell, *, decimal: str) -> float:
    """The number in a cell; raises Refused where the text could mean another one."""
    if isinstance(cell, str):
        if not _NUMBER[decimal].fullmatch(cell):
            other = "," if decimal == "." else "."
            hint = f'Write decimal: "{other}".' if _NUMBER[other].fullmatch(cell) else "Mend the cell."
            raise Refused(f"holds {cell!r}, which is no number with the decimal mark {decimal!r}.", hint)
        digits = re.split("[eE]", cell)[0]
        cell, written = float(cell.replace(decimal, ".")), cell
        if cell == 0 and any(d in "123456789" for d in digits):
            raise Refused(f"holds {written!r}, which is too small for a number.", "Use a larger unit.")
    if cell is None or not math.isfinite(cell):
        raise Refused("holds no finite number.", "Mend the cell.")
    return cell


def header_unit(header: str) -> str | None:
    """What a header writes in its last brackets, such as ``um`` in ``L [um]``; None without brackets."""
    found = re.search(r"[\[(]([^\[\]]*)[\])]\s*$", header)
    if not found:
        return None
    return "" if found[1].strip() in ("-", "1", "") else found[1].strip()


def column(headers: Sequence[str], header: str) -> int:
    """Position of a header; raises Refused with the nearest."""
    if header.strip() not in headers:
        raise Refused(
            f"the table has no column {header!r}.", advice(header, [h for h in headers if h], kind="columns")
        )
    return list(headers).index(header.strip())
