"""Pydantic's findings as sentences with places, for any file whose mappings have an owner each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from pydantic import ValidationError

from designloop.reading.document import Path_
from designloop.reading.part import Part
from designloop.reading.problems import Problems, Refused, advice, nearest
from designloop.reading.values import shown
from designloop.reading.writing import flow

Owners = Mapping[tuple[str, ...], type[Part]]
"""The schema class of every mapping of a file; ``*`` stands for a list's position or a name of one's own."""

_BOUNDS = {
    "greater_than_equal": ("ge", "must be at least"),
    "greater_than": ("gt", "must be greater than"),
    "less_than_equal": ("le", "must be at most"),
    "less_than": ("lt", "must be less than"),
}
_KINDS = {
    "int": ("a whole number", ""),
    "bool": ("true or false", "Write true or false."),
    "string": ("text", 'Put it in quotes: "{}".'),
    "dict": ("a mapping", ""),
    "model": ("a mapping", ""),
    "mapping": ("a mapping", ""),
    "tuple": ("a list", "Write [{}]."),
    "list": ("a list", "Write [{}]."),
}


def raise_explained(
    error: ValidationError, data: dict[str, Any], problems: Problems, *, owners: Owners
) -> NoReturn:
    """Note every finding at its place, and raise CampaignError with all of them."""
    for item in error.errors():
        _explain(item, data, problems, owners)
    problems.stop()
    raise AssertionError("a validation error without a sentence") from error


def _explain(item: Mapping[str, Any], data: dict[str, Any], problems: Problems, owners: Owners) -> None:
    path = _real_path(item["loc"], data)
    kind, value = item["type"], item["input"]
    raised = item.get("ctx", {}).get("error")
    named = isinstance(raised, Refused) and not raised.below and problems.below(path)
    if named or (kind == "literal_error" and problems.below(path)):
        return  # what stands there was refused by name
    if isinstance(raised, Refused):
        problems.add((*path, *raised.below), raised.what, raised.instead, key=raised.key)
    elif kind == "extra_forbidden":
        problems.add(path, *_unknown_key(path, owners), key=True)
    elif kind == "missing":
        _missing(_real_path(item["loc"][:-1], data), str(item["loc"][-1]), problems, owners)
    else:
        what, instead = _empty(path) if value is None else _wrong_value(kind, item, _name(path), value)
        problems.add(path, what, instead or _example(path, owners))


def _real_path(location: tuple[str | int, ...], data: Any) -> Path_:
    """Pydantic's location without what does not stand in the file (tags of unions, short forms)."""
    path: list[str | int] = []
    for part in location:
        length = len(data) if isinstance(data, list) else 0
        if part in (data if isinstance(data, dict) else range(length)):
            data = data[part]
            path.append(part)
    return tuple(path)


def owner_of(path: Path_, owners: Owners) -> type[Part] | None:
    """The schema class of the mapping at ``path``."""
    for pattern, owner in owners.items():
        if len(pattern) == len(path) and all(p in ("*", str(k)) for p, k in zip(pattern, path, strict=True)):
            return owner
    return None


def _unknown_key(path: Path_, owners: Owners) -> tuple[str, str]:
    key, owner = str(path[-1]), owner_of(path[:-1], owners)
    known = list(owner.by_key()) if owner else []
    if key[:1].isdigit():
        return (
            f"{key} is no key.",
            "If the comma before it is a decimal comma, write a point; if it is text, put it in quotes.",
        )
    if re.search("[<>=]", key):
        return (
            f"{key} is no key.",
            "If it goes with the text before the comma, join the two by 'and', or put them into quotes.",
        )
    where = f" of {path[-2]}" if len(path) > 1 and isinstance(path[-2], str) else ""
    elsewhere = _homes(key, owners)
    hint = f"Move it below {elsewhere[0]}." if elsewhere else advice(key, known, kind="keys")
    return f"{key} is no key{where}.", hint


def _homes(key: str, owners: Owners) -> list[str]:
    """Where else in the file a key of this name belongs."""
    found = [pattern for pattern, owner in owners.items() if key in owner.by_key() and key != "name"]
    return [".".join(pattern) or "the top level" for pattern in found]


def _unknown(path: Path_, owner: type[Part], problems: Problems) -> list[str]:
    """Keys of the mapping at ``path`` that its class does not have."""
    data: Any = problems.document.data
    for part in path:
        data = data[part]
    return [k for k in data if k not in owner.by_key()] if isinstance(data, dict) else []


def _missing(path: Path_, key: str, problems: Problems, owners: Owners) -> None:
    owner = owner_of(path, owners)
    misspelled = owner and any(nearest(k, owner.by_key()) == key for k in _unknown(path, owner, problems))
    if (path and problems.below(path)) or misspelled:
        return
    below, empty = f" below {_name(path)}" if path else "", (*path, key) in problems.document.keys
    what = f"the key {key}{below} has no value." if empty else f"the key {key} is missing{below}."
    problems.add((*path, key) if empty else path, what, _example((*path, key), owners), key=empty)


def _example(path: Path_, owners: Owners) -> str:
    """How the key at ``path`` may be written; empty where nothing is known of it."""
    owner, key = owner_of(path[:-1], owners), str(path[-1]) if path else ""
    field = owner.by_key().get(key) if owner else None
    return f"Write for example {key}: {flow(field.examples[0])}." if field and field.examples else ""


def _name(path: Path_) -> str:
    words = [str(p) for p in path if isinstance(p, str)]
    if len(words) > 1 and words[-1] == "name":
        return words[-2]
    return words[-1] if words else "this"


def _empty(path: Path_) -> tuple[str, str]:
    """An entry of a list, or below a name of one's own, without a value."""
    entry = f"entry {path[-1] + 1} of {_name(path)}" if path and isinstance(path[-1], int) else _name(path)
    return f"{entry} has no value.", "Write one, or leave the entry out."


def _wrong_value(kind: str, item: Mapping[str, Any], name: str, value: Any) -> tuple[str, str]:
    context = item.get("ctx", {})
    if kind == "literal_error":
        allowed = [word.strip("' ") for word in str(context["expected"]).replace(" or ", ", ").split(",")]
        guess = nearest(value, allowed) if isinstance(value, str) else None
        choice = f"Did you mean {guess}?" if guess else f"Write one of {', '.join(filter(None, allowed))}."
        return f"{name} cannot be {shown(value)}.", choice
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"{name} {words} {context[key]}, not {shown(value)}.", ""
    if kind == "too_short":
        return f"{name} is empty.", f"Write at least one entry, or leave {name} out."
    if kind == "too_long":
        return (
            f"{name} has {context['actual_length']} entries.",
            f"Write at most {context['max_length']}.",
        )
    if kind.startswith("string_too"):
        return (
            f"{name} is empty, too short or too long.",
            "Write at least one and at most a hundred characters.",
        )
    for start, (words, instead) in _KINDS.items():
        if kind.startswith(start):
            plain = not isinstance(value, dict | list)
            advice = instead.format(shown(value).strip("'")) if plain else ""
            return f"{name} must be {words}, not {shown(value)}.", advice
    return f"{name} cannot be {shown(value)}.", str(item["msg"])
