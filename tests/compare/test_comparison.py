"""A comparison from its settings to its folder: paired, resumable, the same however it was run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from comparisons import CAMPAIGN, campaign_in, comparison

from designloop.compare import Outcome, compare
from designloop.errors import CampaignError, RunError


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DESIGNLOOP_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("designloop.compare.figures.draw", lambda *_: [])  # test_pages looks at them
    return campaign_in(tmp_path)


def lines(outcome: Outcome) -> dict[tuple[str, int], dict]:
    """Finished rows without what the clock says."""
    rows = [json.loads(text) for text in (outcome.folder / "results.jsonl").read_text().splitlines()]
    return {(r["strategy"], r["repeat"]): {**r, "cpu_seconds": 0} for r in rows}


def test_strategies_of_a_repeat_share_seed_and_first_designs_and_repeats_do_not(path: Path) -> None:
    rows = lines(compare(comparison(path), workers=1))
    assert len(rows) == 6
    for repeat in range(3):
        assert rows["random", repeat]["seed"] == rows["sobol", repeat]["seed"]
        assert rows["random", repeat]["values"][:3] == rows["sobol", repeat]["values"][:3]
        assert rows["random", repeat]["values"][3:] != rows["sobol", repeat]["values"][3:]
    assert len({tuple(rows["random", r]["values"]) for r in range(3)}) == 3


def test_the_budget_is_what_stop_leaves_after_the_shared_designs(path: Path) -> None:
    assert {len(r["values"]) for r in lines(compare(comparison(path), workers=1)).values()} == {9}


def test_the_same_comparison_again_computes_nothing_and_says_the_same(path: Path) -> None:
    first = compare(comparison(path), workers=1)
    again = compare(comparison(path), workers=1)
    assert (first.computed, again.computed) == (6, 0)
    assert first.folder == again.folder
    assert first.summary.to_json() == again.summary.to_json()


def test_more_repeats_and_strategies_use_what_is_there(path: Path) -> None:
    compare(comparison(path), workers=1)
    assert compare(comparison(path, "latin_hypercube,random,sobol", 4), workers=1).computed == 6


def test_a_torn_line_and_missing_ones_are_made_good(path: Path) -> None:
    whole = compare(comparison(path), workers=1)
    expected = lines(whole)
    file = whole.folder / "results.jsonl"
    kept = file.read_bytes()
    file.write_bytes(kept[: int(len(kept) * 0.45)])
    again = compare(comparison(path), workers=1)
    assert 0 < again.computed < 6
    torn = [text for text in file.read_text().splitlines() if not text.endswith("}")]
    assert len(torn) == 1
    file.write_text("\n".join(t for t in file.read_text().splitlines() if t not in torn))
    assert lines(again) == expected


def test_processes_give_the_rows_that_one_process_gives(path: Path, tmp_path: Path) -> None:
    alone = compare(comparison(path), workers=1, to=tmp_path / "alone")
    together = compare(comparison(path), workers=2, to=tmp_path / "together")
    assert lines(alone) == lines(together)


def test_a_changed_file_gets_a_folder_of_its_own_and_is_refused_in_a_named_one(
    path: Path, tmp_path: Path
) -> None:
    named = tmp_path / "named"
    before = compare(comparison(path), workers=1)
    compare(comparison(path), workers=1, to=named)
    path.write_text(CAMPAIGN.replace("seed: 3", "seed: 4"))
    assert compare(comparison(path), workers=1).folder != before.folder
    with pytest.raises(RunError, match="another campaign file"):
        compare(comparison(path), workers=1, to=named)


def test_an_edited_oracle_file_is_another_comparison(path: Path, tmp_path: Path) -> None:
    oracle = tmp_path / "mine.py"
    oracle.write_text(
        "from designloop.oracle import Declaration, Input, Observation, Output, Result\n"
        "class Mine:\n"
        "    declaration = Declaration(name='mine', summary='', cheap=True, outputs=(Output('value'),),\n"
        "        inputs=(Input(name='x', lower=0, upper=1),))\n"
        "    def evaluate(self, parameters, context):\n"
        "        return Result(metrics={'value': Observation(value=parameters['x'])})\n"
    )
    path.write_text(CAMPAIGN.replace("oracle: branin", "oracle: ./mine.py:Mine"))
    before = comparison(path).setup.digest()
    oracle.write_text(oracle.read_text() + "# another version\n")
    assert comparison(path).setup.digest() != before


def test_one_repeat_is_refused(path: Path) -> None:
    with pytest.raises(CampaignError, match="--repeats is 1; chance shows from 2 repeats"):
        comparison(path, repeats=1)


def test_designs_out_of_scope_are_counted_and_never_the_best(path: Path) -> None:
    path.write_text(CAMPAIGN.replace("stop:", "constraints: [value >= 20]\nstop:"))
    outcome = compare(comparison(path), workers=1)
    for row in lines(outcome).values():
        assert all(v is None or v >= 20 for v in row["values"])
    measured = {m.label: m.waste for m in outcome.summary.measured}
    rows = lines(outcome)
    assert list(measured["sobol"]) == [
        sum(v is None for v in rows["sobol", r]["values"]) / 9 for r in range(3)
    ]


def test_a_strategy_that_breaks_is_named_with_its_repeat(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from designloop.strategies.designs import SequenceStrategy

    def broken(*_: object) -> None:
        raise ValueError("no such luck")

    monkeypatch.setattr(SequenceStrategy, "propose", broken)
    with pytest.raises(RunError, match="random, repeat 0, trial 3: ValueError: no such luck"):
        compare(comparison(path), workers=1)


@pytest.mark.long
def test_a_killed_comparison_goes_on_where_it_stopped_and_leaves_no_process(
    path: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    command = [Path(sys.executable).with_name("designloop"), "compare", str(path), "--to", str(folder)]
    command += ["--strategies", "random,log_nei", "--repeats", "6", "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    results = folder / "results.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (results.exists() and results.read_text().count("\n") >= 2):
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    finished = results.read_text().count("\n")
    assert 2 <= finished < 12
    _wait_for_empty_group(process.pid)
    again = compare(comparison(path, "random,log_nei", 6), workers=1, to=folder)
    assert again.computed == 12 - finished
    whole = compare(comparison(path, "random,log_nei", 6), workers=1, to=tmp_path / "whole")
    assert lines(again) == lines(whole)


def _wait_for_empty_group(group: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("processes of the killed comparison are still there")
