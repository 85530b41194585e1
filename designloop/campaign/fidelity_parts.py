"""Schema of ``fidelities``: two names, or two names with their costs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from designloop.reading.problems import Refused
from designloop.reading.values import MeasureField, shown

EXAMPLE = "fidelities: [screen, reference]"


def _named(value: Any) -> Any:
    """A list of names as names without costs; exactly two either way."""
    if isinstance(value, str) or not isinstance(value, dict | list | tuple):
        raise Refused(
            f"{shown(value)} does not name two fidelities.",
            f"Write {EXAMPLE}, the one that counts last; for a single one write fidelity: NAME.",
        )
    for i, name in enumerate(value):
        if not isinstance(name, str):
            raise Refused(
                f"{shown(name)} is no name of a fidelity.", f"Write for example {EXAMPLE}.", below=(i,)
            )
    found = value if isinstance(value, dict) else dict.fromkeys(value)
    if len(value) != 2 or len(found) != 2:
        raise Refused(
            "not in this version: a choice from other than two fidelities.",
            f"Write {EXAMPLE}, the one that counts last; for a single one write fidelity: NAME.",
        )
    return found


class _ListOrCosts:
    """JSON Schema of two names, or of a cost under each."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        names = {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}
        return {"anyOf": [names, handler(core)]}


FidelitiesField = Annotated[dict[str, MeasureField | None], BeforeValidator(_named), _ListOrCosts()]
