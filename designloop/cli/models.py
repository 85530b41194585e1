"""Commands about trained models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from designloop.errors import OracleError

if TYPE_CHECKING:
    from designloop.learning.packed import Packed

SUFFIX = ".dlmodel"

MODEL = click.argument("model")
URI = click.option("--uri", help="Tracking store; default: MLFLOW_TRACKING_URI, else that of campaigns.")


@click.group(name="model")
def group() -> None:
    """Show trained models, share them as files, register them."""


@group.command()
@MODEL
@URI
def show(model: str, uri: str | None) -> None:
    """Show a model's error card: what it takes, what it learned from, how far it can be trusted.

    MODEL is a .dlmodel file, or models:/NAME@ALIAS, models:/NAME/3, models:/m-ID of the registry.
    """
    from designloop.report.card import card_text

    click.echo(card_text(packed_of(model, uri).card))


@group.command()
@MODEL
@click.argument("file", type=click.Path(path_type=Path))
@URI
def export(model: str, file: Path, uri: str | None) -> None:
    """Write a model of the registry as one file that needs no server."""
    new_file(file)
    packed = packed_of(model, uri)
    packed.save(file)
    click.echo(f"{file} is written: {packed.card.name}, version {packed.card.version}. oracle: ./{file.name}")


@group.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--as", "name", required=True, help="Name of the registered model.")
@click.option("--alias", default="champion", show_default=True, help="Alias that the version is given.")
@URI
def import_(file: Path, name: str, alias: str, uri: str | None) -> None:
    """Register a model file; the same file twice is one version."""
    from designloop.learning.packed import Packed
    from designloop.tracking.packing import register
    from designloop.tracking.registry import store_uri

    packed = Packed.load(file)
    version = register(packed, name=name, alias=alias, uri=store_uri(uri))
    click.echo(f"models:/{name}/{version} and models:/{name}@{alias} are version {packed.card.version}.")


def new_file(file: Path) -> Path:
    """The file, if it names a model file that is not there yet. Raises OracleError."""
    if file.suffix != SUFFIX:
        raise OracleError(f"{file} is no name of a model file. Write {file.with_suffix(SUFFIX)}.")
    if file.exists():
        raise OracleError(f"{file} exists. Name another file, or remove it.")
    return file


def packed_of(model: str, uri: str | None) -> Packed:
    """The model of a file, or of the registry at ``uri``. Raises OracleError."""
    from designloop.learning.packed import Packed

    if not model.startswith("models:"):
        return Packed.load(Path(model))
    from designloop.tracking.registry import download

    return Packed.load(download(model, uri=uri))
