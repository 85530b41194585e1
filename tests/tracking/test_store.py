import shlex
from pathlib import Path

import pytest

from designloop.errors import TrackingError
from designloop.tracking import store, ui_command


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("sqlite:///mlflow/mlflow.db", r"is relative to no known folder here.*sqlite:////home"),
        ("./mlruns", r"names no store.*no longer maintains plain folders"),
        ("file:///tmp/mlruns", r"names no store.*Write a file as"),
        ("ftp://me:secret@host/x", r"'ftp://\*\*\*@host/x' names no store"),
    ],
    ids=["relative", "folder", "file", "scheme"],
)
def test_a_wrong_address_gets_a_sentence(uri: str, sentence: str) -> None:
    with pytest.raises(TrackingError, match=sentence):
        store.check(uri)


def test_a_store_that_cannot_be_made_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrackingError, match=r"refused|cannot be opened"):
        store.open_store(f"sqlite:///{tmp_path}/file/mlflow.db")


def test_an_experiment_in_the_trash_gets_a_sentence(uri: str) -> None:
    client = store.open_store(uri)
    client.delete_experiment(store.experiment(client, name="beam", uri=uri))
    with pytest.raises(
        TrackingError, match=r"in MLflow's trash. Bring it back with 'mlflow experiments restore"
    ):
        store.experiment(client, name="beam", uri=uri)


def test_a_locked_database_gets_a_sentence(uri: str) -> None:
    from sqlalchemy.exc import OperationalError

    with (
        pytest.raises(TrackingError, match=r"locked by another.*designloop sync RUN"),
        store.speaking(uri),
    ):
        raise OperationalError("insert", {}, Exception("database is locked"))


def test_artifacts_lie_beside_the_database(uri: str) -> None:
    client = store.open_store(uri)
    identity = store.experiment(client, name="beam", uri=uri)
    folder = Path(uri.removeprefix("sqlite:///")).parent
    assert client.get_experiment(identity).artifact_location == (folder / "artifacts" / "beam").as_uri()


def test_the_ui_command_names_the_store(uri: str) -> None:
    words = shlex.split(ui_command(uri))
    assert words[words.index("--backend-store-uri") + 1] == uri
    assert "MLFLOW_DISABLE_TELEMETRY=true" in words


def test_telemetry_is_off(uri: str) -> None:
    store.open_store(uri)
    from mlflow.telemetry.utils import is_telemetry_disabled

    assert is_telemetry_disabled()
