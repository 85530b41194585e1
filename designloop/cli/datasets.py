"""Commands about data sets."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from designloop.cli.settings import settings_of

if TYPE_CHECKING:
    from designloop.learning.datasets import Source

SET = click.option(
    "--set", "settings", multiple=True, metavar="OPTION=VALUE", help="An option of the source."
)
INTERRUPTED = 130


@click.group(name="dataset")
def group() -> None:
    """List, show and make data sets for surrogates."""


@group.command(name="list")
def list_() -> None:
    """List the sources of data sets, their declared sizes and what they cost."""
    from designloop.describe import rough_time
    from designloop.learning.sources import available

    sources = available()
    width = max((len(source.name) for source in sources), default=0)
    for source in sources:
        whole = rough_time(source.cost * source.count)
        click.echo(f"{source.name:<{width}}  {source.count:>5} rows, {whole:>7}  {source.summary}")
    click.echo("Times are of one thread. 'designloop dataset show NAME' tells columns and options.")


@group.command()
@click.argument("name", metavar="NAME|FOLDER")
@SET
def show(name: str, settings: tuple[str, ...]) -> None:
    """Show the columns and the provenance of a source, or of the data set in a folder."""
    from designloop.describe import rough_time
    from designloop.learning.datasets import DESCRIPTION

    if (Path(name) / DESCRIPTION).is_file():
        _show_folder(Path(name))
        return
    source = _source(name, settings)
    click.echo(f"{source.name}: {source.summary}")
    click.echo(f"{source.count} rows declared, about {rough_time(source.cost * source.count)} of one thread")
    _show_mapping("options", source.options)
    _show_columns([(c.role, c.name, c.unit, c.description) for c in source.columns])
    _show_mapping("provenance", source.provenance())


@group.command()
@click.argument("name")
@click.option("--count", type=click.IntRange(min=1), help="Rows to make; default: the declared count.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the data set.")
@SET
@click.option("--out", type=click.Path(path_type=Path), help="Folder; default: datasets/NAME.")
@click.option("--mlflow", "uri", metavar="URI", help="Log the finished data set to this tracking store.")
def make(
    name: str, count: int | None, seed: int, settings: tuple[str, ...], out: Path | None, uri: str | None
) -> None:
    """Make a data set, or go on with one: rows that are there are kept."""
    from designloop.learning import datasets

    source = _source(name, settings)
    folder = out or Path("datasets") / name
    if uri:
        from designloop.tracking import store

        store.check(uri)
    progress = _Progress()
    try:
        data = datasets.make(source, folder, count=count, seed=seed, watch=progress)
    except KeyboardInterrupt:
        click.echo(err=True)
        if not (folder / datasets.DESCRIPTION).is_file():
            sys.exit(INTERRUPTED)
        done = datasets.rows_done(folder)
        click.echo(f"stopped: {done} rows are kept in {folder}; the same command goes on.", err=True)
        sys.exit(INTERRUPTED)
    click.echo(f"{folder}: {len(data)} rows, digest {data.digest[:12]}")
    if uri:
        from designloop.tracking.datasets import log

        run = log(data, uri=uri)
        click.echo(f"logged to {store.redacted(uri)}, experiment datasets, run {run}")


class _Progress:
    """Rate, rows and time left on standard error: one line on a screen, else lines."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.first: int | None = None

    def __call__(self, done: int, count: int) -> None:
        if self.first is None:
            self.first = done
            if done > 0:
                click.echo(f"{done} of {count} rows are there", err=True)
        passed = time.monotonic() - self.began
        made = done - self.first
        text = f"{done}/{count} rows"
        if made:
            from designloop.describe import rough_time

            rate = made / max(passed, 1e-9)
            text += f", {rate:.3g} rows/s, {count - done} left, {rough_time((count - done) / rate)}"
        tty = sys.stderr.isatty()
        click.echo(f"\r{text:<60}" if tty else text, err=True, nl=not tty or done == count)


def _source(name: str, settings: tuple[str, ...]) -> Source:
    from designloop.learning.sources import find

    return find(name, settings_of(settings))


def _show_folder(folder: Path) -> None:
    from designloop.learning import datasets

    told = datasets.read_description(folder)
    done = datasets.rows_done(folder)
    click.echo(f"{folder}: {told['summary']}")
    click.echo(f"{done} of {told['count']} rows ({told['declared_count']} declared), seed {told['seed']}")
    if "digest" in told:
        click.echo(f"digest {told['digest']}")
    else:
        settings = "".join(f" --set {name}={value}" for name, value in told["options"].items())
        click.echo(
            f"not finished; this goes on: designloop dataset make {told['source']} --count {told['count']} "
            f"--seed {told['seed']}{settings} --out {folder}"
        )
    _show_mapping("options", told["options"])
    _show_columns([(c["role"], c["name"], c["unit"], c["description"]) for c in told["columns"]])
    _show_mapping("provenance", told["provenance"])


def _show_columns(columns: list[tuple[str, str, str, str]]) -> None:
    click.echo("columns")
    width = max(len(name) + len(unit) for _, name, unit, _ in columns) + 3
    for role, name, unit, description in columns:
        shown = f"{name} [{unit}]" if unit else name
        click.echo(f"  {role:<9}  {shown:<{width}}  {description}".rstrip())


def _show_mapping(title: str, values: Mapping[str, Any], *, indent: str = "") -> None:
    click.echo(f"{indent}{title}" if values else f"{indent}{title}: none")
    for name, value in values.items():
        if isinstance(value, Mapping):
            _show_mapping(name, value, indent=f"{indent}  ")
        else:
            shown = f"{value:.10g}" if isinstance(value, float) else value
            click.echo(f"{indent}  {name}: {shown}")
