"""``designloop model train``: a data set in, a calibrated and judged model out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from designloop.cli import main
from designloop.cli.training import Progress
from designloop.discovery import find
from designloop.learning import datasets
from designloop.learning.datasets import DataSet
from designloop.learning.packed import Packed
from designloop.oracle import Context
from designloop_oracles.surrogates import _rows
from designloop_oracles.surrogates.presets import OverEtch, Sve

FAST = ["--network", "amplitude_net", "--members", "2", "--epochs", "6", "--set", "units_2=50"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dies as published, dies of a softer film, and windows of film."""
    folder = tmp_path_factory.mktemp("data")
    datasets.make(OverEtch(), folder / "dies", count=140)
    datasets.make(OverEtch(modulus_mean=135.0), folder / "soft_dies", count=140)
    datasets.make(OverEtch(), folder / "few", count=40)
    return folder


def train(folder: Path, *arguments: str, data: str = "dies") -> Result:
    return CliRunner().invoke(main, ["model", "train", str(folder / data), *arguments])


@pytest.fixture(scope="module")
def trained(folder: Path) -> tuple[Result, Path]:
    file = folder / "dies.dlmodel"
    return train(folder, *FAST, "--out", str(file)), file


def test_a_training_says_what_the_model_is_worth(trained: tuple[Result, Path]) -> None:
    result, file = trained
    assert result.exit_code == 0, result.output
    assert "amplitude_net from scratch: epoch 6/6, validation loss" in result.stderr
    assert "it does not earn its place, the baseline is better." in result.stdout
    assert f"oracle: ./{file.name}" in result.stdout


def test_the_card_tells_data_errors_baselines_and_calibration(trained: tuple[Result, Path]) -> None:
    card = Packed.load(trained[1]).card
    assert card.data["rows"] == 140
    assert card.data["split"] == {"train": 98, "validation": 21, "test": 21}
    assert card.data["digest"] == DataSet.load(trained[1].with_suffix("").parent / "dies").digest
    errors = card.errors["amplitude"]
    assert {"rmse", "nrmse", "r2", "mape", "nll", "crps", "coverage_95", "interval_width"} <= set(errors)
    baselines = errors["baseline"]
    assert baselines["quadratic_regression"]["rmse"] < baselines["mean_of_the_labels"]["rmse"]
    assert card.calibration["amplitude"]["points"] == 21
    assert card.calibration["amplitude"]["after"] >= 0.95
    assert card.labels == ("calibrated",)


def test_the_domain_box_is_what_the_rows_cover(trained: tuple[Result, Path]) -> None:
    card = Packed.load(trained[1]).card
    arrays = DataSet.load(trained[1].parent / "dies").arrays
    box = {i.name: (i.lower, i.upper, i.unit) for i in card.varied}
    assert box == {
        "youngs_modulus": (arrays["youngs_modulus"].min(), arrays["youngs_modulus"].max(), "GPa"),
        "over_etch": (arrays["over_etch"].min(), arrays["over_etch"].max(), "um"),
    }
    assert card.pinned == {"beam_length": 40, "beam_width": 2, "thickness": 5, "gap": 2}


def test_the_model_answers_the_test_rows_as_its_card_says(trained: tuple[Result, Path]) -> None:
    from designloop_oracles.surrogates._rows import Rows
    from designloop_oracles.surrogates._spaces import SPACES

    file = trained[1]
    oracle = find(f"./{file.name}", folder=file.parent)
    rows = Rows(data=DataSet.load(file.parent / "dies"), space=SPACES["amplitude_net"])
    test = rows.part("test")
    designs = [
        {"youngs_modulus": float(e), "over_etch": float(o)} for e, o in rows.images(test).astype(float)
    ]
    answers = [oracle.evaluate(design, Context()).metrics["amplitude"] for design in designs]
    truth = rows.labels(test)[:, 0]
    errors = Packed.load(file).card.errors["amplitude"]
    assert np.sqrt(np.mean([(a.value - y) ** 2 for a, y in zip(answers, truth, strict=True)])) == (
        pytest.approx(errors["rmse"], rel=1e-4)
    )
    inside = [a.lower <= y <= a.upper for a, y in zip(answers, truth, strict=True)]
    assert np.mean(inside) == pytest.approx(errors["coverage_95"])


def test_a_model_of_structures_is_asked_by_realization(folder: Path, tmp_path: Path) -> None:
    datasets.make(Sve(pixels=12, solver_pixels=12), folder / "sve", count=140)
    file = tmp_path / "film.dlmodel"
    result = train(folder, "--members", "1", "--epochs", "2", "--out", str(file), data="sve")
    assert result.exit_code == 0, result.output
    assert "where the baseline affine voigt has" in result.stdout
    oracle, arrays = find("./film.dlmodel", folder=tmp_path), DataSet.load(folder / "sve").arrays
    errors = [
        oracle.evaluate({}, Context(seed=int(seed))).metrics["youngs_modulus"].value - label
        for seed, label in zip(arrays["seed"][:10], arrays["youngs_modulus"][:10], strict=True)
    ]
    assert np.sqrt(np.mean(np.square(errors))) < 0.1 * arrays["youngs_modulus"].std()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "x.txt"], "x.dlmodel"),
        (["--network", "amplitude_ne"], "Did you mean 'amplitude_net'"),
        (["--network", "sve_cnn"], "sve_cnn learns from data sets of sve"),
        (["--set", "units_1=51"], "write 5, 10, 20"),
        (["--set", "unit=50"], "no hyper-parameter 'unit'"),
        (["--set", "units_1"], "gives no value"),
        (["--register", "a/b"], "'a/b' cannot name a registered model"),
        (["--register", "film", "--uri", "mlruns"], "names no store"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_sentence(
    arguments: list[str], said: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = train(folder, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not list(tmp_path.rglob("*.dlmodel"))


def test_too_few_rows_to_calibrate_are_refused(folder: Path, tmp_path: Path) -> None:
    result = train(folder, "--out", str(tmp_path / "x.dlmodel"), data="few")
    assert result.exit_code == 2
    assert "6 validation rows, too few to calibrate by; 20 are needed" in result.stderr


def test_a_model_file_is_never_overwritten(trained: tuple[Result, Path], folder: Path) -> None:
    before = trained[1].read_bytes()
    result = train(folder, *FAST, "--out", str(trained[1]))
    assert result.exit_code == 2
    assert "exists. Name another file, or remove it." in result.stderr
    assert trained[1].read_bytes() == before


def test_an_interrupted_training_says_how_to_go_on_and_goes_on(
    trained: tuple[Result, Path], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_rows, "SAVE_EVERY", 0.0)
    file, epochs = tmp_path / "dies.dlmodel", []
    tell = Progress.__call__

    def watched(self: Progress, stage: str, epoch: int, *rest: Any) -> None:
        tell(self, stage, epoch, *rest)
        epochs.append(epoch)
        if epochs == [1, 2, 3]:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "__call__", watched)
    stopped = train(folder, *FAST, "--out", str(file))
    assert stopped.exit_code == 130
    assert "stopped after epoch 3 of amplitude_net from scratch: the same command goes on" in stopped.stderr
    assert not file.exists()
    assert train(folder, *FAST, "--out", str(file)).exit_code == 0
    assert epochs == [1, 2, 3, 4, 5, 6]
    assert Packed.load(file).members["model.npz"] == Packed.load(trained[1]).members["model.npz"]
    assert [p.name for p in tmp_path.iterdir()] == [file.name]


def test_another_training_does_not_go_on_from_the_checkpoint_of_one(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "dies.dlmodel"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("designloop.cli.training._remove", lambda _: None)
        assert train(folder, *FAST, "--out", str(file)).exit_code == 0
    file.unlink()
    result = train(folder, *FAST, "--seed", "1", "--out", str(file))
    assert result.exit_code == 2
    assert "belongs to a training with other seed" in result.stderr


def test_a_transferred_network_needs_fewer_epochs_than_one_from_scratch(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.dlmodel", tmp_path / "second.dlmodel"
    budget = ["--network", "amplitude_net", "--members", "2", "--epochs", "16"]
    set_once = ["--set", "learning_rate=0.001", "--set", "units_2=50"]
    assert train(folder, *budget, *set_once, "--out", str(first)).exit_code == 0
    result = train(
        folder, *budget, "--start-from", str(first), "--out", str(second), data="soft_dies"
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "from scratch, with the same budget" in result.stdout
    assert Packed.load(second).saved.config["options"] == Packed.load(first).saved.config["options"]
    rows = {row["start"]: row for row in Packed.load(second).card.data["transfer"].values()}
    started, scratch = rows[f"from {first}"], rows["from scratch"]
    assert started["epochs_to_match_scratch"] <= scratch["epochs_to_match_scratch"] / 3
    assert started["rmse"] <= scratch["rmse"]


def test_another_architecture_cannot_be_started_from(
    trained: tuple[Result, Path], folder: Path, tmp_path: Path
) -> None:
    result = train(
        folder, "--start-from", str(trained[1]), "--set", "units_1=100", "--out", str(tmp_path / "x.dlmodel")
    )  # fmt: skip
    assert result.exit_code == 2
    assert "only equal networks share weights" in result.stderr
