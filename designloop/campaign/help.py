"""What every key means: from the schema, for ``designloop explain`` and ``designloop schema``."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from designloop.campaign.schema import CampaignFile
from designloop.campaign.validation import OWNERS
from designloop.errors import CampaignError
from designloop.reading.part import Part
from designloop.reading.problems import advice
from designloop.reading.values import Measure
from designloop.reading.writing import flow


def json_schema() -> dict[str, Any]:
    """The JSON Schema of campaign files, for editors."""
    schema = CampaignFile.model_json_schema()
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **schema, "title": "designloop campaign"}


def keys() -> dict[str, FieldInfo]:
    """Every key of the file, dotted, with ``NAME`` for names of one's own; lists carry no position."""
    found: dict[str, FieldInfo] = {}
    for pattern, owner in OWNERS.items():
        parents = _dotted(pattern)
        for name, field in owner.by_key().items():
            found[".".join([*parents, name])] = field
    return found


def _dotted(pattern: tuple[str, ...]) -> list[str]:
    listed = pattern[:1] in (("objectives",), ("strategy",))
    return [("NAME" if part == "*" else part) for part in pattern if not (listed and part == "*")]


def explain(key: str = "") -> str:
    """Meaning, example and default of a key, such as ``stop.trials`` or ``kappa``; of all keys without one.

    Raises CampaignError for an unknown key.
    """
    known = keys()
    if not key:
        width = max(map(len, known)) + 2
        return "\n".join(f"{name:<{width}}{_meaning(field)}" for name, field in known.items())
    wanted = key.strip().lower()
    exact = [k for k in known if k.lower() == wanted]
    matches = exact or [k for k in known if _fits(wanted.split("."), k.lower().split("."))]
    if not matches:
        words = sorted({k.rsplit(".", 1)[-1] for k in known})
        raise CampaignError(f"{key} is no key of a campaign file.", instead=advice(key, words, kind="keys"))
    return "\n\n".join(_paragraph(k, known[k], known) for k in matches)


def _fits(wanted: list[str], key: list[str]) -> bool:
    """Whether the last parts agree, where ``name`` in the key stands for any word."""
    tail = key[-len(wanted) :]
    return len(tail) == len(wanted) and all(
        w == k or (k == "name" and n < len(tail) - 1)
        for n, (w, k) in enumerate(zip(wanted, tail, strict=True))
    )


def _paragraph(key: str, field: FieldInfo, known: dict[str, FieldInfo]) -> str:
    last = key.rsplit(".", 1)[-1]
    lines = [key, f"  {_meaning(field)}"]
    values = _values(field.annotation)
    lines += [f"  values: {', '.join(values)}"] if values else []
    lines += [f"  example: {last}: {flow(example)}" for example in field.examples or ()]
    if "default" not in _meaning(field).lower():
        lines.append(f"  default: {_default(field)}")
    below = [k for k in known if k.startswith((f"{key}.",))]
    if below:
        lines.append(f"  keys below: {', '.join(k[len(key) + 1 :] for k in below)}")
    return "\n".join(lines)


def _meaning(field: FieldInfo) -> str:
    return field.description or ""


def _values(annotation: Any) -> list[str]:
    """The words that a key takes, where it takes nothing but some words."""
    if get_origin(annotation) is Literal:
        return [str(word) for word in get_args(annotation) if isinstance(word, str)]
    parts = [part for part in get_args(annotation) if part is not type(None)]
    return _values(parts[0]) if len(parts) == 1 else []


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "none; the key is needed"
    value = field.default
    if isinstance(value, Measure):
        return str(value)
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, Part):
        value = value.model_dump(mode="json", exclude_none=True)
    if value in (None, "", (), {}):
        return "left out"
    return flow(value)
