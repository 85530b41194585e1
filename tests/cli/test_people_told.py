"""Telling results, on a small space without a model: what is kept, what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from openpyxl import load_workbook
from support.laboratory import (
    CAMPAIGN,
    HEADERS,
    ORACLE,
    filled,
    here,
    kinds,
    not_told,
    refused,
    results,
    rows_of,
    told,
    trial,
)

from designloop import journal
from designloop.record import read
from designloop.tracking.content import trial_content


def test_empty_rows_stay_open_until_they_are_filled_in(lab: Path) -> None:
    first, second, third = rows_of(lab / "suggestions-2.csv")
    said = told(lab, filled(first, {"conductivity": 2.0}), second, filled(third, {"density": 88.0}))
    assert "trial 3 stays open: conductivity is empty" in said
    assert [t.status for t in read(lab).trials] == ["running", "completed", "running", "running"]
    assert "waits for people: 3 suggestions open" in here("status", str(lab))
    told(lab, filled(first, {"conductivity": 2.0}), filled(second, {"conductivity": 3.0}), third)
    assert [t.status for t in read(lab).trials] == ["running", "completed", "completed", "running"]
    assert trial(lab, 2).value("conductivity") == 3.0
    assert kinds(lab).count("outcome") == 2


def test_a_result_told_twice_changes_nothing(lab: Path) -> None:
    told(lab, results(lab))
    before = (lab / journal.FILE).read_bytes()
    said = told(lab, results(lab))
    assert "recorded: nothing; 1 known already" in said
    assert (lab / journal.FILE).read_bytes() == before


def test_another_result_is_refused_unless_it_corrects(lab: Path) -> None:
    told(lab, results(lab))
    assert "trial 0 has another result on record" in not_told(lab, results(lab, conductivity=1.5))
    told(lab, results(lab, conductivity=1.5), options=("--correct",))
    assert trial(lab, 0).value("conductivity") == 1.5
    correction = next(r for r in journal.read(lab) if r["kind"] == "correction")
    assert correction["was"]["metrics"]["conductivity"] == {"value": 1.0}
    assert len(read(lab).outcomes) == 1
    assert "trial 0 has another result" in not_told(lab, results(lab))


def test_a_failure_may_turn_out_to_be_a_result(lab: Path) -> None:
    told(lab, results(lab) | {"conductivity [mS/cm]": "", "status": "failed", "note": "contact lost"})
    told(lab, results(lab, conductivity=1.5), options=("--correct",))
    found = trial(lab, 0)
    assert (found.status, found.value("conductivity"), found.last and found.last.reason) == (
        "completed",
        1.5,
        None,
    )


def test_what_was_measured_later_is_added(lab: Path) -> None:
    here("tell", str(lab), "--trial", "0", "--set", "conductivity=1.0")
    here("tell", str(lab), "--trial", "0", "--set", "density=93")
    assert {n: o.value for n, o in trial(lab, 0).metrics.items()} == {"conductivity": 1.0, "density": 93.0}


def test_failed_and_infeasible_rows_say_why(lab: Path) -> None:
    first, second, third = rows_of(lab / "suggestions-2.csv")
    told(
        lab, first | {"status": "Failed", "note": "crucible cracked"},
        second | {"status": "infeasible"}, third | {"status": "open"},
    )  # fmt: skip
    states = [(t.status, t.last.reason if t.last else None) for t in read(lab).trials]
    assert states[1:] == [
        ("failed", "crucible cracked"), ("infeasible", "no reason given"), ("running", None)
    ]  # fmt: skip
    assert "recorded: nothing" in told(lab, first | {"status": "failed", "note": "crucible cracked"})


def test_what_was_run_stands_beside_what_was_suggested(lab: Path) -> None:
    suggested = trial(lab, 0).parameters["temperature"]
    run_at = float(suggested) - 0.1
    said = told(lab, results(lab) | {"temperature [degC]": str(run_at)})
    assert f"run at temperature {run_at:g} degC instead of {suggested:g} degC" in said
    record = read(lab)
    found = record.trials[0]
    assert (found.parameters["temperature"], found.design["temperature"]) == (suggested, run_at)
    assert f"suggested: temperature {suggested:g} degC" in here("show", str(lab))
    header = here("export", str(lab), "--to", "all.csv") and rows_of(Path("all.csv"))[0]
    assert float(header["temperature [degC]"]) == run_at
    assert float(header["temperature suggested [degC]"]) == suggested
    content = trial_content(record, found, found.attempts[0], live=False)
    assert float(content.params["temperature"]) == run_at
    assert float(content.tags["suggested.temperature"]) == suggested


def test_the_suggestion_itself_is_no_deviation(lab: Path) -> None:
    suggested = float(trial(lab, 0).parameters["temperature"])
    row = results(lab)
    row["temperature [K]"] = repr(suggested + 273.15)
    del row["temperature [degC]"]
    told(lab, row)
    assert trial(lab, 0).ran is None


def test_a_design_without_a_number_is_a_trial_of_its_own(lab: Path) -> None:
    row = results(lab) | {"trial": "", "temperature [degC]": "1210", "hours [h]": "3"}
    assert "outside the space" in told(lab, row)
    own = trial(lab, 4)
    assert (own.origin, own.status, own.in_range, own.ran) == ("told", "completed", False, None)
    assert own.parameters["temperature"] == 1210
    assert own.parameters["hours"] == 3
    assert read(lab).best() is None
    assert "recorded: nothing" in told(lab, row)


def test_a_design_between_choices_lies_in_the_space(lab: Path) -> None:
    told(lab, results(lab) | {"hours [h]": "3"})
    found = trial(lab, 0)
    assert found.in_range
    assert found.design["hours"] == 3


def test_a_row_without_a_number_answers_the_suggestion_that_it_equals(lab: Path) -> None:
    told(lab, results(lab) | {"trial": ""})
    assert trial(lab, 0).status == "completed"
    assert len(read(lab).trials) == 4


def test_replicates_are_trials_of_their_own(lab: Path) -> None:
    rows = [results(lab), results(lab, conductivity=1.2), results(lab, conductivity=0.9) | {"trial": ""}]
    said = told(lab, *rows)
    assert "trial 4, a replicate of trial 0" in said
    values = [(t.origin, t.value("conductivity")) for t in read(lab).trials if t.status == "completed"]
    assert values == [("strategy", 1.0), ("told", 1.2), ("told", 0.9)]
    assert len({str(t.design) for t in read(lab).trials if t.status == "completed"}) == 1
    assert "recorded: nothing; 3 known already" in told(lab, *reversed(rows))


def test_units_in_headers_convert_and_other_columns_are_named(lab: Path) -> None:
    row = results(lab)
    row["conductivity [S/m]"], row["operator"] = "0.25", "A. N. Other"
    del row["conductivity [mS/cm]"]
    assert "not read: the columns operator" in told(lab, row)
    assert trial(lab, 0).value("conductivity") == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"conductivity [mS/cm]": "1,5"}, r"results.csv:2: .*'1,5'.*--decimal", id="comma"),
        pytest.param({"conductivity [mS/cm]": "high"}, r"results.csv:2: .*'high'", id="word"),
        pytest.param({"trial": "17"}, r"results.csv:2: there is no trial 17", id="unknown trial"),
        pytest.param({"gas": "argn"}, r"results.csv:2: .*Did you mean argon", id="no choice"),
        pytest.param({"status": "faild"}, r"results.csv:2: .*Did you mean failed", id="no status"),
        pytest.param({"trial": "", "powder [%]": ""}, r"no value is given for powder", id="half a design"),
        pytest.param({"conductivity [mS/cm]": "", "status": "done"}, "conductivity is empty", id="no result"),
    ],
)  # fmt: skip
def test_a_row_that_is_not_understood_leaves_everything_unrecorded(
    lab: Path, change: dict[str, str], words: str
) -> None:
    good = filled(rows_of(lab / "suggestions-2.csv")[0], {"conductivity": 2.0})
    said = not_told(lab, results(lab) | change, good)
    assert re.search(words, said)
    assert "Nothing is recorded." in said


@pytest.mark.parametrize(
    ("header", "words"),
    [("conductivty [mS/cm]", "Did you mean conductivity"), ("conductivity [kg]", "does not fit")],
)
def test_a_header_that_is_not_understood_is_refused(lab: Path, header: str, words: str) -> None:
    row = results(lab)
    row[header] = row.pop("conductivity [mS/cm]")
    assert words in not_told(lab, row)


def test_decimal_commas_are_read_where_they_are_announced(lab: Path) -> None:
    here("suggest", str(lab), "-n", "1", "--to", "comma.csv", "--decimal", ",")
    text = Path("comma.csv").read_text().splitlines()
    assert text[0].startswith("trial;temperature [degC];")
    cells = text[1].split(";")
    cells[5] = "1,25"
    Path("comma.csv").write_text("\n".join([text[0], ";".join(cells)]))
    here("tell", str(lab), "comma.csv", "--decimal", ",")
    assert trial(lab, 4).value("conductivity") == 1.25
    assert trial(lab, 4).ran is None


def test_a_spreadsheet_comes_back_filled_in(lab: Path) -> None:
    here("suggest", str(lab), "-n", "2", "--to", "next.xlsx")
    book = load_workbook("next.xlsx")
    sheet = book.active
    assert [cell.value for cell in sheet[1]] == HEADERS
    sheet.cell(2, 6).value, sheet.cell(3, 9).value = 7.5, "failed"
    book.save("next.xlsx")
    here("tell", str(lab), "next.xlsx")
    assert [t.status for t in read(lab).trials[4:]] == ["completed", "failed"]
    assert trial(lab, 4).value("conductivity") == 7.5


def test_one_trial_is_told_on_the_command_line(lab: Path) -> None:
    here(
        "tell", str(lab), "--trial", "1", "--set", "conductivity=0.2 S/m", "--set", "temperature=1223.15 K",
        "--set", "gas=argon", "--note", "second furnace",
    )  # fmt: skip
    found = trial(lab, 1)
    assert found.value("conductivity") == pytest.approx(2.0)
    assert found.design["temperature"] == pytest.approx(950.0)
    assert found.design["gas"] == "argon"
    assert "colour is nothing that" in refused("tell", str(lab), "--trial", "1", "--set", "colour=3")
    assert "takes a file of results" in refused("tell", str(lab))


def test_files_beside_a_trial_become_its_artifacts(lab: Path) -> None:
    (lab / "trials" / "000" / "spectrum.txt").write_text("1 2 3")
    told(lab, results(lab))
    last = trial(lab, 0).last
    assert last is not None
    assert dict(last.artifacts) == {"spectrum.txt": "trials/000/spectrum.txt"}


def test_a_parameter_that_a_design_lacks_stays_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    oracle = ORACLE.replace('unit="h")]', 'unit="h")] = 2').replace('"argon"))]', '"argon"))] = "air"')
    (tmp_path / "furnace.py").write_text(oracle)
    text = CAMPAIGN.replace("ordered: true", "ordered: true, when: gas == argon")
    (tmp_path / "lab.yaml").write_text(text)
    here("run", "lab.yaml", "--runs", "runs")
    lab = next((tmp_path / "runs").iterdir())
    here("suggest", str(lab), "-n", "6")
    rows = [r for n in (1, 2) for r in rows_of(lab / f"suggestions-{n}.csv")]
    assert {(r["gas"] == "argon") == bool(r["hours [h]"]) for r in rows} == {True}
    assert {r["gas"] for r in rows} == {"air", "argon"}
    told(lab, *(filled(r, {"conductivity": 1.0}) for r in rows))
    assert all(t.ran is None and t.in_range for t in read(lab).trials)
    first = next(r for r in rows if r["gas"] == "air")
    said = not_told(lab, filled(first, {"conductivity": 2.0}) | {"trial": "", "gas": "argon"})
    assert "no value is given for hours" in said
    told(lab, filled(first, {"conductivity": 2.0}) | {"trial": "", "gas": "argon", "hours [h]": "5"})
    assert read(lab).trials[-1].parameters["hours"] == 5


def test_a_dry_run_lists_and_records_nothing(lab: Path) -> None:
    before = (lab / journal.FILE).read_bytes()
    said = told(lab, results(lab), options=("--dry-run",))
    assert "would be recorded: 1 result" in said
    assert (lab / journal.FILE).read_bytes() == before


def test_figures_that_cannot_be_drawn_cost_no_result(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Path) -> list[Path]:
        raise ValueError("no place on this axis")

    monkeypatch.setattr("designloop.report.draw", broken)
    told(lab, results(lab))
    report = read(lab).report
    assert report is not None
    assert report["problem"] == "no place on this axis"
    assert trial(lab, 0).status == "completed"
