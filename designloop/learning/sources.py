"""Sources of data sets by installed name: the entry-point group ``designloop.datasets``."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from designloop.learning.datasets import DataSetError, Source

GROUP = "designloop.datasets"


def available() -> list[Source]:
    """Every installed source with its default options, by name; raises DataSetError where one cannot load."""
    return [find(name) for name in sorted(_entries())]


def find(name: str, options: Mapping[str, Any] | None = None) -> Source:
    """The source called ``name``, made with ``options``; raises DataSetError with the nearest name."""
    entries = _entries()
    if name not in entries:
        raise DataSetError(f"there is no source of data sets {name!r}.{_nearest(name, sorted(entries))}")
    try:
        make = entries[name].load()
    except Exception as error:
        raise DataSetError(
            f"source {name!r} is installed as {entries[name].value} but cannot be loaded: "
            f"{type(error).__name__}: {error}."
        ) from error
    return cast(Source, make(**_checked(name, make, options or {})))


def defaults(make: Any) -> dict[str, Any]:
    """Options of a source's class or function with their default values."""
    if dataclasses.is_dataclass(make):
        return {field.name: field.default for field in dataclasses.fields(make)}
    return {name: one.default for name, one in inspect.signature(make).parameters.items()}


def _checked(name: str, make: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    known = defaults(make)
    chosen = {}
    for option, value in options.items():
        if option not in known:
            raise DataSetError(f"source {name!r} has no option {option!r}.{_nearest(option, list(known))}")
        kind = type(known[option])
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not kind:
            raise DataSetError(
                f"source {name!r}: {option} is {value!r}; write {_KINDS[kind]} such as {known[option]!r}."
            )
        chosen[option] = value
    return chosen


_KINDS = {float: "a number", int: "a whole number", str: "a word", bool: "true or false"}


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _nearest(name: str, names: Sequence[str]) -> str:
    folded = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower().replace("-", "_"), folded, n=1)
    if near:
        return f" Did you mean {folded[near[0]]!r}?"
    return f" Known: {', '.join(names)}." if names else " None is installed."
