"""What a comparison leaves for people: files, the screen, MLflow."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from comparisons import CAMPAIGN, campaign_in, comparison

from designloop.cli import main
from designloop.compare import compare


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DESIGNLOOP_HOME", str(tmp_path / "home"))
    return campaign_in(tmp_path)


def call(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare", str(path), "--workers", "1", *arguments])


def test_the_screen_shows_a_table_a_verdict_and_where_the_rest_lies(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    arguments = ("--strategies", "random,sobol", "--repeats", "3", "--to", str(folder))
    said = call(path, *arguments)
    assert said.exit_code == 0, said.output
    for words in (
        "little: minimize value on the oracle branin",
        "3 sobol shared designs, then 6 tries, 3 paired repeats",
        "tries (all)", "sobol ", "repeats are too few for a verdict", str(folder),
    ):  # fmt: skip
        assert words in said.output
    for name in ("figures/regret.png", "figures/tries.png", "figures/compare.html"):
        assert (folder / name).stat().st_size > 5_000
    assert "<script src" not in (folder / "figures/compare.html").read_text()
    summary = json.loads((folder / "summary.json").read_text())
    assert set(summary["strategies"]) == {"random", "sobol"}
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["strategy"], r["repeat"]) for r in rows] == [
        (s, str(k)) for s in ("random", "sobol") for k in range(3)
    ]
    reached = [r for r in rows if r["strategy"] == "random" and r["success"] == "1"]
    assert len(reached) / 3 == summary["strategies"]["random"]["success_rate"]
    assert "everything was computed before" in call(path, *arguments).output


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        pytest.param(CAMPAIGN, ["--strategies", "random,gp_ucd"], "'gp_ucd' is unknown", id="strategy"),
        pytest.param(CAMPAIGN, ["--strategies", "random,sobol", "--repeats", "1"], "is 1; ch", id="repeats"),
        pytest.param(
            CAMPAIGN.replace("branin", "polysilicon").replace("value", "bending_modulus_mean"),
            ["--strategies", "random,sobol"], "not declared cheap.*--table.*--yes", id="oracle",
        ),
        pytest.param(
            CAMPAIGN, ["--strategies", "random,sobol", "--replacement"], "Name the table", id="no table"
        ),
        pytest.param(
            CAMPAIGN, ["--strategies", "random,sobol", "--learn", "height"], "no such metric", id="metric"
        ),
        pytest.param(
            CAMPAIGN, ["--strategies", "random,sobol", "--learn", "value", "--target", "3"],
            "learns a response", id="target",
        ),
        pytest.param(
            CAMPAIGN, ["--strategies", "random,sobol", "--table", "none.csv"], "there is no", id="no file"
        ),
        pytest.param(
            CAMPAIGN, ["--strategies", "random,sobol", "--initial", "9"], "nothing is left", id="no budget"
        ),
    ],
)  # fmt: skip
def test_mistakes_get_a_sentence_and_exit_status_2(
    path: Path, text: str, arguments: list[str], words: str
) -> None:
    path.write_text(text)
    result = call(path, *arguments)
    assert result.exit_code == 2, result.output
    assert re.search(words, result.output, flags=re.S), result.output
    assert "Traceback" not in result.output


def test_help_says_what_it_is_for() -> None:
    said = CliRunner().invoke(main, ["compare", "--help"]).output
    for words in ("which strategy to trust", "--table", "designloop compare beam.yaml"):
        assert words in " ".join(said.split())


def test_mlflow_holds_one_run_of_kind_comparison_however_often_it_is_called(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setattr("designloop.compare.figures.draw", lambda *_: [])
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    path.write_text(CAMPAIGN.replace("tracking: off", f"tracking: {{uri: '{uri}'}}"))
    first = compare(comparison(path, repeats=3), workers=1)
    again = compare(comparison(path, repeats=4), workers=1)
    assert (first.problem, again.problem) == (None, None)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("little")
    (run,) = client.search_runs([experiment.experiment_id])
    assert {first.tracked, again.tracked} == {run.info.run_id}
    assert run.info.status == "FINISHED"
    assert (run.data.tags["designloop.kind"], run.data.tags["repeats"]) == ("comparison", "4")
    told = again.summary.to_json()["strategies"]["random"]
    assert run.data.metrics["tries_censored/random"] == told["tries_censored"]
    assert run.data.params["trials"] == "6"
    assert {"summary.json", "results.csv"} == {f.path for f in client.list_artifacts(run.info.run_id)}


def test_a_store_that_does_not_answer_costs_no_result(path: Path) -> None:
    path.write_text(CAMPAIGN.replace("tracking: off", "tracking: {uri: 'http://127.0.0.1:9'}"))
    said = call(path, "--strategies", "random,sobol", "--repeats", "2")
    assert said.exit_code == 0
    assert "MLflow does not have it yet" in said.output
