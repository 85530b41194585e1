"""``designloop sources``: which random source makes the devices of a run differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from designloop.cli.runs import RUN, RUNS, find_record
from designloop.errors import RunError
from designloop.record import RunRecord, TrialRecord

if TYPE_CHECKING:
    from designloop.compose.sources import Scatter, Sources

FILE = "sources.json"
NEGLIGIBLE = 0.01
"""Share of a variance below which a source does not matter; two standard errors must fit below it too."""


@click.command()
@RUN
@RUNS
@click.option("--trial", type=int, help="Which design; the best one where left out.")
@click.option(
    "--samples", type=click.IntRange(64, 65536), default=512, help="Dies sampled.", show_default=True
)
def sources(run: str | None, folder: Path | None, trial: int | None, samples: int) -> None:
    """Say which process variable, or which realization, makes dies of one design differ.

    The dies are sampled again with one source held still at a time; the oracle answers each sample once
    per source, and once with all. The figures are kept in the run as sources.json.
    """
    from designloop.cli.views import is_held
    from designloop.compose.sources import sources as measured
    from designloop.compose.teaching import Teaching
    from designloop.oracle import Context
    from designloop.revision import seed_of
    from designloop.session import recorded_campaign

    record = find_record(run, folder)
    if is_held(record.directory):
        raise RunError(f"{record.name} is at work. Wait until it has ended, then ask again.")
    chosen = _trial(record, trial)
    campaign = recorded_campaign(record)
    context = Context(
        seed=seed_of(campaign.seed, "sources", chosen.index), answers=record.directory / "answers"
    )
    asked = Teaching(campaign).oracle(record)
    count = len(campaign.process) + len(campaign.realizations)
    click.echo(f"... {samples} dies, {count + 1} times", err=True)
    try:
        found = measured(asked, chosen.parameters, samples=samples, seed=context.seed, context=context)
    except ValueError as error:
        raise RunError(f"{record.name}, trial {chosen.index}: {error}.") from None
    content = {"trial": chosen.index, **found.to_json()}
    (record.directory / FILE).write_text(json.dumps(content, indent=1, allow_nan=False))
    units = {o.name: o.unit for o in campaign.declaration.outputs}
    click.echo("\n".join(text_of(found, units=units, title=f"{record.name}, trial {chosen.index}")))


def _trial(record: RunRecord, number: int | None) -> TrialRecord:
    if number is None:
        best = record.best()
        if best is None:
            raise RunError(f"{record.name} has no best design; name a trial: --trial 3.")
        return best
    if not 0 <= number < len(record.trials):
        raise RunError(f"{record.name} has no trial {number}; it has {len(record.trials)}, from 0.")
    return record.trials[number]


def text_of(found: Sources, *, units: dict[str, str], title: str) -> list[str]:
    """A table of outputs and sources, then a sentence on what does not matter."""
    from designloop.report.text import quantity, table, wrapped

    names = list(next(iter(found.outputs.values())).shares)
    head = ["", "mean", "standard deviation", *names]
    moving = {n: s for n, s in found.outputs.items() if s.sd > 1e-9 * abs(s.mean)}
    rows = [
        [n, quantity(s.mean, units[n]), quantity(s.sd, units[n]), *(_share(s, name) for name in names)]
        for n, s in moving.items()
    ]
    broken = f"; {found.broken} cannot work and are left out" if found.broken else ""
    lines = [f"{title}: {found.dies} dies{broken}"]
    lines += ["Share of the variance that goes when a source is held still:", *table([head, *rows])]
    return lines + [line for name in names for line in wrapped(_sentence(name, moving))]


def _share(scatter: Scatter, name: str) -> str:
    share = scatter.shares[name]
    return f"{100 * share.value:.1f} % +- {100 * share.sem:.1f}"


def _sentence(name: str, moving: dict[str, Scatter]) -> str:
    """Where one source does not matter, and where that cannot be told; empty where it matters everywhere."""
    silent = [n for n, s in moving.items() if s.shares[name].value + 2 * s.shares[name].sem < NEGLIGIBLE]
    if len(silent) == len(moving):
        return f"{name} does not matter for this design: without it every output scatters as before."
    if silent:
        return f"{name} does not matter for {', '.join(silent)}."
    return ""
