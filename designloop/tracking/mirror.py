"""The mirror of one run: whatever MLflow holds is brought to what the run directory says."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from designloop import journal
from designloop.errors import TrackingError
from designloop.record import Attempt, RunRecord, TrialRecord, read
from designloop.tracking import content, lock, overview, store
from designloop.tracking.content import Point, RunContent

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

LOCK = "mirror.lock"
STEPS = "designloop.steps"
"""How many records' step metrics the parent run holds."""
TABLE_TAG = "mlflow.loggedArtifacts"


@dataclass(frozen=True, kw_only=True)
class MirrorReport:
    """What one pass did; ``uri`` is None where the campaign tracks nowhere."""

    uri: str | None
    run_id: str | None = None
    experiment_id: str | None = None
    created: int = 0
    """Runs and models made now."""
    written: int = 0
    """Runs and models that were there but differed."""
    trials: int = 0
    """Child runs as MLflow holds them after the pass."""
    models: int = 0


class Mirror:
    """Brings MLflow to the record, pass after pass; what it remembers may be dropped at any time."""

    def __init__(self, directory: Path, uri: str) -> None:
        self.directory, self.uri = directory, uri
        self.forget()

    def forget(self) -> None:
        """Drop what is remembered of the store: the next pass looks everything up."""
        self._client: MlflowClient | None = None
        self._experiment = ""
        self._parent: Run | None = None
        self._parent_digest = ""
        self._children: dict[tuple[str, str], tuple[str, str, str]] = {}
        self._steps: overview.Steps | None = None
        self._record: RunRecord | None = None
        self._changes, self._revisions = 0, 0
        self._models: dict[str, LoggedModel] = {}
        self._linked: set[str] = set()
        self._files: dict[str, tuple[int, int]] = {}
        self._template: object = None
        self._finished = ""

    def push(self, record: RunRecord, *, live: bool) -> MirrorReport:
        """One pass. ``live``: the loop runs now. Raises TrackingError; what was written stays good."""
        self._count = {"created": 0, "written": 0}
        try:
            with store.speaking(self.uri):
                return self._push(record, live=live)
        except TrackingError:
            self.forget()
            raise

    def _push(self, record: RunRecord, *, live: bool) -> MirrorReport:
        client = self._open(record)
        wanted = overview.parent_content(record, live=live)
        parent = self._find_parent(client, record, wanted)
        self._push_trials(client, record, parent, live=live)
        self._push_models(client, record, parent)
        self._push_parent(client, record, parent, wanted)
        return MirrorReport(
            uri=self.uri, run_id=parent, experiment_id=self._experiment, **self._count,
            trials=len(self._children), models=len(self._models),
        )  # fmt: skip

    def _open(self, record: RunRecord) -> MlflowClient:
        if self._client is None:
            client = store.open_store(self.uri)
            self._experiment = store.experiment(client, name=record.campaign["name"], uri=self.uri)
            self._client = client
        return self._client

    def _find_parent(self, client: MlflowClient, record: RunRecord, wanted: RunContent) -> str:
        from designloop.tracking import models, runs

        if self._parent is None:
            tags = {content.RUN: record.name, content.KIND: "campaign"}
            run = runs.keep_one(client, runs.find(client, self._experiment, tags=tags))
            if run is None:
                run = runs.create(client, self._experiment, wanted)
                self._count["created"] += 1
            else:
                self._look_up(client, run)
                self._models = models.find(client, self._experiment, record)
                self._linked = {o.model_id for o in run.outputs.model_outputs}
            self._parent = run
        return str(self._parent.info.run_id)

    def _look_up(self, client: MlflowClient, parent: Run) -> None:
        from designloop.tracking import runs

        children: dict[tuple[str, str], list[Run]] = {}
        for run in runs.find(client, self._experiment, tags={content.PARENT: parent.info.run_id}):
            key = (run.data.tags.get(content.TRIAL, ""), run.data.tags.get(content.ATTEMPT, ""))
            children.setdefault(key, []).append(run)
        for key, found in children.items():
            run = runs.keep_one(client, found)
            assert run is not None
            self._children[key] = (
                run.info.run_id, run.data.tags.get(content.MIRRORED, ""), run.info.status
            )  # fmt: skip

    def _push_trials(self, client: MlflowClient, record: RunRecord, parent: str, *, live: bool) -> None:
        for index in self._touched(record):
            trial = record.trials[index]
            for attempt in content.shown(trial):
                self._push_trial(client, record, trial, attempt, parent, live=live)
        self._record, self._revisions = record, len(record.revisions)
        self._changes = len(record.tally.changed)

    def _touched(self, record: RunRecord) -> list[int]:
        """Trials that records told of since the last pass, and open ones, which may have been given up."""
        if record is not self._record or self._revisions != len(record.revisions):
            self._changes = 0
        return sorted({*record.tally.changed[self._changes :], *record.tally.open})

    def _push_trial(
        self, client: MlflowClient, record: RunRecord, trial: TrialRecord, attempt: Attempt,
        parent: str, *, live: bool,
    ) -> None:  # fmt: skip
        from designloop.tracking import runs

        wanted = content.trial_content(record, trial, attempt, live=live)
        key, digest = (str(trial.index), wanted.tags[content.ATTEMPT]), wanted.digest()
        identity, known, status = self._children.get(key, ("", "", ""))
        if known == digest and status == wanted.status:
            return
        is_new = not identity
        if is_new:
            run = runs.create(client, self._experiment, wanted, parent=parent)
            identity = run.info.run_id
            self._children[key] = (identity, "", "RUNNING")
            self._count["created"] += 1
        else:
            self._count["written"] += 1
        runs.write(client, identity, wanted, tagged=is_new)
        self._children[key] = (identity, digest, wanted.status)

    def _push_models(self, client: MlflowClient, record: RunRecord, parent: str) -> None:
        from designloop.tracking import finish, models

        fits = models.fits(record, ended=record.status != "running")
        template = self._template if isinstance(self._template, models.Template) else models.Template()
        self._template = template
        for fit in fits:
            model = self._models.get(fit.path)
            if model is not None and str(model.status) == "READY" and model.model_id in self._linked:
                continue
            if model is None:
                model = models.create(client, self._experiment, record, fit, parent=parent)
                self._models[fit.path] = model
                self._count["created"] += 1
            models.complete(client, record, template=template, fit=fit, model=model, run=parent)
            self._models[fit.path] = client.get_logged_model(model.model_id)
            self._linked.add(model.model_id)
        if record.status == "finished" and fits:
            last = finish.last_fit(record, fits).path
            if self._finished != last:
                finish.log_training_set(client, record, run=parent, path=last)
                finish.promote(client, record, self._models[last])
                self._finished = last

    def _push_parent(self, client: MlflowClient, record: RunRecord, parent: str, wanted: RunContent) -> None:
        from designloop.tracking import runs

        assert self._parent is not None
        points = self._new_points(record)
        with tempfile.TemporaryDirectory(prefix="designloop-") as folder:
            files = self._new_files(record, Path(folder))
            runs.upload(client, parent, files)
        digest = f"{wanted.digest()} {wanted.status}"
        changed = digest != self._parent_digest
        if changed and self._parent_digest == "":
            present = self._parent
            changed = (
                present.info.status != wanted.status
                or any(present.data.tags.get(k) != v for k, v in wanted.tags.items())
                or not wanted.params.keys() <= present.data.params.keys()
            )
        if changed or points or files:
            tags = {**wanted.tags, TABLE_TAG: json.dumps([{"path": "trials.json", "type": "table"}])}
            # A param once written cannot change, whatever a later version would write.
            params = {k: v for k, v in wanted.params.items() if k not in self._parent.data.params}
            told = {STEPS: self._steps.told} if self._steps else {}
            runs.log(
                client, parent, points=points, params=params if changed else {},
                tags={**(tags if changed else {}), **told},
            )  # fmt: skip
        if changed:
            runs.set_status(client, parent, wanted)
        self._parent_digest = digest

    def _new_points(self, record: RunRecord) -> list[Point]:
        """Step metrics that are not in the store yet."""
        assert self._parent is not None
        if self._steps is None or not self._steps.fits(record):
            self._steps = overview.Steps(record)
            self._steps.skip(self._parent.data.tags.get(STEPS, ""))
        return self._steps.new()

    def _new_files(self, record: RunRecord, folder: Path) -> dict[str, Path]:
        """The campaign's files that changed since they were last uploaded by this process."""
        written = {"environment.json": json.dumps(record.campaign.get("environment") or {}, indent=1)}
        for revision in record.revisions:
            last = revision is record.campaign
            written["campaign.yaml" if last else f"campaign.revision-{revision['revision']}.yaml"] = revision[
                "yaml"
            ]
        ended = record.status != "running"
        settled = len(record.trials) - len(record.tally.open)
        if ended or settled >= 2 * self._files.get("trials.json", (0, 0))[1]:
            written["trials.json"] = overview.trial_table(record)
        files: dict[str, Path] = {}
        for name, text in written.items():
            stamp = (hash(text), settled if name == "trials.json" else 0)
            if self._files.get(name, (0, 0))[0] != stamp[0]:
                self._files[name] = stamp
                files[name] = folder / name
                files[name].write_text(text)
        if ended:
            files |= self._finished_files(record)
        return files

    def _finished_files(self, record: RunRecord) -> dict[str, Path]:
        figures = sorted(p for p in (record.directory / "figures").rglob("*") if p.is_file())
        taught = [record.directory / lesson["path"] for lesson in record.lessons]
        found = [p for p in (record.directory / "trials.csv", *figures, *taught) if p.is_file()]
        files = {p.relative_to(record.directory).as_posix(): p for p in found}
        stamps = {n: (p.stat().st_mtime_ns, p.stat().st_size) for n, p in files.items()}
        new = {n: p for n, p in files.items() if self._files.get(n) != stamps[n]}
        self._files |= stamps
        return new


def uri_of(record: RunRecord) -> str | None:
    """Where the campaign is tracked; None: nowhere."""
    return (record.campaign.get("tracking") or {}).get("uri") or None


def sync(run_dir: Path | str, *, uri: str | None = None) -> MirrorReport:
    """Bring MLflow to what the run directory says; twice does no more than once.

    ``uri`` overrides the campaign's. Raises TrackingError where the store cannot be used, or where
    the run's own mirror is at work for more than a minute, and RunError where there is no run.
    """
    directory = Path(run_dir).resolve()
    record = read(directory)
    where = uri or uri_of(record)
    if where is None:
        return MirrorReport(uri=None)
    with lock.holding(directory / LOCK, wait=60, what="the mirror of this run"):
        live = lock.is_held(directory / journal.FILE)
        report = Mirror(directory, where).push(read(directory), live=live)
    return replace(report, uri=where)
