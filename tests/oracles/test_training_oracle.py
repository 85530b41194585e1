"""Training a network as an evaluation: what is declared, what is answered, what survives a kill."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from designloop.campaign import load
from designloop.discovery import find
from designloop.errors import OracleError
from designloop.learning import datasets, sources
from designloop.learning.datasets import DataSet
from designloop.learning.packed import Packed
from designloop.oracle import Context, Infeasible
from designloop.space import ChoiceParameter
from designloop.testing import checks
from designloop_oracles.surrogates import _rows
from designloop_oracles.surrogates._rows import Rows
from designloop_oracles.surrogates._spaces import SPACES, fitting
from designloop_oracles.surrogates.presets import OverEtch, Sve

ROOT = Path(__file__).parents[2]
QUICK = {"units_1": 50, "units_2": 50, "units_3": 50, "learning_rate": 0.01}
SVE = {"filters_1": 32, "filters_2": 32, "kernel_1": 3, "kernel_2": 3, "learning_rate": 0.001}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small data sets."""
    folder = tmp_path_factory.mktemp("data")
    datasets.make(OverEtch(), folder / "over_etch", count=80, seed=1)
    datasets.make(Sve(pixels=16, solver_pixels=16), folder / "sve", count=40, seed=1)
    return folder


def training(folder: Path, name: str = "amplitude_net", **options: Any) -> Any:
    data = SPACES[name].sets[0]
    return find(f"train:{name}", folder=folder, options={"data": f"./{data}", "epochs": 4} | options)


def test_the_published_space_is_searched() -> None:
    choices = [i.choices for i in SPACES["sve_cnn"].inputs]
    assert choices == [(32, 64, 96, 128), (3, 5)] * 2 + [(0.0001, 0.001, 0.01)]
    assert [i.choices for i in SPACES["beam_net"].inputs] == [(50, 100, 150)] * 3 + [(0.0001, 0.001, 0.01)]


def test_numbers_among_choices_are_ordered_in_the_shipped_search() -> None:
    campaign = load(ROOT / "campaigns" / "sve_network_search.yaml")
    parameters = {p.name: p for p in campaign.space.parameters}
    assert set(parameters) == {i.name for i in SPACES["sve_cnn"].inputs}
    for parameter in parameters.values():
        assert isinstance(parameter, ChoiceParameter)
        assert parameter.ordered
        assert list(parameter.choices) == sorted(parameter.choices)


@pytest.mark.parametrize("name", SPACES)
def test_a_search_is_declared_without_its_data(name: str, tmp_path: Path) -> None:
    declared = find(f"train:{name}", folder=tmp_path, options={"data": "./nothing"}).declaration
    assert declared.output("validation_mse").unit == (f"{SPACES[name].unit}^2" if SPACES[name].unit else "")
    assert "15 % validation" in declared.output("validation_mse").description
    assert all(i.allows(i.default) for i in declared.inputs)
    assert all(i.ordered for i in declared.inputs if i.choices)


def test_every_source_with_a_trainer_has_a_network_for_it() -> None:
    for entry in entry_points(group="designloop.trainers"):
        if not entry.value.endswith("surrogates.trainer:train"):
            continue  # a trainer of its own for one network
        assert fitting(entry.name, sources.find(entry.name).options), entry.name


def test_windows_in_a_tensile_test_are_another_networks() -> None:
    for boundary in ("displacement", "traction"):
        assert [space.name for space in fitting("sve", {"boundary": boundary})] == ["window_net", "sve_cnn"]
    assert [space.name for space in fitting("sve", {"boundary": "tensile_test"})] == ["sve_cnn"]


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("train:sve_cn", {}, "Did you mean 'train:sve_cnn'"),
        ("train:sve_cnn", {}, "designloop dataset make sve"),
        ("train:sve_cnn", {"data": "./x", "share": 0}, "share is 0"),
        ("train:sve_cnn", {"data": "./x", "epochs": 0}, "epochs is 0"),
        ("train:sve_cnn", {"data": "./x", "epochs": "ten"}, "write a whole number"),
        ("train:sve_cnn", {"data": "./x", "rows": 3}, "no option 'rows'"),
    ],
)
def test_a_wrong_name_or_option_is_refused_with_what_to_write(
    name: str, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(OracleError, match=said):
        find(name, folder=tmp_path, options=options)


def test_without_its_data_a_training_says_which_command_makes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    oracle = find("train:sve_cnn", folder=tmp_path, options={"data": "./sve"})
    assert f"designloop dataset make sve --out {tmp_path}/sve" in capsys.readouterr().err
    with pytest.raises(OracleError, match=f"designloop dataset make sve --out {tmp_path}/sve"):
        oracle.evaluate(SVE, Context())


def test_a_network_is_not_trained_on_the_data_of_another(folder: Path) -> None:
    oracle = find("train:beam_net", folder=folder, options={"data": "./sve"})
    with pytest.raises(OracleError, match="beam_net learns from data sets of beams or homogeneous_beams"):
        oracle.evaluate(QUICK, Context())


def test_a_network_too_large_for_the_image_says_so(tmp_path: Path) -> None:
    datasets.make(Sve(pixels=8, solver_pixels=8), tmp_path / "sve", count=10)
    with pytest.raises(OracleError, match="sve_cnn cannot take rows of 1 x 8 x 8"):
        training(tmp_path, "sve_cnn").evaluate({**SVE, "kernel_1": 5, "kernel_2": 5}, Context())


def test_a_training_answers_with_error_size_and_cost(folder: Path, tmp_path: Path) -> None:
    result = training(folder).evaluate(QUICK, Context(seed=2, directory=tmp_path))
    metrics = {name: one.value for name, one in result.metrics.items()}
    assert metrics["weights"] == 2 * 50 + 50 + 2 * (50 * 50 + 50) + 50 + 1
    assert metrics["epochs"] == 4
    assert metrics["train_seconds"] > 0
    with result.artifacts["learning_curve"].open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 4
    data = Rows(data=DataSet.load(folder / "over_etch"), space=SPACES["amplitude_net"])
    spread = data.labels(data.part("train")).std()
    best = min(float(line["validation_0"]) for line in lines) * spread**2
    assert metrics["validation_mse"] == pytest.approx(best, rel=1e-4)
    assert result.artifacts["learning_curve_figure"].read_bytes().startswith(b"\x89PNG")


def test_the_model_of_a_trial_is_an_oracle_that_answers_as_it_was_judged(
    folder: Path, tmp_path: Path
) -> None:
    result = training(folder, "sve_cnn").evaluate(SVE, Context(seed=2, directory=tmp_path))
    card = Packed.load(result.artifacts["model"]).card
    assert card.errors["youngs_modulus"]["rmse"] ** 2 == pytest.approx(result.metrics["validation_mse"].value)
    data = Rows(data=DataSet.load(folder / "sve"), space=SPACES["sve_cnn"])
    held = data.part("validation")
    oracle = find(f"./{result.artifacts['model'].name}", folder=tmp_path)
    answers = [
        oracle.evaluate({}, Context(seed=int(seed))).metrics["youngs_modulus"].value
        for seed in data.data.arrays["seed"][held]
    ]
    error = np.array(answers) - data.labels(held)[:, 0]
    assert np.mean(error**2) == pytest.approx(result.metrics["validation_mse"].value, rel=1e-4)


def test_equal_seeds_train_equal_networks_and_others_do_not(folder: Path) -> None:
    errors = [
        training(folder).evaluate(QUICK, Context(seed=seed)).metrics["validation_mse"].value
        for seed in (1, 1, 2)
    ]
    assert errors[0] == errors[1] != errors[2]


def test_a_search_never_looks_at_test_rows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    untouched = training(folder).evaluate(QUICK, Context(seed=1)).metrics["validation_mse"]
    whole = DataSet.load(folder / "over_etch")
    test = Rows(data=whole, space=SPACES["amplitude_net"]).part("test")
    poisoned = {name: np.array(values) for name, values in whole.arrays.items()}
    for name in ("youngs_modulus", "over_etch", "amplitude"):
        poisoned[name][test] = np.nan
    monkeypatch.setattr(DataSet, "load", lambda _: replace(whole, arrays=poisoned))
    assert training(folder).evaluate(QUICK, Context(seed=1)).metrics["validation_mse"] == untouched


def test_a_smaller_share_of_rows_lies_within_a_larger_one(folder: Path) -> None:
    data = Rows(data=DataSet.load(folder / "over_etch"), space=SPACES["amplitude_net"])
    small, large = data.part("train", share=0.25), data.part("train", share=0.5)
    assert (len(small), len(large), len(data.part("train"))) == (14, 28, 56)
    assert set(small) < set(large) < set(data.split["train"])


def test_a_training_that_diverges_is_infeasible(folder: Path) -> None:
    space = SPACES["amplitude_net"]
    bold = replace(space, inputs=(*space.inputs[:3], replace(space.inputs[3], choices=(1e30,), default=1e30)))
    oracle = replace(training(folder), space=bold)
    with pytest.raises(Infeasible, match="diverges"):
        oracle.evaluate({**QUICK, "learning_rate": 1e30}, Context())


def test_an_ended_training_is_not_trained_again(folder: Path, tmp_path: Path) -> None:
    context = Context(seed=4, answers=tmp_path)
    first = training(folder).evaluate(QUICK, context)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_rows.Clock, "epoch", lambda _: pytest.fail("an epoch was trained"))
        assert training(folder).evaluate(QUICK, context).metrics == first.metrics


@pytest.mark.long
def test_a_training_keeps_the_contract_of_oracles_but_for_its_seconds(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_rows.Clock, "seconds", 1.0)
    oracle = training(folder, epochs=1, share=0.2)
    skipped = {"spawn_safe"}  # a fresh process has the real clock
    failed = [c for c in checks(oracle) if not c.passed and c.name not in skipped]
    assert not failed


def test_a_run_does_not_go_on_with_other_data(folder: Path, tmp_path: Path) -> None:
    version = training(folder).declaration.version
    assert training(folder).declaration.version == version
    datasets.make(OverEtch(), tmp_path / "over_etch", count=80, seed=2)
    with pytest.raises(OracleError, match="has changed since the run began"):
        find(
            "train:amplitude_net",
            folder=tmp_path,
            options={"data": "./over_etch", "epochs": 4},
            version=version,
        )


def evaluated(folder: Path, kept: Path, trial: Path) -> bytes:
    """The weights that a training of many epochs ends with."""
    import torch

    torch.set_num_threads(1)
    _rows.SAVE_EVERY = 0.0
    oracle = training(folder, epochs=12)
    result = oracle.evaluate(QUICK, Context(seed=3, directory=trial, answers=kept))
    return Packed.load(result.artifacts["model"]).members["model.npz"]


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(folder: Path, tmp_path: Path) -> None:
    code = (
        f"import sys; from pathlib import Path; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_training_oracle import evaluated\n"
        "import designloop_oracles.surrogates._rows as rows, time\n"
        "rows.Clock.epoch = lambda self: time.sleep(0.1)\n"
        f"evaluated(Path({str(folder)!r}), Path({str(tmp_path / 'kept')!r}), Path({str(tmp_path / 'a')!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"OMP_NUM_THREADS": "1"})
    try:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "kept").rglob("*.pt")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not list(tmp_path.rglob("model.dlmodel"))
    seen: list[int] = []
    went_on = _watched(seen, lambda: evaluated(folder, tmp_path / "kept", tmp_path / "b"))
    assert 0 < len(seen) < 12
    assert went_on == evaluated(folder, tmp_path / "other", tmp_path / "c")


def _watched(seen: list[int], run: Any) -> bytes:
    """Count the epochs that are trained in this process."""

    def counted(_: Any) -> None:
        seen.append(1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_rows.Clock, "epoch", counted)
        patch.setattr(_rows, "SAVE_EVERY", 0.0)
        found: bytes = run()
    return found
