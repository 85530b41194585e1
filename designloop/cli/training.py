"""The command that trains a surrogate on a data set."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from designloop.cli.datasets import INTERRUPTED
from designloop.cli.settings import settings_of
from designloop.errors import OracleError

if TYPE_CHECKING:
    from designloop.learning.trainers import Trained


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--network", metavar="NAME", help="Architecture; default: the best one known for the data.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A hyper-parameter of the network."
)
@click.option("--members", type=click.IntRange(min=1), default=3, show_default=True, help="Of the ensemble.")
@click.option("--epochs", type=click.IntRange(min=1), help="At most; default: the network's own.")
@click.option(
    "--start-from", "origin", metavar="MODEL",
    help="Begin with the weights of this model (file or models:/NAME@ALIAS), beside a training from scratch.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="File to write; default: DATASET.dlmodel here.")
@click.option("--register", "registered", metavar="NAME", help="Register the model under this name, too.")
@click.option("--alias", default="champion", show_default=True, help="Alias of the registered version.")
@click.option("--uri", help="Tracking store; default: MLFLOW_TRACKING_URI, else that of campaigns.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def train(
    dataset: Path, network: str | None, settings: tuple[str, ...], members: int, epochs: int | None,
    origin: str | None, out: Path | None, registered: str | None, alias: str, uri: str | None, seed: int,
) -> None:  # fmt: skip
    """Train an ensemble on the data set in the folder DATASET, calibrate it, judge it, and pack it.

    The test rows are seen once, at the end, beside the baselines that a network has to beat. Interrupted, the
    same command goes on.
    """
    from designloop.cli.models import SUFFIX, new_file, packed_of
    from designloop.learning.datasets import DataSet
    from designloop.learning.trainers import Job, find

    file = new_file(out or Path(f"{dataset.resolve().name}{SUFFIX}"))
    if registered:
        _check_registry(registered, uri)
    data = DataSet.load(dataset)
    if not data.complete:
        raise OracleError(
            f"{dataset} has {len(data)} of {data.description['count']} rows. Make the rest first: "
            f"'designloop dataset make {data.description['source']} --out {dataset}'."
        )
    job = Job(
        name=file.stem, data=data, folder=file.with_suffix(".training"), network=network,
        settings=settings_of(settings), members=members, epochs=epochs, seed=seed,
        start=packed_of(origin, uri) if origin else None, origin=origin or "",
    )  # fmt: skip
    trainer, progress = find(data), Progress()
    try:
        trained = trainer(job, progress)
    except KeyboardInterrupt:
        click.echo(f"\nstopped {progress.place}: the same command goes on from {job.folder}.", err=True)
        sys.exit(INTERRUPTED)
    trained.packed.save(file)
    _remove(job.folder)
    _tell(file, trained)
    if registered:
        from designloop.tracking.packing import register
        from designloop.tracking.registry import store_uri

        version = register(trained.packed, name=registered, alias=alias, uri=store_uri(uri))
        click.echo(f"registered: models:/{registered}/{version}, models:/{registered}@{alias}")


class Progress:
    """Epochs, losses and time left on standard error: one line on a screen, else a line every few seconds."""

    SECONDS_A_LINE = 5.0

    def __init__(self) -> None:
        self.place = "before the first epoch"
        self.stage = ""
        self.told = -float("inf")

    def __call__(self, stage: str, epoch: int, epochs: int, loss: float, best: float) -> None:
        """Tell."""
        now, tty = time.monotonic(), sys.stderr.isatty()
        if stage != self.stage:
            if self.stage and tty:
                click.echo(err=True)
            self.stage, self.began, self.first, self.told = stage, now, epoch, -float("inf")
        self.place = f"after epoch {epoch} of {stage}"
        done = epoch - self.first
        if epoch < epochs and now - self.told < (0.2 if tty else self.SECONDS_A_LINE):
            return
        from designloop.describe import rough_time

        rest = (now - self.began) / done * (epochs - epoch) if done else 0.0
        left = f", at most {rough_time(rest)} left" if rest else ""
        text = f"{stage}: epoch {epoch}/{epochs}, validation loss {loss:.3g}, best {best:.3g}{left}"
        click.echo(f"\r{text:<90}" if tty else text, err=True, nl=not tty or epoch == epochs)
        self.told = now


def _check_registry(name: str, uri: str | None) -> None:
    """Before hours of training, not after them."""
    from designloop.tracking import store
    from designloop.tracking.names import safe_model
    from designloop.tracking.registry import store_uri

    if safe_model(name) != name:
        raise OracleError(f"{name!r} cannot name a registered model. Write --register {safe_model(name)!r}.")
    store.check(store_uri(uri))


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _tell(file: Path, trained: Trained) -> None:
    from designloop.report.card import card_text
    from designloop.report.text import table

    click.echo(card_text(trained.packed.card))
    if trained.comparison:
        click.echo("\nfrom a model and from scratch, with the same budget of epochs")
        rows = [tuple(map(_shown, row.values())) for row in trained.comparison]
        click.echo("\n".join(table([tuple(trained.comparison[0]), *rows])))
    click.echo()
    for sentence in trained.verdicts:
        click.echo(sentence)
    click.echo(f"{file} is written: version {trained.packed.card.version}. oracle: ./{file.name}")


def _shown(value: Any) -> str:
    return "never" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
