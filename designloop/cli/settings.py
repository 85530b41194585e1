"""``--set NAME=VALUE`` of commands that have no campaign file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from designloop.errors import OracleError


def settings_of(written: Sequence[str]) -> dict[str, Any]:
    """Values by name, as YAML would read them. Raises OracleError."""
    from designloop.reading.scalars import ScalarError, plain_scalar

    chosen: dict[str, Any] = {}
    for setting in written:
        name, given, text = setting.partition("=")
        if not given or not text:
            raise OracleError(f"--set {setting} gives no value. Write --set {name}=VALUE.")
        try:
            chosen[name] = plain_scalar(text)
        except ScalarError as error:
            raise OracleError(f"--set {setting}: {error}") from None
    return chosen
