"""Files that programs write, each format read with its limits: what stands at the wanted place, as it is."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from designloop.errors import CampaignError
from designloop.reading.document import Kind, parse

from .keys import follow
from .numbers import is_number
from .program import Wanted

_KIND = Kind("a file of results", "key: value", "one for each number")


class Unreadable(ValueError):  # noqa: N818 - what a file lacks, in words
    """What is wrong with a file of results: a clause that goes on after its name."""


def content(wanted: Wanted, path: Path) -> Any:
    """What stands at the wanted place: a number, text or a list. Raises Unreadable."""
    size = path.stat().st_size
    if size > wanted.spec.largest:
        raise Unreadable(f"has {size:,} bytes, more than largest: {wanted.spec.largest:,}")
    try:
        return _READERS[wanted.spec.form](wanted, path)
    except LookupError as error:
        said = str(error.args[0] if error.args else error)
        whole = said.startswith("the file ")
        raise Unreadable(said.removeprefix("the file ") if whole else f"lacks it: {said}") from None
    except RecursionError:
        raise Unreadable("is nested too deeply") from None
    except MemoryError:
        raise Unreadable("does not fit into memory") from None


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8-sig", errors="replace")


def _json(wanted: Wanted, path: Path) -> Any:
    try:
        data = json.loads(_text(path))
    except ValueError as error:
        raise Unreadable(f"is no JSON: {error}") from None
    return follow(data, wanted.key)


def _yaml(wanted: Wanted, path: Path) -> Any:
    try:
        document = parse(_text(path), file=path.name, kind=_KIND)
    except CampaignError as error:
        line = f" in line {error.place.line}" if error.place and error.place.line else ""
        raise Unreadable(f"is not read as YAML{line}: {error.what}") from None
    return follow(document.data, wanted.key)


def _csv(wanted: Wanted, path: Path) -> Any:
    delimiter = wanted.spec.delimiter or (";" if wanted.spec.decimal == "," else ",")
    lines, header = _lines(wanted, path)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error as error:
        raise Unreadable(f"is no table with {delimiter!r} between columns: {error}") from None
    names = next(iter(csv.reader([header], delimiter=delimiter)), []) if header else []
    return _cell(wanted, rows, [name.strip() for name in names])


def _table(wanted: Wanted, path: Path) -> Any:
    lines, header = _lines(wanted, path)
    return _cell(wanted, [line.split() for line in lines], header.split())


def _lines(wanted: Wanted, path: Path) -> tuple[list[str], str]:
    """Lines that are no comments, and the last comment before the first of them."""
    mark = wanted.spec.comment or "#"
    lines, header = list[str](), ""
    for line in _text(path).splitlines():
        if line.strip().startswith(mark):
            header = line.strip()[len(mark) :] if not lines else header
        elif line.strip():
            lines.append(line)
    return lines, header


def _cell(wanted: Wanted, rows: Sequence[Sequence[str]], names: Sequence[str]) -> str:
    """One cell; a first row without any number is the header."""
    if rows and not any(is_number(cell, wanted.spec.decimal) for cell in rows[0]):
        names, rows = rows[0], rows[1:]
    if not rows:
        raise Unreadable("has no row of numbers")
    column = wanted.spec.column if wanted.spec.column is not None else wanted.name
    number = column if isinstance(column, int) else _named(column, names)
    row = wanted.spec.row if wanted.spec.row is not None else -1
    index = row - 1 if row > 0 else row
    if not -len(rows) <= index < len(rows):
        raise Unreadable(f"has {len(rows)} rows, so there is no row {row}")
    if number > len(rows[index]):
        where = "its last row" if row == -1 else f"row {row}"
        raise Unreadable(f"has {len(rows[index])} columns in {where}, so there is no column {number}")
    return rows[index][number - 1]


def _named(column: str, names: Sequence[str]) -> int:
    if list(names).count(column) != 1:
        found = ", ".join(names[:20]) or "no header"
        raise Unreadable(f"has no single column {column!r} (it has {found})")
    return list(names).index(column) + 1


def _found(wanted: Wanted, path: Path) -> str:
    pattern = wanted.spec.pattern or ""
    matches = [m[1] for m in re.finditer(pattern, _text(path), flags=re.MULTILINE)]
    if not matches:
        raise Unreadable("says nothing that fits it")
    return matches[0 if wanted.spec.match == "first" else -1] or ""


def _npz(wanted: Wanted, path: Path) -> Any:
    name = wanted.spec.key if wanted.spec.key is not None else wanted.name
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > wanted.spec.largest:
            raise Unreadable(f"unpacks to {unpacked:,} bytes, more than largest: {wanted.spec.largest:,}")
        with np.load(path, allow_pickle=False) as arrays:
            if name not in arrays.files:
                raise Unreadable(f"has no array {name!r} (it has {', '.join(arrays.files[:20])})")
            array = arrays[name]
    except (ValueError, OSError, zipfile.BadZipFile, EOFError, KeyError, NotImplementedError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"is no file of NumPy arrays: {error}") from None
    return _element(wanted, array)


def _element(wanted: Wanted, array: Any) -> Any:
    index = wanted.spec.index
    place = () if index is None else index if isinstance(index, tuple) else (index,)
    try:
        element = array[place]
    except IndexError:
        raise Unreadable(f"has no element {list(place)}: the shape is {list(array.shape)}") from None
    if np.ndim(element) and not (np.ndim(element) == 1 and index is None):
        raise Unreadable(f"holds an array of shape {list(np.shape(element))} there; say which by index")
    return element.tolist()


_READERS: Mapping[str, Callable[[Wanted, Path], Any]] = {
    "json": _json, "yaml": _yaml, "csv": _csv, "table": _table, "text": _found, "npz": _npz,
}  # fmt: skip
