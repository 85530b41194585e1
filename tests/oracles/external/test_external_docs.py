"""The example of docs/external-programs.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from designloop.campaign import load
from designloop.oracle import Context, Infeasible
from designloop_oracles.external import find
from designloop_oracles.external.parts import OWNERS

PAGE = (Path(__file__).parents[3] / "docs" / "external-programs.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.S)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spring").mkdir()
    oracle, campaign, chain = blocks("yml")
    (deck,), (program,) = blocks("jinja"), blocks("python")
    for name, text in (
        ("oracle.yml", oracle),
        ("deck.j2", deck),
        ("spring.py", program),
    ):
        (tmp_path / "spring" / name).write_text(text)
    (tmp_path / "spring.yaml").write_text(campaign)
    (tmp_path / "chain").mkdir()
    (tmp_path / "chain/oracle.yml").write_text(chain)
    (tmp_path / "chain/screen.py").write_text(
        "import json, sys\nw = float(sys.argv[1])\n"
        "json.dump({'best': [1, 2], 'gain': w / 10}, open('screen.json', 'w'))\n"
    )
    (tmp_path / "chain/refine.py").write_text(
        "import json, sys\njson.dump({'torque': 5 * float(sys.argv[1])}, open('out.json', 'w'))\n"
    )
    return tmp_path


def test_the_example_answers(folder):
    oracle = find("spring/oracle.yml", folder=folder, options={})
    answer = oracle.evaluate({"length": 400.0, "folds": 1, "fold_gap": 7.0}, Context(directory=folder / "t"))
    assert answer.metrics["stiffness"].value == pytest.approx(148.2e3 * 20 * 4 * (4 / 400) ** 3, rel=1e-12)
    assert answer.metrics["peak_stress"].value == pytest.approx(5e11 * 4 / 400**2 / 1e6, rel=1e-6)
    assert answer.metrics["clearance"].value == 20
    assert (folder / "t/deck.txt").read_text() == "LENGTH 400.0\nWIDTH 4.0\nENDS 4\nFOLDS 1\n\n"
    assert not (folder / "t/spring.py").exists()
    with pytest.raises(Infeasible, match="exit status 3"):
        oracle.evaluate({"length": 800.0, "width": 2.0}, Context())


def test_the_campaign_of_the_example_loads(folder):
    assert load(folder / "spring.yaml").declaration.name == "spring"


def test_the_chain_of_the_example_answers(folder):
    oracle = find("chain/oracle.yml", folder=folder, options={})
    answer = oracle.evaluate({"width": 2.0}, Context())
    assert {n: o.value for n, o in answer.metrics.items()} == {"rough": 0.2, "torque": 10}


@pytest.mark.parametrize(
    ("place", "key"),
    [(".".join(place) or "top", key) for place, part in OWNERS.items() for key in part.by_key()],
)
def test_every_key_is_explained(place, key):
    assert f"`{key}`" in PAGE or f"{key}:" in PAGE
    owner = next(part for where, part in OWNERS.items() if (".".join(where) or "top") == place)
    assert owner.by_key()[key].description
