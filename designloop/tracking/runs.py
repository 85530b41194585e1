"""MLflow runs brought to what they shall hold: looked up before created, written only where they differ."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from designloop.tracking import content
from designloop.tracking.content import Point, RunContent

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PAGE = 1000
T = TypeVar("T")


def find(client: MlflowClient, experiment: str, *, tags: Mapping[str, str]) -> list[Run]:
    """Every run of the experiment that is not deleted and carries all ``tags``, oldest first."""
    oldest = ["attributes.start_time ASC"]
    condition = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    found: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment],
            condition,
            max_results=PAGE,
            page_token=token,
            order_by=oldest,
        )
        found += page
        token = page.token
        if not token:
            return found


def keep_one(client: MlflowClient, runs: Sequence[Run]) -> Run | None:
    """The first of runs that mirror the same thing; the others, made by a lost answer, are deleted."""
    for double in runs[1:]:
        client.delete_run(double.info.run_id)
    return runs[0] if runs else None


def create(client: MlflowClient, experiment: str, wanted: RunContent, *, parent: str | None = None) -> Run:
    """Make the run with its tags, so that it is found again whatever happens next."""
    tags = {**wanted.tags, **({content.PARENT: parent} if parent else {})}
    return client.create_run(experiment, start_time=wanted.started, tags=tags, run_name=wanted.name)


def write(
    client: MlflowClient, run: str, wanted: RunContent, *, mark: bool = True, tagged: bool = False
) -> None:
    """Files, params, metrics, tags and, last, the mark that all of it arrived; then the status.

    ``tagged``: the run was made with its tags a moment ago.
    """
    upload(client, run, wanted.files)
    tags = {} if tagged else dict(wanted.tags)
    if mark:
        tags[content.MIRRORED] = wanted.digest()
    log(client, run, params=wanted.params, points=wanted.points, tags=tags)
    set_status(client, run, wanted)


def set_status(client: MlflowClient, run: str, wanted: RunContent) -> None:
    """Status and end of a run; a run that goes on again loses its end."""
    if wanted.status == "RUNNING":
        client.update_run(run, status="RUNNING")
    else:
        client.set_terminated(run, status=wanted.status, end_time=wanted.ended)


def log(
    client: MlflowClient,
    run: str,
    *,
    params: Mapping[str, str] | None = None,
    points: Sequence[Point] = (),
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log in as few calls as MLflow's limits allow (100 params, 100 tags, 1000 metrics); tags last.

    A metric logged again with the same step, time and value is not doubled by the store.
    """
    from mlflow.entities import Metric, Param, RunTag

    all_params = [Param(k, v) for k, v in (params or {}).items()]
    metrics = [Metric(p.key, p.value, p.time, p.step) for p in points]
    all_tags = [RunTag(k, v) for k, v in (tags or {}).items()]
    if max(len(all_params), len(all_tags)) <= 100 and len(metrics) <= 800:
        client.log_batch(run, metrics=metrics, params=all_params, tags=all_tags)
        return
    for some in chunks(all_params, 100):
        client.log_batch(run, params=some)
    for few in chunks(metrics, 1000):
        client.log_batch(run, metrics=few)
    for part in chunks(all_tags, 100):
        client.log_batch(run, tags=part)


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive pieces of at most ``size`` items."""
    return (items[start : start + size] for start in range(0, len(items), size))


def upload(client: MlflowClient, run: str, files: Mapping[str, Path]) -> None:
    """Copy files to their paths among the run's artifacts, in one call."""
    if not files:
        return
    with tempfile.TemporaryDirectory(prefix="designloop-") as folder:
        for name, path in files.items():
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        client.log_artifacts(run, folder)
