"""Finding oracles: installed names, ``package.module:name``, ``./file.py:name``, models, oracle.yml, schemes.

Installed names come from the entry-point group ``designloop.oracles``, and what stands before a colon from
``designloop.schemes``: scheme -> ``find(name, *, folder, options, version)``, which answers with an oracle or
with the path of a ``.dlmodel`` file. The scheme ``dlmodel`` itself makes the oracle of such a path:
``of_path(path, *, name, options, version)``; the scheme ``external`` that of an ``oracle.yml``. Nothing here
touches ``sys.path``: a file is loaded by its path under a module name of its own, so that neither the working
directory nor a folder that happens to be called ``oracles`` can stand in for an installed package.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, cast

from designloop.errors import OracleError
from designloop.oracle import (
    Answer,
    BatchOracle,
    Context,
    Declaration,
    FunctionOracle,
    Oracle,
    Result,
    Value,
    as_oracle,
)

GROUP = "designloop.oracles"
"""The entry-point group under which installed packages offer oracles."""

SCHEMES = "designloop.schemes"
"""The entry-point group of handlers of names such as ``models:/film@champion``."""

MODEL_FILE = ".dlmodel"

_ENDINGS = {MODEL_FILE: "dlmodel", ".yml": "external", ".yaml": "external"}
"""Schemes of files that are named without one."""

_LATER = {
    r"^[A-Za-z][A-Za-z0-9+.-]+:/": "oracles behind an address",
}


class Listed(NamedTuple):
    """One installed oracle: its name and its one-line summary."""

    name: str
    summary: str


def find(
    name: str,
    *,
    folder: Path,
    options: Mapping[str, Value] | None = None,
    version: str | None = None,
) -> Oracle:
    """The oracle called ``name``, made with ``options``.

    ``name`` is an installed name, ``package.module:name``, ``./file.py:name``, ``./file.dlmodel``,
    ``./oracle.yml`` or one of a scheme, such as ``models:/film@champion``; files, also those named in
    options, resolve against ``folder``.
    ``version``: the one that a run began with; a model that has another by now is found as it was, or
    refused. Raises OracleError with what to write instead.
    """
    folder = Path(folder).absolute()
    found = {key: _resolve(value, folder) for key, value in (options or {}).items()}
    schemes = {entry.name: entry for entry in entry_points(group=SCHEMES)}
    by_ending = _ENDINGS.get(Path(name).suffix)
    scheme = by_ending or name.partition(":")[0]
    if scheme in schemes and (by_ending or ":" in name):
        return _from_scheme(scheme, schemes, name, folder=folder, options=found, version=version)
    for pattern, what in _LATER.items():
        if re.search(pattern, name):
            raise OracleError(
                f"oracle {name!r}: {what} are not in this version. Write an installed name "
                f"({', '.join(_names())}), package.module:name or ./file.py:name."
            )
    file, colon, attribute = name.rpartition(":")
    if not colon and name.endswith(".py"):
        file, attribute = name, ""
    if file.endswith(".py"):
        return _from_file(file, attribute, folder, found)
    target = _from_module(file, attribute) if colon else _from_entry_point(name)
    return as_oracle(target, found)


def _from_scheme(
    scheme: str,
    schemes: Mapping[str, EntryPoint],
    name: str,
    *,
    folder: Path,
    options: Mapping[str, Value],
    version: str | None,
) -> Oracle:
    if scheme != "dlmodel":
        handler = _loaded(schemes[scheme], name)
        found = handler(name, folder=folder, options=options, version=version)
        if not isinstance(found, Path):
            return as_oracle(found)
    else:
        found = (folder / Path(name).expanduser()).resolve()
        if options:
            raise OracleError(f"oracle {name!r} has no options; remove {', '.join(map(repr, options))}.")
    made = _loaded(schemes["dlmodel"], name)(found, name=name, options=options, version=version)
    return as_oracle(made)


def available() -> list[Listed]:
    """Every installed oracle, sorted by name; one that fails to load says why in its summary."""
    listed = []
    for name, entry in sorted(_entries().items()):
        try:
            summary = (inspect.getdoc(entry.load()) or "").split("\n")[0]
        except Exception as error:
            summary = f"cannot be loaded: {type(error).__name__}: {error}"
        listed.append(Listed(name, summary))
    return listed


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _names() -> list[str]:
    return sorted(_entries())


def _resolve(value: Value, folder: Path) -> Value:
    """A path option as an absolute path: it starts with a dot and a slash, or names a file in the folder."""
    if not isinstance(value, str) or Path(value).is_absolute():
        return value
    is_path = value.startswith(("./", "../"))
    if is_path or (Path(value).suffix and (folder / value).is_file()):
        return str((folder / value).resolve())
    return value


def _from_entry_point(name: str) -> Any:
    entries = _entries()
    if name in entries:
        return _loaded(entries[name], name)
    raise OracleError(f"there is no oracle {name!r}.{_advice(name, list(entries))}")


def _loaded(entry: EntryPoint, name: str) -> Any:
    try:
        return entry.load()
    except Exception as error:
        raise OracleError(
            f"oracle {name!r} is installed as {entry.value} but cannot be loaded: "
            f"{type(error).__name__}: {error}."
        ) from error


def _advice(name: str, names: Sequence[str]) -> str:
    folded = {known.lower().replace("-", "_"): known for known in names}
    nearest = difflib.get_close_matches(name.lower().replace("-", "_"), folded, n=1)
    if nearest:
        return f" Did you mean {folded[nearest[0]]!r}?"
    return f" Known: {', '.join(sorted(names)) or 'none'}."


def _from_module(module: str, attribute: str) -> Any:
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise OracleError(
                f"oracle '{module}:{attribute}': there is no installed package {error.name!r}. Install it, "
                f"or name a file: ./{module.rpartition('.')[2]}.py:{attribute}."
            ) from error
        raise OracleError(_import_failure(f"oracle '{module}:{attribute}'", error, None)) from error
    except Exception as error:
        raise OracleError(_import_failure(f"oracle '{module}:{attribute}'", error, None)) from error
    return _attribute(loaded, attribute, module)


def _from_file(file: str, attribute: str, folder: Path, options: Mapping[str, Value]) -> Oracle:
    path = (folder / Path(file).expanduser()).resolve()
    if not path.is_file():
        others = sorted(f"./{other.name}" for other in path.parent.glob("*.py"))
        near = difflib.get_close_matches(f"./{path.name}", others, n=1)
        raise OracleError(
            f"oracle {file!r}: there is no file {path}." + (f" Did you mean {near[0]!r}?" if near else "")
        )
    module = _load(path)
    oracle = as_oracle(_attribute(module, attribute, file), options)
    kind = FileBatchOracle if isinstance(oracle, BatchOracle) else FileOracle
    return kind(path, attribute, options, oracle)


def _load(path: Path) -> ModuleType:
    """The file as a module; one path with one content is one module, in every process the same name."""
    digest = hashlib.sha256(str(path).encode() + b"\0" + path.read_bytes()).hexdigest()[:12]
    name = f"designloop_file_{digest}_{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise OracleError(f"{path} cannot be loaded as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception):
            raise
        raise OracleError(_import_failure("oracle file", error, path)) from error
    return module


def _import_failure(what: str, error: Exception, path: Path | None) -> str:
    """``file:line`` of the innermost frame in the user's file, and the error itself."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [f for f in frames if path is not None and Path(f.filename) == path]
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{error.filename}:{error.lineno}"
    elif mine or frames:
        frame = (mine or list(frames))[-1]
        place = f"{frame.filename}:{frame.lineno}"
    else:
        place = str(path)
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    hint = _import_advice(error, path) if isinstance(error, ImportError) else ""
    return f"{place}: {what} cannot be loaded: {type(error).__name__}: {said}.{hint}"


def _import_advice(error: ImportError, path: Path | None) -> str:
    first = (error.name or "").split(".")[0]
    missing = isinstance(error, ModuleNotFoundError) and first
    if path and missing and any(p.exists() for p in (path.parent / f"{first}.py", path.parent / first)):
        return (
            f" A file oracle is one file, and cannot import {first!r} beside it. Put both into an "
            "installable package, and name the oracle package.module:name."
        )
    return " Install what it imports, or remove the import."


def _attribute(module: ModuleType, attribute: str, where: str) -> Any:
    if attribute and hasattr(module, attribute):
        return getattr(module, attribute)
    own = [
        name
        for name, value in vars(module).items()
        if callable(value)
        and not name.startswith("_")
        and getattr(value, "__module__", "") == module.__name__
    ]
    if not attribute:
        example = own[0] if own else "simulate"
        raise OracleError(f"oracle {where!r} names no function or class. Write '{where}:{example}'.")
    raise OracleError(f"{where} has no {attribute!r}.{_advice(attribute, own)}")


class FileOracle:
    """An oracle from a file, which pickles as its path and digest: a fresh process loads the same again."""

    def __init__(self, path: Path, attribute: str, options: Mapping[str, Value], oracle: Oracle) -> None:
        self._key = (str(path), attribute, dict(options))
        self._oracle = oracle
        self.content = _digest(path)
        """Digest of the file when it was loaded."""

    @property
    def declaration(self) -> Declaration:
        """The declaration of the oracle in the file."""
        return self._oracle.declaration

    @property
    def target(self) -> Any:
        """The function or object that answers."""
        return self._oracle.function if isinstance(self._oracle, FunctionOracle) else self._oracle

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        """Ask the oracle in the file."""
        return self._oracle.evaluate(parameters, context)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as path, name, options and digest."""
        return (_again, (*self._key, self.content))


class FileBatchOracle(FileOracle):
    """A file's oracle that answers many designs at once."""

    def evaluate_batch(self, parameters: Sequence[Mapping[str, Value]], context: Context) -> Sequence[Answer]:
        """Ask the oracle in the file."""
        return cast(BatchOracle, self._oracle).evaluate_batch(parameters, context)


def _again(path: str, attribute: str, options: Mapping[str, Value], content: str) -> Oracle:
    file = Path(path)
    if file.is_file() and _digest(file) != content:
        raise OracleError(
            f"{file.name} has changed since the run loaded it: {path}. Put the old content back, or end the "
            "run and resume it, so that one content answers."
        )
    return _from_file(path, attribute, file.parent, options)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
