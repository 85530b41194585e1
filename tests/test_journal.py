"""The journal: what is appended survives, what is torn is dropped, what is damaged is named."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop import journal
from designloop.errors import RunError
from designloop.journal import Journal

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
records = st.dictionaries(st.text(), json_values, max_size=4)


def write_three(directory: Path) -> bytes:
    with Journal(directory) as book:
        for number in range(3):
            book.append("start", trial=number, note="Überätzung 2 µm\nline two")
    return (directory / journal.FILE).read_bytes()


@given(records)
def test_a_line_gives_back_its_record(record: dict[str, object]) -> None:
    line = journal.encode(record)
    assert line.count(b"\n") == 1
    assert journal.decode(line[:-1]) == record


@given(st.lists(records, max_size=5), st.integers(min_value=0))
def test_a_cut_anywhere_leaves_the_whole_records_before_it(
    content: list[dict[str, object]], cut: int
) -> None:
    lines = [journal.encode(r) for r in content]
    data = b"".join(lines)
    kept = data[: cut % (len(data) + 1)]
    found, good = journal.scan(kept, file=Path("j"))
    ends = [sum(map(len, lines[: i + 1])) for i in range(len(lines))]
    whole = sum(end <= len(kept) for end in ends)
    assert found == content[:whole]
    assert good == (ends[whole - 1] if whole else 0)


def test_records_are_read_back_in_order(tmp_path: Path) -> None:
    write_three(tmp_path)
    assert [r["trial"] for r in journal.read(tmp_path)] == [0, 1, 2]


def test_a_writer_goes_on_after_a_torn_last_line(tmp_path: Path) -> None:
    data = write_three(tmp_path)
    (tmp_path / journal.FILE).write_bytes(data[:-7])
    with Journal(tmp_path) as book:
        assert [r["trial"] for r in book.records] == [0, 1]
        book.append("start", trial=9)
    assert [r["trial"] for r in journal.read(tmp_path)] == [0, 1, 9]


@pytest.mark.parametrize("position", [0, 5, 12, 40])
def test_damage_before_the_end_is_named_and_nothing_is_cut(tmp_path: Path, position: int) -> None:
    data = bytearray(write_three(tmp_path))
    data[position] ^= 0x11
    (tmp_path / journal.FILE).write_bytes(data)
    with pytest.raises(RunError, match="record 1 is damaged but records follow it"):
        journal.read(tmp_path)
    with pytest.raises(RunError, match="record 1 is damaged"):
        Journal(tmp_path)
    assert (tmp_path / journal.FILE).read_bytes() == bytes(data)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_lacks_is_refused(tmp_path: Path, value: float) -> None:
    with Journal(tmp_path) as book, pytest.raises(ValueError, match="not JSON compliant"):
        book.append("outcome", value=value)
    assert journal.read(tmp_path) == []


def test_a_second_writer_gets_a_sentence(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(RunError, match="another process is writing this run"):
        Journal(tmp_path)


def test_a_second_process_gets_the_same_sentence(tmp_path: Path) -> None:
    code = "import sys, pathlib, designloop.journal as j; j.Journal(pathlib.Path(sys.argv[1]))"
    with Journal(tmp_path):
        end = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert "another process is writing this run" in end.stderr


def test_readers_are_not_locked_out(tmp_path: Path) -> None:
    with Journal(tmp_path) as book:
        book.append("start", trial=1)
        assert len(journal.read(tmp_path)) == 1


def test_a_full_disk_gets_a_sentence_and_leaves_no_torn_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = 500
    system_write = os.write

    def write(file: int, data: bytes) -> int:
        nonlocal allowed
        if allowed <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = system_write(file, data[: min(10, allowed)])
        allowed -= written
        return written

    monkeypatch.setattr(os, "write", write)
    with Journal(tmp_path) as book:
        with pytest.raises(RunError, match="No space left on device.*Nothing recorded is lost"):
            for number in range(100):
                book.append("start", trial=number)
        count = len(book.records)
        allowed = 10_000
        book.append("start", trial=-1)
    found = [r["trial"] for r in journal.read(tmp_path)]
    assert found == [*range(count), -1]


def test_what_was_handed_over_is_held_no_longer_and_still_counted(tmp_path: Path) -> None:
    write_three(tmp_path)
    with Journal(tmp_path) as book:
        assert [r["trial"] for r in book.hand_over()] == [0, 1, 2]
        book.append("start", trial=3)
        assert (book.records, book.count) == ([], 4)
    assert len(journal.read(tmp_path)) == 4


def test_a_journal_is_read_on_as_it_grows(tmp_path: Path) -> None:
    data = write_three(tmp_path)
    (tmp_path / journal.FILE).write_bytes(data[:-7])
    tail = journal.Tail(tmp_path)
    found, afresh = tail.read()
    assert ([r["trial"] for r in found], afresh) == ([0, 1], True)
    assert tail.read() == ([], False)
    (tmp_path / journal.FILE).write_bytes(data + data[: len(data) // 3])
    found, afresh = tail.read()
    assert ([r["trial"] for r in found], afresh) == ([2, 0], False)


@pytest.mark.parametrize("longer", [0, 1, 70], ids=["shorter", "longer", "much longer"])
def test_a_journal_whose_writer_took_a_record_back_is_read_again(tmp_path: Path, longer: int) -> None:
    data = write_three(tmp_path)
    tail = journal.Tail(tmp_path)
    tail.read()
    cut = data[: data.index(b"\n") + 1]
    later = [journal.encode({"kind": "start", "trial": 7, "note": "x" * n}) for n in (longer, 60)]
    (tmp_path / journal.FILE).write_bytes(cut + b"".join(later[: 1 + (longer > 0)]))
    found, afresh = tail.read()
    assert ([r["trial"] for r in found], afresh) == ([0, 7, 7][: len(found)], True)
    assert len(found) == 2 + (longer > 0)


def test_a_missing_journal_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no journal can be read there"):
        journal.read(tmp_path)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_give_a_traceback(data: bytes) -> None:
    with contextlib.suppress(RunError):
        journal.scan(data, file=Path("j"))


def test_a_name_that_is_no_text_is_spelled_out_and_not_lost(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    with Journal(tmp_path) as book:
        book.append("outcome", reason=f"cannot read {name}", artifacts={name: f"trials/000/{name}"})
    (record,) = journal.read(tmp_path)
    assert record["reason"] == r"cannot read caf\udce9.txt"
    assert record["artifacts"] == {r"caf\udce9.txt": r"trials/000/caf\udce9.txt"}
