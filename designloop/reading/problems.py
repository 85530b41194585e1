"""Collecting every error of a file, each with its place, before one is raised."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from designloop.errors import CampaignError, Place
from designloop.reading.document import Document, Path_


class Misread(ValueError):  # noqa: N818 - the base of what a text within a value gets wrong
    """Text that cannot be read: ``what`` is wrong, at which ``offset``, what to write ``instead``."""

    def __init__(self, what: str, *, offset: int = 0, instead: str | None = None) -> None:
        super().__init__(f"{what} {instead}" if instead else what)
        self.what, self.offset, self.instead = what, offset, instead


class Refused(ValueError):  # noqa: N818 - reads as a verdict where it is raised
    """A value that cannot be used: ``what`` is wrong, what to write ``instead``, and where below."""

    def __init__(self, what: str, instead: str = "", *, below: Path_ = (), key: bool = False) -> None:
        super().__init__(what)
        self.what, self.instead, self.below, self.key = what, instead, below, key


class Problems:
    """Errors found so far; ``stop`` raises them all as one."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.found: list[tuple[Place, CampaignError]] = []
        self.paths: set[Path_] = set()

    def add(
        self, path: Path_, what: str, instead: str = "", *, key: bool = False, offset: int | None = None
    ) -> None:
        """Note one error at the value, or with ``key`` at the key, of ``path``."""
        place = self.document.key_place(path) if key else self.document.place(path, offset=offset)
        self.paths.add(path)
        self.found.append((place, CampaignError(what, place=place, instead=instead or None)))

    def elsewhere(self, place: Place, what: str, instead: str = "") -> None:
        """Note one error in another file, such as a template that this one names."""
        self.found.append((place, CampaignError(what, place=place, instead=instead or None)))

    def below(self, path: Path_) -> bool:
        """Whether an error at or below ``path`` is known."""
        return any(p[: len(path)] == path for p in self.paths)

    @contextmanager
    def at(self, path: Path_, *, quiet: bool = False) -> Iterator[None]:
        """Note what goes wrong inside as an error at ``path``, and go on after it.

        ``quiet`` notes nothing: for a name whose own place in the file is refused elsewhere.
        """
        from designloop.units import UnitError

        try:
            yield
        except (Refused, Misread, UnitError) as error:
            if not quiet:
                self._note(path, error)

    def _note(self, path: Path_, error: ValueError) -> None:
        if isinstance(error, Refused):
            self.add((*path, *error.below), error.what, error.instead, key=error.key)
        elif isinstance(error, Misread):
            self.add(path, *sentences(error), offset=error.offset)
        else:
            what, instead = sentences(error)
            names = [str(p) for p in path if isinstance(p, str)]
            instead = instead or _in_unit(what)
            self.add(path, f"{names[-1]}: {what}" if "converted" in what else what, instead)

    def stop(self) -> None:
        """Raise what was found, in the order of the file; return where nothing was."""
        if not self.found:
            return
        ordered = sorted(self.found, key=self._order)
        errors = list(dict.fromkeys((str(e), e) for _, e in ordered))
        first, *others = [e for _, e in _unique(errors)]
        raise CampaignError(first.what, place=first.place, instead=first.instead, others=others)

    def _order(self, item: tuple[Place, CampaignError]) -> tuple[bool, str, int, int]:
        place = item[0]
        return place.file != self.document.file, place.file, place.line or 0, place.column or 0


def _in_unit(what: str) -> str:
    """What to write where units measure different things."""
    wanted = re.search(r"cannot be converted to (?:'(.+)'|a number without unit)\.$", what)
    if wanted is None:
        return ""
    return f"Write it in {wanted[1]}, or a unit of the same kind." if wanted[1] else "Leave the unit out."


def _unique(errors: Iterable[tuple[str, CampaignError]]) -> Iterator[tuple[str, CampaignError]]:
    seen = set()
    for text, error in errors:
        if text not in seen:
            seen.add(text)
            yield text, error


def sentences(error: Exception) -> tuple[str, str]:
    """What is wrong and what to write instead, of an error that may carry both apart."""
    what = getattr(error, "what", None) or str(error)
    return str(what), str(getattr(error, "instead", None) or "")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The spelling among ``known`` that is closest to ``name``, or None."""
    names = list(known)
    plain = {_plain(n): n for n in names}
    if _plain(name) in plain:
        return plain[_plain(name)]
    found = difflib.get_close_matches(_plain(name), list(plain), n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def advice(name: str, known: Iterable[str], *, kind: str) -> str:
    """What to write instead of an unknown ``name``: the nearest spelling, or all there are."""
    names = list(known)
    guess = nearest(name, names)
    if guess:
        return f"Did you mean {guess}?"
    return f"Known {kind}: {', '.join(names)}." if names else f"There are no {kind}."
