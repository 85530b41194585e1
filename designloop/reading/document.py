"""YAML text -> plain data in which every key and value keeps its place in the file."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.events import AliasEvent, CollectionStartEvent, ScalarEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from designloop.errors import CampaignError, Place
from designloop.reading.scalars import ScalarError, plain_scalar

Path_ = tuple[str | int, ...]
DEEPEST = 30
MOST_NODES = 50_000

_SENTENCES = (
    ("'\\t'", "a tab stands here.", "YAML indents with spaces only."),
    ("mapping values are not allowed", "a second colon stands here, or the indentation is off.",
     "Put text that holds a colon in quotes, and align keys of one level."),
    ("could not find expected ':'", "a key stands here without a colon.", "Write key: value."),
    ("expected a single document", "a second document begins here.", "Keep one document in a file."),
    ("undefined alias", "an alias stands here whose anchor does not exist.", "Define it first: &name."),
    ("duplicate anchor", "this anchor exists twice.", "Give each anchor a name of its own."),
    ("expected ',' or ']'", "a bracket is not closed, or a comma is missing.", "Write [first, second]."),
    ("expected ',' or '}'", "a brace is not closed, or a comma is missing.",
     "Write {key: value, other: value}; text that holds a bracket or a comma goes into quotes."),
    ("while scanning a quoted scalar", "a quotation mark is not closed or a \\ escape is unknown.",
     "Close the text with the same mark; in double quotes write \\\\ for \\."),
    ("cannot start any token", "no value can begin with this character.", "Put the text in quotes."),
    ("<block end>", "the indentation is off, or a bracket is left over.", "Align keys of one level."),
    ("block sequence entries are not allowed", "a list item stands where none can.",
     "Begin the list on a line of its own, or write [a, b]."),
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What a file is, in the words of its refusals: ``a campaign``, and how one begins."""

    noun: str
    first: str
    then: str


CAMPAIGN = Kind("a campaign", "version: 1", "then name: ..., oracle: ... (see designloop init)")


@dataclass(frozen=True, kw_only=True)
class Document:
    """The data of one file and where each part stands. Paths are tuples of keys and list positions."""

    file: str
    text: str
    data: dict[str, Any]
    values: dict[Path_, Place] = field(default_factory=dict)
    keys: dict[Path_, Place] = field(default_factory=dict)

    def place(self, path: Path_, *, offset: int | None = None) -> Place:
        """Where the value at ``path``, or else its nearest parent, stands; ``offset`` characters into it."""
        for length in range(len(path), -1, -1):
            found = self.values.get(path[:length])
            if found:
                if offset and length == len(path) and found.column is not None:
                    return replace(found, column=found.column + offset)
                return found
        return Place(file=self.file)

    def key_place(self, path: Path_) -> Place:
        """Where the key at ``path`` stands, or else its value or parent."""
        return self.keys.get(path) or self.place(path)


def decode(raw: bytes, file: str) -> str:
    """UTF-8 text, with or without a byte order mark; raises CampaignError for any other encoding."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in raw[:200]:
        raise CampaignError(
            "this file is not UTF-8 text (it looks like UTF-16, or is no text).",
            place=Place(file=file),
            instead="Save it as UTF-8 in your editor.",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        column = error.start - before.rfind(b"\n")
        raise CampaignError(
            f"byte {raw[error.start]:#04x} is not UTF-8 text.",
            place=Place(file=file, line=before.count(b"\n") + 1, column=column),
            instead="Save the file as UTF-8 in your editor (it may be Latin-1 or Windows-1252).",
        ) from None


def read_file(path: Path) -> str:
    """The text of a YAML file; raises CampaignError."""
    try:
        raw = path.read_bytes()
    except IsADirectoryError:
        raise CampaignError(
            "this is a folder.", place=Place(file=str(path)), instead="Name a file."
        ) from None
    except FileNotFoundError:
        raise CampaignError(
            "there is no such file.", place=Place(file=str(path)), instead="Check the path."
        ) from None
    except OSError as error:
        raise CampaignError(f"cannot be read: {error.strerror}.", place=Place(file=str(path))) from None
    return decode(raw, str(path))


def parse(text: str, *, file: str, kind: Kind = CAMPAIGN) -> Document:
    """Read YAML whose top is a mapping; raises CampaignError with line and column."""
    try:
        loader = _Loader(text, file)
        root = loader.get_single_node()
    except ReaderError as error:
        raise _unreadable(text, file, error) from None
    except yaml.MarkedYAMLError as error:
        raise _sentence(file, error) from None
    except (ValueError, OverflowError):
        # PyYAML lets chr() fail for escapes such as "\UFFFFFFFF"
        raise CampaignError("an escape in quotes names no character.", place=Place(file=file)) from None
    if root is None:
        raise CampaignError(
            "the file is empty.", place=Place(file=file, line=1, column=1),
            instead=f"{kind.noun.capitalize()} begins with {kind.first}, {kind.then}.",
        )  # fmt: skip
    document = Document(file=file, text=text, data={})
    data = _Builder(document).build(root, ())
    if not isinstance(data, dict):
        raise CampaignError(
            f"{kind.noun} is a mapping of keys to values.",
            place=document.place(()),
            instead=f"Begin with {kind.first}, {kind.then}.",
        )
    return replace(document, data=data)


def parse_value(text: str, *, file: str) -> tuple[Any, Document]:
    """Read one YAML value, as given on a command line; raises CampaignError."""
    try:
        root = _Loader(text, file).get_single_node()
    except (yaml.YAMLError, ValueError, OverflowError):
        raise CampaignError(
            f"{text!r} is not a YAML value.", place=Place(file=file), instead="Put text in quotes."
        ) from None
    document = Document(file=file, text=text, data={})
    return (None if root is None else _Builder(document).build(root, ())), document


def _unreadable(text: str, file: str, error: ReaderError) -> CampaignError:
    before = text[: error.position]
    place = Place(file=file, line=before.count("\n") + 1, column=len(before) - before.rfind("\n"))
    return CampaignError(
        "a control character stands here.", place=place, instead="Delete it (it may be invisible)."
    )


def _sentence(file: str, error: yaml.MarkedYAMLError) -> CampaignError:
    mark, opened = error.problem_mark or error.context_mark, error.context_mark
    spread = "expected ',' or" in (error.problem or "") or any(
        what in (error.context or "") for what in ("quoted", "a simple key")
    )
    if mark and opened and spread and mark.line != opened.line:
        mark = opened
    place = Place(file=file, line=mark.line + 1, column=mark.column + 1) if mark else Place(file=file)
    said = f"{error.context or ''} {error.problem or ''}"
    for part, what, instead in _SENTENCES:
        if part in said:
            return CampaignError(f"not valid YAML: {what}", place=place, instead=instead)
    return CampaignError(f"not valid YAML: {(error.problem or said).strip()}.", place=place)


class _Loader(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML up to the node graph: no tags, no YAML 1.1 words, bounded depth and number of nodes."""

    def __init__(self, text: str, file: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._file, self._depth = file, 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        place = Place(file=self._file, line=event.start_mark.line + 1, column=event.start_mark.column + 1)
        if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise CampaignError(f"tags such as {tag} mean nothing here.", place=place,
                                instead="Leave it out.")  # fmt: skip
        if isinstance(event, AliasEvent) and event.anchor not in self.anchors:
            raise CampaignError(
                f"*{event.anchor} is an alias whose anchor does not exist.", place=place,
                instead=f'Define &{event.anchor} first, or put "*..." in quotes.',
            )  # fmt: skip
        self._depth += 1
        if self._depth > DEEPEST:
            raise CampaignError(f"this is nested more than {DEEPEST} levels deep.", place=place,
                                instead="No file needs that.")  # fmt: skip
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Builder:
    """Node graph -> data; fills the document's places."""

    def __init__(self, document: Document) -> None:
        self.document, self.count = document, 0
        self.open: set[int] = set()

    def place(self, node: Node, shift: int = 0) -> Place:
        mark = node.start_mark
        return Place(file=self.document.file, line=mark.line + 1, column=mark.column + 1 + shift)

    def build(self, node: Node, path: Path_) -> Any:
        self.count += 1
        if id(node) in self.open:
            raise CampaignError("an alias contains itself.", place=self.place(node), instead="Leave it out.")
        if self.count > MOST_NODES:
            raise CampaignError("aliases blow this file up.", place=self.place(node),
                                instead="Write the values out.")  # fmt: skip
        quoted = isinstance(node, ScalarNode) and node.style in ("'", '"')
        self.document.values.setdefault(path, self.place(node, shift=int(quoted)))
        if isinstance(node, ScalarNode):
            return self.scalar(node)
        self.open.add(id(node))
        if isinstance(node, SequenceNode):
            built: Any = [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        else:
            assert isinstance(node, MappingNode)
            built = self.mapping(node, path)
        self.open.discard(id(node))
        return built

    def scalar(self, node: ScalarNode) -> Any:
        if node.style is not None:
            return node.value
        try:
            return plain_scalar(node.value)
        except ScalarError as error:
            raise CampaignError(error.what, place=self.place(node), instead=error.instead) from None

    def mapping(self, node: MappingNode, path: Path_) -> dict[str, Any]:
        own, merged, seen = {}, [], dict[str, int]()
        for key_node, value_node in node.value:
            key = self.key(key_node)
            if key == "<<" and key_node.style is None:
                merged.append(value_node)
                continue
            line = key_node.start_mark.line + 1
            if key in seen:
                raise CampaignError(
                    f"the key {key} stands here again; it already stands on line {seen[key]}.",
                    place=self.place(key_node), instead="Keep one of them.",
                )  # fmt: skip
            seen[key] = line
            self.document.keys.setdefault((*path, key), self.place(key_node))
            own[key] = self.build(value_node, (*path, key))
        for value_node in merged:
            own = {**self.merge(value_node, path), **own}
        return own

    def merge(self, node: Node, path: Path_) -> dict[str, Any]:
        parts = node.value if isinstance(node, SequenceNode) else [node]
        if not all(isinstance(part, MappingNode) for part in parts):
            raise CampaignError(
                "<< merges mappings only.", place=self.place(node), instead="Write <<: *name."
            )
        merged: dict[str, Any] = {}
        for part in parts:
            merged = {**self.build(part, path), **merged}
        return merged

    def key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode) or not isinstance(node.value, Hashable):
            raise CampaignError("a key must be one word or text.", place=self.place(node),
                                instead="Write key: value.")  # fmt: skip
        if node.value == "":
            raise CampaignError("a key is missing before this colon.", place=self.place(node),
                                instead="Write key: value.")  # fmt: skip
        return str(node.value)
