"""The base of every mapping of a YAML file: strict, frozen, with short forms."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema


class Part(BaseModel):
    """Base of every part. ``short`` is the JSON Schema of its short form, if it has one."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)
    short: ClassVar[dict[str, Any] | None] = None

    @classmethod
    def by_key(cls) -> dict[str, FieldInfo]:
        """Every field by the key that the file writes."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        """A key whose value is left empty, or null, is as if it were left out."""
        written = cls.expanded(value)
        if not isinstance(written, dict):
            return written
        known = cls.by_key()
        return {key: item for key, item in written.items() if item is not None or key not in known}

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """The mapping that a short form stands for; anything else as it is."""
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Both forms, for editors."""
        full = handler(core)
        return {"anyOf": [cls.short, full]} if cls.short else full
