"""Models of MLflow's registry as files: looked up by alias, version or id, and kept in the user's cache."""

from __future__ import annotations

import difflib
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from designloop.campaign.parts import TrackingSpec
from designloop.campaign.places import absolute_uri
from designloop.errors import OracleError, TrackingError
from designloop.learning.packed import CARD, SUFFIX, Packed
from designloop.oracle import Value
from designloop.tracking import served, store
from designloop.tracking.models import VERSION

if TYPE_CHECKING:
    from mlflow import MlflowClient

REFERENCE = re.compile(
    r"models:/(?:(?P<id>m-[0-9a-f]{32})|(?P<name>[^/@'\"]+)(?:@(?P<alias>[^/@]+)|/(?P<number>[0-9]+)))"
)
HOW = "Write models:/NAME@champion, models:/NAME/3 or models:/m-ID"


def find(
    name: str, *, folder: Path, options: Mapping[str, Value], version: str | None = None
) -> Path:  # fmt: skip
    """The file of the model ``name``; ``version``: the one that is wanted whatever the name means by now.

    The option ``uri`` names the store. Raises OracleError with what to write instead.
    """
    del folder
    foreign = [key for key in options if key != "uri"]
    if foreign:
        raise OracleError(
            f"oracle {name!r} takes the option uri only; remove {', '.join(map(repr, foreign))}."
        )
    kept = cache() / f"{version}{SUFFIX}"
    if version is not None and kept.is_file():
        return kept
    uri = options.get("uri")
    return download(name, uri=None if uri is None else str(uri), version=version)


def cache() -> Path:
    """The folder of downloaded models, each named by its version."""
    from platformdirs import user_cache_path

    return user_cache_path("designloop", appauthor=False) / "models"


def store_uri(uri: str | None = None) -> str:
    """The store that is asked: ``uri``, else MLFLOW_TRACKING_URI, else the default one of campaigns."""
    return absolute_uri(uri or os.environ.get("MLFLOW_TRACKING_URI") or TrackingSpec().uri)


def download(reference: str, *, uri: str | None = None, version: str | None = None) -> Path:
    """Ask the registry for a model and keep it as a file in the cache. Raises OracleError."""
    parsed = REFERENCE.fullmatch(reference)
    if parsed is None:
        raise OracleError(f"oracle {reference!r} names no model of a registry. {HOW}.")
    where = store_uri(uri)
    root = store.artifact_root(where)
    if root is not None and not (root.parent / Path(where).name).is_file():
        raise OracleError(
            f"oracle {reference!r}: there is no tracking store {where}, so no model is registered. {_other()}"
        )
    sys.stderr.write(f"designloop: {reference}: asking the registry {store.redacted(where)}\n")
    with _asking(reference, where):
        client = store.open_store(where)
        model, location = _located(client, parsed, version)
        kept = cache() / f"{model.tags.get(VERSION) if model else None}{SUFFIX}"
        return kept if kept.is_file() else _fetched(reference, location, where)


def _located(client: MlflowClient, parsed: re.Match[str], version: str | None) -> tuple[Any, str]:
    """The logged model that a reference stands for, None for older versions, and its folder's address."""
    if parsed["id"]:
        model = _logged(client, parsed["id"])
        if model is None:
            raise OracleError(f"oracle {parsed[0]!r}: the registry knows no model of this id. {HOW}.")
        return model, str(model.artifact_location)
    name = parsed["name"]
    if not _is_registered(client, name):
        names = [m.name for m in client.search_registered_models()]
        near = difflib.get_close_matches(name, names, n=1)
        known = f"Did you mean {near[0]!r}?" if near else f"Registered are: {', '.join(names) or 'none'}."
        raise OracleError(f"oracle {parsed[0]!r}: no model {name!r} is registered. {known}")
    kept = registered(client, name=name, version=version) if version is not None else None
    if kept is not None:
        return kept[1], str(kept[1].artifact_location)
    versions = {str(v.version): v for v in client.search_model_versions(f"name='{name}'")}
    aliases = client.get_registered_model(name).aliases
    number = parsed["number"] or str(aliases.get(parsed["alias"], ""))
    if number not in versions:
        said = f"no version {number}" if parsed["number"] else f"no alias {parsed['alias']!r}"
        there = [f"{name}@{a}" for a in sorted(aliases)] + [f"{name}/{n}" for n in sorted(versions, key=int)]
        raise OracleError(
            f"oracle {parsed[0]!r}: {name!r} has {said}. There is {', '.join(there) or 'no version of it'}."
        )
    model = _logged(client, _identity(versions[number]))
    return model, str(model.artifact_location if model else versions[number].source)


def registered(client: MlflowClient, *, name: str, version: str) -> tuple[Any, Any] | None:
    """The registered version of ``name`` whose card has this version, and its logged model."""
    for each in client.search_model_versions(f"name='{name}'"):
        model = _logged(client, _identity(each))
        if model is not None and model.tags.get(VERSION) == version:
            return each, model
    return None


def _is_registered(client: MlflowClient, name: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    return True


def _identity(version: Any) -> str | None:
    """Id of a version's logged model: databases keep it in the address only."""
    found = re.search(r"\bm-[0-9a-f]{32}\b", version.source or "")
    return version.model_id or (found and found[0])


def _logged(client: MlflowClient, identity: str | None) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_logged_model(identity) if identity else None
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def _fetched(reference: str, location: str, uri: str) -> Path:
    from mlflow.artifacts import download_artifacts

    with tempfile.TemporaryDirectory(prefix="designloop-") as folder:
        address = f"{location.rstrip('/')}/{served.NUMBERS}"
        found = Path(download_artifacts(artifact_uri=address, dst_path=folder, tracking_uri=uri))
        if not (found / CARD).is_file():
            raise OracleError(
                f"oracle {reference!r}: the model has no card, so its domain is unknown: it was registered "
                "by an older designloop or another program. Run its campaign again, or name a newer version."
            )
        packed = Packed.load(found)
        return packed.save(cache() / f"{packed.card.version}{SUFFIX}")


@contextmanager
def _asking(reference: str, uri: str) -> Iterator[None]:
    try:
        with store.speaking(uri):
            yield
    except TrackingError as error:
        if error.__cause__ is None:
            raise OracleError(f"oracle {reference!r}: {error}") from None
        said = str(error.__cause__).strip().splitlines()[0][:120]
        raise OracleError(
            f"oracle {reference!r}: the registry {store.redacted(uri)} cannot be asked ({said}). {_other()}"
        ) from error


def _other() -> str:
    return (
        "Name the right store by the option uri or by MLFLOW_TRACKING_URI, or use a file written by "
        f"'designloop model export': ./NAME{SUFFIX}."
    )
