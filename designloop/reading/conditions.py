"""The text of a condition: comparisons joined by ``and``, and what to write for what else people write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from designloop.reading._tokens import ExpressionError

Choices = Mapping[str, Sequence[Any]]

_PIECE = re.compile(r""""[^"]*"|'[^']*'|`[^`]*`|&&?|\|\|?|[,;]|\b[A-Za-z_]\w*\b|[()\[\]{}]""")
_AND = ("and", "&", "&&", ",", ";", "then", "if", "where")
_OR = ("or", "|", "||", "xor")
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_COMPARED = re.compile(r"\(?\s*(?P<name>[\w.`]+)\s*(?P<sign>[<>=!]=|[<>])\s*(?P<value>[^<>=!()]+?)\s*\)?")
_MEMBER = re.compile(
    r"(?P<name>[\w.`]+)\s*(?P<no>\bnot\s+in\b|!=)?(?:\bin\b|==)?\s*[\[({](?P<values>[^\])}]*)[\])}]",
    re.IGNORECASE,
)
_IS = re.compile(r"(?P<name>[\w.`]+)\s+is\s+(?P<no>not\s+)?(?P<value>[\w.]+)\s*", re.IGNORECASE)


def parts(text: str, known: Sequence[str], choices: Choices) -> Iterator[tuple[int, str]]:
    """What ``and`` joins, outside quotes, each with its place; ``choices`` by choice parameter.

    Raises ExpressionError where comparisons are joined by other words, or one is missing.
    """
    start, depth = 0, 0
    own = {*known, *(str(choice) for values in choices.values() for choice in values)}
    for found in _PIECE.finditer(text):
        word = found[0].lower()
        depth += {"(": 1, ")": -1}.get(word, 0)
        if found[0] in own or (depth and word == ","):
            continue
        if found[0] == "and":
            yield start, _present(text, start, found.start(), found.start())
            start = found.end()
        elif word in _OR:
            _refuse_or(text, found, choices)
        elif word in ("in", "is", "not", "[", "{"):
            _refuse_word(text, start, found, choices)
        elif word in (*_AND, "and"):
            before, after = text[: found.start()].strip(), text[found.end() :].strip()
            instead = f"Write {before} and {after}." if before and after else f"Leave {found[0]!r} out."
            raise ExpressionError(
                f"{found[0]!r} cannot join comparisons.", offset=found.start(), instead=instead
            )
    yield start, _present(text, start, len(text), start - len("and"))


def _present(text: str, start: int, end: int, joint: int) -> str:
    part = text[start:end]
    if not part.strip() and joint >= 0:
        raise ExpressionError(
            "a comparison is missing beside 'and'.", offset=joint, instead="Leave 'and' out."
        )
    return part


def _refuse_or(text: str, found: re.Match[str], choices: Choices) -> NoReturn:
    """Raise for ``or``; where it joins choices of one parameter, say which to exclude."""
    sides = [_COMPARED.fullmatch(s.strip()) for s in re.split(r"\bx?or\b|\|\|?", text, flags=re.IGNORECASE)]
    names = {s["name"] for s in sides if s}
    if None not in sides and len(names) == 1 and all(s["sign"] == "==" for s in sides if s):
        instead = _one_of(names.pop(), [s["value"] for s in sides if s], choices)
    else:
        instead = ""
    raise ExpressionError(
        f"{found[0]!r} cannot join comparisons: a condition holds where all of them do.",
        offset=found.start(), instead=instead or "Join by 'and' what must hold, and exclude choices by '!='.",
    )  # fmt: skip


def _refuse_word(text: str, start: int, found: re.Match[str], choices: Choices) -> NoReturn:
    """Raise for ``in``, ``is`` and ``not``, with the comparison that is meant where it is plain."""
    part = re.split(r"\band\b", text[start:])[0].strip()
    member, said = _MEMBER.fullmatch(part), _IS.fullmatch(part)
    opposite = re.fullmatch(rf"not\b\s*({_COMPARED.pattern})", part, re.IGNORECASE)
    instead = ""
    if member:
        values = [v.strip().strip("'\"") for v in member["values"].split(",")]
        excluded = " and ".join(f"{member['name']} != {v}" for v in values)
        instead = f"Write {excluded}." if member["no"] else _one_of(member["name"], values, choices)
    elif said:
        instead = f"Write {said['name']} {'!=' if said['no'] else '=='} {said['value']}."
    elif opposite:
        instead = f"Write {opposite['name']} {_OPPOSITE[opposite['sign']]} {opposite['value']}."
    raise ExpressionError(
        f"{found[0]!r} is no part of a comparison.", offset=found.start(),
        instead=instead or "Compare by ==, !=, <, <=, > or >=.",
    )  # fmt: skip


def _one_of(name: str, values: Sequence[str], choices: Choices) -> str:
    """How to say that a parameter is one of some choices: it is none of the others."""
    known = [str(c) for c in choices.get(name, ())]
    others = [c for c in known if c not in values]
    if len(values) == 1:
        return f"Write {name} == {values[0]}."
    if not others or not {*values} <= {*known}:
        return ""
    return f"Write {' and '.join(f'{name} != {c}' for c in others)}."


def refuse_alone(text: str, choices: Choices, names: Sequence[str]) -> None:
    """Raise ExpressionError for what is no comparison: a lone name or choice, true, one in parentheses."""
    word = text.strip()
    enclosed = re.fullmatch(r"\(\s*([^()]*[<>=][^()]*)\)", word)
    if enclosed:
        raise ExpressionError(
            "a comparison stands in parentheses.", offset=text.index("("),
            instead=f"Write {enclosed[1].strip()} without them.",
        )  # fmt: skip
    owner = next((name for name, values in choices.items() if word in map(str, values)), None)
    if word in choices:
        instead = f"Write {word} == {choices[word][0]}, or another of its choices."
    elif owner is not None:
        instead = f"Write {owner} == {word}."
    elif word.lower() in ("true", "always", "yes"):
        instead = "Leave when out: the parameter then always exists."
    elif word in names:
        instead = f"Write a bound, such as {word} >= 2."
    elif re.fullmatch(r"[\w.]*", word):
        instead = f"Write a comparison, such as {_example(choices, names)}."
    else:
        return
    raise ExpressionError(f"{word!r} compares nothing.", instead=instead)


def _example(choices: Choices, names: Sequence[str]) -> str:
    if choices:
        name, values = next(iter(choices.items()))
        return f"{name} == {values[0]}"
    return f"{names[0]} >= 2" if names else "anchor == double"
