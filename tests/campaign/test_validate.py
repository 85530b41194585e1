# ruff: noqa: E501 - tables
"""``validate`` repeats every number, warns of what is doubtful, and is quick and light."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from campaign_example import DECLARATION, FILE

from designloop.campaign import load, loads, starting_text, template, validate_report
from designloop.campaign.places import absolute_uri, home, runs_folder
from designloop.oracle import Declaration, Input, Output

SHIPPED = Path(__file__).parents[2] / "campaigns" / "magnetometer.yaml"
HEAVY = ("torch", "ax", "botorch", "gpytorch", "sklearn", "mlflow", "pandas", "matplotlib", "plotly", "openpyxl",
         "scipy.stats", "scipy.optimize", "scipy.linalg", "scipy.special", "scipy.sparse")  # fmt: skip


def report(old: str = "", new: str = "") -> str:
    return validate_report(loads(FILE.replace(old, new, 1), declaration=DECLARATION))


@pytest.mark.parametrize(
    "words",
    [
        "thickness = 20 um", "pressure = 1 mbar (100 Pa)", "beam_length: 200 .. 800 um, step 1 um", "step 0.05 um",
        "gap: 1.5 .. 4 um", "current: 0.1 .. 4 mA, log scale", "mean 0.05 um, standard deviation 0.05 um",
        "corners -9 and 9 MPa", "worst of 5 corners (3 sigma)", "beam_length / beam_width <= 180",
        "resonance_frequency.min >= 20 kHz", "resonance_frequency.max <= 80 kHz", "buckling_margin.min >= 0",
        "beam_length = 720 um, beam_width = 4.5 um, gap = 2 um, current = 1 mA", "kappa 1.96", "8 sobol",
        "60 trials", "20 trials with less than 1 %", "85.1 % of the box",
    ],
)  # fmt: skip
def test_every_number_is_echoed_in_the_units_of_the_user(words):
    assert words in report()


def test_other_units_are_shown_beside_those_of_the_oracle():
    text = report("gap: 1.5 .. 4 um", "gap: 1500 .. 4000 nm").replace("  ", " ")
    assert "gap: 1500 .. 4000 nm (1.5 .. 4 um)" in text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("beam_length / beam_width <= 180", "beam_length <= 201 um", "narrower ranges help"),
        (", mode: worst_corner, corners: 3 sigma", "", "no mode"),
        ("stop: {trials: 60", "specs: [gap >= 1 um]\nstop: {trials: 60", "specs are reported"),
        ("beam_width: 4.5 um", "beam_width: 2 um", "baseline breaks a constraint"),
        ("trials: 60", "trials: 5", "all 5 trials are initial designs"),
        ("kappa: 1.96", "batch: 3", "one after the other"),
    ],
)
def test_what_is_doubtful_gets_a_note(old, new, words):
    assert words not in report()
    assert words in report(old, new)


def test_the_shipped_campaign_says_which_question_it_answers():
    assert SHIPPED.read_text(encoding="utf-8").startswith("# Which ")
    assert "valid" in validate_report(load(SHIPPED))


def test_validate_takes_less_than_a_second_of_cpu_and_loads_nothing_heavy():
    code = (
        "import json, sys, time\n"
        "from designloop.campaign import load, validate_report\n"
        f"validate_report(load({str(SHIPPED)!r}))\n"
        "print(json.dumps([time.process_time(), sorted(sys.modules)]))"
    )
    tries = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seconds, modules = json.loads(done.stdout)
        assert [m for m in HEAVY if m in modules] == []
        tries.append(seconds)
        if seconds < 1:
            return
    raise AssertionError(f"validate took {min(tries)} s of CPU")


@pytest.mark.parametrize("name", ["magnetometer", "branin", "hartmann6", "hardening_curve"])
def test_the_template_of_a_shipped_oracle_loads(name):
    from designloop.discovery import find

    declaration = find(name, folder=Path.cwd()).declaration
    campaign = loads(template(declaration))
    assert campaign.space.dimension >= 1


def test_the_template_names_every_input_and_output():
    text = template(DECLARATION)
    assert all(part.name in text for part in (*DECLARATION.inputs, *DECLARATION.outputs))
    assert loads(text, declaration=DECLARATION).space.names == (
        "beam_length", "beam_width", "thickness", "gap", "current",
    )  # fmt: skip


PLUGIN = """
from typing import Annotated
from designloop.oracle import Input, Output

def mix(x: Annotated[float, Input(lower=1, upper=9, unit="um")]) -> Annotated[float, Output("y")]:
    "Mix."
    return x
"""


@pytest.mark.parametrize(
    ("oracle", "output", "written"),
    [
        ("./mix.py:mix", None, "./mix.py:mix"),
        ("./mix.py:mix", "mm.yaml", "./mix.py:mix"),
        ("mix.py:mix", "sub/mm.yaml", "../mix.py:mix"),
        ("./sub/mix.py:mix", "sub/mm.yaml", "./mix.py:mix"),
    ],
)
def test_a_first_file_names_a_file_oracle_so_that_it_loads(tmp_path, oracle, output, written):
    (tmp_path / "sub").mkdir()
    for folder in (tmp_path, tmp_path / "sub"):
        (folder / "mix.py").write_text(PLUGIN)
    text = starting_text(oracle, folder=tmp_path, output=Path(output) if output else None)
    campaign = loads(text, folder=(tmp_path / (output or "mm.yaml")).parent)
    assert campaign.oracle_name == written


def test_an_absolute_path_stays_in_a_first_file(tmp_path):
    (tmp_path / "mix.py").write_text(PLUGIN)
    text = starting_text(f"{tmp_path}/mix.py:mix", folder=Path("/"), output=tmp_path / "sub" / "mm.yaml")
    assert loads(text).oracle_name == f"{tmp_path}/mix.py:mix"


def test_a_first_file_for_an_oracle_with_a_shipped_campaign_is_that_campaign(tmp_path):
    assert starting_text("magnetometer", folder=tmp_path) == SHIPPED.read_text(encoding="utf-8")
    assert starting_text("branin", folder=tmp_path).startswith("# Which question")


def test_a_template_loads_for_odd_declarations():
    odd = Declaration(
        name="odd: one",
        summary="with a # and: colons\nand lines",
        inputs=(
            Input(name="on", unit="um", default=None),
            Input(name="x: y", choices=("a, b", "12:30")),
            Input(name="k", integer=True, lower=1, upper=3),
            Input(name="flag", default=True),
        ),
        outputs=(Output("only_margin", margin=True),),
    )
    campaign = loads(template(odd), declaration=odd)
    assert campaign.fixed == {"on": 1.0}
    assert campaign.space.names == ("x: y", "k")
    nothing = replace(odd, inputs=(Input(name="z", lower=0, upper=1, default=0.5),))
    assert loads(template(nothing), declaration=nothing).space.names == ("z",)


def test_the_home_is_the_checkout_unless_named(monkeypatch, tmp_path):
    monkeypatch.delenv("DESIGNLOOP_HOME", raising=False)
    assert (home() / "pyproject.toml").is_file()
    monkeypatch.setenv("DESIGNLOOP_HOME", str(tmp_path))
    assert (home(), runs_folder()) == (tmp_path, tmp_path / "runs")


def test_outside_a_checkout_the_home_is_the_users_data_folder(monkeypatch):
    monkeypatch.delenv("DESIGNLOOP_HOME", raising=False)
    monkeypatch.setattr("designloop.campaign.places._is_checkout", lambda _folder: False)
    assert home().name == "designloop"
    assert not (home() / "pyproject.toml").exists()


@pytest.mark.parametrize(
    ("uri", "absolute"),
    [
        ("sqlite:///mlflow/mlflow.db", "sqlite:////base/mlflow/mlflow.db"),
        ("sqlite:////data/m.db", "sqlite:////data/m.db"),
        ("file:./mlruns", "file:///base/mlruns"),
        ("file:///data/mlruns", "file:///data/mlruns"),
        ("mlruns", "/base/mlruns"),
        ("http://localhost:5000", "http://localhost:5000"),
        ("https://team.example/mlflow", "https://team.example/mlflow"),
        ("databricks", "databricks"),
        ("postgresql://u@h/db", "postgresql://u@h/db"),
    ],
)
def test_a_relative_store_counts_from_the_home(monkeypatch, uri, absolute):
    monkeypatch.setenv("DESIGNLOOP_HOME", "/base")
    assert absolute_uri(uri) == absolute


def test_tracking_off_leaves_no_uri():
    campaign = loads(FILE.replace('{uri: "sqlite:///mlflow/mlflow.db"}', "off"), declaration=DECLARATION)
    assert campaign.tracking_uri is None
    assert "tracking                off" in validate_report(campaign)
