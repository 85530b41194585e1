"""Numbers out of a program's files, in the declared units, each fault named with its file and place."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from designloop import units
from designloop.oracle import Failed, Observation

from .chain import ONLY
from .formats import Unreadable, content
from .numbers import finite
from .paths import real_file
from .program import Answer, Error, Share, Wanted

_REDUCE: Mapping[str, Callable[[list[float]], float]] = {
    "mean": statistics.fmean,
    "max": max,
    "min": min,
    "sum": sum,
}


Convert = Callable[[float, str, str], float]

LONGEST = 10_000
"""Characters of a text that later steps may use."""


def place(wanted: Wanted) -> str:
    """Where a number stands, in words: ``table.txt, column 2``."""
    spec = wanted.spec
    where = {
        "json": f"key {spec.key or wanted.name}", "yaml": f"key {spec.key or wanted.name}",
        "csv": f"column {spec.column or wanted.name}", "table": f"column {spec.column or wanted.name}",
        "text": f"pattern '{spec.pattern}'", "npz": f"array {spec.key or wanted.name}",
    }  # fmt: skip
    folder = "" if wanted.step == ONLY else f"{wanted.step}/"
    return f"{folder}{wanted.file}, {where[spec.form]}"


def number(wanted: Wanted, folder: Path, *, convert: Convert = units.convert) -> float:
    """One number in its unit. Raises Unreadable with a whole clause: name, file, key, fault."""
    raw = _raw(wanted, folder)
    try:
        value = finite(raw, decimal=wanted.spec.decimal)
    except ValueError as error:
        raise Unreadable(f"{wanted.name} ({place(wanted)}) {error}") from None
    unit = wanted.spec.file_unit
    return value if unit is None else float(convert(value, unit, wanted.spec.unit))


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
) -> tuple[dict[str, Observation], list[str]]:
    """Every output that can be read, and what is wrong with the others.

    ``folders``: where each step ran, one per item; a step that did not run is not in it.
    """
    found: dict[str, Observation] = {}
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
    answer: Answer, folders: Mapping[str, Sequence[Path]], found: Mapping[str, Observation]
) -> Observation | None:
    ran = folders.get(answer.wanted.step)
    if ran is None:
        if isinstance(answer.otherwise, str):
            return found.get(answer.otherwise)
        return None if answer.otherwise is None else Observation(value=answer.otherwise)
    observed = [_observed(answer, folder) for folder in ran]
    return _reduced(answer.reduce, observed) if answer.reduce else observed[0]


def _observed(answer: Answer, folder: Path) -> Observation:
    """One number with its errors. Raises Unreadable."""
    name, value = answer.wanted.name, number(answer.wanted, folder)
    shown = partial(units.format_quantity, unit=answer.wanted.spec.unit)
    sem = None if answer.sem is None else _sem(answer.sem, value, folder)
    lower = None if answer.lower is None else _bound("lower", answer.lower, value, folder)
    upper = None if answer.upper is None else _bound("upper", answer.upper, value, folder)
    if sem is not None and sem < 0:
        raise Unreadable(f"sem of {name} is {shown(sem)}, below zero")
    if lower is not None and lower > value:
        raise Unreadable(f"lower of {name} is {shown(lower)}, above the value {shown(value)}")
    if upper is not None and upper < value:
        raise Unreadable(f"upper of {name} is {shown(upper)}, below the value {shown(value)}")
    return Observation(value=value, sem=sem, lower=lower, upper=upper)


def _sem(error: Error, value: float, folder: Path) -> float:
    if isinstance(error, Share):
        return error.part * abs(value)
    return _read("sem", error, folder, convert=units.difference) if isinstance(error, Wanted) else error


def _bound(side: Literal["lower", "upper"], error: Error, value: float, folder: Path) -> float:
    if isinstance(error, Share):
        return value + (error.part if side == "upper" else -error.part) * abs(value)
    return _read(side, error, folder, convert=units.convert) if isinstance(error, Wanted) else error


def _read(what: str, wanted: Wanted, folder: Path, *, convert: Convert) -> float:
    try:
        return number(wanted, folder, convert=convert)
    except Unreadable as error:
        raise Unreadable(f"{what} of {error}") from None


def _reduced(how: str, observed: Sequence[Observation]) -> Observation:
    """One value of many: errors of sampling are independent, bounds hold for each at the same time."""
    one = _REDUCE[how]
    sems, lower, upper = ([getattr(o, side) for o in observed] for side in ("sem", "lower", "upper"))
    sem = None if None in sems else math.hypot(*sems) / (len(sems) if how == "mean" else 1)
    return Observation(
        value=one([o.value for o in observed]),
        sem=sem,
        lower=None if None in lower else one(lower),
        upper=None if None in upper else one(upper),
    )
