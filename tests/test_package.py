"""What is installed: light imports, nothing shadowed, the wheel's content."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("ax", "torch", "sklearn", "scipy.stats", "scipy.linalg", "mlflow", "pandas", "matplotlib")
"""pint looks at the top of scipy by itself; its parts are what costs."""


def python(code: str, *, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd,
        env={**os.environ, **environment},
    )  # fmt: skip


def cli(*arguments: str) -> str:
    return f"from designloop.cli import main; main({list(arguments)!r})"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="help"),
        pytest.param(["validate", str(ROOT / "campaigns" / "magnetometer.yaml")], id="validate"),
        pytest.param(["oracle", "list"], id="oracle list"),
    ],
)
def test_light_commands_load_no_heavy_library(arguments: list[str], tmp_path: Path) -> None:
    tell = f"print('LOADED', *[m for m in {HEAVY} if m in sys.modules])"
    end = python(f"import sys, atexit; atexit.register(lambda: {tell})\n{cli(*arguments)}", cwd=tmp_path)
    assert end.returncode == 0, end.stderr
    assert end.stdout.splitlines()[-1] == "LOADED"


def test_help_takes_under_half_a_second(tmp_path: Path) -> None:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        assert python(cli("--help"), cwd=tmp_path).returncode == 0
        times.append(time.perf_counter() - start)
    assert min(times) < 0.5


def test_a_users_own_folders_shadow_nothing(tmp_path: Path) -> None:
    for name in ("oracles", "designloop_oracles", "campaigns"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('shadowed')")
    (tmp_path / "mine.yaml").write_text((ROOT / "campaigns" / "magnetometer.yaml").read_text())
    script = Path(sys.executable).with_name("designloop")
    end = subprocess.run(
        [script, "run", "mine.yaml", "--dry-run"], cwd=tmp_path, capture_output=True, text=True
    )
    assert end.returncode == 0, end.stderr
    assert "noise_equivalent_field" in end.stdout


def test_the_folder_of_the_tracking_server_is_no_package() -> None:
    folder = ROOT / "mlflow"
    stored = folder / "artifacts"  # models of the default store carry their own code; no package lies there
    assert not [path for path in folder.rglob("*.py") if stored not in path.parents]
    assert not list(folder.rglob("__init__.py"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, out = tmp_path_factory.mktemp("source") / "tree", tmp_path_factory.mktemp("wheel")
    kept = shutil.ignore_patterns(
        ".*", "runs", "build", "*.egg-info", "mlflow.db*", "artifacts", "results", "datasets"
    )
    shutil.copytree(ROOT, source, ignore=kept)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(out), str(source)]
    end = subprocess.run(command, capture_output=True, text=True)
    assert end.returncode == 0, end.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_holds_engine_oracles_and_campaigns_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {n.split("/")[0] for n in names if ".dist-info" not in n}
    assert tops == {"designloop", "designloop_oracles"}
    for package, folder in (("designloop", "designloop"), ("designloop_oracles", "oracles")):
        modules = {str(p.relative_to(ROOT / folder)) for p in (ROOT / folder).rglob("*.py")}
        assert modules <= {n.removeprefix(f"{package}/") for n in names if n.startswith(f"{package}/")}
    assert {"designloop/py.typed", "designloop/campaigns/magnetometer.yaml"} <= set(names)
    assert "designloop/campaigns/beam_moduli.dlmodel" in names


def test_the_wheel_runs_its_demonstration_without_a_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    arguments = ["demo"]
    for override in ("stop.trials=3", "strategy=sobol", "tracking=off"):
        arguments += ["--set", override]
    home = {"PYTHONPATH": str(site), "XDG_DATA_HOME": str(tmp_path / "data")}
    environment = {name: value for name, value in os.environ.items() if name != "DESIGNLOOP_HOME"}
    end = subprocess.run(
        [sys.executable, "-c", f"import designloop; print(designloop.__file__)\n{cli(*arguments)}"],
        capture_output=True, text=True, cwd=tmp_path, env={**environment, **home},
    )  # fmt: skip
    assert end.returncode == 0, end.stderr
    assert end.stdout.splitlines()[0].startswith(str(site))
    assert list((tmp_path / "data" / "designloop" / "runs").glob("magnetometer-*/journal.jsonl"))
