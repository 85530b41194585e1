"""What an attempt prints: into a file of bounded size, with its last lines at hand."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from designloop.execution.words import TAIL, last_words

FILE = "output.txt"
LIMIT = 10_000_000
"""Bytes of the file, about; of longer output the middle is left out."""


class Bounded:
    """Passes bytes on to ``write``, at most ``LIMIT`` of them: the beginning at once, the end at the end."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write, self._size = write, 0
        self.tail = bytearray()

    def take(self, data: bytes) -> None:
        """Bytes that were printed."""
        self._write(data[: max(0, LIMIT - TAIL - self._size)])
        self._size += len(data)
        self.tail += data
        del self.tail[:-TAIL]

    def end(self) -> None:
        """No more will come: add the end of what was too long."""
        missing = self._size - (LIMIT - TAIL)
        if missing > 0:
            cut = missing - len(self.tail)
            note = f"\n[... {cut} bytes left out ...]\n" if cut > 0 else ""
            self._write(note.encode() + bytes(self.tail[-missing:]))


class Output:
    """Takes bytes at any time; what comes between two attempts belongs to the next one."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._printed = Bounded(self._write)

    def begin(self, folder: Path | None) -> None:
        """An attempt begins with this folder of its own; None: nothing is kept but the last lines."""
        early, self._printed = bytes(self._printed.tail), Bounded(self._write)
        self._path = folder / FILE if folder else None
        if self._path:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        self.take(early)

    def take(self, data: bytes) -> None:
        """Bytes that were printed; a file that cannot be written costs its content, never the attempt."""
        self._printed.take(data)

    def end(self) -> None:
        """The attempt is over: add the end of what was too long, and close the file."""
        self._printed.end()
        if self._file:
            with suppress(OSError):
                self._file.close()
        self._file, self._path, self._printed = None, None, Bounded(self._write)

    def last_words(self) -> str:
        """The last lines, to be added to a reason; empty where there are none."""
        return last_words(bytes(self._printed.tail))

    def _write(self, data: bytes) -> None:
        if not data or not self._path:
            return
        with suppress(OSError):
            if self._file is None:
                self._file = self._path.open("wb", buffering=0)
            self._file.write(data)
