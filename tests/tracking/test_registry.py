"""Models into the registry and out again: by alias, version and id, with sentences for what is not there."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from run_factory import BASELINE, METRIC, Factory
from support.surrogates import designs, packed_gp

from designloop.discovery import find
from designloop.errors import OracleError
from designloop.learning import models
from designloop.learning.packed import Packed
from designloop.oracle import Context
from designloop.tracking import packing, registry, store, sync

OTHER = {"summary": "Another model."}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def ask(name: str, uri: str, **more: Any) -> Any:
    return find(name, folder=Path(), options={"uri": uri}, **more)


def test_a_registered_file_comes_back_byte_for_byte_by_every_name(tmp_path: Path, uri: str) -> None:
    packed = packed_gp()
    assert packing.register(packed, name="film", alias="champion", uri=uri) == "1"
    (model,) = store.open_store(uri).search_logged_models(
        [store.open_store(uri).get_experiment_by_name("film").experiment_id]
    )
    for name in ("models:/film@champion", "models:/film/1", f"models:/{model.model_id}"):
        shutil.rmtree(registry.cache(), ignore_errors=True)
        assert registry.download(name, uri=uri).read_bytes() == packed.content


def test_the_same_content_is_registered_once(uri: str) -> None:
    for _ in range(2):
        assert packing.register(packed_gp(), name="film", alias="champion", uri=uri) == "1"
    assert packing.register(packed_gp(**OTHER), name="film", alias="champion", uri=uri) == "2"
    assert packing.register(packed_gp(), name="film", alias="champion", uri=uri) == "1"
    client = store.open_store(uri)
    assert len(client.search_model_versions("name='film'")) == 2
    assert client.get_registered_model("film").aliases == {"champion": 1}


def test_a_run_goes_on_with_its_version_when_the_alias_moves(uri: str) -> None:
    packing.register(packed_gp(), name="film", uri=uri)
    began = ask("models:/film@champion", uri).declaration.version
    packing.register(packed_gp(**OTHER), name="film", uri=uri)
    assert ask("models:/film@champion", uri).declaration.version != began
    assert ask("models:/film@champion", uri, version=began).declaration.version == began
    shutil.rmtree(registry.cache())
    assert ask("models:/film@champion", uri, version=began).declaration.version == began


def test_a_version_in_the_cache_needs_no_server(uri: str) -> None:
    packing.register(packed_gp(), name="film", uri=uri)
    began = ask("models:/film@champion", uri).declaration.version
    gone = "http://127.0.0.1:9"
    assert ask("models:/film@champion", gone, version=began).declaration.version == began


def test_a_version_that_is_nowhere_any_more_is_refused(uri: str) -> None:
    packing.register(packed_gp(), name="film", uri=uri)
    with pytest.raises(OracleError, match="the run began with 0123456789ab"):
        ask("models:/film@champion", uri, version="0123456789ab")


def test_asking_the_registry_is_said_in_one_line(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    packing.register(packed_gp(), name="film", uri=uri)
    capsys.readouterr()
    ask("models:/film@champion", uri)
    assert capsys.readouterr().err == f"designloop: models:/film@champion: asking the registry {uri}\n"


def test_a_registered_model_answers_as_an_oracle(uri: str) -> None:
    packing.register(packed_gp(), name="film", uri=uri)
    (asked,) = designs(1, seed=5)
    found = ask("models:/film@champion", uri).evaluate(asked, Context()).metrics["E_mean"]
    assert found.value == pytest.approx(float(models.predict(packed_gp().saved, [asked])["E_mean"][0][0]))


def test_the_model_of_a_finished_run_is_an_oracle(tmp_path: Path, uri: str) -> None:
    directory = Factory(tmp_path, uri=uri).run(8).finish().close()
    sync(directory)
    oracle = ask("models:/beam@champion", uri)
    assert oracle.declaration.labels == ("calibrated", "modelled")
    (last,) = sorted((directory / "models").iterdir())[-1:]
    packed = Packed.load(registry.download("models:/beam@champion", uri=uri))
    saved = packed.saved
    expected = models.predict(saved, [BASELINE])[METRIC]
    assert oracle.evaluate(BASELINE, Context()).metrics[METRIC].value == pytest.approx(float(expected[0][0]))
    assert packing.register(packed, name="beam", uri=uri) == "1"
    assert saved.config["models"] == __import__("json").loads((last / "model.json").read_text())["models"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("models:/fild@champion", r"no model 'fild' is registered\. Did you mean 'film'\?"),
        ("models:/zzzzzz/1", r"no model 'zzzzzz' is registered\. Registered are: film"),
        ("models:/film@trusted", r"'film' has no alias 'trusted'\. There is film@champion, film/1"),
        ("models:/film/7", r"'film' has no version 7\. There is film@champion, film/1"),
        ("models:/m-" + "0" * 32, "the registry knows no model of this id"),
        ("models:/film", r"names no model of a registry\. Write models:/NAME@champion"),
        ("models:/film/latest", r"names no model of a registry\. Write models:/NAME@champion"),
    ],
)
def test_what_is_not_registered_is_refused_with_what_is(name: str, sentence: str, uri: str) -> None:
    packing.register(packed_gp(), name="film", uri=uri)
    with pytest.raises(OracleError, match=sentence):
        ask(name, uri)


def test_an_unreachable_server_is_one_sentence_with_a_way_out() -> None:
    with pytest.raises(
        OracleError, match=r"registry http://127\.0\.0\.1:9 cannot be asked .*\./NAME\.dlmodel"
    ):
        ask("models:/film@champion", "http://127.0.0.1:9")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(OracleError, match="there is no tracking store"):
        ask("models:/film@champion", f"sqlite:///{tmp_path}/none/mlflow.db")
    assert not (tmp_path / "none").exists()


def test_a_uri_that_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OracleError, match="names no store that MLflow keeps well"):
        ask("models:/film@champion", f"{tmp_path}/mlruns")


def test_another_option_is_refused(uri: str) -> None:
    with pytest.raises(OracleError, match="takes the option uri only; remove 'url'"):
        find("models:/film@champion", folder=Path(), options={"url": uri})


def test_a_name_that_mlflow_does_not_take_is_refused(uri: str) -> None:
    with pytest.raises(OracleError, match="Write --as 'film_2'"):
        packing.register(packed_gp(), name="film/2", uri=uri)


def test_a_model_of_another_program_is_refused(tmp_path: Path, uri: str) -> None:
    client = store.open_store(uri)
    experiment = store.experiment(client, name="theirs", uri=uri)
    model = client.create_logged_model(experiment, name="theirs")
    (tmp_path / "m" / "artifacts" / "model").mkdir(parents=True)
    (tmp_path / "m" / "artifacts" / "model" / "x.txt").write_text("theirs")
    client.log_model_artifacts(model.model_id, str(tmp_path / "m"))
    client.finalize_logged_model(model.model_id, "READY")
    with pytest.raises(OracleError, match="the model has no card"):
        ask(f"models:/{model.model_id}", uri)


def test_the_store_is_the_option_the_environment_or_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESIGNLOOP_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert registry.store_uri() == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://team:5000")
    assert registry.store_uri() == "http://team:5000"
    assert registry.store_uri("http://mine:5000") == "http://mine:5000"
