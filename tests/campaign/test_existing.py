# ruff: noqa: E501 - tables
"""Earlier results come in from CSV and XLSX without a number changing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designloop.campaign import Campaign, load, validate_report
from designloop.errors import CampaignError
from designloop.oracle import Declaration, Input, Output

DECLARATION = Declaration(
    name="beam",
    summary="",
    inputs=(
        Input(name="length", unit="um", lower=1, upper=2000),
        Input(name="width", unit="um", lower=0.1, upper=50),
        Input(name="fold", unit="um", lower=1, upper=50),
        Input(name="anchor", choices=("single", "double")),
        Input(name="n", integer=True, lower=1, upper=9, default=2),
    ),
    outputs=(Output("f", unit="kHz"), Output("stress", unit="MPa")),
)
HEAD = """version: 1
oracle: beam
parameters: {length: 300 .. 700 um, width: 2.5 .. 5 um, fold: 6 .. 20 um, anchor: }
objectives: [maximize: f]
"""
OLD_SWEEP = """existing_trials:
  file: "old data/DOE 2025 (final).csv"
  decimal: ","
  columns: {"L [um]": length, Breite: {name: width, unit: nm}, "f0 (Hz)": f}
  fill: {fold: 10 um, anchor: single}
  failed_if: {empty: "f0 (Hz)"}
"""
GERMAN = "L [um];Breite;f0 (Hz);Bemerkung\n480;3500,5;21000,25;gut\n\n500;3600;;kaputt\n900;3,5e3;1,5E4;\n"


def campaign(
    tmp_path, content: str | bytes, section: str = "existing_trials: t.csv\n", name: str = "t.csv"
) -> Campaign:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    file = tmp_path / "c.yaml"
    file.write_text(HEAD + section, encoding="utf-8")
    return load(file, declaration=DECLARATION)


def test_an_old_spreadsheet_comes_in_whole(tmp_path):
    rows = campaign(tmp_path, GERMAN, OLD_SWEEP, "old data/DOE 2025 (final).csv").existing
    assert [r.parameters["length"] for r in rows] == [480.0, 500.0, 900.0]
    assert rows[0].parameters == {"length": 480.0, "width": 3.5005, "fold": 10.0, "anchor": "single"}
    assert rows[0].metrics == {"f": 21.00025}
    assert [r.failed for r in rows] == [False, True, False]
    assert rows[1].metrics == {}
    assert [r.in_range for r in rows] == [True, True, False]
    assert rows[2].source == "DOE 2025 (final).csv row 5"


def test_headers_that_are_names_need_no_map(tmp_path):
    text = "length [mm],width,fold (um),anchor,f,comment\n0.5,3,7,double,21,x\n"
    (row,) = campaign(tmp_path, text).existing
    assert row.parameters == {"length": 500.0, "width": 3.0, "fold": 7.0, "anchor": "double"}
    assert row.metrics == {"f": 21.0}


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path, mark):
    text = "length,width,fold,anchor,f\n500,3,7,double,21\n".replace(",", mark)
    assert campaign(tmp_path, text).existing[0].metrics == {"f": 21.0}


def test_a_workbook_comes_in(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.create_sheet("sweep 3")
    for row in (["length", "width [nm]", "fold", "anchor", "f"], [500, 3000, 7.5, "double", 21.5], [None] * 5,
                [510, 3000, 7.5, "single", "22,5"]):  # fmt: skip
        sheet.append(row)
    (tmp_path / "t.xlsx").parent.mkdir(exist_ok=True)
    book.save(tmp_path / "t.xlsx")
    section = 'existing_trials: {file: t.xlsx, sheet: sweep 3, decimal: ","}\n'
    rows = campaign(tmp_path, (tmp_path / "t.xlsx").read_bytes(), section, "t.xlsx").existing
    assert [r.metrics["f"] for r in rows] == [21.5, 22.5]
    assert rows[0].parameters["width"] == 3.0
    assert rows[1].source == "t.xlsx row 4"


@given(st.floats(300, 700), st.floats(-1e300, 1e300), st.sampled_from(".,"))
def test_numbers_of_a_table_arrive_equal(length, frequency, mark):
    rows = [["length", "width", "fold", "anchor", "f"], [repr(length), "3", "7", "single", repr(frequency)]]
    text = "\n".join(";".join(cell.replace(".", mark) for cell in row) for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        section = f'existing_trials: {{file: t.csv, decimal: "{mark}"}}\n'
        (row,) = campaign(Path(folder), text, section).existing
    assert (row.parameters["length"], row.metrics["f"]) == (length, frequency)


def test_a_remedy_that_rows_share_is_said_once(tmp_path):
    rows = "".join(f"500;3;7;double;2{i},5\n" for i in range(5))
    with pytest.raises(CampaignError, match=r"row 2, .*row 3, .*row 4, .* And 2 more rows\.") as caught:
        campaign(tmp_path, f"length;width;fold;anchor;f\n{rows}")
    assert str(caught.value).count('Write decimal: ","') == 1


def test_remedies_that_differ_stay_with_their_rows(tmp_path):
    text = "length;width;fold;anchor;f\n500;3;7;double;2,5\n500;3;7;double;n/a\n"
    with pytest.raises(CampaignError, match=r"row 2, .*Write decimal: \",\"\. row 3, .*Mend the cell\."):
        campaign(tmp_path, text)


def test_the_preview_shows_units_failures_and_rows_out_of_range(tmp_path):
    text = validate_report(campaign(tmp_path, GERMAN, OLD_SWEEP, "old data/DOE 2025 (final).csv"))
    assert "3 rows: 1 failed, 1 out of range" in text
    assert "f = 21.00025 kHz" in text
    assert "length = 480 um" in text


def test_a_note_says_which_outcomes_the_rows_lack(tmp_path):
    section = "existing_trials: t.csv\nconstraints: [stress <= 300 MPa]\n"
    text = validate_report(campaign(tmp_path, "length,width,fold,anchor,f\n500,3,7,double,21\n", section))
    assert "the existing trials lack stress" in text


GOOD = "length,width,fold,anchor,f\n500,3,7,double,21\n"


@pytest.mark.parametrize(
    ("content", "section", "words"),
    [
        (GOOD.replace("21", "2,1").replace(",", ";").replace("2;1", "2,1"), None, r"t\.csv: row 2, column 'f' holds '2,1'.*decimal: \",\""),
        (GOOD.replace("21", "1.234.5"), None, r"row 2, column 'f' holds '1\.234\.5'"),
        (GOOD.replace("21", "n/a"), None, r"row 2, column 'f' holds 'n/a'"),
        (GOOD.replace("21", ""), None, r"row 2, column 'f' is empty.*failed_if: \{empty: \"f\"\}"),
        (GOOD.replace("500", ""), None, r"row 2, column 'length' is empty"),
        (GOOD.replace("double", "triple"), None, r"'triple', which is no choice of anchor"),
        (GOOD.replace("fold,", "").replace("7,", ""), None, r"says nothing of fold"),
        (GOOD.replace("width", "width [kg]"), None, r"unit 'kg' of the column 'width \[kg\]' does not fit"),
        (GOOD.replace("width", "length"), None, r"header 'length' twice"),
        ("a,b\n1,2\n", None, r"no header of t\.csv names"),
        ("", None, r"t\.csv is empty"),
        (b"length\xff\n", None, r"not UTF-8"),
        (GOOD, "existing_trials: T.csv\n", r"c\.yaml:5:18: there is no file .*Did you mean t\.csv"),
        (GOOD, "existing_trials: {file: t.csv, columns: {Lange: length}}\n", r"c\.yaml:5:42: the table has no column 'Lange'"),
        (GOOD, "existing_trials: {file: t.csv, columns: {length: lenght}}\n", r"lenght is neither.*Did you mean length"),
        (GOOD, "existing_trials: {file: t.csv, fill: {fld: 2 um}}\n", r"c\.yaml:5:39: fld is no parameter"),
        (GOOD, "existing_trials: {file: t.csv, fill: {fold: 2 kg}}\n", r"'kg' cannot be converted"),
        (GOOD, "existing_trials: {file: t.csv, failed_if: {empty: g}}\n", r"c\.yaml:5:51: the table has no column 'g'"),
        (GOOD, "existing_trials: {file: c.yaml}\n", r"neither CSV nor XLSX"),
    ],
)  # fmt: skip
def test_a_bad_table_is_refused_with_file_and_row(tmp_path, content, section, words):
    with pytest.raises(CampaignError, match=words):
        campaign(tmp_path, content, section or "existing_trials: t.csv\n")


def test_no_workbook_is_refused(tmp_path):
    with pytest.raises(CampaignError, match="no XLSX workbook"):
        campaign(tmp_path, b"PK nonsense", "existing_trials: t.xlsx\n", "t.xlsx")


def test_many_bad_rows_are_counted(tmp_path):
    with pytest.raises(CampaignError, match="row 2, .*row 3, .*row 4, .*And 6 more rows"):
        campaign(tmp_path, "length,width,fold,anchor,f\n" + "500,3,7,double,x\n" * 9)
