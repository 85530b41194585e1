"""Oracles in files for pipelines: a random film, a device, and a model that knows its own error."""

from __future__ import annotations

FILM = """
from typing import Annotated
import numpy as np
from designloop.oracle import Context, Infeasible, Input, Output

def film(
    length: Annotated[float, Input(lower=10, upper=1000, unit="um")],
    grain: Annotated[float, Input(lower=0.1, upper=100, unit="um")],
    seed: int,
    context: Context,
    heat: Annotated[float, Input(lower=0, upper=100, unit="degC")] = 25.0,
) -> Annotated[dict[str, float], Output("modulus", unit="MPa"), Output("warmth", unit="degC"),
               Output("room", unit="um", margin=True)]:
    "A film whose modulus scatters."
    room = 50 - grain
    if room < 0:
        raise Infeasible("grains too large", metrics={"room": room})
    if context.directory:
        (context.directory / "film.txt").write_text("film")
    modulus = 150e3 + 1e3 * grain * np.random.default_rng(seed).standard_normal()
    return {"modulus": modulus, "warmth": heat, "room": room}
"""

TRAINED = (
    FILM
    + """
from dataclasses import replace
from designloop.oracle import FunctionOracle, declare

class Trained(FunctionOracle):
    "The film as if it were a trained model."

    def __init__(self) -> None:
        super().__init__(film, replace(declare(film), trained=True))
"""
)

DEVICE = """
from typing import Annotated
from designloop.oracle import Declaration, Infeasible, Input, Observation, Output, Result

class Device:
    "A spring."

    def __init__(self, cheap: bool = True) -> None:
        self.asked = []
        self.declaration = Declaration(
            name="device", summary="A spring.", cheap=cheap, version="7", labels=("calibrated",),
            source="Somebody 2001", options={"cheap": cheap},
            inputs=(
                Input(name="length", lower=0.05, upper=0.5, unit="mm"),
                Input(name="width", lower=1, upper=9, unit="um", default=2.0),
                Input(name="stiffness", lower=100, upper=200, unit="GPa", default=150.0),
                Input(name="load", lower=-1, upper=900, unit="GPa", default=0.0),
                Input(name="heat", lower=273.15, upper=400, unit="K", default=298.15),
                Input(name="turns", lower=1, upper=9, integer=True, default=1),
                Input(name="shape", choices=("round", "flat"), default="flat"),
            ),
            outputs=(Output("force", unit="N"), Output("frequency", unit="kHz")),
        )

    def evaluate(self, parameters, context):
        self.asked.append(dict(parameters))
        e, w = parameters.get("stiffness", 150.0), parameters.get("width", 2.0)
        if w > 8:
            raise Infeasible("too wide", metrics={"force": 1.0})
        values = {"force": e * w + parameters.get("load", 0.0), "frequency": e / parameters["length"]}
        return Result(metrics={n: Observation(value=v) for n, v in values.items()})
"""

MODEL = """
from typing import Annotated
from designloop.oracle import Input, Observation, Output

def model(
    grain: Annotated[float, Input(lower=0.1, upper=100, unit="um")],
) -> Annotated[dict[str, float], Output("modulus", unit="GPa"), Output("other", unit="GPa")]:
    "A trained model with an interval of +-1.96 GPa, and of +-2 x 1.96 GPa."
    z = 1.959963984540054
    return {
        "modulus": Observation(value=grain, lower=grain - z, upper=grain + z),
        "other": Observation(value=grain, lower=grain - 2 * z, upper=grain + 2 * z, sem=5.0),
    }
"""

HEAD = """\
version: 1
name: two-stages
oracle:
  pipeline:
    film: {oracle: ./film.py:film}
    device: {oracle: ./device.py:Device, inputs: {stiffness: film.modulus}}
fixed: {film.grain: 5 um, width: 2 um}
parameters: {length: 100 .. 400 um}
"""
TAIL = "objectives: [{minimize: force}]\ntracking: off\n"
FILES = {"trained.py": TRAINED, "film.py": FILM, "device.py": DEVICE, "model.py": MODEL}
