"""Output that nobody reads any more: ``designloop run FILE | head`` goes on, silently."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO


class _Outliving(io.FileIO):
    """A stream that turns to nowhere once its reader has gone."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(memoryview(data).cast("B"))


def outlive_readers() -> None:
    """Let a closed standard output or error end nothing; streams that a caller put in place stay."""
    if sys.stdout is sys.__stdout__ and sys.stdout is not None:
        sys.stdout = _outliving(sys.stdout)
    if sys.stderr is sys.__stderr__ and sys.stderr is not None:
        sys.stderr = _outliving(sys.stderr)


def _outliving(stream: TextIO) -> TextIO:
    raw = _Outliving(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=stream.encoding, errors=stream.errors,
        line_buffering=stream.isatty() or stream is sys.__stderr__,
    )  # fmt: skip
