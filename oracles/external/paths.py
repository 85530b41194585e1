"""Names of files: within the trial's folder when declared, and still within it when read."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path, PurePosixPath

from designloop.reading.problems import Refused
from designloop.reading.values import shown

WORD = re.compile(r"[A-Za-z]\w*", flags=re.ASCII)
"""Names of inputs, outputs, steps and values."""


def inside(text: str, *, below: tuple[str | int, ...] = ()) -> str:
    """A relative path without a way out, as plain text; raises Refused."""
    hint = "Write a name relative to the folder, such as results/table.txt."
    if not text.strip() or any(ord(sign) < 32 or ord(sign) == 127 for sign in text):
        raise Refused(f"{shown(text)} cannot name a file.", hint, below=below)
    if "\\" in text:
        raise Refused(f"{shown(text)} has a backslash.", "Write folders with /.", below=below)
    path = PurePosixPath(text)
    if path.is_absolute() or text.startswith("~") or re.match(r"[A-Za-z]:", text):
        raise Refused(f"{shown(text)} does not stay in the folder.", hint, below=below)
    if ".." in path.parts or not path.parts:
        raise Refused(f"{shown(text)} leads out of the folder.", hint, below=below)
    if any(part.startswith("-") for part in path.parts):
        raise Refused(f"{shown(text)} would be taken for an option.", "Begin with a letter.", below=below)
    return str(path)


def real_file(folder: Path, name: str) -> Path | None:
    """The regular file ``name``, where it exists and lies in ``folder`` also when links are followed."""
    try:
        found = (folder / name).resolve(strict=True)
        ordinary = stat.S_ISREG(os.stat(found).st_mode)
    except (OSError, RuntimeError, ValueError):
        return None
    return found if ordinary and found.is_relative_to(folder.resolve()) else None
