"""Commands about campaign files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from designloop.errors import RunError

OVERRIDE = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key, as stop.trials=12. KEY=null leaves it out, like a key without a value in the file.",
)
CAMPAIGN = click.argument("campaign", type=click.Path(path_type=Path))


@click.command()
@CAMPAIGN
@OVERRIDE
def validate(campaign: Path, overrides: tuple[str, ...]) -> None:
    """Check a campaign file and echo every number as it was understood."""
    from designloop.campaign import load, validate_report

    click.echo(validate_report(load(campaign, overrides=overrides, begins=True)))


@click.command()
def schema() -> None:
    """Print the JSON Schema of campaign files, for editors."""
    from designloop.campaign import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@click.command()
@click.argument("key", required=False, default="")
def explain(key: str) -> None:
    """Say what a key of the campaign file means, with an example and its default."""
    from designloop.campaign import explain as explained

    click.echo(explained(key))


@click.command()
@click.argument("oracle", default="magnetometer")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; default: the screen.")
def init(oracle: str, output: Path | None) -> None:
    """Write a commented campaign file for an oracle."""
    from designloop.campaign import starting_text

    text = starting_text(oracle, folder=Path.cwd(), output=output)
    if output is None:
        click.echo(text, nl=False)
        return
    write_new(output, text)
    click.echo(f"{output} is written. Check it with 'designloop validate {output}'.")


def write_new(path: Path, text: str) -> None:
    """Write a file that must not exist yet. Raises RunError."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise RunError(f"{path} exists already; choose another name or remove it.") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}).") from None


COMMANDS: tuple[Any, ...] = (validate, init, explain, schema)
