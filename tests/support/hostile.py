"""An oracle that does to its process whatever a design says, and tasks to ask it with."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from designloop.execution import Executor, Outcome, Task
from designloop.oracle import Context, Failed, Infeasible, Observation, Result


class Unruly(BaseException):
    """Neither an Exception nor SystemExit."""


def answered(value: float = 1.0, **notes: Any) -> Result:
    return Result(metrics={"y": Observation(value=value)}, notes=notes)


def answer(design: Mapping[str, Any], context: Context) -> Result:
    return answered(float(design.get("x", 1.0)), pid=os.getpid(), cwd=os.getcwd(), count=next_count())


def segfault(design: Mapping[str, Any], context: Context) -> Result:
    os.write(2, b"about to read address zero\n")
    ctypes.string_at(0)
    raise AssertionError("unreachable")


def leave(design: Mapping[str, Any], context: Context) -> Result:
    os._exit(int(design.get("status", 0)))


def exit_politely(design: Mapping[str, Any], context: Context) -> Result:
    sys.exit(3)


def raise_error(design: Mapping[str, Any], context: Context) -> Result:
    raise ValueError("the mesh is tangled")


def raise_unruly(design: Mapping[str, Any], context: Context) -> Result:
    raise Unruly("no exception at all")


def interrupt_itself(design: Mapping[str, Any], context: Context) -> Result:
    raise KeyboardInterrupt


def impossible(design: Mapping[str, Any], context: Context) -> Result:
    raise Infeasible("the beam is etched away", metrics={"margin": -1.0})


def wait_for_licence(design: Mapping[str, Any], context: Context) -> Result:
    raise Failed("no licence", cause="wait", retry_after=7.0)


def say_nothing(design: Mapping[str, Any], context: Context) -> Any:
    return None


def unpicklable(design: Mapping[str, Any], context: Context) -> Result:
    return answered(thing=lambda: 1)


def huge(design: Mapping[str, Any], context: Context) -> Result:
    return answered(long="x" * 70_000_000)


def verbose_error(design: Mapping[str, Any], context: Context) -> Result:
    raise ValueError("x" * 10_000_000)


def hang(design: Mapping[str, Any], context: Context) -> Result:
    while True:
        time.sleep(60)


def hang_hard(design: Mapping[str, Any], context: Context) -> Result:
    """Ignore every signal that can be ignored, as do two children, one of which got out of sight."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    note(context, "child", sleeper())
    daemon(context)
    return hang(design, context)


def sleeper(**options: Any) -> int:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    return subprocess.Popen([sys.executable, "-S", "-c", code], **options).pid


def daemon(context: Context) -> None:
    """Start a process the way daemons are: in a session of its own, its parent gone."""
    middle = os.fork()
    if middle == 0:
        os.setsid()
        if os.fork() == 0:
            note(context, "daemon", os.getpid())
            time.sleep(600)
        os._exit(0)
    os.waitpid(middle, 0)
    until(lambda: pid_of(context, "daemon") is not None)


def litter(design: Mapping[str, Any], context: Context) -> Result:
    """Answer, and leave a child or a daemon behind."""
    if design["kind"] == "child":
        note(context, "child", sleeper())
    else:
        daemon(context)
    return answered()


def eat(design: Mapping[str, Any], context: Context) -> Result:
    hoard = []
    while True:
        hoard.append(bytearray(os.urandom(1 << 20)) * 10)
        time.sleep(0.002)


def eat_together(design: Mapping[str, Any], context: Context) -> Result:
    """Three children that hold 60 MB each."""
    code = "import time; x = b'x' * 60_000_000; time.sleep(600)"
    for _ in range(3):
        subprocess.Popen([sys.executable, "-S", "-c", code])
    return hang(design, context)


def no_memory(design: Mapping[str, Any], context: Context) -> Result:
    raise MemoryError("8 TB for an array")


def noise(design: Mapping[str, Any], context: Context) -> Result:
    sys.stdout.write("from Python\n")
    sys.stderr.write("from Python too\n")
    os.write(1, b"\x00\xff{not json}\n")
    ctypes.CDLL(None).printf(b"from C\n")
    subprocess.run(["echo", "from a child"], check=True)
    return answered()


def flood(design: Mapping[str, Any], context: Context) -> Result:
    line = b"x" * 9_999 + b"\n"
    for _ in range(int(design["lines"])):
        os.write(1, line)
    os.write(1, b"the very end\n")
    return answered()


def meddle(design: Mapping[str, Any], context: Context) -> Result:
    """Close standard output and every descriptor that may lead anywhere, go elsewhere, answer."""
    sys.stdout.close()
    os.closerange(3, 200)
    os.chdir("/")
    return answered()


def wander(design: Mapping[str, Any], context: Context) -> Result:
    os.chdir("/")
    return answered()


def come_back_twice(design: Mapping[str, Any], context: Context) -> Result:
    """A copy of the process answers as well, and first."""
    value = 2.0 if os.fork() == 0 else 1.0
    time.sleep(0.3 if value == 1.0 else 0.0)
    return answered(value)


def signal_group(design: Mapping[str, Any], context: Context) -> Result:
    os.killpg(0, signal.SIGKILL)
    return hang(design, context)


def kill_worker(design: Mapping[str, Any], context: Context) -> Result:
    """Kill the process that keeps watch, with a child left in its session."""
    note(context, "child", sleeper())
    os.kill(os.getppid(), signal.SIGKILL)
    return hang(design, context)


def threads(design: Mapping[str, Any], context: Context) -> Result:
    return answered(**{name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")})


def slow(design: Mapping[str, Any], context: Context) -> Result:
    """Answer when a file ``go`` appears beside the trial's folder."""
    assert context.directory
    note(context, "evaluator", os.getpid())
    until(lambda: (context.directory / "go").exists(), seconds=30)
    return answered(5.0)


def slow_then_segfault(design: Mapping[str, Any], context: Context) -> Result:
    slow(design, context)
    return segfault(design, context)


_count = 0


def next_count() -> int:
    """How often this process was asked."""
    global _count
    _count += 1
    return _count


class Hostile:
    """Does what the design's ``do`` names: a function of this module."""

    def evaluate(self, design: Mapping[str, Any], context: Context) -> Result:
        deed: Callable[[Mapping[str, Any], Context], Result] = globals()[design["do"]]
        return deed(design, context)


class Unloadable(Hostile):
    """Cannot be brought to another process."""

    def __reduce__(self) -> Any:
        return (_refuse, ())


def _refuse() -> Any:
    sys.stdout.write("looking for the solver\n")
    raise ImportError("no module named solver")


class DeadlyToLoad(Hostile):
    def __reduce__(self) -> Any:
        return (os._exit, (7,))


def note(context: Context, name: str, pid: int) -> None:
    """Leave a process' number in the trial's folder."""
    assert context.directory
    fresh = context.directory / f"{name}.new"
    fresh.write_text(str(pid))
    fresh.rename(context.directory / f"{name}.pid")


def pid_of(context: Context, name: str) -> int | None:
    """What ``note`` left."""
    assert context.directory
    path = context.directory / f"{name}.pid"
    return int(path.read_text()) if path.exists() else None


def task(folder: Path, number: int, do: str, *, attempt: int = 1, **design: Any) -> Task:
    """An attempt with a folder of its own."""
    directory = folder / "trials" / f"{number:03d}-{attempt}"
    directory.mkdir(parents=True)
    context = Context(directory=directory)
    return Task(trial=number, attempt=attempt, design={"do": do, **design}, context=context)


def begin(executor: Executor, *tasks: Task) -> list[dict[str, Any]]:
    """Start tasks as the loop does; their handles."""
    handles = [executor.handle(t) for t in tasks]
    for t in tasks:
        executor.start(t)
    return handles


def outcomes(executor: Executor, count: int = 1, *, seconds: float = 20) -> dict[str, Outcome]:
    """The next ``count`` outcomes, by their attempts' keys."""
    found: dict[str, Outcome] = {}
    end = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < end:
        for t, outcome in executor.ended(end - time.monotonic()):
            assert t.key not in found, f"{t.key} ended twice"
            found[t.key] = outcome
    assert len(found) == count, f"only {sorted(found)} ended"
    return found


def one(executor: Executor, asked: Task) -> Outcome:
    """The outcome of one task, from start to end."""
    begin(executor, asked)
    return outcomes(executor)[asked.key]


def is_alive(pid: int | None) -> bool:
    """Whether a process runs; what has ended and was only not waited for does not."""
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(met: Callable[[], Any], *, seconds: float = 10) -> None:
    """Wait until something is the case; raises AssertionError where it does not become so."""
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


EARLIER: set[int] = set()
"""Children that other tests left in this process, such as the resource tracker of a pool."""


def children() -> Sequence[int]:
    """New processes below this one, dead ones that nobody waited for included."""
    return [p.pid for p in psutil.Process().children(recursive=True) if p.pid not in EARLIER]
