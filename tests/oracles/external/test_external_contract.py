"""Oracles from an oracle.yml keep the contract, in this process and in a fresh one."""

from __future__ import annotations

import pytest

from designloop.testing import OracleContract

SPRING = """\
description: A leaf spring, as a program of its own.
command: ["{{ python }}", -I, -S, spring.py]
needs: [spring.py]
inputs:
  length: {unit: um, range: 100 .. 800}
  width: {unit: um, range: 2 .. 8, default: 4}
  ends: {map: {one: 0.25, both: 16}, default: both}
  layers: {range: 1 .. 3, integer: true, default: 2}
  notch: {unit: um, range: 0.1 .. 1, default: 0.5, when: layers >= 2}
outputs:
  stiffness: {json: out.json, unit: N/m}
  slack: {json: out.json, margin: true}
failures:
  - {exit: 4, is: infeasible}
"""
SPRING_PY = """\
import json, random, sys
p = json.load(open("parameters.json"))
if p["length"] > 780:
    sys.exit(4)
stiffness = 1e6 * p["ends"] * p["layers"] * (p["width"] / p["length"]) ** 3
noise = random.Random(p["seed"]).gauss(0, 1) if "seed" in p else 0
json.dump({"stiffness": stiffness + noise, "slack": 1 - p["length"] / 900}, open("out.json", "w"))
"""


@pytest.fixture(params=["", "stochastic: true\nfidelities: {thin: {settings: {layers: 1}}}\n"],
                ids=["deterministic", "stochastic"])  # fmt: skip
def oracle(request, make):
    return make(SPRING + request.param, {"spring.py": SPRING_PY})


class TestSpring(OracleContract):
    pass
