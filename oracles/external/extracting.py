"""Numbers out of a program's files, in the declared units, each fault named with its file and place."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from designloop import units
from designloop.oracle import Failed

from .formats import Unreadable, content
from .numbers import finite
from .paths import real_file
from .program import Answer, Wanted

_REDUCE: Mapping[str, Callable[[list[float]], float]] = {
    "mean": statistics.fmean,
    "max": max,
    "min": min,
    "sum": sum,
}


LONGEST = 10_000
"""Characters of a text that later steps may use."""


def place(wanted: Wanted) -> str:
    """Where a number stands, in words: ``table.txt, column 2``."""
    spec = wanted.spec
    where = {
        "json": f"key {spec.key or wanted.name}", "yaml": f"key {spec.key or wanted.name}",
        "csv": f"column {spec.column or wanted.name}", "table": f"column {spec.column or wanted.name}",
        "text": f"pattern {spec.pattern!r}", "npz": f"array {spec.key or wanted.name}",
    }  # fmt: skip
    return f"{wanted.file}, {where[spec.form]}"


def number(wanted: Wanted, folder: Path) -> float:
    """One number in its unit. Raises Unreadable with a whole clause: name, file, key, fault."""
    raw = _raw(wanted, folder)
    try:
        value = finite(raw, decimal=wanted.spec.decimal)
    except ValueError as error:
        raise Unreadable(f"{wanted.name} ({place(wanted)}) {error}") from None
    unit = wanted.spec.file_unit
    return value if unit is None else float(units.convert(value, unit, wanted.spec.unit))


def _raw(wanted: Wanted, folder: Path) -> Any:
    path = real_file(folder, wanted.file)
    if path is None:
        raise Unreadable(f"{wanted.name}: there is no file {wanted.file}")
    try:
        return content(wanted, path)
    except Unreadable as error:
        raise Unreadable(f"{wanted.name} ({place(wanted)}): the file {error}") from None


def value(wanted: Wanted, folder: Path) -> Any:
    """What a later step may use: a number in its unit, text, or a list of such. Raises Failed."""
    try:
        raw = _raw(wanted, folder)
        if isinstance(raw, list):
            return [_item(wanted, item) for item in raw]
        return _item(wanted, raw)
    except Unreadable as error:
        raise Failed(f"{wanted.step}: {error}.", cause="invalid") from None


def _item(wanted: Wanted, raw: Any) -> Any:
    if isinstance(raw, str):
        try:
            raw = finite(raw, decimal=wanted.spec.decimal)
        except ValueError:
            if len(raw) > LONGEST:
                what = f"is text of {len(raw):,} characters, more than {LONGEST:,}"
                raise Unreadable(f"{wanted.name} ({place(wanted)}) {what}") from None
            return raw
    if isinstance(raw, bool | dict | list) or raw is None:
        raise Unreadable(f"{wanted.name} ({place(wanted)}) is no number, text or list of such")
    try:
        plain = raw if isinstance(raw, int) else finite(raw)
    except ValueError as error:
        raise Unreadable(f"{wanted.name} ({place(wanted)}) {error}") from None
    unit = wanted.spec.file_unit
    return plain if unit is None else float(units.convert(float(plain), unit, wanted.spec.unit))


def metrics(
    answers: Sequence[Answer], folders: Mapping[str, Sequence[Path]]
) -> tuple[dict[str, float], list[str]]:
    """Every output that can be read, and what is wrong with the others.

    ``folders``: where each step ran, one per item; a step that did not run is not in it.
    """
    found: dict[str, float] = {}
    faults: list[str] = []
    for answer in answers:
        try:
            known = _answer(answer, folders, found)
        except Unreadable as error:
            faults.append(str(error))
            continue
        if known is not None:
            found[answer.wanted.name] = known
        else:
            faults.append(f"{answer.wanted.name}: {answer.otherwise} has no value either")
    return found, faults


def _answer(
    answer: Answer, folders: Mapping[str, Sequence[Path]], found: Mapping[str, float]
) -> float | None:
    ran = folders.get(answer.wanted.step)
    if ran is None:
        return found.get(answer.otherwise) if isinstance(answer.otherwise, str) else answer.otherwise
    numbers = [number(answer.wanted, folder) for folder in ran]
    return _REDUCE[answer.reduce](numbers) if answer.reduce else numbers[0]
