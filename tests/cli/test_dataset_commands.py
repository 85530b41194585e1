"""'designloop dataset' as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from designloop.cli import main
from designloop.learning.datasets import DataSet


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["dataset", *arguments])


def good(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_names_every_source_with_its_size_and_cost() -> None:
    lines = good("list").splitlines()
    assert any(line.startswith("beams ") and "1050 rows" in line and " min" in line for line in lines)
    assert any(line.startswith("over_etch ") and "1000 rows" in line and "1 s" in line for line in lines)


def test_list_and_help_load_no_heavy_package() -> None:
    script = (
        "import sys; from click.testing import CliRunner; from designloop.cli import main\n"
        "for words in (['dataset', '--help'], ['dataset', 'list']):\n"
        "    assert CliRunner().invoke(main, words).exit_code == 0\n"
        "    print([m for m in ('torch', 'scipy', 'mlflow', 'pandas', 'ax', 'sklearn') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.split("\n")[:2] == ["[]", "[]"]


def test_show_names_options_columns_with_units_and_provenance() -> None:
    text = good("show", "sve", "--set", "boundary=traction", "--set", "size=10")
    for part in ("boundary: traction", "uniform tractions", "youngs_modulus [GPa]", "sve_size [um]"):
        assert part in text
    assert "2000 rows declared" in text
    assert "do not print their number" in text


def test_made_sets_are_shown_with_rows_and_digest(tmp_path: Path) -> None:
    folder = tmp_path / "dies"
    arguments = ("make", "over_etch", "--seed", "4", "--set", "modulus_spread=2", "--out", str(folder))
    made = good(*arguments, "--count", "30")
    data = DataSet.load(folder)
    assert f"{folder}: 30 rows, digest {data.digest[:12]}" in made
    assert "30/30 rows" in made
    shown = good("show", str(folder))
    assert "30 of 30 rows (1000 declared), seed 4" in shown
    assert data.digest in shown
    assert "modulus_spread: 2" in shown
    assert "30 of 40 rows are there" in good(*arguments, "--count", "40")


def test_a_set_that_is_not_finished_shows_the_command_that_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "dies"
    good(
        "make", "over_etch", "--seed", "4", "--set", "modulus_spread=2", "--count", "30", "--out", str(folder)
    )
    whole = DataSet.load(folder).digest
    told = json.loads((folder / "dataset.json").read_text())
    del told["digest"]
    (folder / "dataset.json").write_text(json.dumps(told))
    (folder / "rows-00000.npz").unlink()
    shown = good("show", str(folder))
    assert "0 of 30 rows" in shown
    (command,) = (line for line in shown.splitlines() if "this goes on: " in line)
    good(*command.partition("designloop dataset ")[2].split())
    assert DataSet.load(folder).digest == whole


def test_the_folder_is_datasets_and_the_name_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good("make", "homogeneous_beams")
    assert len(DataSet.load(tmp_path / "datasets" / "homogeneous_beams")) == 91


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("make", "sev"), "there is no source of data sets 'sev'. Did you mean 'sve'?"),
        (("show", "beam"), "no source of data sets 'beam'. Did you mean 'beams'?"),
        (("make", "sve", "--set", "boundry=x"), "no option 'boundry'. Did you mean 'boundary'?"),
        (("make", "sve", "--set", "boundary"), "--set boundary gives no value. Write --set boundary=VALUE."),
        (("make", "sve", "--set", "size=007"), "--set size=007"),
        (("make", "sve", "--mlflow", "mlruns"), "names no store"),
        (("make", "homogeneous_beams", "--count", "92"), "has 91 rows, 100 to 190 GPa; ask for no more"),
    ],
    ids=["name", "folder", "option", "value", "number", "store", "count"],
)
def test_a_mistake_gets_one_sentence_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_ctrl_c_keeps_the_rows_and_tells_how_to_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "windows"
    options = ("--set", "pixels=12", "--set", "solver_pixels=64", "--count", "4000", "--out", str(folder))
    process = subprocess.Popen(
        [sys.executable, "-c", "from designloop.cli import main; main()", "dataset", "make", "sve", *options],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
        # a shell starts its background jobs deaf to Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    assert "0/4000 rows" in process.stderr.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    assert process.wait(timeout=30) == 130
    assert "rows are kept in" in said
    assert "the same command goes on" in said
    assert "Traceback" not in said
