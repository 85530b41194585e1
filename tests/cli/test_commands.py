"""Commands as a user types them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.entries import campaign, done, outcome, proposal, run_of, start

from designloop import hours
from designloop.campaign.amounts import about, duration
from designloop.cli import main
from designloop.cli.screen import PlainWatch, verdict
from designloop.cli.views import status_text
from designloop.journal import Journal
from designloop.record import read

ORACLE = """
import time
from pathlib import Path
from typing import Annotated

from designloop.oracle import Input, Output


def simulate(
    x: Annotated[float, Input(lower=0, upper=10, unit="um", description="length")],
) -> Annotated[dict[str, float], Output("height", unit="nm")]:
    slow = Path(__file__).with_name("slow")
    if slow.exists() and x != 7.0:
        slow.write_text("inside")
        time.sleep(60)
    if Path(__file__).with_name("broken").exists():
        raise ValueError("no licence")
    return {"height": (x - 3.0) ** 2}
"""
CAMPAIGN = """\
version: 1
name: Höhe x
oracle: ./simulate.py:simulate
objectives: [minimize: height]
constraints: [height <= 40 nm]
baseline: {x: 7 um}
strategy: {name: sobol}
stop: {trials: 5}
tracking: off
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "simulate.py").write_text(ORACLE)
    (tmp_path / "c.yaml").write_text(CAMPAIGN)
    monkeypatch.setenv("DESIGNLOOP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def good(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def ran(place: Path) -> Path:
    good("run", "c.yaml")
    return next((place / "home" / "runs").iterdir())


def test_a_run_tells_every_trial_and_ends_with_the_answer(place: Path) -> None:
    said = good("run", "c.yaml")
    assert "5 trials at most" in said
    assert [line for line in said.splitlines() if line.startswith("   0  baseline   16 nm")]
    assert "done: all 5 trials are done" in said
    assert "Best measured design" in said
    assert "baseline" in said


def test_the_name_of_a_run_survives_umlauts_and_blanks(ran: Path) -> None:
    assert ran.name.startswith("hohe-x-")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(
            ["status"], ["finished, 5 of 5 trials", "all 5 trials are done", "best so far"], id="status"
        ),
        pytest.param(["list"], ["hohe-x-", "finished", "5 trials"], id="list"),
        pytest.param(["show"], ["0  baseline", "x 7 um", "in bounds"], id="show"),
        pytest.param(["best"], ["Best measured design"], id="best"),
        pytest.param(
            ["why", "hohe", "0"], ["trial 0: x 7 um", "given in the campaign file", "16 nm"], id="why"
        ),
        pytest.param(["replay", "--verify"], ["4 of 4 proposals agree", "identical"], id="replay"),
    ],
)
def test_looking_back(ran: Path, arguments: list[str], words: list[str]) -> None:
    said = good(*arguments)
    assert all(word in said for word in words), said


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_a_table_is_exported(ran: Path, suffix: str) -> None:
    assert "5 trials are written" in good("export", "--to", f"table.{suffix}")
    if suffix == "csv":
        header, first = Path("table.csv").read_text().splitlines()[:2]
        assert "x [um]" in header
        assert "height [nm]" in header
        assert "7.0" in first
    else:
        from openpyxl import load_workbook

        sheet = load_workbook("table.xlsx").active
        assert sheet is not None
        assert sheet.max_row == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["run", "none.yaml"], "there is no such file", id="no file"),
        pytest.param(["run", "c.yaml", "--set", "stop.trails=3"], "trails", id="wrong override"),
        pytest.param(["status"], "no run is here yet", id="no run"),
        pytest.param(["resume"], "no unfinished run is here", id="nothing to resume"),
        pytest.param(["best", "nothing"], "no run is called 'nothing'", id="unknown run"),
        pytest.param(["oracle", "show", "magnetomter"], "magnetometer", id="misspelt oracle"),
        pytest.param(["explain", "strategie"], "strategy", id="misspelt key"),
    ],
)
def test_mistakes_get_a_sentence_and_exit_status_2(place: Path, arguments: list[str], words: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert "Traceback" not in result.output


def test_a_measured_row_without_default_margins_is_in_bounds() -> None:
    margin = {"metric": "room.min", "relation": ">=", "bound": 0.0, "unit": "", "is_margin": True}
    row = {"trial": 0, "parameters": {"w": 3.0}, "metrics": {"noise": {"value": 2.0}}, "status": "completed"}
    imported = {"kind": "import", "time": 1.0, "trials": [{**row, "source": "old.csv", "in_range": True}]}
    run = run_of(imported, done(1, noise=1.0), constraints=[margin])
    assert verdict(run, run.trials[0]) == "in bounds"
    assert verdict(run, run.trials[1]) == "room.min not observed"


def test_a_table_of_unknown_kind_is_refused(ran: Path) -> None:
    result = call("export", "--to", "table.ods")
    assert result.exit_code == 2
    assert ".csv or .xlsx" in result.output


def test_a_trial_out_of_range_is_refused(ran: Path) -> None:
    assert "trials 0 to 4, not 9" in call("why", ran.name, "9").output


def test_a_paused_run_shows_the_oracles_words_and_exits_3(place: Path) -> None:
    (place / "broken").touch()
    result = call("run", "c.yaml")
    assert result.exit_code == 3
    assert "paused: 3 trials in a row failed alike: ValueError: no licence" in result.output
    (place / "broken").unlink()
    assert "done: all 5 trials are done" in good("resume")


def test_more_trials_by_an_override(ran: Path) -> None:
    assert "done: all 7 trials are done" in good("resume", ran.name, "--set", "stop.trials=7")


def test_a_revision_says_what_it_changes(ran: Path) -> None:
    edited = CAMPAIGN.replace("trials: 5", "trials: 7").replace("height <= 40 nm", "height <= 30 nm")
    Path("c.yaml").write_text(edited + "parameters: {x: 1 .. 9 um}\n")
    said = good("resume", ran.name, "--campaign", "c.yaml")
    assert "revision 2: x from 0 .. 10 um to 1 .. 9 um; without the constraint height <= 40 nm" in said
    assert "with the constraint height <= 30 nm; another stop" in said


def test_a_finished_run_is_not_resumed_by_accident(ran: Path) -> None:
    result = call("resume", ran.name)
    assert result.exit_code == 2
    assert "is finished" in result.output


def test_a_dry_run_records_nothing(place: Path) -> None:
    assert "completed in" in good("run", "c.yaml", "--dry-run")
    assert not (place / "home" / "runs").exists()


def test_a_begun_file_loads_and_runs(place: Path) -> None:
    good("init", "branin", "-o", "mine.yaml")
    assert "valid" in good("validate", "mine.yaml")
    assert "exists already" in call("init", "branin", "-o", "mine.yaml").output


def test_a_new_oracle_keeps_the_contract(place: Path) -> None:
    good("oracle", "new", "mine")
    assert "keeps its contract" in good("oracle", "check", "./mine.py:mine")


def test_an_oracle_that_leaves_fails_its_check(place: Path) -> None:
    (place / "leaving.py").write_text(ORACLE.replace("    slow =", "    raise SystemExit(0)\n    slow ="))
    result = call("oracle", "check", "./leaving.py:simulate")
    assert result.exit_code == 1
    assert "called sys.exit(0)" in result.output
    assert "the other checks wait" in result.output


def test_the_latest_run_answers_why(ran: Path) -> None:
    assert good("why", "0") == good("why", ran.name, "0")
    assert "takes a run" in call("why", "zero").output


def test_sync_without_a_store_gets_a_sentence(ran: Path) -> None:
    result = call("sync")
    assert result.exit_code == 2
    assert "tracking: off" in result.output


def test_a_reader_that_leaves_does_not_stop_a_run(ran: Path) -> None:
    from designloop.cli.screen import PlainWatch
    from designloop.record import read

    said = []

    def say(text: str) -> None:
        said.append(text)
        raise BrokenPipeError

    watch = PlainWatch(say)
    run = read(ran)
    for trial in range(2):
        watch.recorded({"kind": "outcome", "trial": trial}, run)
    watch.close()
    assert len(said) == 1


def test_a_run_whose_figures_cannot_be_written_still_answers(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("designloop.report.draw", refuse)
    said = good("run", "c.yaml")
    assert "Best measured design" in said
    assert "The figures are not there" in said


def test_a_broken_oracle_fails_its_check(place: Path) -> None:
    (place / "broken").touch()
    result = call("oracle", "check", "./simulate.py:simulate")
    assert result.exit_code == 1
    assert "FAIL" in result.output


def test_the_schema_is_json(place: Path) -> None:
    assert json.loads(good("schema"))["type"] == "object"


def test_a_second_writer_is_told_so(ran: Path) -> None:
    with Journal(ran):
        result = call("resume", ran.name, "--set", "stop.trials=9")
    assert result.exit_code == 2
    assert "another process is writing this run" in result.output


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "terminate"])
def test_a_stopped_run_says_how_to_go_on_and_resume_does(place: Path, stop: signal.Signals) -> None:
    slow = place / "slow"
    slow.touch()
    script = Path(sys.executable).with_name("designloop")
    process = subprocess.Popen(
        [script, "run", "c.yaml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell starts its background jobs deaf to Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while slow.read_text() != "inside" and time.monotonic() < deadline:
        time.sleep(0.05)
    running = good("status")
    assert "running" in running
    assert "trial 1 runs since" in running
    process.send_signal(stop)
    if stop == signal.SIGINT:
        assert process.stderr
        assert process.stderr.readline() == "\n"
        assert "Ctrl-C again leaves at once" in process.stderr.readline()
        process.send_signal(stop)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "designloop resume hohe-x-" in error
    assert "Traceback" not in error
    assert "stopped" in good("status")
    slow.unlink()
    assert "done: all 5 trials are done" in good("resume")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"), (0.012, "0.012 s"), (9.94, "9.9 s"), (42.4, "42 s"), (200, "3 min 20 s"),
        (7500, "2 h 5 min"), (7199.6, "2 h"), (720, "12 min"),
    ],
)  # fmt: skip
def test_times_that_pass_read_well(seconds: float, text: str) -> None:
    assert about(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.25 s"), (61.25, "1 min 1.25 s"), (5400, "1 h 30 min"), (720000, "200 h"), (3601, "1 h 1 s")],
)
def test_durations_are_told_to_the_digit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def minutes_from_now(*ahead: int) -> list[int]:
    """Minutes of the week so many minutes ahead, in a row."""
    now = datetime.now()
    first = ((now.weekday() * 24 + now.hour) * 60 + now.minute + ahead[0]) % hours.WEEK
    return [first, *(first + minutes - ahead[0] for minutes in ahead[1:])]


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ((120, 180), r"outside the hours of the campaign: attempts begin again \w+ \S+ [0-9:]+, in [12] h"),
        ((-60, 60), r"within the hours of the campaign, which close \w+ \S+ [0-9:]+, in (5\d min|1 h)"),
    ],
    ids=["outside", "within"],
)  # fmt: skip
def test_status_knows_the_hours_and_what_is_waited_for(
    tmp_path: Path, window: tuple[int, int], said: str
) -> None:
    directory = tmp_path / "runs" / "beam-x"
    refusals = [
        entry | {"time": time.time() - 7200 + 600 * n}
        for n in range(1, 4)
        for entry in (
            start(0, n),
            outcome(0, n, status="failed", reason="no licence of comsol is free")
            | {"cause": "wait", "does": "retry", "again": time.time() + 300},
        )
    ]
    execution = {"engine": "processes", "workers": 2, "hours": [minutes_from_now(*window)]}
    directory.mkdir(parents=True)
    with Journal(directory) as journal:
        for entry in (campaign(execution=execution), proposal(0), *refusals):
            journal.append(**entry)
        running = status_text(read(directory))
    assert re.search(said, running), running
    waits = "in (1 h|2 h)" if window[0] > 0 else "in (5 min|4 min 59 s)"
    refused = rf"trial 0 waits, refused 3 times since 1 h 50 min; attempt 4 begins {waits}"
    assert re.search(refused, running), running
    assert "no licence of comsol is free" in running
    stopped = status_text(read(directory))
    assert "attempt 4 begins with resume" in stopped
    assert "hours of the campaign" not in stopped


def test_an_outage_is_one_line_on_the_screen() -> None:
    lines: list[str] = []
    watch, entries = PlainWatch(lines.append), [proposal(0)]
    for attempt in range(1, 50):
        ended = outcome(0, attempt, status="failed", reason="none free")
        entries += [start(0, attempt), ended | {"cause": "wait", "does": "retry", "again": 0.0}]
        watch.recorded(entries[-1], run_of(*entries))
    watch.close()
    assert len(lines) == 1
    assert "waiting" in lines[0]
    assert "none free" in lines[0]


@pytest.mark.parametrize(
    "override",
    ["stop.cost=null", "stop.trials=null", "strategy.name=null", "stop=null", "name=", "oracle.options=null"],
)
def test_a_key_without_a_value_is_left_out(place: Path, override: str) -> None:
    (place / "c.yaml").write_text(CAMPAIGN.replace("trials: 5", "trials: 5, cost: 3 h"))
    key = override.partition("=")[0]
    said = good("validate", "c.yaml", "--set", override)
    assert ("after 50 trials" in said) == (key in ("stop", "stop.trials"))
    assert ("3 h of the oracle" in said) == (key not in ("stop", "stop.cost"))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("oracle=null", "the key oracle has no value. Write for example oracle: magnetometer."),
        ("objectives.0=null", "entry 1 of objectives has no value. Write one, or leave the entry out."),
        ("version=null", "the key version has no value. Write for example version: 1."),
    ],
)
def test_what_is_needed_cannot_be_left_empty(place: Path, override: str, words: str) -> None:
    result = call("validate", "c.yaml", "--set", override)
    assert result.exit_code == 2
    assert f"--set {override}: {words}" in result.output


def test_a_campaign_whose_time_is_over_does_not_begin(place: Path) -> None:
    (place / "c.yaml").write_text(CAMPAIGN.replace("trials: 5", "trials: 5, until: 2026-11-01"))
    for command in ("validate", "run"):
        result = call(command, "c.yaml")
        assert result.exit_code == 2
        assert "c.yaml:8:26: until 2026-11-01 has passed: it is" in result.output
        assert "Write a later day, or leave it out." in result.output
    assert not list(place.glob("**/journal.jsonl"))


def test_a_run_whose_time_passed_meanwhile_resumes_and_says_so(place: Path) -> None:
    (place / "broken").touch()
    assert call("run", "c.yaml").exit_code == 3
    (place / "broken").unlink()
    said = good("resume", "--set", "stop.until=2026-11-01")
    assert "done: the time is up: 2026-11-02 00:00" in said


def piped(command: str, place: Path) -> tuple[int, str, str]:
    """A command whose output nobody reads to its end: its exit status, what was read, standard error."""
    script = f'{sys.executable} -c "from designloop.cli import main; main()" {command}'
    done = subprocess.run(
        ["bash", "-c", f"{script} | head -1; echo ${{PIPESTATUS[0]}}"], cwd=place, capture_output=True,
        text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    *read_, status = done.stdout.splitlines()
    return int(status), "\n".join(read_), done.stderr


def test_a_campaign_outlives_the_reader_of_its_output(place: Path) -> None:
    assert piped("run c.yaml", place) == (0, "reading c.yaml", "")
    assert "finished" in good("list")
    assert piped("run none.yaml 2>&1", place)[0] == 2
    status, _, error = piped("explain", place)
    assert (status, error) == (0, "")


def test_the_environment_is_recorded_without_names_or_paths(ran: Path) -> None:
    entry = json.loads((ran / "journal.jsonl").read_text().splitlines()[0].split(" ", 2)[2])
    text = json.dumps(entry["environment"])
    assert os.uname().nodename not in text
    assert str(Path.home()) not in text
