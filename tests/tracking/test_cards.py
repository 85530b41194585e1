"""The card of a model that a run fitted: domain box, errors, data, what was fixed."""

import json
from pathlib import Path
from typing import Any

import pytest
from learning_factory import FREQUENCY, LearningFactory
from run_factory import METRIC, Factory

from designloop.learning.card import Card
from designloop.learning.models import leave_one_out
from designloop.learning.packed import Packed
from designloop.learning.saved import SavedModel
from designloop.record import read
from designloop.report.card import card_text
from designloop.tracking.cards import card_of


def last_card(directory: Path) -> Card:
    record = read(directory)
    (path,) = sorted(p.relative_to(directory).as_posix() for p in (directory / "models").iterdir())[-1:]
    saved = SavedModel.load(directory / path)
    return Packed(saved=saved, card=card_of(record, path, saved, leave_one_out(saved))).card


@pytest.fixture(scope="module")
def optimized(tmp_path_factory: pytest.TempPathFactory) -> Card:
    return last_card(Factory(tmp_path_factory.mktemp("a"), uri=None).run(9).finish().close())


def learned(folder: Path, **changes: Any) -> Card:
    return last_card(LearningFactory(folder, **changes).run(11).ends("done").close())


def test_the_domain_box_is_the_ranges_in_the_campaigns_units(optimized: Card) -> None:
    box = {i.name: (i.lower, i.upper, i.unit, i.log) for i in optimized.varied}
    assert box == {
        "beam_length": (200.0, 800.0, "um", False),
        "beam_width": (2.0, 8.0, "um", False),
        "current": (0.1, 4.0, "mA", True),
    }


def test_fixed_inputs_are_pinned_and_scattering_ones_are_no_inputs(optimized: Card) -> None:
    assert optimized.pinned == {"thickness": 20.0, "damping": "gas"}
    assert "over_etch" not in {i.name for i in optimized.inputs}
    assert optimized.data["process"] == {"over_etch": "normal, mean 0.05 um, sd 0.05 um"}


def test_a_process_variable_is_pinned_where_only_the_nominal_die_was_asked(
    tmp_path: Path,
) -> None:
    assert learned(tmp_path).pinned["over_etch"] == 0.05


def test_labels_oracle_and_rows_travel(optimized: Card) -> None:
    assert optimized.labels == ("calibrated",)
    assert (optimized.oracle["name"], optimized.oracle["version"]) == ("magnetometer", "3")
    assert optimized.data["rows"] == 6  # trials 0 .. 7 before the last fit, of which 2 and 3 gave nothing
    assert [o.name for o in optimized.outputs if o.margin] == ["buckling_margin"]


def test_the_errors_are_those_of_leave_one_out(tmp_path: Path) -> None:
    directory = Factory(tmp_path, uri=None).run(9).finish().close()
    (last,) = sorted((directory / "models").iterdir())[-1:]
    found = leave_one_out(SavedModel.load(last))[METRIC]
    card = last_card(directory)
    assert card.split == "leave-one-out"
    assert card.errors[METRIC]["r2"] == found.r2
    assert card.errors[METRIC]["rmse"] == pytest.approx(((found.mean - found.observed) ** 2).mean() ** 0.5)
    assert card.calibration[METRIC]["after"] == found.coverage


def test_the_error_without_the_labels_scatter_is_that_of_the_assessment(tmp_path: Path) -> None:
    factory = LearningFactory(tmp_path).run(11)
    directory = factory.ends("done").close()
    assessed = read(directory).proposals[-1]["progress"]["errors"]
    card = last_card(directory)
    for metric in (METRIC, FREQUENCY):
        assert card.errors[metric]["model"] == assessed[metric]["model"]
        assert card.errors[metric]["designs"] == assessed[metric]["designs"]


def test_held_out_designs_are_named_as_the_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = LearningFactory(tmp_path).run(11).ends("done").close()
    record = read(directory)
    record.proposals[-1]["progress"]["by"] = "held_out"
    path = record.proposals[-1]["model"]
    saved = SavedModel.load(directory / path)
    card = card_of(record, path, saved, leave_one_out(saved))
    assert card.split == "held-out designs"
    assert card.errors[METRIC]["rmse"] == record.proposals[-1]["progress"]["errors"][METRIC]["rmse"]
    assert "r2" in card.errors[METRIC]["leave_one_out"]


def test_a_card_is_plain_json(optimized: Card) -> None:
    assert Card.from_json(json.loads(json.dumps(optimized.to_json(), allow_nan=False))) == optimized


def test_descriptions_come_from_the_installed_oracle(tmp_path: Path) -> None:
    oracle = {"name": "magnetometer", "version": "1", "labels": [], "options": {}}
    card = last_card(Factory(tmp_path, uri=None, oracle=oracle).run(9).finish().close())
    assert next(i for i in card.inputs if i.name == "thickness").description


def test_a_users_own_oracle_file_is_not_run_for_descriptions(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise RuntimeError('ran')")
    oracle = {"name": f"{tmp_path}/mine.py:f", "version": "1", "labels": [], "options": {}}
    assert last_card(Factory(tmp_path, uri=None, oracle=oracle).run(9).finish().close()).name == "beam"


def test_the_text_of_a_card_has_a_unit_on_every_figure(optimized: Card) -> None:
    text = card_text(optimized)
    assert text.splitlines()[0] == f"beam, version {optimized.version}"
    assert "LABELS: calibrated" in text
    assert "200 .. 800 um" in text
    assert f"{METRIC} [nT/sqrt(Hz)]: errors on leave-one-out" in text
    (line,) = [x for x in text.splitlines() if "root mean squared error" in x][:1]
    assert line.endswith("nT/sqrt(Hz)")
    assert "thickness" in text.split("held fixed in every label")[1]


def test_statistics_are_taken_from_the_record_for_an_oracle_of_ones_own(tmp_path: Path) -> None:
    card = learned(tmp_path, statistics={FREQUENCY: "mean"})
    assert {o.name: o.statistic for o in card.outputs}[FREQUENCY] == "mean"
