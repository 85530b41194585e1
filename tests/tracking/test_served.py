"""Served models: columns, realizations, the scoring server, requirements, no pickles."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.surrogates import card, designs, packed_gp

from designloop.learning import models
from designloop.learning.models import Parts
from designloop.learning.packed import Packed
from designloop.learning.saved import SavedModel
from designloop.oracle import Input
from designloop.tracking import served

METRICS = ("E_mean", "E_std")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as MLflow serves it."""
    target = tmp_path_factory.mktemp("served") / "model"
    served.save(packed_gp(METRICS), target)
    return target


@pytest.fixture
def loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    import mlflow.pyfunc

    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    return mlflow.pyfunc.load_model(str(folder))


def body(asked: list[dict[str, Any]]) -> str:
    return json.dumps({"dataframe_records": asked})


def test_the_columns_are_mean_sd_and_aleatoric(loaded: Any) -> None:
    import pandas as pd

    asked = [{k: d[k] for k in ("grain_size", "width")} for d in designs(4, seed=2)]
    answers = loaded.predict(pd.DataFrame(asked))
    assert list(answers.columns) == [f"{m}_{p}" for m in METRICS for p in ("mean", "sd", "aleatoric")]
    expected = models.parts(packed_gp(METRICS).saved, asked)
    for metric, found in expected.items():
        np.testing.assert_allclose(answers[f"{metric}_mean"], found.mean)
        np.testing.assert_allclose(answers[f"{metric}_sd"], found.epistemic)
        np.testing.assert_allclose(answers[f"{metric}_aleatoric"], found.aleatoric)


def test_the_signature_names_what_varied(loaded: Any) -> None:
    signature = loaded.metadata.signature
    assert [(c.name, c.type.name) for c in signature.inputs] == [
        ("grain_size", "double"),
        ("width", "double"),
    ]
    assert loaded.metadata.metadata["units"]["E_mean"] == "GPa"
    assert loaded.metadata.metadata["fixed"] == {"fibre_axis": "100"}
    assert list(loaded.input_example.columns) == ["grain_size", "width"]


def test_the_folder_holds_code_json_and_arrays_only(folder: Path) -> None:
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert not kinds & {".pkl", ".pickle", ".pt", ".joblib"}
    assert Packed.load(folder / served.NUMBERS).content == packed_gp(METRICS).content


def test_the_scoring_server_answers_json(loaded: Any) -> None:
    from mlflow.pyfunc import scoring_server

    asked = [{k: d[k] for k in ("grain_size", "width")} for d in designs(2, seed=2)]
    schema = loaded.metadata.get_input_schema()
    answer = scoring_server.invocations(body(asked).encode(), "application/json", loaded, schema)
    assert answer.status == 200, answer.response
    rows = json.loads(answer.response)["predictions"]
    expected = models.predict(packed_gp(METRICS).saved, asked)["E_mean"][0]
    assert [row["E_mean_mean"] for row in rows] == pytest.approx(expected.tolist())


@pytest.fixture
def structures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A served stochastic model, whose answer is its realization's number."""
    import mlflow.pyfunc

    def parts(saved: Any, asked: Any, *, seeds: Any = None) -> dict[str, Parts]:
        ones = np.ones(len(asked))
        return {"E_mean": Parts(mean=np.asarray(seeds, dtype=float), aleatoric=ones, epistemic=ones)}

    entry = SimpleNamespace(name="numbers", load=lambda: SimpleNamespace(parts=parts))
    monkeypatch.setattr(models, "entry_points", lambda **_: [entry])
    inputs = (*card().inputs, Input(name="grains", lower=1, upper=9, integer=True))
    packed = Packed(
        saved=SavedModel(config={"kind": "numbers"}, arrays={}), card=card(stochastic=True, inputs=inputs)
    )
    served.save(packed, tmp_path / "model")
    return mlflow.pyfunc.load_model(str(tmp_path / "model"))


def test_a_structure_model_takes_a_realization(structures: Any) -> None:
    import pandas as pd

    asked = pd.DataFrame([{"grain_size": 0.5, "width": 3.0, "grains": 4, "realization": n} for n in (7, 8)])
    assert structures.predict(asked)["E_mean_mean"].tolist() == [7.0, 8.0]
    assert structures.predict(asked.drop(columns="realization"))["E_mean_mean"].tolist() == [0.0, 0.0]


def test_the_example_lies_in_the_middle_of_the_box() -> None:
    found = served.middle(card())
    assert found["grain_size"] == pytest.approx((0.4 * 1.2) ** 0.5)
    assert found["width"] == 3.0


def test_every_requirement_is_pinned() -> None:
    found = served.requirements()
    assert all("==" in one for one in found)
    assert {"designloop", "mlflow", "numpy", "torch"} <= {one.partition("==")[0] for one in found}


BLOCKED = """
import importlib.metadata as meta, re, sys

def closure(names):
    found, todo = set(), [n.lower().replace("_", "-") for n in names]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        try:
            wanted = meta.requires(name) or []
        except meta.PackageNotFoundError:
            continue
        found.add(name)
        todo += [re.match(r"[\\w.-]+", w)[0].lower().replace("_", "-") for w in wanted if "extra ==" not in w]
    return found

wanted = [line.partition("==")[0].strip() for line in open(sys.argv[1]) if "==" in line]
allowed = closure(wanted)
owners = meta.packages_distributions()

class Block:
    def find_spec(self, name, path=None, target=None):
        of = owners.get(name.partition(".")[0])
        if of and not {o.lower().replace("_", "-") for o in of} & allowed:
            raise ModuleNotFoundError(f"{name} is not in the requirements", name=name)

sys.meta_path.insert(0, Block())
import mlflow.pyfunc, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[2])
print(model.predict(model.input_example)["E_mean_mean"][0])
try:
    import pytest
except ModuleNotFoundError:
    print("blocked")
"""


@pytest.mark.long
def test_a_model_loads_with_nothing_but_its_requirements(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", BLOCKED, str(folder / "requirements.txt"), str(folder)]
    end = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert end.returncode == 0, end.stderr
    value, blocked = end.stdout.split()[-2:]
    middle = [served.middle(card())]
    assert float(value) == pytest.approx(
        float(models.predict(packed_gp(METRICS).saved, middle)["E_mean"][0][0])
    )
    assert blocked == "blocked"


@pytest.mark.long
def test_mlflow_serves_the_folder_as_a_process(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "-m", str(folder)]
    environment = {**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [*command, "--port", str(port), "--host", "127.0.0.1"], stdout=log, stderr=log, env=environment,
        start_new_session=True,
    )  # fmt: skip
    try:
        asked = [{"grain_size": 0.7, "width": 3.0}]
        row = answered(f"http://127.0.0.1:{port}/invocations", body(asked), patience=120.0)
        expected = models.predict(packed_gp(METRICS).saved, asked)["E_mean"]
        assert row["E_mean_mean"] == pytest.approx(float(expected[0][0]))
        assert row["E_mean_sd"] == pytest.approx(float(expected[1][0]))
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)
        log.close()


def answered(url: str, content: str, *, patience: float) -> dict[str, float]:
    """The first row of the answer, once the server is up."""
    deadline = time.monotonic() + patience
    request = urllib.request.Request(url, content.encode(), {"Content-Type": "application/json"})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return dict(json.loads(answer.read())["predictions"][0])
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
