"""Commands for people who run the trials: suggest, tell, reject."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from designloop.cli.campaigns import OVERRIDE
from designloop.cli.runs import RUN, RUNS, find_record
from designloop.errors import RunError, sentence

if TYPE_CHECKING:
    from designloop.campaign.model import Campaign
    from designloop.people.session import Suggested, Told
    from designloop.record import RunRecord

NEEDED = click.argument("run")
DECIMAL = click.option(
    "--decimal",
    type=click.Choice([".", ","]),
    default=".",
    show_default=True,
    help="Decimal mark of a CSV file.",
)


@click.command()
@RUN
@click.option("-n", "count", type=click.IntRange(min=1), help="How many; default: the strategy's batch.")
@click.option("--only", multiple=True, metavar="NAME=VALUE,VALUE", help="What is at hand, as acid=-22.5,-15.")
@click.option("--to", type=click.Path(path_type=Path), help="FILE.csv or FILE.xlsx to fill in.")
@click.option("--campaign", type=click.Path(path_type=Path), help="The edited campaign file to go on with.")
@OVERRIDE
@DECIMAL
@RUNS
def suggest(
    run: str | None,
    count: int | None,
    only: tuple[str, ...],
    to: Path | None,
    campaign: Path | None,
    overrides: tuple[str, ...],
    decimal: str,
    folder: Path | None,
) -> None:
    """Suggest what to run next, and write the table to fill in."""
    from designloop.people.session import suggest as suggested

    _check_table(to)
    record = find_record(run, folder)
    edited = _edited(record, campaign, overrides)
    watch = _watch()
    try:
        found = suggested(record.directory, count=count, only=only, campaign=edited, watch=watch)
    finally:
        watch.close()
    show_suggestions(found, to=to, decimal=decimal)


def _edited(record: RunRecord, path: Path | None, overrides: tuple[str, ...]) -> Campaign | None:
    from designloop.campaign import load, loads
    from designloop.revision import versions_of

    latest = record.campaign
    versions = versions_of(latest)
    if path is not None:
        return load(path, overrides=overrides, versions=versions)
    if not overrides:
        return None
    return loads(
        latest["yaml"], folder=Path(latest["folder"]), unnamed=latest["name"], overrides=overrides,
        versions=versions,
    )  # fmt: skip


def _check_table(to: Path | None) -> None:
    """Refuse what cannot be written before anything is suggested."""
    if to is not None and to.suffix.lower() not in (".csv", ".xlsx"):
        raise RunError(f"{to}: tables are written as .csv or .xlsx; name the file so.")


def _watch() -> Any:
    from designloop.cli.screen import PlainWatch

    return PlainWatch()


def begin(campaign: Campaign, folder: Path | None) -> None:
    """Make a run whose trials people make, and show the first suggestions."""
    from designloop.cli.people_text import short
    from designloop.people.session import begin as begun

    watch = _watch()
    try:
        found = begun(
            campaign,
            folder=folder,
            watch=watch,
            begun=lambda directory: click.echo(f"run {short(directory)}"),
        )
    finally:
        watch.close()
    show_suggestions(found)


def show_suggestions(found: Suggested, *, to: Path | None = None, decimal: str = ".") -> None:
    """Print new suggestions, and write them where the user asked for it."""
    from designloop.cli import people_text
    from designloop.people import sheet

    for line in people_text.suggested_lines(found):
        click.echo(line)
    if to is None and decimal == "," and found.trials:
        to = sheet.place_of(found.run, sheet.round_of(found.run, found.trials[-1]))
    if to is not None and found.trials:
        sheet.write(sheet.rows(found.campaign, found.trials), to, decimal=decimal)
    for line in people_text.file_lines(found.run, found, to):
        click.echo(line)
    _say_end(found.run)


@click.command()
@NEEDED
@click.argument("results", required=False, type=click.Path(path_type=Path))
@click.option("--trial", type=click.IntRange(min=0), help="Without a file: the trial that --set is about.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A result, or what was run.")
@click.option("--status", default="", help="failed or infeasible.")
@click.option("--note", default="", help="The reason, or anything worth keeping.")
@click.option("--correct", is_flag=True, help="Replace results that were told before.")
@click.option("--dry-run", is_flag=True, help="Say what would be recorded, record nothing.")
@click.option("--sheet", help="Sheet of an XLSX file; default: the first.")
@DECIMAL
@RUNS
def tell(
    run: str,
    results: Path | None,
    trial: int | None,
    settings: tuple[str, ...],
    status: str,
    note: str,
    correct: bool,
    dry_run: bool,
    sheet: str | None,
    decimal: str,
    folder: Path | None,
) -> None:
    """Record results: a filled-in table (RESULTS, .csv or .xlsx), or one trial by --trial and --set."""
    from designloop.people.results import Results, read_results, row_of
    from designloop.people.session import known
    from designloop.people.session import tell as told

    record, campaign = known(find_record(run, folder).directory)
    if (results is None) == (not settings and not status):
        raise RunError("'tell' takes a file of results, or --set NAME=VALUE and --status; one of both.")
    if results is not None:
        found = read_results(results, campaign, decimal=decimal, sheet=sheet)
    else:
        found = Results(rows=(row_of(settings, campaign, trial=trial, said=status, note=note),))
    watch = _watch()
    try:
        done = told(record.directory, found.rows, correct=correct, dry_run=dry_run, watch=Quiet(watch))
    finally:
        watch.close()
    _show_told(done, found.passed_over, dry_run=dry_run)


class Quiet:
    """Tells of waits alone: what was recorded is listed at the end."""

    def __init__(self, watch: Any) -> None:
        self._watch = watch

    def recorded(self, entry: dict[str, Any], run: RunRecord) -> None:
        """Say nothing."""

    def waits(self, what: str) -> None:
        """Say what takes so long, once it does."""
        self._watch.waits(what)


def _show_told(done: Told, passed_over: tuple[str, ...], *, dry_run: bool) -> None:
    from designloop.cli import people_text

    if passed_over:
        click.echo(f"not read: the columns {', '.join(passed_over)}")
    for line in people_text.told_lines(done, recorded=not dry_run):
        click.echo(line)
    if not dry_run:
        _say_standing(done.run)


def go_on(directory: Path) -> None:
    """Go on with a run that failures have paused."""
    from designloop.people.session import go_on as gone_on

    watch = _watch()
    try:
        found = gone_on(directory, watch=Quiet(watch))
    finally:
        watch.close()
    again = ", ".join(str(trial.index) for trial in found.trials)
    click.echo(f"{found.run.name} goes on" + (f"; to be run again: {again}" if again else ""))
    _say_standing(found.run)


@click.command()
@NEEDED
@click.argument("trials", nargs=-1, required=True, type=click.IntRange(min=0))
@click.option("--reason", required=True, help="Why it will not be run.")
@RUNS
def reject(run: str, trials: tuple[int, ...], reason: str, folder: Path | None) -> None:
    """Take back suggestions: they will not be run, and are not suggested again."""
    from designloop.people.session import reject as rejected

    watch = _watch()
    try:
        record = rejected(find_record(run, folder).directory, trials, reason=reason, watch=Quiet(watch))
    finally:
        watch.close()
    click.echo(f"rejected: {', '.join(map(str, trials))} ({reason})")
    _say_standing(record)


def _say_standing(run: RunRecord) -> None:
    """Best so far, whether to believe the model, what is open, what comes next."""
    from designloop.cli import people_text
    from designloop.report import answer

    best = people_text.best_line(run)
    if best:
        click.echo(best)
    if any(proposal.get("model") for proposal in run.proposals):
        belief = answer(run).belief
        click.echo(f"{belief.summary}: {belief.verdict}")
    for line in people_text.open_lines(run):
        click.echo(line)
    _say_end(run)


def _say_end(run: RunRecord) -> None:
    from designloop.record import OPEN

    if run.status == "finished":
        click.echo(f"done: {sentence(run.decisions[-1]['reason'])} The answer: designloop best {run.name}")
    elif run.status == "paused":
        click.echo(f"!!! paused: {sentence(run.decisions[-1]['reason'])} Nothing more is suggested.")
        click.echo(f"When the cause is mended: designloop resume {run.name} (hands those designs out again)")
    elif not any(t.status in OPEN for t in run.trials):
        click.echo(f"nothing is open. Next: designloop suggest {run.name}")


COMMANDS: tuple[Any, ...] = (suggest, tell, reject)
