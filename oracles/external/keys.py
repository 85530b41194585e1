"""Key paths such as ``modes[0].frequency``: read from text, and followed into data."""

from __future__ import annotations

import re
from typing import Any

from designloop.reading.problems import Refused
from designloop.reading.values import shown

from .program import Key

_SHOWN = 8
"""Keys that a message lists."""

_PART = re.compile(r'(?:^|\.)(?:"(?P<quoted>[^"]+)"|(?P<word>[^.\[\]"]+))|\[(?P<index>-?\d{1,9})\]')


def key_path(text: str) -> Key:
    """The parts of a path; a name with a point or a bracket stands in double quotes. Raises Refused."""
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        found = _PART.match(text, position)
        if found is None:
            break
        index = found["index"]
        parts.append(int(index) if index is not None else found["quoted"] or found["word"])
        position = found.end()
    if not parts or position < len(text):
        raise Refused(
            f"{shown(text)} is no path to a number.",
            'Write for example modes[0].frequency, and names with points in quotes: "a.b".c.',
            below=("key",),
        )
    return tuple(parts)


def follow(data: Any, key: Key) -> Any:
    """What stands at ``key``; raises LookupError that says how far it leads."""
    gone: list[str] = []
    for part in key:
        where = "".join(gone) or "the file"
        gone.append(f"[{part}]" if isinstance(part, int) else f".{part}" if gone else part)
        if isinstance(part, int):
            if not isinstance(data, list):
                raise LookupError(f"{where} is no list, so there is no [{part}] in it")
            if not -len(data) <= part < len(data):
                raise LookupError(
                    f"{where} has {len(data)} item{'s' * (len(data) != 1)}, so there is no [{part}] in it"
                )
        elif not isinstance(data, dict) or part not in data:
            known = list(map(str, data)) if isinstance(data, dict) else []
            listed = ", ".join([*known[:_SHOWN], *(["..."] if len(known) > _SHOWN else [])])
            raise LookupError(f"{where} has no key {part} (it has {listed or 'none'})")
        data = data[part]
    return data
