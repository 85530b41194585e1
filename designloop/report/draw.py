"""All figures of a run, written into its folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from designloop.errors import RunError
from designloop.record import RunRecord, read
from designloop.report.answer import answer
from designloop.report.saved import last_model

FORMATS = ("png", "svg")


def draw(run_dir: Path | str) -> list[Path]:
    """Draw what the run's record and last model allow into ``RUN_DIR/figures``; returns the files.

    ``convergence``, ``slices``, ``map`` and ``parity`` as PNG and SVG, and ``interactive.html`` with all
    of them, which needs no network. Raises RunError where there is no run or no room.
    """
    directory = Path(run_dir)
    record = read(directory)
    folder = directory / "figures"
    written: list[Path] = []
    interactive: list[Any] = []
    try:
        folder.mkdir(exist_ok=True)
        for name, still, moving in _figures(record):
            for form in FORMATS:
                written.append(folder / f"{name}.{form}")
                still.savefig(written[-1], dpi=150, metadata=None if form == "png" else {"Date": None})
            interactive.append(moving)
        written.append(folder / "interactive.html")
        written[-1].write_text(_page(record, interactive), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder}: the figures could not be written ({error.strerror}).") from None
    return written


def _figures(record: RunRecord) -> Iterator[tuple[str, Any, Any]]:
    from designloop.report import data, figures, page

    with figures.styled():
        course = data.convergence(record)
        title = f"{record.campaign['name']}: course of the campaign"
        yield "convergence", figures.convergence(course, title=title), page.convergence(course, title=title)
        saved = last_model(record)
        if saved is None or record.metric not in saved.config["metrics"]:
            return
        cuts = data.slices(record, saved)
        title = f"{record.metric} through {_design(record)}, other parameters held"
        if cuts:
            yield "slices", figures.slices(cuts, title=title), page.slices(cuts, title=title)
        if field := data.two_parameter_map(record, saved, data.influence(cuts)):
            still = figures.two_parameter_map(field, title=title)
            yield "map", still, page.two_parameter_map(field, title=title)
        pairs = data.parities(record, saved)
        title = "Each trial predicted from all the others (leave-one-out)"
        yield "parity", figures.parity(pairs, title=title), page.parity(pairs, title=title)


def _design(record: RunRecord) -> str:
    best = record.best()
    return f"the best measured design (trial {best.index})" if best else "the design nearest to feasible"


def _page(record: RunRecord, interactive: list[Any]) -> str:
    from designloop.report.page import page
    from designloop.report.screen import last_screen

    return page(interactive, title=record.name, text=last_screen(answer(record)))
