"""Where runs and the default store live: the checkout, else the user's data folder."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit


def home() -> Path:
    """The checkout this package lives in, else the user's data folder; DESIGNLOOP_HOME overrides both."""
    named = os.environ.get("DESIGNLOOP_HOME")
    if named:
        return Path(named).expanduser().absolute()
    checkout = Path(__file__).resolve().parents[2]
    if _is_checkout(checkout):
        return checkout
    from platformdirs import user_data_dir

    return Path(user_data_dir("designloop", appauthor=False))


def _is_checkout(folder: Path) -> bool:
    project = folder / "pyproject.toml"
    if not project.is_file() or not ((folder / ".git").exists() or (folder / "campaigns").is_dir()):
        return False
    return 'name = "designloop"' in project.read_text(encoding="utf-8")


def shipped(name: str) -> Path:
    """A campaign file that comes with designloop: from the checkout, else from the installed package."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "campaigns" / name
    return installed if installed.is_file() else package.parent / "campaigns" / name


STORES = re.compile(r"sqlite:///.+|(?i:https?|(?:postgresql|mysql|mssql)(?:\+[a-z0-9_]+)?)://[^/].*")
"""Tracking URIs under which MLflow keeps a store well."""

NO_STORE = (
    "Write a file as sqlite:///mlflow/mlflow.db, a server as http://server:5000, a database as "
    "postgresql://server/name; MLflow no longer maintains plain folders such as ./mlruns."
)


def is_store(uri: str) -> bool:
    """Whether ``uri`` names a kind of store that tracking can use; nothing is opened."""
    try:
        urlsplit(uri)
    except ValueError:
        return False
    return STORES.fullmatch(uri) is not None


def without_password(uri: str) -> str:
    """The URI without user and password, for messages."""
    return re.sub(r"(?<=//)[^/]*@", "***@", uri)


def runs_folder() -> Path:
    """Where run directories are made."""
    return home() / "runs"


def absolute_uri(uri: str) -> str:
    """A tracking URI whose file store, if it is one, is absolute: relative paths count from ``home()``."""
    sqlite = re.fullmatch(r"sqlite:///(?!/)(.+)", uri)
    if sqlite:
        return f"sqlite:///{_below_home(sqlite[1])}"
    file = re.fullmatch(r"file:(?://)?(?!/)(.+)", uri)
    if file:
        return _below_home(file[1]).as_uri()
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", uri) or uri == "databricks":
        return uri
    return str(_below_home(uri))


def _below_home(path: str) -> Path:
    """``path`` itself where absolute, also a Windows one with a drive."""
    return home() / Path(path).expanduser()
