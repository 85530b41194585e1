"""Every campaign in the documentation loads, every file that it links exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from designloop.campaign import load, loads

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "mlflow" / "README.md"]
BLOCKS = [
    pytest.param(block, page, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), flags=re.S))
]


@pytest.mark.parametrize(("block", "page"), BLOCKS)
def test_a_campaign_in_the_documentation_loads(block: str, page: Path, tmp_path: Path) -> None:
    if "version: 1" not in block:
        pytest.skip("part of a file")
    (tmp_path / "beam.py").write_text(_python(ROOT / "README.md"))
    for name in set(re.findall(r"^oracle: \./(\w+\.py):", block, flags=re.M)) - {"beam.py"}:
        (tmp_path / name).write_text(_python(page))
    assert loads(block, folder=tmp_path).name


def _python(page: Path) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.S))


@pytest.mark.parametrize("path", sorted((ROOT / "campaigns").glob("*.yaml")), ids=lambda p: p.name)
def test_a_shipped_campaign_loads_and_says_its_question(path: Path) -> None:
    assert path.read_text().startswith("# ")
    assert load(path).description


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link
