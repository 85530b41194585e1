"""What a job of a cluster runs: ``python -P -m designloop.execution.job FOLDER/031-1.task``.

The task file holds the name of the oracle's file beside it and the task; the outcome is written beside both.
"""

from __future__ import annotations

import faulthandler
import hashlib
import pickle
import sys
from pathlib import Path

from designloop.errors import OracleError
from designloop.execution.attempt import attempt, write
from designloop.execution.base import Evaluate, Outcome, Task


def packed(oracle: Evaluate) -> bytes:
    """The oracle, pickled. Raises OracleError for one that cannot be."""
    import cloudpickle

    try:
        content: bytes = cloudpickle.dumps(oracle)
    except Exception as error:
        raise OracleError(
            f"the oracle cannot be sent to a cluster: {type(error).__name__}: {error}. Let it open files, "
            "locks and connections when it is first asked, or write 'execution: {engine: in_process}'."
        ) from error
    return content


def dump_oracle(oracle: Evaluate, *, folder: Path) -> Path:
    """Write an oracle, and where to import from, under a name of its content: once for all tasks."""
    # The empty entry would be the working directory, whose files must not stand in for packages.
    content = pickle.dumps(([place for place in sys.path if place], packed(oracle)))
    path = folder / f"oracle-{hashlib.sha256(content).hexdigest()[:16]}.pickle"
    path.write_bytes(content)
    return path


def dump(task: Task, *, oracle: Path, path: Path) -> None:
    """Write a task for ``main``; ``oracle`` is what ``dump_oracle`` answered, in the same folder."""
    path.write_bytes(pickle.dumps((oracle.name, task)))


def outcome_path(path: Path) -> Path:
    """Where the outcome of the task file ``path`` is written."""
    return path.with_suffix(".json")


def run(path: Path) -> Outcome:
    """The outcome of a task file; what cannot even be loaded is a failure with a reason."""
    try:
        name, task = pickle.loads(path.read_bytes())
        places, content = pickle.loads((path.parent / name).read_bytes())
        sys.path += [place for place in places if place not in sys.path]
        oracle = pickle.loads(content)
    except Exception as error:
        reason = f"the oracle cannot be loaded on the worker: {type(error).__name__}: {error}"
        return Outcome(status="failed", cause="error", reason=reason)
    return attempt(oracle, task)


def keep(outcome: Outcome, path: Path) -> None:
    """Write an outcome; one whose notes are no JSON is a failure that says so."""
    try:
        write(outcome, path)
    except (TypeError, ValueError) as error:
        reason = f"the answer cannot be recorded: {error}"
        blank = Outcome(status="failed", cause="invalid", reason=reason, seconds=outcome.seconds)
        write(blank, path)


def main() -> None:
    """Evaluate the task file that the command line names."""
    path = Path(sys.argv[1])
    faulthandler.enable()
    keep(run(path), outcome_path(path))


if __name__ == "__main__":
    main()
