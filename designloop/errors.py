"""The errors a user can meet: each is one paragraph, and the command line ends with exit status 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in a file something stands; lines and columns count from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """``file:line:column`` as editors understand it."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


class DesignloopError(Exception):
    """Base of every error that is the user's to mend."""


def sentence(text: str) -> str:
    """Text that ends with one full stop, or with the question or exclamation mark that it has."""
    trimmed = text.rstrip()
    return trimmed if trimmed.endswith(("?", "!")) or not trimmed else f"{trimmed.rstrip('.')}."


class CampaignError(DesignloopError):
    """A campaign file says something that cannot be done.

    ``what`` is wrong, at which ``place`` of the YAML, and what to write ``instead``. ``others`` are further
    errors of the same file; the message has one paragraph for each.
    """

    def __init__(
        self,
        what: str,
        *,
        place: Place | None = None,
        instead: str | None = None,
        others: Sequence[CampaignError] = (),
    ) -> None:
        self.what, self.place = sentence(what), place
        self.instead = sentence(instead) if instead else None
        self.errors: tuple[CampaignError, ...] = (self, *others)
        lead = f"{place}: " if place else ""
        tail = f" {self.instead}" if self.instead else ""
        super().__init__("\n\n".join([f"{lead}{self.what}{tail}", *map(str, others)]))


class OracleError(DesignloopError):
    """An oracle cannot be found, loaded, or breaks its contract."""


class RunError(DesignloopError):
    """A run directory or its journal cannot be used as asked."""


class TrackingError(DesignloopError):
    """The tracking server or its store cannot be used as asked."""


class ExecutionError(DesignloopError):
    """The engine that runs trials cannot be used as asked."""
