"""Commands about oracles."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from designloop.cli.campaigns import write_new
from designloop.errors import OracleError
from designloop.oracle import Oracle, Value

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
def check(name: str, options: tuple[str, ...]) -> None:
    """Check an oracle against the contract; exit status 1 where it breaks it."""
    from designloop.testing import checks

    results = checks(_oracle(name, options))
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
