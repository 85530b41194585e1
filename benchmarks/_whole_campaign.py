"""A whole campaign of thousands of trials as a user runs it, watched from outside.

``designloop run`` in a process of its own, killed by SIGKILL shortly before its end and gone on with by
``designloop resume``. Seconds are taken from the times in the journal, memory from the operating system. What
was watched lies in the folder: the same call goes on with a run that was interrupted.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from designloop import journal, record
from designloop.tracking import state

CAMPAIGN = """
version: 1
name: many-trials
seed: 0
oracle: hartmann6
objectives: [minimize: value]
strategy:
  - {{name: sobol, until: {{trials: {sobol}}}}}
  - {{name: gp_ucb, batch: 8}}
stop: {{trials: {trials}}}
tracking: {tracking}
"""
SOBOL = 2000
"""Trials without a model at most, and at most a fifth of all."""
MARKS = (100, 1000, 2000, 5000, 10_000)
"""Numbers of trials at which the table has a row."""
SPAN = 0.05
"""Share of the trials before a mark over which seconds are taken."""
LEFT = 40
"""Trials that are left when the campaign is killed."""
GLANCE = 0.5
SCRIPT = Path(sys.executable).with_name("designloop")


@dataclass
class Tail:
    """Counts the outcomes in a journal as it grows."""

    path: Path
    at: int = 0
    outcomes: int = 0
    rest: bytes = b""
    lines: list[bytes] = field(default_factory=list)
    """Those read last."""

    def look(self) -> None:
        """Read what is new."""
        with self.path.open("rb") as file:
            file.seek(self.at)
            new = file.read()
        self.at += len(new)
        *self.lines, self.rest = (self.rest + new).split(b"\n")
        self.outcomes += sum(b'"kind":"outcome"' in line for line in self.lines)


def whole_campaign(folder: Path, trials: int, *, tracked: bool) -> dict[str, Any]:
    """Run, kill and resume in ``folder``, or go on there; the table by number of trials, and the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    file, notes = folder / "campaign.yaml", folder / "watched.jsonl"
    store = f"{{uri: 'sqlite:///{folder.resolve()}/mlflow.db'}}" if tracked else "off"
    file.write_text(CAMPAIGN.format(sobol=min(SOBOL, trials // 5), trials=trials, tracking=store))
    if not _runs(folder):
        _watch(_begin("run", str(file), "--runs", str(folder)), folder, notes, until=trials - LEFT)
    if "first_start" not in _noted(notes, "resumed"):
        _resumed(folder, notes)
    while not _ended(folder):
        _watch(_begin("resume", _runs(folder)[0].name, "--runs", str(folder)), folder, notes)
    return _found(folder, trials)


def _runs(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"*/{journal.FILE}"))


def _ended(folder: Path) -> bool:
    return record.read(_runs(folder)[0]).status == "finished"


def _begin(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([SCRIPT, *command], stdout=subprocess.DEVNULL)


def _watch(process: subprocess.Popen[bytes], folder: Path, notes: Path, *, until: int | None = None) -> None:
    """Note trials, memory and sizes until the process ends; kill it after ``until`` trials."""
    tail: Tail | None = None
    with notes.open("a") as out:
        while process.poll() is None:
            time.sleep(GLANCE)
            found = _runs(folder)
            if not found:
                continue
            tail = tail or Tail(found[0] / journal.FILE)
            tail.look()
            out.write(json.dumps({"sample": _sample(process.pid, found[0], tail)}) + "\n")
            out.flush()
            if until is not None and tail.outcomes >= until:
                process.kill()
    if process.wait() not in (0, -signal.SIGKILL):
        raise SystemExit(f"the campaign in {folder} ended with status {process.returncode}")


def _sample(pid: int, run: Path, tail: Tail) -> dict[str, Any]:
    mirror = state(run)
    return {
        "trials": tail.outcomes, "journal": tail.at / 2**20, "megabytes": _resident(pid), "cpu": _cpu(pid),
        "mirrored": mirror.trials, "mirror_megabytes": _resident(mirror.pid) if mirror.pid else 0.0,
        "mirror_seconds": mirror.cpu_seconds,
    }  # fmt: skip


def _resident(pid: int) -> float:
    with suppress(psutil.Error):
        return float(psutil.Process(pid).memory_info().rss / 2**20)
    return 0.0


def _cpu(pid: int) -> float:
    with suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    return 0.0


def _resumed(folder: Path, notes: Path) -> None:
    """Resume the killed campaign and note when its first trial began and its first proposal was made."""
    (run,) = _runs(folder)
    tail = Tail(run / journal.FILE)
    tail.look()
    began, found = time.perf_counter(), {}
    process = _begin("resume", run.name, "--runs", str(folder))
    while process.poll() is None and len(found) < 2:
        time.sleep(0.02)
        tail.look()
        for kind in ("start", "proposal"):
            if any(b'"kind":"%s"' % kind.encode() in line for line in tail.lines):
                found.setdefault(f"first_{kind}", time.perf_counter() - began)
    with notes.open("a") as out:
        out.write(json.dumps({"resumed": found}) + "\n")
    _watch(process, folder, notes)


def _noted(notes: Path, what: str) -> dict[str, Any]:
    found = list(_all_noted(notes, what))
    return found[-1] if found else {}


def _all_noted(notes: Path, what: str) -> Iterator[dict[str, Any]]:
    for line in notes.read_text().splitlines() if notes.exists() else ():
        entry = json.loads(line)
        if what in entry:
            yield entry[what]


def _found(folder: Path, trials: int) -> dict[str, Any]:
    (directory,) = _runs(folder)
    began = time.perf_counter()
    run = record.read(directory)
    read = time.perf_counter() - began
    samples = list(_all_noted(folder / "watched.jsonl", "sample"))
    best, report = run.best(), run.report or {}
    marks = sorted({n for n in (*MARKS, trials) if n <= trials})
    kept = sorted(directory.glob("models/*"))
    return {
        "rows": {str(n): _row(run, n, samples, trials) for n in marks},
        "resume": _noted(folder / "watched.jsonl", "resumed"),
        "read": read,
        "report": report["time"] - run.decisions[-1]["time"] if report else None,
        "models": len(kept),
        "models_megabytes": _size(kept),
        "mirror": vars(state(directory)),
        "regret": (best.value("value") or 0.0) + 3.322368011391339 if best else None,
    }


def _size(folders: Sequence[Path]) -> float:
    return sum(f.stat().st_size for folder in folders for f in folder.iterdir()) / 2**20


def _row(
    run: record.RunRecord, n: int, samples: Sequence[Mapping[str, Any]], trials: int
) -> dict[str, float]:
    """What a trial cost just before number ``n``, away from where the campaign was killed."""
    last = _batch_end(run, min(n, trials - LEFT) - 1)
    first = _batch_end(run, int(last * (1 - SPAN)))
    ended = [run.trials[i].attempts[-1].ended or 0.0 for i in (first, last)]
    proposals = {run.trials[i].proposal for i in range(first + 1, last + 1)}
    spent = [run.proposals[p]["seconds"].get("propose", 0.0) for p in sorted(p for p in proposals if p)]
    each, chosen = (ended[1] - ended[0]) / (last - first), sum(spent) / (last - first)
    sample = next((s for s in samples if s["trials"] >= last), samples[-1])
    return {
        "cpu": _cpu_each(samples, first, last), "seconds": each, "loop": each - chosen,
        "proposal": sum(spent) / max(1, len(spent)),
        "megabytes": sample["megabytes"], "journal": sample["journal"],
        "behind": last + 1 - sample["mirrored"], "mirror_megabytes": sample["mirror_megabytes"],
        "mirror_seconds": sample["mirror_seconds"],
    }  # fmt: skip


def _cpu_each(samples: Sequence[Mapping[str, Any]], first: int, last: int) -> float:
    """Seconds of the processor by trial."""
    begin, end = (next(s for s in samples if s["trials"] >= n) for n in (first, last))
    return float(end.get("cpu", 0.0) - begin.get("cpu", 0.0)) / max(1, end["trials"] - begin["trials"])


def _batch_end(run: record.RunRecord, trial: int) -> int:
    """The last trial before this one that ends a proposal."""
    while run.trials[trial].proposal == run.trials[trial + 1].proposal:
        trial -= 1
    return trial


def printed(found: Mapping[str, Any], *, tracked: bool) -> None:
    """The table and the rest."""
    columns = ["cpu", "seconds", "loop", "proposal", "megabytes", "journal"]
    columns += ["behind", "mirror_megabytes", "mirror_seconds"] if tracked else []
    print("     n  " + "  ".join(columns))
    for n, row in found["rows"].items():
        print(f"{n:>6}  " + "  ".join(f"{row[c]:{len(c)}.4f}" for c in columns))
    rest = {k: v for k, v in found.items() if k not in ("rows", "mirror")}
    print(", ".join(f"{k} {v}" for k, v in rest.items()), flush=True)
