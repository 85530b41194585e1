"""Commands about oracles."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import click

from designloop.cli.campaigns import write_new
from designloop.cli.settings import settings_of
from designloop.errors import OracleError
from designloop.oracle import Failed, Infeasible, Oracle, Value

OPTION = click.option(
    "--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of the oracle."
)
NAME = click.argument("name")


@click.group(name="oracle")
def group() -> None:
    """List, show, check and begin oracles."""


@group.command(name="list")
def list_() -> None:
    """List the oracles that are installed."""
    from designloop.discovery import available

    oracles = available()
    width = max((len(name) for name, _ in oracles), default=0)
    for name, summary in oracles:
        click.echo(f"{name:<{width}}  {summary}")


@group.command()
@NAME
@OPTION
def show(name: str, options: tuple[str, ...]) -> None:
    """Show what an oracle takes and answers, with units and bounds."""
    from designloop.describe import describe

    click.echo(describe(_oracle(name, options).declaration))


@group.command()
@NAME
@OPTION
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="For an oracle.yml: a value of an input."
)
@click.option("--full", is_flag=True, help="For an oracle.yml: every check of the contract, dozens of runs.")
def check(name: str, options: tuple[str, ...], settings: tuple[str, ...], full: bool) -> None:
    """Check an oracle against the contract; exit status 1 where it breaks it.

    An oracle.yml is read, checked, and evaluated once in the middle of its inputs, in a folder to look at.
    """
    oracle = _oracle(name, options)
    if isinstance(oracle, Rehearses) and not full:
        _rehearse(oracle, settings)
    else:
        _check(oracle)


@runtime_checkable
class Rehearses(Protocol):
    """An oracle that is dear to ask, and shows one evaluation instead of many checks."""

    def rehearse(self, settings: Mapping[str, Value], directory: Path) -> Iterator[str]:
        """Lines about one evaluation; raises Failed, Infeasible, OracleError."""
        ...


def _rehearse(oracle: Rehearses, settings: Sequence[str]) -> None:
    directory = Path(tempfile.mkdtemp(prefix="designloop-check-"))
    try:
        for line in oracle.rehearse(settings_of(settings), directory):
            click.echo(line)
    except Infeasible as answer:
        click.echo(f"infeasible: {answer.reason}")
    except Failed as failure:
        click.echo(f"FAIL ({failure.cause}): {failure.reason}")
        sys.exit(1)
    else:
        click.echo("the oracle answers")


def _check(oracle: Oracle) -> None:
    from designloop.testing import checks

    results = checks(oracle)
    silent = next((i for i, r in enumerate(results) if r.name == "answers" and not r.passed), None)
    shown = results if silent is None else results[: silent + 1]
    for result in shown:
        mark = "ok  " if result.passed else "FAIL"
        click.echo(f"{mark} {result.name}" + ("" if result.passed else f": {result.message}"))
    failed = sum(not result.passed for result in shown)
    if silent is not None:
        click.echo("the other checks wait until the oracle answers")
    counted = "1 check failed" if failed == 1 else f"{failed} checks failed"
    click.echo(counted if failed else "the oracle keeps its contract")
    sys.exit(1 if failed else 0)


@group.command()
@click.argument("name")
def init(name: str) -> None:
    """Write a runnable oracle.yml for an external program to start from, in the folder NAME."""
    from designloop.cli.program_template import files

    if not re.fullmatch(r"[A-Za-z]\w*", name, flags=re.ASCII):
        raise OracleError(f"{name!r} cannot name an oracle; use letters, digits and underscores.")
    Path(name).mkdir(exist_ok=True)
    for file, text in files(name).items():
        write_new(Path(name) / file, text)
    click.echo(f"{name}/ is written. Check it with 'designloop oracle check ./{name}/oracle.yml'.")


@group.command()
@click.argument("name")
def new(name: str) -> None:
    """Write a runnable one-file oracle to start from, as NAME.py."""
    from designloop.testing import new_oracle_template

    path = Path(f"{name}.py")
    write_new(path, new_oracle_template(name))
    click.echo(f"{path} is written. Check it with 'designloop oracle check ./{path}:{name}'.")


def _oracle(name: str, options: tuple[str, ...]) -> Oracle:
    from designloop.discovery import find
    from designloop.reading.scalars import plain_scalar

    chosen: dict[str, Value] = {}
    for option in options:
        key, _, text = option.partition("=")
        value = plain_scalar(text)
        if value is None:
            raise OracleError(f"--option {option} gives no value. Write --option {key}=VALUE.")
        chosen[key] = value
    return find(name, folder=Path.cwd(), options=chosen)
