import os
import pickle
import subprocess
import sys
import textwrap

import pytest

from designloop.discovery import FileBatchOracle, available, find
from designloop.errors import OracleError
from designloop.oracle import BatchOracle, Context

SHIPPED = {"ackley", "branin", "dirac_peak", "hardening_curve", "hartmann6", "magnetometer", "table"}

BEAM = """
    from typing import Annotated
    from designloop.oracle import Input, Output

    def simulate(
        length: Annotated[float, Input(lower=1, upper=9, unit="um")],
    ) -> Annotated[dict[str, float], Output("twice", unit="um")]:
        "Twice the length."
        return {"twice": 2 * length}

    class Scaled:
        "A beam with an option."
        def __init__(self, factor=1.0, file=""):
            self.factor, self.file = factor, file
            from designloop.oracle import Declaration
            self.declaration = Declaration(name="scaled", summary="s", inputs=(Input(name="x"),),
                                           outputs=(Output("y"),))
        def evaluate(self, parameters, context):
            from designloop.oracle import Observation, Result
            return Result(metrics={"y": Observation(value=self.factor * parameters["x"])})

    class Many(Scaled):
        def evaluate_batch(self, parameters, context):
            return [self.evaluate(one, context) for one in parameters]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "beam.py").write_text(textwrap.dedent(BEAM))
    return tmp_path


def test_shipped_oracles_are_listed_with_a_summary():
    listed = {entry.name: entry.summary for entry in available()}
    assert set(listed) >= SHIPPED
    assert all(summary.endswith(".") for name, summary in listed.items() if name in SHIPPED)


@pytest.mark.parametrize("name", sorted(SHIPPED - {"table"}))
def test_shipped_oracles_are_found_by_name(name, tmp_path):
    assert find(name, folder=tmp_path).declaration.name == name


def test_a_function_in_a_file_answers(folder):
    oracle = find("./beam.py:simulate", folder=folder)
    assert oracle.evaluate({"length": 3.0}, Context()).metrics["twice"].value == 6
    assert oracle.declaration.summary == "Twice the length."


def test_a_class_in_a_file_takes_options(folder):
    oracle = find("./beam.py:Scaled", folder=folder, options={"factor": 5.0})
    assert oracle.evaluate({"x": 2.0}, Context()).metrics["y"].value == 10


def test_a_batch_class_in_a_file_stays_a_batch_oracle(folder):
    assert isinstance(find("./beam.py:Many", folder=folder), FileBatchOracle)
    assert not isinstance(find("./beam.py:Scaled", folder=folder), BatchOracle)


def test_a_module_path_is_found():
    oracle = find("designloop_oracles.analytic:Branin", folder=".", options={"noise": 0.5})
    assert oracle.declaration.stochastic


def test_a_file_oracle_pickles(folder):
    oracle = pickle.loads(pickle.dumps(find("./beam.py:Scaled", folder=folder, options={"factor": 3.0})))
    assert oracle.evaluate({"x": 2.0}, Context()).metrics["y"].value == 6


def test_a_file_oracle_is_loaded_once(folder):
    first, second = (find("./beam.py:simulate", folder=folder) for _ in range(2))
    assert first.target is second.target


def test_an_edited_file_is_loaded_anew(folder):
    find("./beam.py:simulate", folder=folder)
    (folder / "beam.py").write_text(textwrap.dedent(BEAM).replace("2 * length", "4 * length"))
    oracle = find("./beam.py:simulate", folder=folder)
    assert oracle.evaluate({"length": 1.0}, Context()).metrics["twice"].value == 4


def test_the_search_path_is_left_alone(folder):
    before = list(sys.path)
    find("./beam.py:simulate", folder=folder)
    assert sys.path == before


def run_child(cwd, *lines):
    """Run Python with the working directory off its path, as the installed command does."""
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-c", "\n".join(lines)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_a_file_oracle_reaches_a_fresh_process(folder):
    blob = pickle.dumps(find("./beam.py:simulate", folder=folder))
    done = run_child(
        "/",
        "import pickle",
        "from designloop.oracle import Context",
        f"oracle = pickle.loads({blob!r})",
        "print(oracle.evaluate({'length': 4.0}, Context()).metrics['twice'].value)",
    )
    assert done.stdout.strip() == "8.0", done.stderr


def test_a_file_that_changed_since_is_no_longer_the_run_s_oracle(folder):
    blob = pickle.dumps(find("./beam.py:Many", folder=folder))
    (folder / "beam.py").write_text(textwrap.dedent(BEAM) + "# a better mesh\n")
    with pytest.raises(OracleError, match=r"beam\.py has changed since the run loaded it: /.*resume it"):
        pickle.loads(blob)


def test_a_folder_called_oracles_does_not_replace_the_shipped_ones(folder):
    for name in ("oracles", "designloop_oracles"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise RuntimeError('the wrong package')")
    done = run_child(
        folder,
        "from pathlib import Path",
        "from designloop.discovery import find",
        "find('magnetometer', folder=Path('.'))",
        "find('./beam.py:simulate', folder=Path('.'))",
        "print('fine')",
    )
    assert done.stdout.strip() == "fine", done.stderr


def test_finding_oracles_loads_no_heavy_package(tmp_path):
    done = run_child(
        tmp_path,
        "import sys",
        "from pathlib import Path",
        "from designloop.discovery import find",
        "[find(name, folder=Path('.')) for name in ('magnetometer', 'branin', 'ackley')]",
        "heavy = 'torch ax botorch sklearn scipy mlflow pandas matplotlib plotly openpyxl'.split()",
        "print([name for name in heavy if name in sys.modules])",
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("magnetometre", r"no oracle 'magnetometre'\. Did you mean 'magnetometer'\?"),
        ("HARTMANN6", "Did you mean 'hartmann6'"),
        ("zzz", "Known: ackley, branin"),
        ("./comsol/oracle.yml", r"there is no file .*comsol/oracle\.yml"),
        ("models:film@champion", r"names no model of a registry\. Write models:/NAME@champion"),
        ("train: film.csv", "there is no such network to train"),
        ("./film.dlmodel", r"film\.dlmodel: there is no such file"),
        ("http://host/oracle", "behind an address are not in this version"),
        ("./bean.py:simulate", r"there is no file .*bean\.py\. Did you mean '\./beam\.py'\?"),
        ("./beam.py:simulte", r"\./beam\.py has no 'simulte'\. Did you mean 'simulate'\?"),
        ("./beam.py", r"names no function or class\. Write '\./beam\.py:simulate'"),
        (
            "no_such_package.part:thing",
            "no installed package 'no_such_package'.*name a file: ./part.py:thing",
        ),
        ("designloop_oracles.analytic:Brannin", "Did you mean 'branin'"),
    ],
)
def test_what_cannot_be_found_is_refused_with_a_remedy(name, sentence, folder):
    with pytest.raises(OracleError, match=sentence):
        find(name, folder=folder)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1\ny = nonsense\n", r"broken\.py:2: oracle file cannot be loaded: NameError"),
        ("x = 1\n\ndef f(:\n", r"broken\.py:3: oracle file cannot be loaded: SyntaxError"),
        ("import no_such_module_\n", r"broken\.py:1: .*ModuleNotFoundError.*Install what it imports"),
        ("import json\njson.loads('{')\n", r"broken\.py:2: .*JSONDecodeError"),
    ],
    ids=["name", "syntax", "import", "deep"],
)
def test_a_file_that_fails_to_load_is_named_with_its_line(text, sentence, tmp_path):
    (tmp_path / "broken.py").write_text(text)
    with pytest.raises(OracleError, match=sentence):
        find("./broken.py:f", folder=tmp_path)


@pytest.mark.parametrize("sibling", ["helper.py", "helper/__init__.py"])
def test_a_file_that_imports_its_neighbour_is_told_to_become_a_package(sibling, tmp_path):
    (tmp_path / "beam.py").write_text("import helper\n")
    (tmp_path / sibling).parent.mkdir(exist_ok=True)
    (tmp_path / sibling).write_text("")
    with pytest.raises(OracleError, match="file oracle is one file.*'helper'.*package.module:name"):
        find("./beam.py:simulate", folder=tmp_path)


def test_a_file_that_failed_can_be_mended(tmp_path):
    file = tmp_path / "beam.py"
    file.write_text("oops")
    with pytest.raises(OracleError, match="NameError"):
        find("./beam.py:simulate", folder=tmp_path)
    file.write_text(textwrap.dedent(BEAM))
    assert find("./beam.py:simulate", folder=tmp_path).declaration.name == "simulate"


def test_paths_in_options_resolve_against_the_folder(folder):
    (folder / "data.csv").write_text("x,y\n1,2\n")
    for given in ("data.csv", "./data.csv"):
        oracle = find("./beam.py:Scaled", folder=folder, options={"file": given})
        assert oracle._oracle.file == str(folder / "data.csv")


def test_words_in_options_are_no_paths(folder):
    (folder / "exact").write_text("a file by chance")
    assert find("./beam.py:Scaled", folder=folder, options={"file": "exact"})._oracle.file == "exact"


def test_an_unknown_option_names_the_known_ones(tmp_path):
    with pytest.raises(OracleError, match="unexpected keyword argument 'nois'.*it takes noise"):
        find("branin", folder=tmp_path, options={"nois": 1})


def test_a_function_takes_no_options(folder):
    with pytest.raises(OracleError, match="has no options; remove 'depth'"):
        find("./beam.py:simulate", folder=folder, options={"depth": 1})
