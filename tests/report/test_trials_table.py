import csv
from pathlib import Path

import pytest
from openpyxl import load_workbook
from run_factory import METRIC, Factory

from designloop.record import RunRecord, read
from designloop.report import rows, write_csv, write_xlsx


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    return read(Factory(tmp_path, uri=None, fits=False).run(5).close())


def test_headers_carry_units_and_all_rows_the_same_columns(record: RunRecord) -> None:
    table = rows(record)
    assert {"trial", "beam_length [um]", f"{METRIC} [nT/sqrt(Hz)]", f"{METRIC} sem [nT/sqrt(Hz)]"} <= set(
        table[0]
    )
    assert len({tuple(row) for row in table}) == 1


def test_a_failed_trial_keeps_its_row_and_its_reason(record: RunRecord) -> None:
    row = rows(record)[3]
    assert (row["status"], row["feasible"], row["reason"]) == ("failed", "no", "solver: no convergence")
    assert row[f"{METRIC} [nT/sqrt(Hz)]"] is None


def test_numbers_survive_csv_exactly(record: RunRecord, tmp_path: Path) -> None:
    with write_csv(record, tmp_path / "trials.csv").open(encoding="utf-8") as file:
        back = list(csv.DictReader(file))
    assert float(back[1]["current [mA]"]) == record.trials[1].parameters["current"]
    assert len(back) == 5


def test_numbers_survive_a_spreadsheet_exactly(record: RunRecord, tmp_path: Path) -> None:
    sheet = load_workbook(write_xlsx(record, tmp_path / "trials.xlsx"))["trials"]
    head = [cell.value for cell in sheet[1]]
    column = head.index("current [mA]") + 1
    assert sheet.cell(3, column).value == record.trials[1].parameters["current"]
    assert sheet.freeze_panes == "B2"


def test_a_text_that_looks_like_a_formula_stays_a_text(tmp_path: Path) -> None:
    factory = Factory(tmp_path, uri=None, fits=False)
    factory.trial(status="failed", reason="=1+1")
    record = read(factory.close())
    sheet = load_workbook(write_xlsx(record, tmp_path / "trials.xlsx"))["trials"]
    reason = [cell.value for cell in sheet[1]].index("reason") + 1
    assert (sheet.cell(2, reason).value, sheet.cell(2, reason).data_type) == ("=1+1", "s")
