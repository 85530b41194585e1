"""Names in MLflow's alphabet: letters, digits, ``_ - . space : /``; the rest is replaced, never lost."""

from __future__ import annotations

import hashlib
import re

_FOREIGN = re.compile(r"[^0-9A-Za-z_\-. :/]")
LONGEST = 240


def safe(name: str) -> str:
    """A key MLflow takes for metrics, params and tags; names that differ stay different.

    A replaced character becomes ``_`` and four hexadecimal digits of the name's SHA-256 follow.
    """
    clean = _FOREIGN.sub("_", name)
    path = "/".join(part for part in clean.split("/") if part not in ("", ".", ".."))[:LONGEST]
    if path == name and name:
        return name
    return f"{path or 'name'}-{hashlib.sha256(name.encode()).hexdigest()[:4]}"


def safe_model(name: str) -> str:
    """A name MLflow takes for a model: as ``safe``, without ``/ : . %`` and quotes."""
    clean = re.sub(r"[^0-9A-Za-z_\- ]", "_", name)[:LONGEST]
    return clean if clean.strip() else "model"
