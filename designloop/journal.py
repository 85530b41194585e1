"""The journal: append-only records of what was proposed, started, observed and decided.

One record is one line, ``LENGTH CHECKSUM JSON``: the JSON's bytes and their CRC-32. A record counts once its
line is complete on disk; a torn last line is dropped, damage before it is an error. One process writes.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from designloop.errors import RunError

FILE = "journal.jsonl"
Record = dict[str, Any]


def encode(record: Mapping[str, Any]) -> bytes:
    """One journal line; raises ValueError for infinities and NaN."""
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        body = text.encode()
    except UnicodeEncodeError:  # names and messages of programs may be no text at all
        text = json.dumps(_spelled(record), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        body = text.encode()
    return b"%d %08x %s\n" % (len(body), zlib.crc32(body), body)


def _spelled(value: Any) -> Any:
    """The same with bytes that are no characters spelled out, such as ``caf\\udce9.txt``."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_spelled(k): _spelled(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(v) for v in value]
    return value


def decode(line: bytes) -> Record | None:
    """The record of one line without its newline, or None where length or checksum disagree."""
    parts = line.split(b" ", 2)
    if len(parts) != 3:
        return None
    length, checksum, body = parts
    if length != b"%d" % len(body) or checksum != b"%08x" % zlib.crc32(body):
        return None
    record: Record = json.loads(body)
    return record


def scan(data: bytes, *, file: Path) -> tuple[list[Record], int]:
    """Records in ``data`` and the number of bytes they take; the rest is a torn last line.

    Raises RunError where a complete line is damaged and records follow it.
    """
    records: list[Record] = []
    good = 0
    for number, line in enumerate(_lines(data), start=1):
        record = decode(line[:-1]) if line.endswith(b"\n") else None
        if record is None:
            if good + len(line) < len(data):
                raise RunError(
                    f"{file}: record {number} is damaged but records follow it, so the disk or an editor "
                    f"changed the file. Keep a copy, then cut the file before that line to go on from there."
                )
            break
        records.append(record)
        good += len(line)
    return records, good


def _lines(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        stop = len(data) if end < 0 else end + 1
        yield data[start:stop]
        start = stop


def read(directory: Path) -> list[Record]:
    """The records of a run, without locking: for readers beside the writer. Raises RunError."""
    path = directory / FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(directory, error) from None
    return scan(data, file=path)[0]


class Tail:
    """Reads a journal on as it grows, without locking."""

    def __init__(self, directory: Path) -> None:
        self._path, self._good = directory / FILE, 0

    def read(self) -> tuple[list[Record], bool]:
        """The records since the last time, and whether they are all: at first, or after the file was cut.

        Raises RunError where the file cannot be read or is damaged.
        """
        begins = self._good
        try:
            with self._path.open("rb") as file:
                begins = begins if os.fstat(file.fileno()).st_size >= begins else 0
                file.seek(begins)
                data = file.read()
        except OSError as error:
            raise _unreadable(self._path.parent, error) from None
        try:
            records, size = scan(data, file=self._path)
        except RunError:
            if not begins:
                raise
            records, size = [], 0
        if begins and size < len(data) and data.endswith(b"\n"):
            self._good = 0  # the writer took back a record that the disk refused, and wrote another
            return self.read()
        self._good = begins + size
        return records, begins == 0


def _unreadable(directory: Path, error: OSError) -> RunError:
    return RunError(f"{directory}: no journal can be read there ({error.strerror}).")


class Journal:
    """The one writer of a run's journal, holding an exclusive lock on it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._path = directory / FILE
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise RunError(f"{self._path}: cannot be opened for writing ({error.strerror}).") from None
        self._lock()
        records, self._end = scan(self._path.read_bytes(), file=self._path)
        self.records: list[Record] = records
        """All of them until they are handed over, then none."""
        self.count = len(records)
        self._keeps = True
        os.ftruncate(self._file, self._end)
        os.lseek(self._file, self._end, os.SEEK_SET)
        _sync_folder(directory)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise RunError(
                f"{self._path.parent}: another process is writing this run. "
                f"Watch it with 'designloop status {self._path.parent.name}', or stop it first."
            ) from None

    def append(self, kind: str, **content: Any) -> Record:
        """Make one record durable and return it as a reader will see it.

        Raises RunError when the disk refuses; what was durable before stays so.
        """
        line = encode({"kind": kind, "time": round(time.time(), 3), **content})
        try:
            self._write_all(line)
            os.fsync(self._file)
        except OSError as error:
            self._undo()
            raise RunError(
                f"{self._path}: the record could not be written ({error.strerror}). "
                f"Nothing recorded is lost; make room, then 'designloop resume {self._path.parent.name}'."
            ) from None
        self._end += len(line)
        record = decode(line[:-1])
        assert record is not None
        self.count += 1
        if self._keeps:
            self.records.append(record)
        return record

    def hand_over(self) -> list[Record]:
        """All records so far, once: who holds the run in memory need not hold its journal as well."""
        records, self.records, self._keeps = self.records, [], False
        return records

    def _write_all(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._file, line) :]

    def _undo(self) -> None:
        try:
            os.ftruncate(self._file, self._end)
            os.lseek(self._file, self._end, os.SEEK_SET)
        except OSError:
            pass  # the torn line is dropped by the next reader

    def close(self) -> None:
        """Release the lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _sync_folder(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
