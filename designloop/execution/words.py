"""The end of what an attempt printed, as part of a reason."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

TAIL = 100_000
"""Bytes in which the last words are looked for."""
_LINES, _WIDTH = 10, 300
_FRAME = re.compile(r'\s*File "([^"]+)", line \d+,? in ')
_CHATTER = re.compile(r"Extension modules:|Current thread 0x|Thread 0x|\s+File \"<frozen ")
"""What Python's report of a crash says of the interpreter, not of the oracle."""
_ENGINE = str(Path(__file__).parents[1]) + os.sep
"""Frames of files in here lead to the oracle, and say nothing of it."""


def last_words(printed: bytes) -> str:
    """The last lines that are the oracle's, to be added to a reason; empty where there are none."""
    lines = [line.rstrip() for line in printed.decode("utf-8", "replace").splitlines()]
    lines = [line[:_WIDTH] for line in _of_the_oracle(lines) if line][-_LINES:]
    return "".join(["\nIts last words:", *(f"\n  {line}" for line in lines)]) if lines else ""


def _of_the_oracle(lines: Iterable[str]) -> Iterator[str]:
    """Without the engine's frames, nor the lines of code that a traceback shows below them."""
    is_below = False
    for line in lines:
        frame = _FRAME.match(line)
        is_below = frame[1].startswith(_ENGINE) if frame else is_below and line.startswith("    ")
        if not is_below and not _CHATTER.match(line):
            yield line
