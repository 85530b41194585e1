"""What follows a session with a run: figures, table, answer, and the mirror in MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from designloop import record
from designloop.campaign.model import Campaign
from designloop.errors import DesignloopError
from designloop.journal import Journal
from designloop.record import RunRecord
from designloop.recording import Watch

if TYPE_CHECKING:
    from designloop.tracking import Handle

MIRROR_PATIENCE = 60.0
"""Seconds that a session waits at its end for MLflow; the mirror goes on without it."""


def start_mirror(campaign: Campaign, directory: Path) -> Handle | None:
    """The mirror beside the session; None where the campaign tracks nowhere."""
    if campaign.tracking_uri is None:
        return None
    from designloop import tracking

    return tracking.start(directory)


def patience(directory: Path) -> float:
    """How long to wait for the mirror: not at all for a store that does not answer anyway."""
    from designloop import tracking

    return 1.0 if tracking.state(directory).stage == "retrying" else MIRROR_PATIENCE


@contextmanager
def mirrored(campaign: Campaign, directory: Path, watch: Watch) -> Iterator[None]:
    """The mirror beside what is done inside, told to end and awaited however that ends.

    Not by an interrupt: whoever leaves at once does not wait; the mirror sees it and completes by itself.
    """
    mirror = start_mirror(campaign, directory)
    try:
        yield
        if mirror:
            watch.waits("completing the record in MLflow")
    except KeyboardInterrupt:
        mirror = None
        raise
    finally:
        if mirror:
            mirror.finish(patience(directory))


def report(journal: Journal, run: RunRecord) -> None:
    """Draw the figures, write the table, and record both with the answer."""
    from designloop import report as reporting

    figures, problem = [], None
    try:
        figures = reporting.draw(run.directory)
        reporting.write_csv(run, run.directory / "trials.csv")
    except (OSError, ValueError, DesignloopError) as error:
        problem = str(error)
    entry = journal.append(
        "report",
        answer=reporting.answer(run).to_json(),
        figures=[str(path.relative_to(run.directory)) for path in figures],
        problem=problem,
    )
    record.apply(run, entry)
