"""Virtual experiments from the command line."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Any

import click

from designloop.cli.campaigns import CAMPAIGN, OVERRIDE

NEWS = 5.0
"""Seconds between two lines of progress."""
STOPPED = 130


@click.command()
@CAMPAIGN
@OVERRIDE
@click.option(
    "--strategies",
    "texts",
    multiple=True,
    required=True,
    metavar="A,B:OPTION=X,...",
    help="By commas, options behind a colon: random,gp_ucb:kappa=3; or inline: {name: ei, xi: 0.1}.",
)
@click.option(
    "--repeats", default=20, show_default=True, help="Paired repeats: equal seeds and first designs."
)
@click.option(
    "--trials", type=click.IntRange(1), help="Tries after the shared designs; default: what stop leaves."
)
@click.option("--initial", type=click.IntRange(0), help="Designs that all strategies of a repeat share.")
@click.option(
    "--table", type=click.Path(path_type=Path), help="CSV or XLSX file: its rows are the only designs."
)
@click.option(
    "--replacement/--no-replacement",
    default=False,
    show_default=True,
    help="Whether a row may be drawn again.",
)
@click.option("--resample", is_flag=True, help="Draw one of a row's replicates instead of their mean.")
@click.option(
    "--noise", default="", metavar="SD", help="Standard deviation added to each answer: 0.02, or '5 %'."
)
@click.option(
    "--target", type=float, help="Value to be found, in the metric's unit; default: a table's best row."
)
@click.option(
    "--learn", "learned", metavar="METRIC,...", help="Learn these metrics; default: the campaign's goal."
)
@click.option(
    "--test",
    type=click.IntRange(20),
    default=256,
    show_default=True,
    help="Designs on which a learner's error is judged.",
)
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes.")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), help="Output folder; default: one per setting."
)
@click.option("--yes", is_flag=True, help="Take an oracle that is not declared cheap.")
def compare(
    campaign: Path, overrides: tuple[str, ...], texts: tuple[str, ...], repeats: int, trials: int | None,
    initial: int | None, table: Path | None, replacement: bool, resample: bool, noise: str,
    target: float | None, learned: str | None, test: int, workers: int, folder: Path | None, yes: bool,
) -> None:  # fmt: skip
    """Try strategies against each other where answers cost nothing.

    Runs the campaign's question many times on its cheap oracle, or on the rows of a table, and says which
    strategy to trust: tries to the target, or labels to an error, with 90 % intervals. Killed or called
    again, it goes on where it stopped.

    \b
    designloop compare beam.yaml --strategies random,sobol,gp_ucb
    designloop compare beam.yaml --table measured.csv --strategies random,gp_ucb:kappa=1,gp_ucb:kappa=3
    designloop compare learn.yaml --strategies random,query_by_committee --repeats 10
    """
    from designloop.compare import Comparison, contenders, planned
    from designloop.compare import compare as compared

    wanted = contenders(texts)
    setup, resolved = planned(
        campaign, overrides=overrides, table=table, replacement=replacement, resample=resample, noise=noise,
        target=target, learn=[m.strip() for m in (learned or "").split(",") if m.strip()], trials=trials,
        initial=initial, test=test, yes=yes,
    )  # fmt: skip
    comparison = Comparison(setup=setup, campaign=resolved, contenders=wanted, repeats=repeats)
    click.echo(f"comparing {', '.join(c.label for c in wanted)}, {repeats} repeats each")
    news = Progress()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        outcome = compared(comparison, to=folder, workers=workers, told=news.told)
    except KeyboardInterrupt:
        click.echo("\nstopped. What is finished is safe; the same command goes on.", err=True)
        sys.exit(STOPPED)
    if not outcome.computed:
        click.echo("everything was computed before")
    click.echo("\n" + outcome.summary.text() + "\n")
    click.echo(f"{outcome.folder}: summary.json, results.csv, figures, compare.html")
    if outcome.problem:
        click.echo(f"MLflow does not have it yet: {outcome.problem} Call the same command again.")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


class Progress:
    """Says now and then how far it is."""

    def __init__(self) -> None:
        self._began = self._said = time.monotonic()
        self._done = 0

    def told(self, row: dict[str, Any], left: int) -> None:  # noqa: ARG002 - the row is for other listeners
        """One more is done."""
        self._done += 1
        now = time.monotonic()
        if now - self._said >= NEWS or not left:
            self._said = now
            rest = (now - self._began) / self._done * left
            click.echo(
                f"  {self._done} done, {left} left, about {rest / 60:.0f} min"
                if left
                else f"  {self._done} done"
            )


COMMANDS: tuple[Any, ...] = (compare,)
