"""Which source makes dies differ, against closed forms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from designloop.campaign import loads
from designloop.compose import CampaignOracle, oracle_of
from designloop.compose.sources import sources
from designloop.oracle import Context

ORACLE = """
from typing import Annotated
import numpy as np
from designloop.oracle import Infeasible, Input, Output

def device(
    x: Annotated[float, Input(lower=0, upper=10)],
    seed: int,
    a: Annotated[float, Input(lower=-99, upper=99)] = 0.0,
    b: Annotated[float, Input(lower=-99, upper=99)] = 0.0,
) -> Annotated[dict[str, float], Output("sum"), Output("product"), Output("grain"), Output("still")]:
    if x > 9 and a > 0:
        raise Infeasible("broken")
    grain = np.random.default_rng(seed).standard_normal()
    return {"sum": x + 2 * a + b, "product": a * b, "grain": a + x * grain, "still": x}
"""
FILE = """
version: 1
oracle: ./device.py:device
parameters: {x: 0 .. 10}
process: PROCESS
objectives: [{minimize: sum, mode: mean, samples: 64}]
stop: {trials: 2}
tracking: off
"""
BOTH = "{a: {normal: [0, 1]}, b: {normal: [0, 1]}}"
GRAIN = "{a: {normal: [0, 1]}, realization: {level: die}}"


def split(
    folder: Path, process: str, x: float = 1.0, samples: int = 4096
) -> Mapping[str, Mapping[str, float]]:
    found = measured(folder, process, x, samples)
    return {n: {k: v.value for k, v in s.shares.items()} for n, s in found.outputs.items()}


def measured(folder: Path, process: str, x: float, samples: int):
    (folder / "device.py").write_text(ORACLE)
    campaign = loads(FILE.replace("PROCESS", process), folder=folder, name="c.yaml")
    asked = CampaignOracle(campaign=campaign, oracle=oracle_of(campaign))
    return sources(asked, {"x": x}, samples=samples, seed=1, context=Context(seed=1))


def test_a_sum_splits_by_variances(tmp_path: Path) -> None:
    shares = split(tmp_path, BOTH)["sum"]
    assert shares["a"] == pytest.approx(0.8, abs=0.01)
    assert shares["b"] == pytest.approx(0.2, abs=0.01)


def test_of_a_product_either_source_takes_all(tmp_path: Path) -> None:
    assert split(tmp_path, BOTH)["product"] == {"a": pytest.approx(1), "b": pytest.approx(1)}


def test_what_does_not_move_has_no_share(tmp_path: Path) -> None:
    assert split(tmp_path, BOTH, samples=64)["still"] == {"a": 0.0, "b": 0.0}


@pytest.mark.parametrize("x", [0.0, 0.5, 2.0])
def test_a_realization_is_a_source_like_any_other(tmp_path: Path, x: float) -> None:
    found = measured(tmp_path, GRAIN, x, 2048)
    scatter = found.outputs["grain"]
    share = scatter.shares["realization"]
    assert share.value == pytest.approx(x**2 / (1 + x**2), abs=0.05)
    assert scatter.sd == pytest.approx(np.hypot(1, x), rel=0.1)
    assert share.sem < 0.03


def test_dies_that_cannot_work_are_left_out_and_counted(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot work"):
        split(tmp_path, "{a: {normal: [3, 1]}}", x=9.5, samples=64)


def test_a_campaign_without_random_sources_is_refused(tmp_path: Path) -> None:
    (tmp_path / "device.py").write_text(ORACLE)
    text = FILE.replace("process: PROCESS\n", "").replace(", mode: mean, samples: 64", "")
    campaign = loads(text, folder=tmp_path, name="c.yaml")
    asked = CampaignOracle(campaign=campaign, oracle=oracle_of(campaign))
    with pytest.raises(ValueError, match="nothing is random"):
        sources(asked, {"x": 1.0}, samples=64, seed=1, context=Context())
