"""Templates: Jinja in its sandbox, with every name known before the first run, and numbers in full."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError, meta, nodes
from jinja2.sandbox import SandboxedEnvironment

from designloop.reading.problems import advice


class TemplateFault(ValueError):  # noqa: N818 - what stands in a template, not an exception of a program
    """What is wrong with a template, in which ``line``, and what to write ``instead``."""

    def __init__(self, what: str, line: int, instead: str = "") -> None:
        super().__init__(what)
        self.what, self.line, self.instead = what, line, instead


def told(value: Any) -> Any:
    """A value as a program reads it: numbers in full precision, true and false in lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else value


@lru_cache(maxsize=1)
def _environment() -> SandboxedEnvironment:
    return SandboxedEnvironment(
        undefined=StrictUndefined, finalize=told, autoescape=False, keep_trailing_newline=True,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _compiled(text: str) -> Template:
    return _environment().from_string(text)


def faults(text: str, known: Collection[str], inputs: Collection[str]) -> Iterator[TemplateFault]:
    """What can be known to be wrong before a run: syntax, names, other files."""
    try:
        tree = _environment().parse(text)
        _compiled(text)
    except TemplateSyntaxError as error:
        yield TemplateFault(f"the template is broken: {error.message}.", error.lineno)
        return
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        yield TemplateFault(
            "a template stands alone here.", node.lineno, "Write out what it takes from another file."
        )
    for name in sorted(meta.find_undeclared_variables(tree) - set(known)):
        lines = [n.lineno for n in tree.find_all(nodes.Name) if n.name == name]
        yield TemplateFault(
            f"the template asks for {name}, which is no value here.",
            min(lines, default=1),
            advice(name, known, kind="values"),
        )
    for name, line in _items(tree):
        if name not in inputs:
            yield TemplateFault(
                f"the template asks for inputs.{name}, which is no input.", line,
                advice(name, inputs, kind="inputs"),
            )  # fmt: skip


def _items(tree: nodes.Template) -> Iterator[tuple[str, int]]:
    """Every ``inputs.NAME`` and ``inputs["NAME"]``."""
    for node in tree.find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name) and node.node.name == "inputs" and node.attr not in dir(dict):
            yield node.attr, node.lineno
    for item in tree.find_all(nodes.Getitem):
        asked = isinstance(item.node, nodes.Name) and item.node.name == "inputs"
        if asked and isinstance(item.arg, nodes.Const):
            yield str(item.arg.value), item.lineno


def names_in(text: str) -> set[str]:
    """The values that a template, free of faults, asks for."""
    return meta.find_undeclared_variables(_environment().parse(text))


def render(text: str, values: Mapping[str, Any]) -> str:
    """The text with its values. Raises TemplateFault with the line."""
    try:
        return _compiled(text).render(values)
    except Exception as error:  # a template may divide by zero or index beyond an end
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == "<template>"]
        said = error.message if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
        missing = isinstance(error, UndefinedError)
        hint = "Put it between {% if NAME is defined %} and {% endif %}." if missing else ""
        raise TemplateFault(
            f"the template failed: {str(said).rstrip('.')}.", (lines or [1])[-1] or 1, hint
        ) from None


def is_static(text: str) -> bool:
    """Whether a text has nothing to render."""
    return not any(sign in text for sign in ("{{", "{%", "{#"))
