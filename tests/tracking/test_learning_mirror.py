"""Learning runs in a real store: the committee as a served model, and whether it is registered."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learning_factory import EASY, FREQUENCY, LearningFactory
from run_factory import METRIC, design, space

from designloop.learning import gp, models
from designloop.learning.saved import SavedModel
from designloop.tracking import content, registration, runs, store, sync

WISH = {"name": "film scatter", "alias": "trusted", "if_reached": True}


def committee(values: list[tuple[int, dict[str, float], dict[str, float]]]) -> SavedModel:
    """Three small networks that learn the logarithms of both metrics."""
    from designloop.learning.committees import CommitteeSpec, Labels, fit_committee
    from designloop.learning.committees.saved import pack_committee
    from designloop.learning.transforms import MetricTransform

    room, metrics = space(), (METRIC, FREQUENCY)
    y = np.log([[truth[m] for m in metrics] for _, _, truth in values])
    transforms = [
        MetricTransform(kind="log", mean=float(column.mean()), sd=float(column.std())) for column in y.T
    ]
    labels = Labels(
        unit=np.asarray(room.to_unit([d for _, d, _ in values]), dtype=float),
        z=(y - y.mean(0)) / y.std(0),
        noise=np.full_like(y, np.nan),
    )
    spec = CommitteeSpec(kind="networks", members=3, hidden=(6,), iterations=30)
    fitted = fit_committee(spec, labels, encoder=gp.encoder_of(room), seed=1)
    trials = [trial for trial, _, _ in values]
    return pack_committee(fitted, space=room, metrics=metrics, transforms=transforms, trials=trials)


def parent(uri: str) -> Any:
    client = store.open_store(uri)
    experiment = client.get_experiment_by_name("beam").experiment_id
    (run,) = runs.find(client, experiment, tags={content.KIND: "campaign"})
    return run


def test_a_committee_is_served_under_the_name_and_alias_that_were_asked_for(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow
    import pandas as pd

    monkeypatch.setattr("learning_factory.saved_model", committee)
    monkeypatch.setattr(registration, "is_reached", lambda _: True)
    factory = LearningFactory(tmp_path, aims=EASY, uri=uri, register=WISH).run(11)
    directory = factory.ends("the goal is reached").close()
    assert sync(directory).models == 2
    asked = {name: float(value) for name, value in design(50).items()}
    (last,) = sorted((directory / "models").iterdir())[-1:]
    expected = models.predict(SavedModel.load(last), [asked])
    mlflow.set_tracking_uri(uri)
    try:
        served = mlflow.pyfunc.load_model("models:/film scatter@trusted")
    finally:
        mlflow.set_tracking_uri(None)
    answers = served.predict(pd.DataFrame([asked]))
    for metric in (METRIC, FREQUENCY):
        mean, sd = (float(v[0]) for v in expected[metric])
        assert answers[f"{metric}_mean"][0] == pytest.approx(mean)
        assert answers[f"{metric}_sd"][0] == pytest.approx(sd)
    assert parent(uri).data.tags["goal"] == "reached"


def test_an_unreached_goal_registers_nothing_and_says_so(tmp_path: Path, uri: str) -> None:
    factory = LearningFactory(tmp_path, uri=uri, register=WISH).run(11)
    sync(factory.ends("all 11 trials are done").close())
    assert store.open_store(uri).search_registered_models() == []
    top = parent(uri)
    assert (top.data.tags["goal"], top.data.tags["registered"]) == (
        "not reached",
        "no: the goal was not reached",
    )
    assert top.data.metrics["gate/state"] == 1.0
    history = store.open_store(uri).get_metric_history(top.info.run_id, f"learning/{METRIC}.ratio")
    assert [m.step for m in history] == [10, 11]
