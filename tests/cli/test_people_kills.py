"""Commands of people killed at any record, or inside a write: the next one completes them."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.laboratory import (
    filled,
    here,
    results,
    rows_of,
    told,
    written,
)

from designloop import journal
from designloop.record import read


def cut(lab: Path, records: int, to: Path) -> Path:
    """A copy of the run as it is after so many records of its journal."""
    shutil.copytree(lab, to)
    lines = (lab / journal.FILE).read_bytes().splitlines(keepends=True)
    (to / journal.FILE).write_bytes(b"".join(lines[:records]))
    return to


def answers(lab: Path) -> list[tuple[object, ...]]:
    """What the run knows in the end, in an order of its own."""
    found = [
        (t.origin, t.status, str(dict(t.design)), t.in_range, len(t.attempts),
         str(sorted((n, o.value) for n, o in t.metrics.items())))
        for t in read(lab).trials
    ]  # fmt: skip
    return sorted(found)


def test_telling_again_after_a_kill_at_any_record_leaves_the_same(lab: Path) -> None:
    begun = len(journal.read(lab))
    rows = [
        results(lab), results(lab, conductivity=1.2), results(lab) | {"trial": "", "hours [h]": "7"},
        rows_of(lab / "suggestions-2.csv")[0] | {"status": "failed", "note": "cracked"},
    ]  # fmt: skip
    told(lab, *rows)
    whole, ended = answers(lab), len(journal.read(lab))
    assert ended - begun >= 8
    for records in range(begun, ended):
        copy = cut(lab, records, lab.parent.parent / f"cut-{records}")
        told(copy, *rows)
        assert answers(copy) == whole, records
        assert "recorded: nothing" in told(copy, *rows)


def test_suggesting_again_after_a_kill_at_any_record_leaves_no_design_behind(lab: Path) -> None:
    records = journal.read(lab)
    for count in range(1, len(records)):
        copy = cut(lab, count, lab.parent.parent / f"cut-{count}")
        for table in copy.glob("suggestions-*.csv"):
            table.unlink()
        here("suggest", str(copy), "-n", "1")
        trials = read(copy).trials
        assert [t.status for t in trials] == ["running"] * len(trials)
        assert [len(t.attempts) for t in trials] == [1] * len(trials)
        listed = [int(r["trial"]) for f in sorted(copy.glob("suggestions-*.csv")) for r in rows_of(f)]
        assert listed == [t.index for t in trials]


KILLED = """
import os, signal, sys
from designloop.journal import Journal

left, write = int(sys.argv[1]), Journal._write_all


def torn(journal, line):
    global left
    if left == 0:
        os.write(journal._file, line[: len(line) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    write(journal, line)


Journal._write_all = torn
from designloop.cli import main

main(sys.argv[2:])
"""


@pytest.mark.parametrize("writes", [0, 3, 6])
def test_a_process_killed_inside_a_write_costs_nothing(lab: Path, writes: int) -> None:
    rows = [filled(r, {"conductivity": 2.0}) for r in rows_of(lab / "suggestions-2.csv")]
    rows += [{**rows[0], "trial": "", "hours [h]": "7"}, results(lab), results(lab, conductivity=3.0)]
    table = written(rows, Path("results.csv"))
    whole = lab.parent.parent / "whole"
    shutil.copytree(lab, whole)
    told(whole, *rows)
    command = [sys.executable, "-c", KILLED, str(writes), "tell", str(lab), str(table)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    told(lab, *rows)
    assert answers(lab) == answers(whole)
