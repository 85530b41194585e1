"""All figures of a run, written into its folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from designloop.errors import RunError
from designloop.progress import learned_metrics
from designloop.record import RunRecord, read
from designloop.report.answer import answer
from designloop.report.saved import last_model, learner

if TYPE_CHECKING:
    from designloop.learning.saved import SavedModel

FORMATS = ("png", "svg")
MOST = 4
"""Learned metrics that get slices and a map of their own."""
Drawn = tuple[str, Any, Any]
"""A figure's name, by matplotlib, and by plotly."""


def draw(run_dir: Path | str) -> list[Path]:
    """Draw what the run's record and last model allow into ``RUN_DIR/figures``; returns the files.

    ``convergence``, ``slices``, ``map`` and ``parity`` as PNG and SVG; where the run learns,
    ``learning_curve``, ``closure`` (with ``closure.csv``) and ``calibration``, and slices and a map of each
    learned metric; and ``interactive.html`` with all of them, which needs no network. Raises RunError where
    there is no run or no room.
    """
    from designloop.report.learned_data import write_closure

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
        if record.goal:
            written.append(write_closure(record, folder / "closure.csv"))
        written.append(folder / "interactive.html")
        written[-1].write_text(_page(record, interactive), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder}: the figures could not be written ({error.strerror}).") from None
    return written


def _figures(record: RunRecord) -> Iterator[Drawn]:
    from designloop.report import figures

    with figures.styled():
        if not record.learns:
            yield _course(record)
        if record.goal:
            yield from _learning(record)
        saved = learner(record) if record.learns else last_model(record)
        if saved is not None:
            yield from _model(record, saved)


def _course(record: RunRecord) -> Drawn:
    from designloop.report import data, figures, page

    course = data.convergence(record)
    title = f"{record.campaign['name']}: course of the campaign"
    return "convergence", figures.convergence(course, title=title), page.convergence(course, title=title)


def _learning(record: RunRecord) -> Iterator[Drawn]:
    from designloop.report import learned_data, learned_figures, learned_page

    name = record.campaign["name"]
    if curve := learned_data.learning_curve(record):
        title = f"{name}: error against its aim"
        still = learned_figures.learning_curve(curve, title=title)
        yield "learning_curve", still, learned_page.learning_curve(curve, title=title)
    if space := learned_data.reached(record):
        title = f"{name}: reached properties"
        still = learned_figures.reached(space, title=title)
        yield "closure", still, learned_page.reached(space, title=title)
    if scores := learned_data.surprise_figures(record):
        title = "Predictions made before the evaluation"
        still = learned_figures.calibration(scores, title=title)
        yield "calibration", still, learned_page.calibration(scores, title=title)


def _model(record: RunRecord, saved: SavedModel) -> Iterator[Drawn]:
    from designloop.report import data, figures, page

    metrics = learned_metrics(record)[:MOST] if record.learns else (record.metric,)
    for metric in (m for m in metrics if m in saved.config["metrics"]):
        own = "" if metric == record.metric else f"-{re.sub(r'[^0-9A-Za-z_.-]', '_', metric)}"
        title = f"{metric} through {_design(record)}, other parameters held"
        cuts = data.slices(record, saved, metric)
        if cuts:
            yield f"slices{own}", figures.slices(cuts, title=title), page.slices(cuts, title=title)
        if field := data.two_parameter_map(record, saved, data.influence(cuts), metric):
            still = figures.two_parameter_map(field, title=title)
            yield f"map{own}", still, page.two_parameter_map(field, title=title)
    if any(metric in saved.config["metrics"] for metric in metrics):
        pairs = data.parities(record, saved)
        title = "Each trial predicted from all the others (leave-one-out)"
        yield "parity", figures.parity(pairs, title=title), page.parity(pairs, title=title)


def _design(record: RunRecord) -> str:
    from designloop.report.data import centre

    best, middle = record.best(), centre(record)
    if best:
        return f"the best measured design (trial {best.index})"
    if record.learns and middle and record.is_feasible(middle):
        return f"the middlemost measured design (trial {middle.index})"
    return "the design nearest to feasible"


def _page(record: RunRecord, interactive: list[Any]) -> str:
    from designloop.report.page import page
    from designloop.report.screen import last_screen

    return page(interactive, title=record.name, text=last_screen(answer(record)))
