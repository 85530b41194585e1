"""What a job prints is bounded; how it ends, and the signals that it gets, are its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from designloop.compose import dies
from designloop.execution import bounded, worker
from designloop.execution.output import LIMIT
from designloop.execution.words import last_words

PYTHON = [sys.executable, "-P"]


def started(program: str) -> subprocess.Popen[bytes]:
    command = [*PYTHON, "-m", bounded.__name__, *PYTHON, "-c", textwrap.dedent(program)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize(
    ("program", "code"),
    [
        pytest.param("print('meshing')", 0, id="done"),
        pytest.param("print('meshing'); raise SystemExit(3)", 3, id="exit code"),
        pytest.param("import os; print('meshing', flush=True); os.kill(os.getpid(), 9)", -9, id="SIGKILL"),
        pytest.param("import os; print('meshing', flush=True); os.kill(os.getpid(), 11)", -11, id="SIGSEGV"),
    ],
)
def test_it_ends_as_the_command_does_after_all_of_its_output(program: str, code: int) -> None:
    process = started(program)
    said, complaints = process.communicate(timeout=30)
    assert (said, complaints, process.returncode) == (b"meshing\n", b"", code)


def test_the_middle_of_endless_output_is_left_out() -> None:
    said, _ = started("print('begin' + 'x' * 30_000_000 + 'end')").communicate(timeout=30)
    assert len(said) < LIMIT + 100
    assert said.startswith(b"begin")
    assert said.endswith(b"end\n")
    assert b"bytes left out" in said


def test_the_command_hears_the_signals() -> None:
    process = started("""
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("saved a checkpoint"))
        print("ready", flush=True)
        time.sleep(60)
    """)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert (said, process.returncode) == (b"saved a checkpoint\n", 1)


def test_what_the_command_leaves_behind_keeps_nobody_waiting() -> None:
    start = time.monotonic()
    process = started("import subprocess; print(subprocess.Popen(['sleep', '60'], stderr=2).pid, flush=True)")
    assert process.stdout
    left = int(process.stdout.readline())
    process.wait(30)
    assert time.monotonic() - start < 30
    subprocess.run(["kill", str(left)], check=True)
    process.communicate()


def test_last_words_are_the_oracles_and_not_the_engines() -> None:
    oracle = "/home/mems/designloop/execution/beam.py"
    report = f"""
        meshing
        Fatal Python error: Segmentation fault

        Current thread 0x00007f (most recent call first):
          File "{oracle}", line 9 in simulate
          File "{dies.__file__}", line 341 in _ask
          File "{worker.__file__}", line 30 in main
          File "<frozen runpy>", line 88 in _run_code

        Extension modules: numpy (total: 1)
    """
    words = last_words(textwrap.dedent(report).encode()).splitlines()
    assert words[2:] == ["  meshing", "  Fatal Python error: Segmentation fault",
                         f'    File "{oracle}", line 9 in simulate']  # fmt: skip
    traceback = f"""
        Traceback (most recent call last):
          File "{dies.__file__}", line 341, in _ask
            return self._oracle.evaluate(design, context)
                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
          File "{oracle}", line 9, in simulate
            mesh()
        ValueError: no element 7
    """
    words = last_words(textwrap.dedent(traceback).encode()).splitlines()
    assert [line.strip() for line in words[2:]] == [
        "Traceback (most recent call last):", f'File "{oracle}", line 9, in simulate', "mesh()",
        "ValueError: no element 7",
    ]  # fmt: skip


def test_without_output_there_are_no_last_words() -> None:
    assert last_words(b"\n \n") == ""
    assert last_words(f'  File "{Path(worker.__file__)}", line 3 in main\n'.encode()) == ""
