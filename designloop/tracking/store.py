"""The tracking store: opened quietly, its faults told as sentences."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from designloop.errors import TrackingError
from designloop.tracking import lock, quiet
from designloop.tracking.names import safe_model

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"
_DATABASES = ("postgresql", "mysql", "mssql")
_KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Else MLflow's pages show the experiment as if it were about language models."""
_UNREACHABLE = (
    "Connection refused", "Max retries exceeded", "Failed to establish", "Connection aborted",
    "Connection reset", "Read timed out", "timed out", "Name or service not known", "RemoteDisconnected",
    "failed with error code 502", "failed with error code 503", "failed with error code 504",
)  # fmt: skip


def check(uri: str) -> str:
    """The URI as given where a store can be there; raises TrackingError with what to write instead."""
    scheme = urlsplit(uri).scheme.split("+")[0]
    if uri.startswith(SQLITE):
        if not Path(uri.removeprefix(SQLITE)).is_absolute():
            raise TrackingError(
                f"tracking uri {uri!r} is relative to no known folder here. Write it with the whole path: "
                f"'sqlite:////home/me/mlflow/mlflow.db' (four slashes)."
            )
    elif scheme not in ("http", "https", *_DATABASES):
        raise TrackingError(
            f"tracking uri {redacted(uri)!r} names no store that MLflow keeps well. Write a file as "
            f"'sqlite:///mlflow/mlflow.db', a server as 'http://server:5000'; MLflow no longer maintains "
            f"plain folders such as './mlruns'."
        )
    return uri


def redacted(uri: str) -> str:
    """The URI without user and password, for messages."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc="***@" + parts.netloc.rpartition("@")[2]))


def artifact_root(uri: str) -> Path | None:
    """Folder of a SQLite store's artifacts, beside the database; None where a server decides."""
    return Path(uri.removeprefix(SQLITE)).parent / "artifacts" if uri.startswith(SQLITE) else None


def open_store(uri: str) -> MlflowClient:
    """A client of the store, created on first use (4 s for SQLite). Raises TrackingError."""
    check(uri)
    quiet.hush()
    from mlflow import MlflowClient

    with speaking(uri):
        root = artifact_root(uri)
        if root is not None:
            _create(uri, root)
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _create(uri: str, root: Path) -> None:
    """Make the database; two runs that start together must not both write its tables."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with lock.holding(root.parent / "mlflow.lock", wait=60, what=f"creating the store {redacted(uri)}"):
        # MLflow would take ./mlruns of whatever folder this is for the artifacts of its default experiment.
        SqlAlchemyStore(uri, root.as_uri())
    quiet.hush()  # alembic's configuration turns its messages on


def experiment(client: MlflowClient, *, name: str, uri: str) -> str:
    """Id of the experiment ``name``, created where it is missing. Raises TrackingError."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        root = artifact_root(uri)
        location = (root / safe_model(name)).as_uri() if root else None
        try:
            return str(client.create_experiment(name, artifact_location=location, tags=_KIND))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)  # another run was quicker
    if found is None or found.lifecycle_stage == "deleted":
        raise TrackingError(
            f"the experiment {name!r} of {redacted(uri)} is in MLflow's trash. Bring it back with "
            f"'mlflow experiments restore --experiment-id {found.experiment_id if found else '...'}', "
            f"or give the campaign another name."
        )
    return str(found.experiment_id)


@contextmanager
def speaking(uri: str) -> Iterator[None]:
    """Turn whatever MLflow, its database and the network raise into a TrackingError."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        raise TrackingError(_sentence(uri, error)) from error


def _sentence(uri: str, error: Exception) -> str:
    said, where = str(error), redacted(uri)
    if "database is locked" in said:
        return (
            f"the tracking store {where} is locked by another program. Nothing is lost: the journal has it "
            f"all; close that program, or wait, then 'designloop sync RUN'."
        )
    if uri.startswith("http") and any(sign in said for sign in _UNREACHABLE):
        return (
            f"the tracking server {where} does not answer. Nothing is lost: the journal has it all; "
            f"when it is up again, 'designloop sync RUN' completes the record."
        )
    if "unable to open database file" in said or isinstance(error, PermissionError):
        return (
            f"the tracking store {where} cannot be opened or written. Check its folder and rights, or set "
            f"'tracking: {{uri: ...}}' to another place."
        )
    if "Detected out-of-date database schema" in said:
        return (
            f"the tracking store {where} was made by another version of MLflow. "
            f"Update it with 'mlflow db upgrade {where}' (keep a copy)."
        )
    first = (said.strip().splitlines() or [repr(error)])[0][:300]
    return f"the tracking store {where} refused: {first}"


def ui_command(uri: str, *, port: int = 5000) -> str:
    """The command that opens MLflow's pages on the store, ready to paste into a shell."""
    if uri.startswith("http"):
        return f"{sys.executable} -m webbrowser {shlex.quote(uri)}"
    root = artifact_root(uri)
    arguments = [
        "env", "MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true",
        sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri,
        *(["--default-artifact-root", root.as_uri()] if root else []),
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
    ]  # fmt: skip
    return shlex.join(arguments)
