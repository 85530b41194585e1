import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from run_factory import BASELINE, METRIC, NAME, Factory, evaluate

from designloop.errors import TrackingError
from designloop.record import Reader, read
from designloop.tracking import content, finish, mirror, models, registration, runs, store, sync


def everything(uri: str) -> list[Any]:
    """All that the store holds, in a form that compares."""
    client = store.open_store(uri)
    experiment = client.get_experiment_by_name("beam").experiment_id
    found: list[Any] = []
    for run in runs.find(client, experiment, tags={content.RUN: NAME}):
        points = {
            key: [(m.step, m.timestamp, m.value) for m in client.get_metric_history(run.info.run_id, key)]
            for key in run.data.metrics
        }
        found.append((
            run.info.run_id, run.info.status, run.info.end_time, run.data.params, run.data.tags, points,
            [o.model_id for o in run.outputs.model_outputs], len(run.inputs.dataset_inputs),
        ))  # fmt: skip
    logged = client.search_logged_models([experiment])
    found += sorted((m.model_id, str(m.status), m.tags["designloop.model"]) for m in logged)
    found += [(v.name, v.version, v.tags) for v in client.search_model_versions()]
    found += [(m.name, m.aliases) for m in client.search_registered_models()]
    return found


def children(uri: str) -> dict[int, Any]:
    client = store.open_store(uri)
    experiment = client.get_experiment_by_name("beam").experiment_id
    found = runs.find(client, experiment, tags={content.KIND: "trial"})
    return {int(r.data.tags[content.TRIAL]): r for r in found}


def parent(uri: str) -> Any:
    client = store.open_store(uri)
    experiment = client.get_experiment_by_name("beam").experiment_id
    (run,) = runs.find(client, experiment, tags={content.KIND: "campaign"})
    return run


def test_every_iteration_can_be_read_back(tmp_path: Path, uri: str) -> None:
    factory = Factory(tmp_path, uri=uri).run(7)
    factory.finish(screen="best: trial 1")
    report = sync(factory.close())
    assert (report.trials, report.models) == (7, 2)
    top, trials = parent(uri), children(uri)
    client = store.open_store(uri)

    truth = evaluate({k: float(v) for k, v in trials[6].data.params.items()})
    metrics, tags = trials[6].data.metrics, trials[6].data.tags
    assert metrics[METRIC] == pytest.approx(truth[METRIC])
    assert metrics[f"predicted/{METRIC}.mean"] == pytest.approx(1.05 * truth[METRIC])
    assert (metrics["acquisition"], metrics["probability_of_feasibility"]) == (1.25, 0.9)
    assert (tags["generator"], tags[content.MODEL], tags["label.calibrated"]) == (
        "gp_ucb",
        "models/0006",
        "yes",
    )
    assert (tags["unit.beam_length"], tags[f"unit.{METRIC}"]) == ("um", "nT/sqrt(Hz)")
    assert tags[content.PARENT] == top.info.run_id

    assert top.info.status == "FINISHED"
    assert (top.data.params["seed"], top.data.params["strategy.kappa"]) == ("7", "1.96")
    assert "best: trial 1" in top.data.tags[content.NOTE]
    predicted = client.get_metric_history(top.info.run_id, f"predicted/{METRIC}.mean")
    outcome = client.get_metric_history(top.info.run_id, f"value/{METRIC}")
    assert [m.step for m in predicted] == [5, 6]
    assert predicted[1].timestamp < next(m.timestamp for m in outcome if m.step == 6)
    assert {"seconds/fit", "seconds/oracle", f"best/{METRIC}", f"calibration/{METRIC}.z"} <= set(
        top.data.metrics
    )

    logged = client.search_logged_models([top.info.experiment_id])
    assert {m.tags["step"] for m in logged} == {"5", "6"}
    assert {o.model_id for o in top.outputs.model_outputs} == {m.model_id for m in logged}
    names = {f.path for f in client.list_artifacts(top.info.run_id)}
    assert {"campaign.yaml", "environment.json", "trials.csv", "trials.json", "figures"} <= names


def test_syncing_twice_changes_nothing(tmp_path: Path, uri: str) -> None:
    directory = Factory(tmp_path, uri=uri).run(7).finish().close()
    sync(directory)
    before = everything(uri)
    again = sync(directory)
    assert (again.created, again.written) == (0, 0)
    assert everything(uri) == before


def test_syncing_a_growing_run_equals_syncing_it_once(tmp_path: Path, uri: str) -> None:
    factory = Factory(tmp_path, uri=uri)
    for _ in range(3):
        factory.run(2)
        sync(factory.directory)
    directory = factory.finish().close()
    sync(directory)
    trials = children(uri)
    assert sorted(trials) == list(range(6))
    client, top = store.open_store(uri), parent(uri)
    assert top.info.status == "FINISHED"
    for key in top.data.metrics:
        history = client.get_metric_history(top.info.run_id, key)
        assert len({m.step for m in history}) == len(history), key


def test_a_pass_looks_at_what_is_new_only(tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that ten thousand trials cost no more each than ten."""
    factory = Factory(tmp_path, uri=uri, fits=False).run(6)
    looked: list[int] = []
    told: list[tuple[str, int]] = []
    contents, logged = content.trial_content, runs.log

    def looking(record: Any, trial: Any, *rest: Any, **more: Any) -> Any:
        looked.append(trial.index)
        return contents(record, trial, *rest, **more)

    def logging(client: Any, run: str, **what: Any) -> None:
        if run == parent(uri).info.run_id:
            told.extend((p.key, p.step) for p in what.get("points", ()))
        logged(client, run, **what)

    monkeypatch.setattr(content, "trial_content", looking)
    monkeypatch.setattr(runs, "log", logging)
    reader = Reader(factory.directory)
    follower = mirror.Mirror(factory.directory, uri)
    follower.push(reader.read(), live=True)
    assert looked == [0, 1, 2, 3, 4, 5]
    looked.clear()
    factory.run(1)
    follower.push(reader.read(), live=True)
    assert looked == [6]
    assert ("seconds/oracle", 6) in told
    factory.run(1).finish()
    sync(factory.close())
    assert len(told) == len(set(told)), "another process logs no step metric again"
    assert {step for key, step in told if key == "seconds/oracle"} == set(range(8))


def test_a_mirror_that_began_before_the_first_trial_keeps_every_model(tmp_path: Path, uri: str) -> None:
    factory = Factory(tmp_path, uri=uri, baseline=None)
    beside = mirror.Mirror(factory.directory, uri)
    assert beside.push(read(factory.directory), live=True).trials == 0
    factory.run(7)
    report = beside.push(read(factory.directory), live=True)
    assert (report.trials, report.models) == (7, 2)


CALLS = (
    "create_run", "log_batch", "log_artifacts", "set_terminated", "create_logged_model",
    "log_model_artifacts", "finalize_logged_model", "log_outputs", "log_inputs", "create_registered_model",
    "create_model_version", "set_registered_model_alias", "set_model_version_tag",
)  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_a_lost_answer_doubles_nothing(
    tmp_path: Path, uri: str, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store did what was asked, but its answer never came back."""
    from mlflow import MlflowClient

    directory = Factory(tmp_path, uri=uri).run(6).finish().close()
    real, lost = getattr(MlflowClient, call), []

    def deaf(*args: Any, **kwargs: Any) -> Any:
        answer = real(*args, **kwargs)
        if not lost:
            lost.append(call)
            raise ConnectionError("Connection reset by peer")
        return answer

    monkeypatch.setattr(MlflowClient, call, deaf)
    with pytest.raises(TrackingError, match="refused: Connection reset by peer"):
        sync(directory)
    sync(directory)
    assert sorted(children(uri)) == list(range(6))
    logged = [entry for entry in everything(uri) if str(entry[0]).startswith("m-")]
    assert [entry[1:] for entry in logged] == [("READY", "models/0005")]
    top = parent(uri)
    assert (len(top.outputs.model_outputs), len(top.inputs.dataset_inputs)) == (1, 1)
    registry = store.open_store(uri)
    assert len(registry.search_model_versions("name='beam'")) == 1
    assert registry.get_model_version_by_alias("beam", "champion").tags[finish.PROMOTED] == "yes"
    assert {c.info.status for c in children(uri).values()} == {"FINISHED", "FAILED"}
    assert sync(directory).created == 0


def test_a_wrong_status_and_a_double_are_repaired(tmp_path: Path, uri: str) -> None:
    directory = Factory(tmp_path, uri=uri, fits=False).run(4).close()
    sync(directory)
    client, trials = store.open_store(uri), children(uri)
    client.set_terminated(trials[0].info.run_id, "FAILED")
    client.delete_run(trials[1].info.run_id)
    tags = {k: v for k, v in trials[2].data.tags.items() if k != content.MIRRORED}
    client.create_run(trials[2].info.experiment_id, tags=tags, start_time=trials[2].info.start_time + 5)
    sync(directory)
    found = children(uri)
    assert sorted(found) == [0, 1, 2, 3]
    assert found[0].info.status == "FINISHED"
    assert found[2].info.run_id == trials[2].info.run_id


def test_a_lost_store_is_rebuilt_from_the_run_directory(tmp_path: Path, uri: str, empty_store: Path) -> None:
    directory = Factory(tmp_path, uri=uri).run(6).finish().close()
    sync(directory)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mlflow.db").write_bytes(empty_store.read_bytes())
    rebuilt = sync(directory, uri=f"sqlite:///{other}/mlflow.db")
    assert (rebuilt.created, rebuilt.trials, rebuilt.models) == (8, 6, 1)


def test_artifacts_of_a_trial_arrive(tmp_path: Path, uri: str) -> None:
    factory = Factory(tmp_path, uri=uri, fits=False)
    factory.trial(artifact="mode 1: 45 kHz")
    sync(factory.close())
    client = store.open_store(uri)
    path = client.download_artifacts(children(uri)[0].info.run_id, "mode.txt", str(tmp_path))
    assert Path(path).read_text() == "mode 1: 45 kHz"


def test_a_file_too_large_stays_at_home_and_is_named(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "LARGEST_FILE", 3)
    factory = Factory(tmp_path, uri=uri, fits=False)
    factory.trial(artifact="four")
    sync(factory.close())
    run = children(uri)[0]
    assert run.data.tags["artifacts.left_out"] == "mode.txt"
    assert store.open_store(uri).list_artifacts(run.info.run_id) == []


def test_the_champion_predicts_in_the_campaign_units_without_pickles(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow
    import pandas as pd

    sync(Factory(tmp_path, uri=uri).run(8).finish().close())
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    mlflow.set_tracking_uri(uri)
    try:
        model = mlflow.pyfunc.load_model("models:/beam@champion")
    finally:
        mlflow.set_tracking_uri(None)
    answer = model.predict(pd.DataFrame([BASELINE]))
    truth = evaluate(BASELINE)
    assert answer[f"{METRIC}_mean"][0] == pytest.approx(truth[METRIC], rel=0.02)
    assert 0 < answer[f"{METRIC}_sd"][0] < 0.1 * truth[METRIC]
    assert [c.name for c in model.metadata.signature.inputs] == list(BASELINE)
    assert model.metadata.metadata["units"]["beam_length"] == "um"
    assert list(model.input_example.columns) == list(BASELINE)
    assert (
        "designloop"
        in (Path(model._model_meta.artifact_path.removeprefix("file://")) / "requirements.txt").read_text()
    )


def test_no_path_or_host_of_this_machine_enters_a_model(tmp_path: Path, uri: str) -> None:
    sync(Factory(tmp_path, uri=uri).run(6).finish().close())
    (described,) = (tmp_path / "mlflow" / "artifacts").rglob("MLmodel")
    lines = [line for line in described.read_text().splitlines() if not line.startswith("artifact_path:")]
    assert "/tmp" not in "\n".join(lines)
    assert str(Path(models.__file__).parent) not in "\n".join(lines)


def test_an_old_run_does_not_take_the_champion_back(tmp_path: Path, uri: str) -> None:
    old = Factory(tmp_path, uri=uri).run(6).finish().close()
    sync(old)
    sync(Factory(tmp_path, uri=uri, name="beam-20261123T030000-ffff").run(6).finish().close())
    sync(old)
    client = store.open_store(uri)
    version = client.get_model_version_by_alias("beam", registration.CHAMPION)
    assert version.tags[content.RUN] == "beam-20261123T030000-ffff"
    assert len(client.search_model_versions("name='beam'")) == 2


def test_an_unfinished_run_has_no_champion(tmp_path: Path, uri: str) -> None:
    sync(Factory(tmp_path, uri=uri).run(6).close())
    assert store.open_store(uri).search_registered_models() == []


def test_a_campaign_without_tracking_is_left_alone(tmp_path: Path) -> None:
    assert sync(Factory(tmp_path, uri=None, fits=False).run(1).close()) == mirror.MirrorReport(uri=None)


def test_the_working_directory_stays_clean(tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    sync(Factory(tmp_path, uri=uri).run(6).finish().close())
    assert list(empty.iterdir()) == []


def test_the_trials_table_reads_as_mlflow_expects(tmp_path: Path, uri: str) -> None:
    directory = Factory(tmp_path, uri=uri, fits=False).run(3).finish().close()
    sync(directory)
    path = store.open_store(uri).download_artifacts(parent(uri).info.run_id, "trials.json", str(tmp_path))
    table = json.loads(Path(path).read_text())
    assert "beam_length [um]" in table["columns"]
    assert {len(row) for row in table["data"]} == {len(table["columns"])}


def test_names_of_any_spelling_are_mirrored(tmp_path: Path, uri: str) -> None:
    factory = Factory(tmp_path, uri=uri, fits=False, metrics={"√S [nT]": "nT"})
    index = factory.propose({"beam_length": 300.0, "λ": 2.0, "E": 1.0})
    factory.begin(index)
    factory.append(
        "outcome", trial=index, attempt=1, status="completed", metrics={"√S [nT]": {"value": 3.5}},
        reason=None, seconds=0.1, artifacts={},
    )  # fmt: skip
    sync(factory.close())
    run = children(uri)[0]
    assert 3.5 in run.data.metrics.values()
    assert run.data.params[f"_-{hashlib.sha256('λ'.encode()).hexdigest()[:4]}"] == "2.0"
