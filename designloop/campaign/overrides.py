"""``--set stop.trials=12``: single values of a file replaced from the command line."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from designloop.errors import CampaignError, Place
from designloop.reading.document import Document, Path_, parse_value
from designloop.reading.writing import block

WHERE = "--set"


def overridden(document: Document, overrides: Sequence[str]) -> Document:
    """The document with every ``dotted.key=value`` applied, and its text written anew.

    List items are named by position from 0 (``objectives.0.mode=mean``). Raises CampaignError.
    """
    for override in overrides:
        document = _apply(document, override)
    return document


def _apply(document: Document, override: str) -> Document:
    name, equals, text = override.partition("=")
    keys = [key.strip() for key in name.split(".")]
    if not equals or not all(keys):
        raise CampaignError(
            f"{override!r} is not key=value.", place=Place(file=WHERE), instead="Write stop.trials=12."
        )
    value, parsed = parse_value(text.strip(), file=WHERE)
    data = copy.deepcopy(document.data)
    path = _put(data, keys, value, override)
    here = Place(file=f"{WHERE} {override}")
    outside = {p: place for p, place in document.values.items() if p[: len(path)] != path}
    inside = {(*path, *p): here for p in parsed.values}
    above = {path[:n]: here for n in range(1, len(path)) if path[:n] not in outside}
    keys_ = {p: place for p, place in document.keys.items() if p[: len(path)] != path}
    return replace(
        document,
        data=data,
        text=block(data),
        values={**outside, **above, **inside},
        keys={**keys_, path: here},
    )


def _put(data: dict[str, Any], keys: Sequence[str], value: Any, override: str) -> Path_:
    """Set the value below ``keys``; a word that is the short form of a mapping is opened."""
    node: Any = data
    path: list[str | int] = []
    for last, key in ((i == len(keys) - 1, k) for i, k in enumerate(keys)):
        step = _step(node, key, override)
        path.append(step)
        if last:
            node[step] = value
        elif isinstance(node, dict) and not isinstance(node.get(key), dict | list):
            node[step] = _opened(node.get(key), path)
        node = node[step] if not last else node
    return tuple(path)


def _step(node: Any, key: str, override: str) -> str | int:
    if isinstance(node, dict):
        return key
    if isinstance(node, list) and key.isdecimal() and len(key) < 6 and int(key) < len(node):
        return int(key)
    size = f"a list of {len(node)}" if isinstance(node, list) else "no mapping"
    raise CampaignError(
        f"{key} does not name a part of {size}.", place=Place(file=f"{WHERE} {override}"),
        instead="Count list items from 0: objectives.0.mode=mean.",
    )  # fmt: skip


def _opened(value: Any, path: Sequence[str | int]) -> dict[str, Any]:
    if not isinstance(value, str) or path[-1] in ("judge", "until"):  # the word is what is replaced
        return {}
    return {"range": value} if path[0] == "parameters" else {"name": value}
