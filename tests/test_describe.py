import re
import textwrap
from pathlib import Path

import pytest

from designloop.describe import describe, new_oracle_template, rough_time
from designloop.discovery import find
from designloop.errors import OracleError
from designloop.oracle import Context, Declaration, Fidelity, Infeasible, Input, Output
from designloop.testing import checks


def test_the_template_is_an_oracle_that_passes_every_check(tmp_path):
    (tmp_path / "my_beam.py").write_text(new_oracle_template("my_beam"))
    oracle = find("./my_beam.py:my_beam", folder=tmp_path)
    assert [(c.name, c.message) for c in checks(oracle) if not c.passed] == []


def test_the_template_computes_the_stiffness_of_its_beam(tmp_path):
    (tmp_path / "beam.py").write_text(new_oracle_template("beam"))
    oracle = find("./beam.py:beam", folder=tmp_path)
    found = oracle.evaluate({"length": 400.0, "width": 4.0, "thickness": 10.0}, Context())
    inertia = 10e-6 * (4e-6) ** 3 / 12
    assert found.metrics["stiffness"].value == pytest.approx(192 * 148.2e9 * inertia / (400e-6) ** 3)
    with pytest.raises(Infeasible, match="above 400"):
        oracle.evaluate({"length": 800.0, "width": 1.0}, Context())


@pytest.mark.parametrize("name", ["my-beam", "2beams", "", "a b"])
def test_a_name_that_is_no_python_name_is_refused(name):
    with pytest.raises(OracleError, match="use letters, digits and underscores"):
        new_oracle_template(name)


def test_a_description_holds_everything_declared():
    text = describe(
        Declaration(
            name="film",
            summary="A film.",
            inputs=(
                Input(name="length", unit="um", lower=2e-6, upper=800, log=True, description="of the beam"),
                Input(name="turns", lower=1, upper=9, integer=True, default=3),
                Input(name="kind", choices=("a", "b"), default="a"),
            ),
            outputs=(Output("y", unit="nm", description="deflection"), Output("safe", margin=True)),
            labels=("calibrated",),
            options={"grain": 3},
            stochastic=True,
            version="7",
            source="Nobody 1900",
            fidelities=(
                Fidelity(name="quick", description="to look", settings={"turns": 1, "kind": "b"}, cost=0.25),
                Fidelity(name="slow", settings={"length": 2.5}),
            ),
        )
    )
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for wanted in (
        "film (version 7): A film.",
        "LABELS: calibrated",
        "nature: stochastic",
        "options: grain: 3",
        "length 2e-06 .. 800 um (log) required of the beam",
        "turns 1 .. 9 (whole) default 3",
        "kind a | b default a",
        "y nm deflection",
        "margins (negative: not allowed)",
        "safe",
        "source: Nobody 1900",
        "quick turns 1, kind b 0.25 s to look",
        "slow length 2.5 um cost not measured",
    ):
        assert wanted in lines


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0371, "0.037 s"), (59.9, "60 s"), (200, "3.3 min"), (7300, "2 h"), (4.6e5, "130 h")],
)
def test_a_cost_is_told_to_two_digits_in_a_unit_that_fits(seconds, text):
    assert rough_time(seconds) == text


def test_the_shortest_oracle_of_the_documentation_passes_every_check(tmp_path):
    text = (Path(__file__).parents[1] / "docs" / "oracles.md").read_text(encoding="utf-8")
    example = re.search(r"\n(    from typing.*?)\n\nValues arrive", text, re.DOTALL)[1]
    (tmp_path / "my_beam.py").write_text(textwrap.dedent(example))
    oracle = find("./my_beam.py:my_beam", folder=tmp_path)
    assert [(c.name, c.message) for c in checks(oracle) if not c.passed] == []
