"""Campaigns and commands that name an oracle.yml."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import accumulate
from pathlib import Path

import pytest
from click.testing import CliRunner

from designloop.campaign import load
from designloop.cli import main
from designloop.errors import CampaignError

ORACLE = """\
name: comb
command: ["{{ python }}", -I, -S, comb.py]
needs: [comb.py]
inputs:
  length: {unit: um, range: 100 .. 800}
  gas: {choices: [air, vacuum], default: air}
outputs:
  f_sense: {json: out.json, unit: kHz, file_unit: Hz}
"""
COMB = """\
import json
json.dump({"f_sense": 1e9 / json.load(open("parameters.json"))["length"] ** 2}, open("out.json", "w"))
"""
CAMPAIGN = """\
version: 1
name: comb
oracle: ./solver/oracle.yml
parameters: {length: 0.2 .. 0.6 mm}
objectives: [maximize: f_sense]
stop: {trials: 3}
tracking: off
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "solver").mkdir()
    (tmp_path / "solver/oracle.yml").write_text(ORACLE)
    (tmp_path / "solver/comb.py").write_text(COMB)
    (tmp_path / "comb.yaml").write_text(CAMPAIGN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cli(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


def test_a_campaign_names_the_file_relative_to_itself(folder):
    campaign = load("comb.yaml")
    assert campaign.declaration.name == "comb"
    assert campaign.declaration.output("f_sense").unit == "kHz"


def test_a_fault_of_the_oracle_is_a_fault_of_the_campaign_with_both_places(folder):
    path = folder / "solver/oracle.yml"
    path.write_text(ORACLE.replace("comb.py]", "bomb.py]"))
    with pytest.raises(CampaignError) as caught:
        load("comb.yaml")
    assert str(caught.value).startswith("comb.yaml:3:9: solver/oracle.yml:")
    assert "Put it there, or correct the name." in str(caught.value)


def test_validating_loads_no_heavy_library(folder):
    heavy = ("ax", "torch", "sklearn", "scipy.stats", "mlflow", "pandas", "matplotlib", "distributed")
    tell = f"print('LOADED', *[m for m in {heavy} if m in sys.modules])"
    code = f"import sys, atexit; atexit.register(lambda: {tell})\n"
    code += "from designloop.cli import main; main(['validate', 'comb.yaml'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_check_evaluates_once_and_shows_command_and_folder(folder):
    done = cli("oracle", "check", "./solver/oracle.yml", "--set", "length=0.5 mm")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    directory = Path(lines[0].removeprefix("folder: "))
    assert (directory / "out.json").is_file()
    assert lines[1] == "design: length 500 um, gas air"
    assert lines[2].startswith("run: ")
    assert lines[2].endswith("comb.py")
    assert "exit status 0" in lines[3]
    assert lines[4:] == ["f_sense = 4 kHz", "the oracle answers"]


def test_check_shows_what_is_known_of_an_error(folder):
    text = ORACLE.replace("file_unit: Hz}", "file_unit: Hz, sem: 5 %, lower: 3 kHz}")
    (folder / "solver/oracle.yml").write_text(text)
    done = cli("oracle", "check", "./solver/oracle.yml", "--set", "length=0.5 mm")
    assert "f_sense = 4 kHz (standard error 0.2 kHz, at least 3 kHz)" in done.output.splitlines()


@pytest.mark.parametrize(
    ("execution", "said"),
    [
        ("{workers: 3, licences: {comsol: 5}}", "5 licences of comsol, 2 for each attempt"),
        ("{workers: 3, licences: {comsol: 5}}", "only 2 of 3 workers run at a time: comsol has no more."),
        ("{workers: 3, licences: {comsol: {tokens: 5, each: 1}}}", "behind, 5 licences of comsol\n"),
        ("{workers: 3, licences: {matlab: 3}}", "2 tokens of comsol for each attempt, 3 licences of matlab"),
        ("{workers: 3}", "up to 6 tokens of comsol at a time: the oracle says what it takes"),
        ("{licences: {comsol: 1}}", ":8:32: every attempt takes 2 tokens of comsol, and the run may hold 1."),
        ("{licences: {comsol: two}}", "'two' counts no tokens. Write a whole number, such as 2."),
        ("{licences: {comsol: {tokns: 2}}}", "tokns is no key of comsol. Did you mean tokens?"),
    ],
)
def test_the_file_says_what_licences_the_program_takes(folder, execution, said):
    (folder / "solver/oracle.yml").write_text("licences: {comsol: 2}\n" + ORACLE)
    (folder / "comb.yaml").write_text(f"{CAMPAIGN}execution: {execution}\n")
    assert said in cli("validate", "comb.yaml").output
    assert "licences: comsol (2 each)" in cli("oracle", "show", "./solver/oracle.yml").output


def test_no_more_run_at_a_time_than_the_licences_of_the_file_allow(folder):
    slow = COMB + "import os, time\nbegin = time.time()\ntime.sleep(0.3)\n"
    slow += "open(os.environ['TIMES'], 'a').write(f'{begin} 1\\n{time.time()} -1\\n')\n"
    (folder / "solver/comb.py").write_text(slow)
    head = f"licences: {{comsol: 2}}\nenvironment: {{TIMES: {folder}/times}}\n"
    (folder / "solver/oracle.yml").write_text(head + ORACLE)
    limits = "stop: {trials: 6, licence_hours: {comsol: 9}}\nexecution: {workers: 4, licences: {comsol: 5}}"
    (folder / "comb.yaml").write_text(CAMPAIGN.replace("stop: {trials: 3}", limits) + "strategy: sobol\n")
    assert cli("run", "comb.yaml", "--runs", "runs").exit_code == 0
    times = sorted(tuple(map(float, line.split())) for line in (folder / "times").read_text().splitlines())
    assert len(times) == 12
    assert max(accumulate(change for _, change in times)) == 2


def test_a_run_goes_on_where_the_file_names_another_number_of_tokens(folder):
    before = load("comb.yaml").declaration.version
    (folder / "solver/oracle.yml").write_text("licences: {comsol: 2}\n" + ORACLE)
    assert load("comb.yaml").declaration.version == before


def test_check_says_what_went_wrong_and_where(folder):
    (folder / "solver/comb.py").write_text("raise ValueError('no mesh')")
    done = cli("oracle", "check", "./solver/oracle.yml")
    assert done.exit_code == 1
    assert "FAIL (error): run: exit status 1; last lines:" in done.output
    assert "no mesh" in done.output
    assert "exit status 1 after" in done.output


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("lenght=1", "there is no input lenght. Did you mean length?"),
        ("length=1 Hz", "cannot be converted"),
        ("length=1 mm", "outside the range of length"),
        ("gas=water", "Choices are: air, vacuum"),
    ],
)
def test_check_refuses_a_setting_in_words(folder, setting, sentence):
    done = cli("oracle", "check", "./solver/oracle.yml", "--set", setting)
    assert done.exit_code == 2, done.output
    assert sentence in done.output


def test_check_says_the_place_of_a_mistake(folder):
    (folder / "solver/oracle.yml").write_text(ORACLE.replace("unit: kHz", "unit: khz"))
    done = cli("oracle", "check", "./solver/oracle.yml")
    assert done.exit_code == 2
    assert "designloop: solver/oracle.yml:8:35: " in done.output
    assert "kHz" in done.output


def test_an_input_without_bounds_needs_a_value_to_check(folder):
    (folder / "solver/oracle.yml").write_text(ORACLE.replace(", range: 100 .. 800", ""))
    done = cli("oracle", "check", "./solver/oracle.yml")
    assert "length has neither a range nor a default. Write --set length=VALUE, in um." in done.output


def test_a_new_one_keeps_the_contract_as_it_is_written(folder):
    done = cli("oracle", "init", "spring")
    assert "Check it with 'designloop oracle check ./spring/oracle.yml'" in done.output
    assert cli("oracle", "check", "./spring/oracle.yml").exit_code == 0
    full = cli("oracle", "check", "./spring/oracle.yml", "--full")
    assert full.output.splitlines()[-1] == "the oracle keeps its contract", full.output
    again = cli("oracle", "init", "spring")
    assert again.exit_code == 2
    assert "spring/oracle.yml" in again.output
    assert cli("oracle", "init", "../x").exit_code == 2


def test_show_lists_inputs_and_outputs(folder):
    done = cli("oracle", "show", "./solver/oracle.yml")
    assert done.exit_code == 0
    assert "100 .. 800 um" in done.output


@pytest.mark.skipif(os.name != "posix", reason="programs are run as POSIX runs them")
def test_the_wish_of_a_suspension_in_comsol_is_read(tmp_path, monkeypatch):
    wished = """\
    # names, values: all inputs in order, rendered with their units
    command: [comsol, batch, -pname, "{{ names | join(',') }}", -plist, "{{ values | join(',') }}"]
    needs: [susp.mph]
    unit_style: "{value}[{unit}]"
    inputs:
      beam_length: {name: L, unit: um}
      anchor: {name: atype, map: {single: 1, double: 2}}
      anchor_pitch: {name: ap, unit: um}
    outputs:
      f_sense: {table: table.txt, comment: "%", column: 2, unit: Hz}
      mode_separation: {table: table.txt, comment: "%", column: 3, unit: kHz}
    keep: [table.txt, batch.log, mode1.png]
    failures:
      - {log: "Could not obtain license", is: wait, retry_every: 10 min, counts: false}
      - {log: "Failed to mesh", is: infeasible}
    """
    from textwrap import dedent

    from designloop.discovery import find
    from designloop.oracle import Context, Infeasible

    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "comsol").write_text(
        '#!/bin/sh\necho "$@"\ncase "$*" in *900*) echo Failed to mesh;; esac\n'
        "printf '%% L f1 f2\\n1 2.5E+04 31.5\\n' > table.txt\ncp susp.mph solved.mph\n"
    )
    (bin_ / "comsol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "susp.mph").write_bytes(b"model")
    (tmp_path / "oracle.yml").write_text(dedent(wished))
    oracle = find("./oracle.yml", folder=tmp_path)
    trial = tmp_path / "trial"
    answer = oracle.evaluate({"beam_length": 480.0, "anchor": "single"}, Context(directory=trial))
    assert {n: o.value for n, o in answer.metrics.items()} == {"f_sense": 25000, "mode_separation": 31.5}
    assert (trial / "run.log").read_text() == "batch -pname L,atype -plist 480[um],1\n"
    assert sorted(p.name for p in trial.iterdir()) == ["exit.json", "parameters.json", "run.log", "table.txt"]
    with pytest.raises(Infeasible, match="Failed to mesh"):
        oracle.evaluate(
            {"beam_length": 900.0, "anchor": "double", "anchor_pitch": 30.0}, Context(directory=trial)
        )
