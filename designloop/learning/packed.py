"""A model and its card between people: a folder, or one file without pickles that knows its own hash."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop.errors import OracleError
from designloop.learning.card import Card
from designloop.learning.saved import SavedModel

SUFFIX = ".dlmodel"
MODEL, ARRAYS, CARD = "model.json", "model.npz", "card.json"
AGAIN = "Ask for it again, or write it again by 'designloop model export'."


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A saved model with its card, whose ``version`` is the hash of both.

    A card without a version is given one. Raises OracleError where the card's version is another.
    """

    saved: SavedModel
    card: Card

    def __post_init__(self) -> None:
        version = _version(self.saved, self.card)
        if not self.card.version:
            object.__setattr__(self, "card", replace(self.card, version=version))
        elif self.card.version != version:
            raise OracleError(
                f"the file is not what its card says: the card says {self.card.version}, the content is "
                f"{version}. {AGAIN}"
            )

    @cached_property
    def members(self) -> dict[str, bytes]:
        """The three files by name; equal models give equal bytes."""
        arrays = {f"{name}.npy": _npy(a) for name, a in sorted(self.saved.arrays.items())}
        return {
            MODEL: _text(self.saved.config),
            ARRAYS: _zip(arrays),
            CARD: _text(self.card.to_json()),
        }

    @cached_property
    def content(self) -> bytes:
        """The one file, as written to ``NAME.dlmodel``."""
        return _zip(self.members)

    @property
    def digest(self) -> str:
        """SHA-256 of the one file."""
        return hashlib.sha256(self.content).hexdigest()

    def save(self, path: Path | str) -> Path:
        """Write one file where ``path`` ends in ``.dlmodel``, replaced at once, else a folder."""
        path = Path(path)
        if path.suffix != SUFFIX:
            path.mkdir(parents=True, exist_ok=True)
            for name, content in self.members.items():
                (path / name).write_bytes(content)
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_bytes(self.content)
        os.replace(fresh, path)
        return path

    @classmethod
    def load(cls, path: Path | str) -> Packed:
        """Read a folder or file that ``save`` wrote. Raises OracleError for any other, and a changed one."""
        try:
            return cls._of(_read(Path(path)))
        except OracleError as error:
            raise OracleError(f"{path}: {error}") from None

    @classmethod
    def of_content(cls, content: bytes) -> Packed:
        """The model of one file's bytes; raises OracleError as ``load``."""
        return cls._of(_unzip(content))

    @classmethod
    def _of(cls, members: Mapping[str, bytes]) -> Packed:
        card = Card.from_json(_json(members[CARD]))
        try:
            with np.load(io.BytesIO(members[ARRAYS]), allow_pickle=False) as arrays:
                saved = SavedModel(config=_json(members[MODEL]), arrays=dict(arrays))
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            raise OracleError(f"the model's numbers cannot be read ({error}). {AGAIN}") from None
        return cls(saved=saved, card=card)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the one file."""
        return (Packed.of_content, (self.content,))


def read_card(path: Path | str) -> Card:
    """The card alone of a folder or file; raises OracleError where there is none."""
    try:
        return Card.from_json(_json(_read(Path(path))[CARD]))
    except OracleError as error:
        raise OracleError(f"{path}: {error}") from None


def _read(path: Path) -> dict[str, bytes]:
    """The three files of a folder or of one file."""
    if path.is_dir():
        lacking = [name for name in (MODEL, ARRAYS, CARD) if not (path / name).is_file()]
        if lacking:
            raise OracleError(f"the folder holds no {lacking[0]}, so it is no model with a card. {AGAIN}")
        return {name: (path / name).read_bytes() for name in (MODEL, ARRAYS, CARD)}
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob(f"*{SUFFIX}")) if path.parent.is_dir() else []
        known = f" There is {', '.join(near)}." if near else ""
        raise OracleError(f"there is no such file.{known}")
    return _unzip(path.read_bytes())


def _unzip(content: bytes) -> dict[str, bytes]:
    """The members of one file, which must be byte for byte as ``_zip`` writes them."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            members = {name: file.read(name) for name in file.namelist()}
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        said = str(error).rstrip(".")
        raise OracleError(f"this is no whole {SUFFIX} file ({said}). {AGAIN}") from None
    if set(members) != {MODEL, ARRAYS, CARD}:
        raise OracleError(f"this is no whole {SUFFIX} file: it holds other things than a model. {AGAIN}")
    if _zip(members) != content:
        raise OracleError(f"the file is not what its card says: its bytes were changed. {AGAIN}")
    return members


def _version(saved: SavedModel, card: Card) -> str:
    """Hash of a model and of everything its card says, 12 hexadecimal digits."""
    digest = hashlib.sha256(_text(saved.config, sort_keys=True))
    digest.update(_text(replace(card, version="").to_json(), sort_keys=True))
    for name, array in sorted(saved.arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()[:12]


def _text(content: Any, **options: Any) -> bytes:
    try:
        return json.dumps(content, indent=1, allow_nan=False, default=_plain, **options).encode()
    except (ValueError, TypeError) as error:
        raise OracleError(
            f"a model's card and settings hold finite numbers and text only: {error}."
        ) from None


def _plain(value: Any) -> Any:
    """NumPy's scalars and arrays as JSON; mappings of any kind."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{value!r} is no plain data")


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise OracleError(f"the model's text cannot be read ({error}). {AGAIN}") from None


def _npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array, order="C"), version=(1, 0), allow_pickle=False)
    return file.getvalue()


def _zip(members: Mapping[str, bytes]) -> bytes:
    """Members stored as they are, every field of the container fixed: equal members, equal bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content)
    return file.getvalue()
