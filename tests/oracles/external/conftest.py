"""Folders with an oracle.yml and the small programs that it names."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from designloop.oracle import Context, Failed, Infeasible, Result
from designloop_oracles.external import ExternalProgram, find

Make = Callable[..., ExternalProgram]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """The oracle of a text, in a folder with files: ``make(text, {name: content})``."""

    def made(text: str, files: Mapping[str, str] | None = None, folder: str = "beam") -> ExternalProgram:
        home = tmp_path / folder
        home.mkdir(exist_ok=True)
        for name, content in (files or {}).items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(textwrap.dedent(content))
        (home / "oracle.yml").write_text(textwrap.dedent(text))
        return find("./oracle.yml", folder=home, options={})

    return made


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Any]:
    """One answer, or what was raised instead, in the folder ``trial``."""

    def asked(
        oracle: ExternalProgram, /, *, seed: int = 0, answers: Path | None = None, **design: Any
    ) -> Any:
        context = Context(seed=seed, directory=tmp_path / "trial", answers=answers)
        try:
            return oracle.evaluate(design, context)
        except (Failed, Infeasible) as answer:
            return answer

    return asked


@pytest.fixture
def value(ask: Callable[..., Any]) -> Callable[..., Any]:
    """The numbers of an answer, which must be complete."""

    def valued(oracle: ExternalProgram, /, **design: Any) -> Any:
        answer = ask(oracle, **design)
        assert isinstance(answer, Result), answer
        return {name: one.value for name, one in answer.metrics.items()}

    return valued
