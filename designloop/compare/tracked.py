"""One MLflow run per comparison: what was asked, what came out, figures and tables as artifacts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from designloop.campaign.model import Campaign
from designloop.compare.setup import Setup
from designloop.compare.summary import Summary
from designloop.tracking import content, names, runs, store
from designloop.tracking.content import Point, RunContent

KIND = "comparison"


def log(
    folder: Path, files: Sequence[Path], *, setup: Setup, campaign: Campaign, summary: Summary
) -> str | None:
    """Bring MLflow to what the folder says; the run's id, None under ``tracking: off``.

    The same folder is the same run, written again. Raises TrackingError.
    """
    uri = campaign.tracking_uri
    if uri is None:
        return None
    with store.speaking(uri):
        client = store.open_store(uri)
        experiment = store.experiment(client, name=campaign.name, uri=uri)
        wanted = _content(folder, files, setup, summary)
        tags = {content.RUN: folder.name, content.KIND: KIND}
        run = runs.keep_one(client, runs.find(client, experiment, tags=tags))
        if run is None:
            run = runs.create(client, experiment, wanted)
        elif run.data.tags.get("designloop.result") == wanted.tags["designloop.result"]:
            return str(run.info.run_id)
        # A param once written cannot change; strategies and repeats may be added later, and are tags.
        new = {k: v for k, v in wanted.params.items() if k not in run.data.params}
        runs.upload(client, run.info.run_id, wanted.files)
        runs.log(client, run.info.run_id, params=new, points=wanted.points, tags=wanted.tags)
        runs.set_status(client, run.info.run_id, wanted)
        return str(run.info.run_id)


def _content(folder: Path, files: Sequence[Path], setup: Setup, summary: Summary) -> RunContent:
    now = content.milliseconds(time.time())
    points = [
        Point(key=names.safe(f"{key}/{label}"), value=value, time=now, step=0)
        for label, one in summary.to_json()["strategies"].items()
        for key, value in _numbers(one).items()
    ]
    points += [
        Point(key=names.safe(f"{part}/{v.strategy}"), value=value, time=now, step=0)
        for v in summary.verdicts
        for part, value in (("ratio", v.ratio), ("ratio_low", v.low), ("ratio_high", v.high))
        if value is not None
    ]
    params = {
        "trials": str(setup.trials), "initial": " + ".join(f"{n} {g}" for g, n in setup.initial) or "0",
        "source": "table" if setup.table else "oracle", "replacement": str(setup.replacement),
        "resample": str(setup.resample), "noise": setup.noise or "0",
        "learn": ", ".join(setup.learn) or "nothing: optimized",
    }  # fmt: skip
    repeats = len(summary.measured[0].repeats)
    tags = {
        content.RUN: folder.name, content.KIND: KIND, content.NOTE: f"```\n{summary.text()}\n```",
        "strategies": ", ".join(m.label for m in summary.measured), "repeats": str(repeats),
        "advice": summary.advice, **{names.safe(f"verdict.{v.strategy}"): v.text for v in summary.verdicts},
    }  # fmt: skip
    whole = RunContent(
        name=f"comparison {folder.name}", status="FINISHED", started=now, ended=now, params=params, tags=tags
    )
    tags["designloop.result"] = whole.digest()
    return RunContent(
        name=whole.name, status="FINISHED", started=now, ended=now, params=params, tags=tags,
        points=tuple(points), files={path.relative_to(folder).as_posix(): path for path in files},
    )  # fmt: skip


def _numbers(one: Mapping[str, Any], lead: str = "") -> dict[str, float]:
    """Numbers of a nested mapping by path; lists are figures' business."""
    found: dict[str, float] = {}
    for key, value in one.items():
        if isinstance(value, Mapping):
            found |= _numbers(value, f"{lead}{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{lead}{key}"] = float(value)
    return found
