"""The least filler that gives a permeability in a band: errors, ratios and a parameter as the objective."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from designloop.campaign import load
from designloop.oracle import Observation
from designloop.record import RunRecord, read
from designloop.report import answer, last_screen
from designloop.session import run
from designloop.tracking.content import trial_content
from designloop.tracking.overview import trial_table

ORACLE = """
from designloop.oracle import Declaration, Input, Observation, Output, Result


class Cell:
    declaration = Declaration(
        name="cell", summary="Permeability of a composite, made up.",
        inputs=(Input(name="volume_fraction", lower=0.05, upper=0.6),
                Input(name="contrast", lower=2, upper=100, log=True)),
        outputs=(Output("permeability"), Output("discretization_interval")),
        cheap=True,
    )

    def evaluate(self, parameters, context):
        f, k = parameters["volume_fraction"], parameters["contrast"] - 1
        mu = 1 + f * k / (1 + (1 - f) * k / 9)
        width = mu * 0.05 * f
        observed = Observation(value=mu, sem=0.01, lower=mu - width / 2, upper=mu + width / 2)
        return Result(metrics={"permeability": observed, "discretization_interval": Observation(value=width)})
"""
CAMPAIGN = """
version: 1
name: band
seed: 2
oracle: ./cell.py:Cell
objectives: [minimize: volume_fraction]
constraints:
  - 7.8 <= permeability <= 8.2
  - discretization_interval / permeability <= 3 %
  - max(permeability, 2) / min(contrast, 50) >= 0.1
strategy: {name: gp_ucb, initial: {sobol: 5}}
stop: {trials: 11}
tracking: off
"""
RATIO = "discretization_interval_over_permeability"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    folder = tmp_path_factory.mktemp("band")
    (folder / "cell.py").write_text(ORACLE)
    (folder / "band.yaml").write_text(CAMPAIGN)
    return read(run(load(folder / "band.yaml"), folder=folder / "runs").directory)


def test_a_design_in_the_band_is_found_with_little_more_filler_than_is_needed(record: RunRecord) -> None:
    needed = next(f / 1000 for f in range(50, 600) if 1 + f / 1000 * 99 / (1 + (1 - f / 1000) * 11) >= 7.8)
    best = record.best()
    assert best is not None
    assert 7.8 <= (best.value("permeability") or 0) <= 8.2
    assert (best.value(RATIO) or 9.0) <= 3.0
    assert needed - 0.001 <= float(best.parameters["volume_fraction"]) <= needed + 0.02


def test_the_ratio_counts_in_the_unit_of_its_bound(record: RunRecord) -> None:
    for trial in record.trials:
        assert trial.value(RATIO) == pytest.approx(5.0 * float(trial.parameters["volume_fraction"]))
        assert trial.value("volume_fraction") == trial.parameters["volume_fraction"]


def test_value_sem_and_bounds_stay_apart_in_the_journal(record: RunRecord) -> None:
    for trial in record.trials:
        value = trial.value("permeability") or 0.0
        half = value * 0.025 * float(trial.parameters["volume_fraction"])
        assert trial.metrics["permeability"] == Observation(
            value=value, sem=0.01, lower=pytest.approx(value - half), upper=pytest.approx(value + half)
        )


def test_they_stay_apart_in_the_table_and_in_mlflow(record: RunRecord) -> None:
    with (record.directory / "trials.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[4:10] == [
        "volume_fraction", "contrast",
        "permeability", "permeability sem", "permeability lower", "permeability upper",
    ]  # fmt: skip
    for row, trial in zip(rows, record.trials, strict=True):
        known = trial.metrics["permeability"]
        assert float(row["permeability lower"]) == known.lower
        assert trial.last is not None
        points = trial_content(record, trial, trial.last, live=False).points
        sent = {p.key: p.value for p in points if p.key.startswith("permeability")}
        names = ("permeability", "permeability.sem", "permeability.lower", "permeability.upper")
        assert sent == dict(zip(names, (known.value, known.sem, known.lower, known.upper), strict=True))


def test_a_parameter_as_the_objective_is_one_column(record: RunRecord) -> None:
    columns = json.loads(trial_table(record))["columns"]
    assert columns == [*dict.fromkeys(columns)]
    assert "volume_fraction" in columns


def test_the_screen_tells_sampling_error_and_bounds_apart(record: RunRecord) -> None:
    best = record.best()
    assert best is not None
    known = best.metrics["permeability"]
    text = last_screen(answer(record))
    assert f"{known.value:.4g} +- 0.01 [{known.lower:.4g} .. {known.upper:.4g}]" in text
    assert "+- is the standard error of sampling, [..] bounds the numerical error" in text
    assert text.count("volume_fraction  ") == 1


def test_the_answer_holds_the_errors_of_the_objective_and_of_the_constraints(record: RunRecord) -> None:
    content = json.loads(json.dumps(record.report["answer"] if record.report else {}))
    margin = next(m for m in content["best"]["margins"] if m["metric"] == "permeability")
    assert margin["sem"] == 0.01
    assert margin["lower"] < margin["value"] < margin["upper"]
    assert (content["best"]["sem"], content["best"]["lower"]) == (None, None)
    assert Path(record.directory / "figures").is_dir()


def test_the_model_is_judged_by_what_bounds_a_parameter_and_not_by_the_parameter(record: RunRecord) -> None:
    assert "lie in the 95 % band in permeability" in " ".join(last_screen(answer(record)).split())
