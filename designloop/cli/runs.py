"""Commands about runs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from designloop.cli.campaigns import CAMPAIGN, OVERRIDE
from designloop.errors import RunError

if TYPE_CHECKING:
    from designloop.cli.screen import PlainWatch
    from designloop.record import RunRecord

    Begun = Callable[[Path], None]
    Session = Callable[[PlainWatch, Begun, Callable[[], bool]], RunRecord]

RUN = click.argument("run", required=False)
RUNS = click.option("--runs", "folder", type=click.Path(path_type=Path), help="Folder of run directories.")
PAUSED = 3
INTERRUPTED = 130


@click.command(name="run")
@CAMPAIGN
@OVERRIDE
@RUNS
@click.option("--dry-run", is_flag=True, help="Validate, call the oracle once, record nothing.")
def run_(campaign: Path, overrides: tuple[str, ...], folder: Path | None, dry_run: bool) -> None:
    """Run a campaign to its end."""
    if dry_run:
        from designloop.cli.dry_run import dry_run as tried

        click.echo(tried(campaign, overrides))
        return
    _run(campaign, overrides, folder)


@click.command()
@OVERRIDE
@RUNS
def demo(overrides: tuple[str, ...], folder: Path | None) -> None:
    """Run the shipped campaign: a magnetometer that stays quiet at every process corner."""
    from designloop.campaign.places import shipped

    _run(shipped("magnetometer.yaml"), overrides, folder)


def _run(path: Path, overrides: tuple[str, ...], folder: Path | None) -> None:
    from designloop.campaign import load

    click.echo(f"reading {_short(path)}")
    campaign = load(path, overrides=overrides, begins=True)
    click.echo(f"{campaign.name}: {campaign.stop.trials} trials at most, oracle {campaign.oracle_name}")
    if campaign.execution.engine == "manual":
        from designloop.cli.people import begin

        begin(campaign, folder)
        return

    def session(watch: PlainWatch, begun: Begun, interrupted: Callable[[], bool]) -> RunRecord:
        from designloop.session import run

        return run(campaign, folder=folder, watch=watch, begun=begun, interrupted=interrupted)

    _watched(session)


@click.command()
@RUN
@click.option("--campaign", type=click.Path(path_type=Path), help="The edited campaign file to go on with.")
@click.option("--give-up", is_flag=True, help="Run again what may still run under another engine.")
@OVERRIDE
@RUNS
def resume(
    run: str | None, campaign: Path | None, give_up: bool, overrides: tuple[str, ...], folder: Path | None
) -> None:
    """Go on with a run; without a name: the last unfinished one."""
    from designloop.campaign import load, loads
    from designloop.record import read
    from designloop.revision import versions_of
    from designloop.rundir import find

    directory = find(run, folder=folder) if run else _last_unfinished(folder)
    if read(directory).is_manual:
        from designloop.cli.people import go_on

        if campaign or overrides or give_up:
            raise RunError(
                f"people run the trials of {directory.name}: edit its campaign by 'designloop suggest "
                f"{directory.name}' with --campaign or --set."
            )
        go_on(directory)
        return
    edited = None
    if campaign or overrides:
        latest = read(directory).campaign
        versions = versions_of(latest)
    if campaign:
        edited = load(campaign, overrides=overrides, versions=versions)
    elif overrides:
        edited = loads(latest["yaml"], folder=Path(latest["folder"]), overrides=overrides, versions=versions)

    def session(watch: PlainWatch, begun: Begun, interrupted: Callable[[], bool]) -> RunRecord:
        from designloop.session import resume as go_on

        return go_on(
            directory,
            campaign=edited,
            watch=watch,
            begun=begun,
            interrupted=interrupted,
            gives_up=give_up,
        )

    _watched(session)


def _last_unfinished(folder: Path | None) -> Path:
    from designloop.record import read
    from designloop.rundir import all_runs

    for directory in reversed(all_runs(folder)):
        known = read(directory)
        if not known.is_manual and (known.status != "finished" or not known.is_reported):
            return directory
    raise RunError("no unfinished run is here. See 'designloop list', and name a run to go on with it.")


class Interrupts:
    """Ctrl-C: once to end when what runs has ended, twice to leave at once."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, *_: object) -> None:
        """A signal handler."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        click.echo("\nending when what runs has ended; Ctrl-C again leaves at once", err=True)


def _watched(session: Session) -> None:
    from designloop.cli.screen import watcher
    from designloop.record import read

    places: list[Path] = []

    def begun(directory: Path) -> None:
        places.append(directory)
        latest = read(directory)
        changed = "; ".join(latest.campaign.get("changes", []))
        revised = f", revision {len(latest.revisions)}: {changed}" if changed else ""
        click.echo(f"run {_short(directory)}{revised}")

    def terminated(*_: object) -> None:
        raise KeyboardInterrupt

    interrupts = Interrupts()
    signal.signal(signal.SIGTERM, terminated)
    signal.signal(signal.SIGINT, interrupts)
    watch = watcher()
    try:
        run = session(watch, begun, lambda: interrupts.asked)
    except KeyboardInterrupt:
        watch.close()
        _left(places)
    finally:
        watch.close()
    _last_screen(run)


def _left(places: list[Path]) -> NoReturn:
    """Say what is left behind, and leave without waiting for threads."""
    from designloop.cli.screen import resume_hint
    from designloop.record import read

    click.echo(f"\nstopped. {resume_hint(places[0]) if places else ''}", err=True)
    handles = (
        [t.last.handle for t in read(places[0]).trials if t.status == "running" and t.last] if places else []
    )
    elsewhere = [h for h in handles if h["kind"] != "in-process"]
    if elsewhere:
        which = "evaluation goes" if len(elsewhere) == 1 else "evaluations go"
        pids = [str(h["pid"]) for h in elsewhere if "pid" in h]
        ended = f" (to end them: kill {' '.join(pids)})" if pids else ""
        click.echo(f"{len(elsewhere)} {which} on and will be collected then{ended}.", err=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _last_screen(run: RunRecord) -> None:
    from designloop.report import answer, last_screen
    from designloop.tracking import state, ui_command

    by_user = run.status == "paused" and run.decisions[-1].get("by") == "user"
    click.echo("\n" + last_screen(answer(run)))
    _say_who_answered(run)
    if by_user:
        click.echo(f"\nStopped; everything is recorded. Go on with: designloop resume {run.name}")
    elif run.status == "paused":
        click.echo(f"\nThe run waits. When the cause is mended: designloop resume {run.name}")
        click.echo(f"Details of each failure stand in {_short(run.directory / 'trials')}.")
        click.echo("Where such designs cannot exist, let the oracle raise designloop.oracle.Infeasible: that")
        click.echo("is an answer, no failure, and the strategy learns where it happens.")
    uri = run.campaign["tracking"]["uri"]
    mirror = state(run.directory)
    if run.report and run.report.get("problem"):
        click.echo(f"\nThe figures are not there: {run.report['problem']}")
    if uri and mirror.stage != "done":
        click.echo(f"\nMLflow is behind. {mirror.error or ''}".rstrip())
        click.echo(f"The journal holds everything; complete MLflow with: designloop sync {run.name}")
    elif uri:
        click.echo(f"\nEvery iteration and model in MLflow: designloop ui\n  which runs {ui_command(uri)}")
    sys.exit(INTERRUPTED if by_user else PAUSED if run.status == "paused" else 0)


def _say_who_answered(run: RunRecord) -> None:
    from designloop.answered import lines_of

    for line in lines_of(run):
        click.echo(line)
    promoted = [entry for entry in run.lessons if entry["promoted"]]
    if promoted:
        path = _short(run.directory / promoted[-1]["path"])
        click.echo(f"  To use the last one elsewhere: designloop model import {path} --as NAME")


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def find_record(run: str | None, folder: Path | None) -> RunRecord:
    """The run that a name, a unique prefix or nothing stands for; raises RunError."""
    from designloop.record import read
    from designloop.rundir import all_runs, find

    if run:
        return read(find(run, folder=folder))
    runs = all_runs(folder)
    if not runs:
        raise RunError("no run is here yet. Begin with 'designloop demo' or 'designloop run FILE'.")
    return read(runs[-1])


@click.command()
@RUN
@RUNS
def status(run: str | None, folder: Path | None) -> None:
    """Say what runs, since when, and how long it may take; from any shell."""
    from designloop.cli.views import status_text

    click.echo(status_text(find_record(run, folder)))


@click.command(name="list")
@RUNS
def list_(folder: Path | None) -> None:
    """List the runs, oldest first."""
    from designloop.cli.views import list_text

    click.echo(list_text(folder))


@click.command()
@RUN
@RUNS
def show(run: str | None, folder: Path | None) -> None:
    """Show every trial of a run."""
    from designloop.cli.views import trials_text

    click.echo(trials_text(find_record(run, folder)))


@click.command()
@RUN
@RUNS
def best(run: str | None, folder: Path | None) -> None:
    """Show the answer of a run: best design or what was learned, and whether to believe the model."""
    from designloop.report import answer, last_screen

    record = find_record(run, folder)
    click.echo(last_screen(answer(record)))
    _say_who_answered(record)


@click.command()
@click.argument("words", nargs=-1, metavar="[RUN] TRIAL", required=True)
@RUNS
def why(words: tuple[str, ...], folder: Path | None) -> None:
    """Say why a trial was proposed: prediction, exploration or disagreement, nearest design, constraints."""
    from designloop.cli.views import why_text

    if len(words) > 2 or not words[-1].isdigit():
        raise RunError("'why' takes a run, or none for the latest, and the number of a trial: why RUN 31.")
    click.echo(why_text(find_record(words[0] if len(words) == 2 else None, folder), int(words[-1])))


@click.command()
@RUN
@RUNS
@click.option("--to", "output", type=click.Path(path_type=Path), help="FILE.csv or FILE.xlsx.")
def export(run: str | None, folder: Path | None, output: Path | None) -> None:
    """Write all trials as a table, with units in the headers."""
    from designloop.report import write_csv, write_xlsx

    record = find_record(run, folder)
    path = output or Path(f"{record.name}.csv")
    writers = {".csv": write_csv, ".xlsx": write_xlsx}
    if path.suffix.lower() not in writers:
        raise RunError(f"{path}: tables are written as .csv or .xlsx; name the file so.")
    try:
        writers[path.suffix.lower()](record, path)
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}).") from None
    click.echo(f"{len(record.trials)} trials are written to {path}.")


@click.command()
@RUN
@RUNS
@click.option("--verify", is_flag=True, help="Exit status 1 where a proposal differs.")
def replay(run: str | None, folder: Path | None, verify: bool) -> None:
    """Propose every design again from the record, and compare."""
    from designloop.cli.views import replay_line
    from designloop.replay import environment_differences
    from designloop.replay import replay as replayed

    record = find_record(run, folder)
    for difference in environment_differences(record):
        click.echo(f"environment: {difference}")
    results = replayed(record.directory, watch=lambda result: click.echo(replay_line(result)))
    wrong = sum(not result.agrees for result in results)
    click.echo(f"{len(results) - wrong} of {len(results)} proposals agree")
    sys.exit(1 if verify and wrong else 0)


@click.command()
@RUN
@RUNS
@click.option("--uri", help="Another tracking store than the campaign's.")
def sync(run: str | None, folder: Path | None, uri: str | None) -> None:
    """Complete the MLflow record of a run from its journal."""
    from designloop.tracking import sync as synced

    record = find_record(run, folder)
    if not (uri or record.campaign["tracking"]["uri"]):
        raise RunError(f"{record.name} has 'tracking: off'. Name a store: --uri sqlite:///FILE.")
    click.echo(f"bringing {record.name} into MLflow ...")
    done = synced(record.directory, uri=uri)
    news = (
        f"{done.created} entries created, {done.written} written" if done.created else "nothing was missing"
    )
    click.echo(f"{done.trials} trials and {done.models} models are in {done.uri}; {news}.")


@click.command()
@click.option("--uri", help="Tracking store; default: that of the last run.")
@click.option("--port", default=5000, show_default=True, help="Port on this machine.")
@RUNS
def ui(uri: str | None, port: int, folder: Path | None) -> None:
    """Open the MLflow UI on the record."""
    import shlex
    import subprocess

    from designloop.tracking import ui_command

    store = uri or _last_store(folder)
    command = ui_command(store, port=port)
    click.echo(f"MLflow on http://127.0.0.1:{port} (Ctrl-C ends it): {command}")
    try:
        subprocess.run(shlex.split(command), check=False)
    except KeyboardInterrupt:
        click.echo("ended.")


def _last_store(folder: Path | None) -> str:
    from designloop.record import read
    from designloop.rundir import all_runs

    for directory in reversed(all_runs(folder)):
        store = read(directory).campaign["tracking"]["uri"]
        if store:
            return str(store)
    raise RunError("no run has a tracking store yet. Name one with --uri.")


COMMANDS: tuple[Any, ...] = (run_, demo, resume, status, list_, show, best, why, export, replay, sync, ui)
