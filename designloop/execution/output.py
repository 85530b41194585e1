"""What an attempt prints: into a file of bounded size, with its last lines at hand."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

FILE = "output.txt"
LIMIT = 10_000_000
"""Bytes of the file, about; of longer output the middle is left out."""

_TAIL = 100_000
_LINES, _WIDTH = 10, 300
_CHATTER = re.compile(
    r"Extension modules:|Current thread 0x|Thread 0x|\s+File \"(<frozen |.*/designloop/execution/)"
)
"""What Python's report of a crash says of the worker, not of the oracle."""


class Output:
    """Takes bytes at any time; what comes between two attempts belongs to the next one."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._size = 0
        self._tail = bytearray()

    def begin(self, folder: Path | None) -> None:
        """An attempt begins with this folder of its own; None: nothing is kept but the last lines."""
        early, self._tail, self._size = bytes(self._tail), bytearray(), 0
        self._path = folder / FILE if folder else None
        if self._path:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        self.take(early)

    def take(self, data: bytes) -> None:
        """Bytes that were printed; a file that cannot be written costs its content, never the attempt."""
        room = max(0, LIMIT - _TAIL - self._size) if self._path else 0
        with suppress(OSError):
            self._write(data[:room])
        self._size += len(data)
        self._tail += data
        del self._tail[:-_TAIL]

    def end(self) -> None:
        """The attempt is over: add the end of what was too long, and close the file."""
        missing = self._size - (LIMIT - _TAIL)
        if self._path and missing > 0:
            cut = missing - len(self._tail)
            note = f"\n[... {cut} bytes left out ...]\n" if cut > 0 else ""
            with suppress(OSError):
                self._write(note.encode() + bytes(self._tail[-missing:]))
        if self._file:
            with suppress(OSError):
                self._file.close()
        self._file, self._path, self._tail, self._size = None, None, bytearray(), 0

    def last_words(self) -> str:
        """The last lines, to be added to a reason; empty where there are none."""
        lines = [line.rstrip() for line in self._tail.decode("utf-8", "replace").splitlines()]
        lines = [line[:_WIDTH] for line in lines if line and not _CHATTER.match(line)][-_LINES:]
        return "".join(["\nIts last words:", *(f"\n  {line}" for line in lines)]) if lines else ""

    def _write(self, data: bytes) -> None:
        if data and self._path:
            if self._file is None:
                self._file = self._path.open("wb", buffering=0)
            self._file.write(data)
