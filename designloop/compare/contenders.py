"""The strategies of a comparison, as a user writes them: ``random, gp_ucb:kappa=3, {name: ei, xi: 0.1}``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from designloop.errors import CampaignError
from designloop.oracle import Value
from designloop.reading.document import parse_value
from designloop.strategies.options import check_options

WHERE = "--strategies"
EXAMPLE = "Write names by commas, options behind a colon: random,gp_ucb:kappa=3."


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One strategy with the options that were written; ``label`` tells it from the others."""

    name: str
    options: tuple[tuple[str, Value], ...] = ()

    @property
    def label(self) -> str:
        """``gp_ucb:kappa=3``, as it can be written again."""
        return ":".join([self.name, *(f"{key}={_plain(value)}" for key, value in self.options)])


def contenders(texts: Sequence[str]) -> tuple[Contender, ...]:
    """Read what was written, in order. Raises CampaignError for an unknown name or option, or a double."""
    found = [_contender(part) for text in texts for part in _parts(text)]
    labels = [c.label for c in found]
    double = next((label for label in labels if labels.count(label) > 1), None)
    if double:
        raise CampaignError(f"strategy {double} is named twice.", instead="Name each once.")
    if len(found) < 2:
        raise CampaignError(
            f"--strategies names {labels[0]} alone, with nothing to compare it with."
            if found
            else "--strategies names no strategy.",
            instead="Name two or more, such as --strategies random,gp_ucb.",
        )
    return tuple(found)


def _parts(text: str) -> list[str]:
    """Pieces between commas, but for those inside braces and brackets."""
    if text.count("{") != text.count("}") or text.count("[") != text.count("]"):
        raise CampaignError(f"{text!r} opens a bracket that nothing closes.", instead=EXAMPLE)
    pieces = re.findall(r"(?:\{[^{}]*\}|\[[^\[\]]*\]|[^,{}\[\]])+", text)
    return [piece.strip() for piece in pieces if piece.strip()]


def _contender(text: str) -> Contender:
    content = _mapping(text) if text.startswith("{") else _words(text)
    name = content.pop("name", None)
    if not isinstance(name, str):
        raise CampaignError(f"{text!r} names no strategy.", instead=EXAMPLE)
    if "initial" in content:
        raise CampaignError(
            f"strategy {name} brings its own initial design.",
            instead="All strategies share one: leave it out here and write --initial 8.",
        )
    check_options(name, content)
    return Contender(name=name, options=tuple(sorted(content.items())))


def _mapping(text: str) -> dict[str, Any]:
    content, _ = parse_value(text, file=WHERE)
    if not isinstance(content, Mapping):
        raise CampaignError(f"{text!r} is no mapping.", instead="Write {name: gp_ucb, kappa: 3}.")
    return dict(content)


def _words(text: str) -> dict[str, Any]:
    name, *pairs = (piece.strip() for piece in text.split(":"))
    content: dict[str, Any] = {"name": name}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise CampaignError(f"{pair!r} in {text!r} is no option=value.", instead=EXAMPLE)
        content[key.strip()] = parse_value(value, file=WHERE)[0]
    return content


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return "[" + ", ".join(map(_plain, value)) + "]" if isinstance(value, list | tuple) else str(value)
