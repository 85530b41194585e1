"""Plain data -> YAML that reads back equal under designloop's own rules."""

from __future__ import annotations

from typing import Any, ClassVar

import yaml

from designloop.reading.scalars import needs_quotes

_TEXT = "tag:yaml.org,2002:str"


class _Dumper(yaml.SafeDumper):
    """PyYAML's writer without its own idea of which plain words are text."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}  # type: ignore[misc]

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    quoted = needs_quotes(value) or value == "<<" or not value.isprintable()
    return dumper.represent_scalar(_TEXT, value, style='"' if quoted else None)


def _word(dumper: _Dumper, value: bool | int | float | None) -> yaml.Node:
    words = {None: "null", True: "true", False: "false"}
    plain = words[value] if value is None or isinstance(value, bool) else repr(value)
    return dumper.represent_scalar(_TEXT, plain)


_Dumper.add_representer(str, _text)
for _kind in (bool, int, float, type(None)):
    _Dumper.add_representer(_kind, _word)


def block(data: Any) -> str:
    """YAML over several lines."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def flow(data: Any) -> str:
    """YAML on one line."""
    text = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6, default_flow_style=True
    )
    return text.removesuffix("\n").removesuffix("\n...").removesuffix("...").strip()
