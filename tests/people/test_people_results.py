"""Reading what people measured: numbers come back as they were, whatever mark, unit and file hold them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designloop import units
from designloop.campaign import loads
from designloop.campaign.model import Campaign
from designloop.errors import RunError
from designloop.people.results import read_results, row_of

ORACLE = """
from typing import Annotated

from designloop.oracle import Input, Output


def furnace(
    temperature: Annotated[float, Input(lower=800, upper=1100, unit="degC")],
    hours: Annotated[float, Input(lower=1, upper=100, unit="h")],
    layers: Annotated[int, Input(lower=1, upper=9)],
) -> Annotated[dict[str, float], Output("conductivity", unit="mS/cm"), Output("density", unit="%")]:
    raise AssertionError("people answer")
"""
CAMPAIGN = """
version: 1
name: lab
oracle: ./furnace.py:furnace
parameters:
  temperature: 800 .. 1100 degC
  hours: {choices: [1, 2, 5, 10, 100], ordered: true}
  layers:
objectives: [maximize: conductivity / density]
strategy: sobol
execution: {engine: manual}
tracking: off
"""


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "furnace.py").write_text(ORACLE)
    return loads(CAMPAIGN, folder=folder)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables") / "results.csv"


def refusal(table: Path, campaign: Campaign, text: str) -> str:
    table.write_text(text)
    with pytest.raises(RunError) as error:
        read_results(table, campaign)
    return str(error.value)


@given(
    value=st.floats(1e-9, 1e9), temperature=st.floats(100, 2000),
    mark=st.sampled_from(".,"), unit=st.sampled_from(["mS/cm", "S/cm", "S/m", "uS/um"]),
)  # fmt: skip
def test_numbers_survive_marks_and_units(
    value: float, temperature: float, mark: str, unit: str, campaign: Campaign, table: Path
) -> None:
    between = ";" if mark == "," else ","
    cells = [repr(v).replace(".", mark) for v in (float(units.convert(value, "mS/cm", unit)), temperature)]
    table.write_text(between.join(["trial", f"conductivity [{unit}]", "temperature (K)"]) + "\n"
                     + between.join(["3", *cells]))  # fmt: skip
    (row,) = read_results(table, campaign, decimal=mark).rows
    assert row.trial == 3
    assert row.metrics["conductivity"].value == pytest.approx(value, rel=1e-12)
    assert row.parameters["temperature"] == pytest.approx(temperature - 273.15, rel=1e-9, abs=1e-9)


def test_a_standard_error_comes_with_its_result(campaign: Campaign, table: Path) -> None:
    table.write_text("trial,density [%],density sem [%]\n1,95,0.5\n2,94,\n")
    first, second = read_results(table, campaign).rows
    assert (first.metrics["density"].value, first.metrics["density"].sem) == (95.0, 0.5)
    assert second.metrics["density"].sem is None
    assert "density sem is given, but density is not" in refusal(
        table, campaign, "trial,density [%],density sem [%]\n1,,0.5\n"
    )


def test_an_outcome_may_be_told_itself(campaign: Campaign, table: Path) -> None:
    table.write_text("trial,conductivity_over_density\n1,0.25\n")
    (row,) = read_results(table, campaign).rows
    assert row.metrics["conductivity_over_density"].value == 0.25


def test_ordered_choices_take_numbers_between_them(campaign: Campaign, table: Path) -> None:
    table.write_text("trial,hours [min],conductivity\n1,300,1\n2,330,1\n")
    assert [row.parameters["hours"] for row in read_results(table, campaign).rows] == [5, 5.5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trial,conductivity\n1,2\n1.5,3\n", "results.csv:3: column 'trial' holds '1.5'"),
        ("trial,conductivity\n1,nan\n", "results.csv:2: "),
        ("trial,layers,conductivity\n1,2.5,3\n", "layers is a whole number"),
        ("trial,conductivity,conductivity [S/cm]\n1,2,3\n", "hold the same"),
        ("trial,temperature\n1,900\n", "no column holds a result"),
        ("trial,conductivity sem\n1,-1\n", "no column holds a result"),
        ("trial,status,conductivity\n1,open,5\n", "the status is open, but results are filled in"),
        ("", "is empty"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_row(
    text: str, words: str, campaign: Campaign, table: Path
) -> None:
    assert words in refusal(table, campaign, text)


def test_many_wrong_rows_are_counted(campaign: Campaign, table: Path) -> None:
    said = refusal(table, campaign, "trial,conductivity\n" + "".join(f"{n},x\n" for n in range(9)))
    assert said.count("results.csv:") == 3
    assert "And 6 more." in said


def test_a_missing_file_is_said(campaign: Campaign, table: Path) -> None:
    with pytest.raises(RunError, match="there is no file"):
        read_results(table.with_name("other.csv"), campaign)


def test_a_command_line_reads_units_too(campaign: Campaign) -> None:
    settings = ["conductivity=0.5 S/m", "conductivity sem=0.1", "temperature=1173.15 K", "hours=90 min"]
    row = row_of(settings, campaign, trial=4, said="", note="")
    assert row.metrics["conductivity"].value == pytest.approx(5.0)
    assert row.metrics["conductivity"].sem == 0.1
    assert row.parameters == {"temperature": pytest.approx(900.0), "hours": 1.5}


@pytest.mark.parametrize(
    "setting", ["conductivity", "conductivity=", "conductivity=1,5", "conductivity=3 kg"]
)
def test_a_setting_that_is_no_result_is_refused(setting: str, campaign: Campaign) -> None:
    with pytest.raises(RunError, match=r"\S"):
        row_of([setting], campaign, trial=4)
