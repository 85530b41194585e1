"""Broken campaign files: one mistake each, the line on which it is refused, and how a refusal reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest

from designloop.errors import CampaignError


class Broken(NamedTuple):
    """``old`` becomes ``new``; the error stands on the line that holds ``at`` and says ``words``."""

    id: str
    old: str
    new: str
    at: str
    words: tuple[str, ...]

    def refused(self, whole: str, load: Callable[[str], object]) -> CampaignError:
        """How the whole file with this mistake is refused: where it should be, in the words it should."""
        assert self.old in whole
        text = whole.replace(self.old, self.new, 1)
        line = next(n for n, row in enumerate(text.split("\n"), 1) if self.at in row)
        with pytest.raises(CampaignError, match=r"^[\w.]+:\d+") as caught:
            load(text)
        said = {
            e.place.line: f"{e.place}: {e.what} {e.instead or ''}" for e in caught.value.errors if e.place
        }
        assert line in said, said
        assert all(word in said[line] for word in self.words), said
        assert faults(str(caught.value)) == []
        return caught.value


_FAULTS = {
    "a double full stop": r"(?<![ .])\.\.(?!\.)|\.\s+\.(?!\.)",
    "no is": r"\bno (is|are)\b",
    "a doubled word": r"\b([A-Za-z]{2,}) \1\b",
    "a doubled blank": r"(?<=\S)  +",
    "a trailing blank": r" (\n|$)",
    "an end without a stop": r"[^.?!](\n\n|$)",
    "None": r"\bNone\b",
}


def faults(message: str) -> list[str]:
    """What is careless about the paragraphs of a message; empty where nothing is."""
    return [name for name, pattern in _FAULTS.items() if re.search(pattern, message)]
