"""designloop model show, export, import."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.surrogates import packed_gp

from designloop.cli import main


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    packed_gp().save(tmp_path / "film.dlmodel")
    monkeypatch.setenv("DESIGNLOOP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str, status: int = 0) -> Result:
    found = CliRunner().invoke(main, list(arguments))
    assert found.exit_code == status, found.output
    return found


def test_show_prints_the_error_card(place: Path) -> None:
    text = invoke("model", "show", "film.dlmodel").stdout
    for words in (
        f"film, version {packed_gp().card.version}", "LABELS: calibrated", "polysilicon 2",
        "0.4 .. 1.2 um (log)", "E_mean [GPa]: errors on leave-one-out", "0.25 GPa",
        "96 % of the labels lie within the 95 % interval",
    ):  # fmt: skip
        assert words in text


def test_export_of_an_import_is_the_same_file(place: Path) -> None:
    said = invoke("model", "import", "film.dlmodel", "--as", "film").stdout
    assert said.startswith("models:/film/1 and models:/film@champion are version")
    invoke("model", "export", "models:/film@champion", "again.dlmodel")
    assert (place / "again.dlmodel").read_bytes() == (place / "film.dlmodel").read_bytes()
    refused = invoke("model", "export", "models:/film@champion", "again.dlmodel", status=2).stderr
    assert "again.dlmodel exists. Name another file, or remove it." in refused
    assert "models:/film/1 " in invoke("model", "import", "again.dlmodel", "--as", "film").stdout
    assert "film, version" in invoke("model", "show", "models:/film/1").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "none.dlmodel"), "none.dlmodel: there is no such file. There is film.dlmodel."),
        (("export", "film.dlmodel", "x.zip"), "Write x.dlmodel."),
        (("export", "models:/film@champion", "x.dlmodel"), "there is no tracking store"),
        (("import", "film.dlmodel", "--as", "a/b"), "Write --as 'a_b'."),
    ],
)
def test_a_mistake_is_a_sentence(arguments: tuple[str, ...], sentence: str, place: Path) -> None:
    found = invoke("model", *arguments, status=2)
    assert sentence in found.stderr
    assert "Traceback" not in found.stderr
