"""A declaration like the film's, its emulator, and the file of a campaign that learns."""

from __future__ import annotations

from designloop.oracle import Declaration, Fidelity, Input, Output, Realizations

GOAL_FILE = """\
# How do grains and width set the stiffness of a film, and how much does it scatter?
version: 1
name: film
description: Mean and scatter of the stiffness over films and widths.
seed: 3
oracle: film
fidelity: standard
parameters:
  grain: {range: 0.4 .. 1.2 um, scale: log}
  spread: 10 .. 45 deg
  width: 2 .. 4 um
constraints: [width >= 2 * grain, stress <= 300 MPa]
goal:
  learn:
    stiffness_mean: 0.2 %
    stiffness_std: 5 %
    "H_*": 30 MPa
    stress / stiffness_mean: 4 % of spread
  judge: leave_one_out
strategy: {name: query_by_committee, members: 7}
stop: {goal: reached, trials: 60, wall_time: 12 h}
register: {as: film-scatter, alias: champion, if: goal reached}
"""

FILM = Declaration(
    name="film",
    summary="Stiffness of seeded films.",
    inputs=(
        Input(name="grain", unit="um", lower=0.1, upper=5, log=True),
        Input(name="spread", unit="deg", lower=0, upper=90),
        Input(name="width", unit="um", lower=1, upper=10),
        Input(name="load", unit="mN", lower=0, upper=5, default=1.0),
        Input(name="holder", choices=("clamped", "free"), default="clamped"),
        Input(name="films", integer=True, lower=3, upper=999, default=16),
        Input(name="films_max", integer=True, lower=3, upper=999, default=256),
        Input(name="scatter_error", unit="%", lower=1, upper=100, default=100.0),
    ),
    outputs=(
        Output("stiffness_mean", unit="GPa", statistic="mean"),
        Output("stiffness_std", unit="GPa", statistic="std"),
        Output("H_xx", unit="GPa"),
        Output("H_xy", unit="GPa"),
        Output("stress", unit="MPa"),
        Output("margin", margin=True),
    ),
    stochastic=True,
    fidelities=(
        Fidelity(name="screen", cost=0.5, settings={"films": 16, "scatter_error": 100}),
        Fidelity(name="standard", cost=27.0, settings={"scatter_error": 7}),
    ),
    realizations=Realizations(least="films", most="films_max", std_error="scatter_error"),
)

EMULATOR = """
from designloop.oracle import Declaration, Input, Output, Observation, Result

class Emulator:
    def __init__(self, cheap: bool = True):
        self.cheap = cheap

    @property
    def declaration(self):
        return Declaration(
            name="emulator",
            summary="What the film answers, at once.",
            cheap=self.cheap,
            inputs=(
                Input(name="grain", unit="um", lower=0.3, upper=2),
                Input(name="spread", unit="deg", lower=0, upper=60),
                Input(name="width", unit="um", lower=1, upper=10),
                Input(name="scatter_error", unit="%", lower=1, upper=100, default=7.0),
            ),
            outputs=(
                Output("stiffness_mean", unit="GPa"), Output("stiffness_std", unit="GPa"),
                Output("H_xx", unit="GPa"), Output("H_xy", unit="GPa"), Output("stress", unit="MPa"),
                Output("margin"),
            ),
        )

    def evaluate(self, parameters, context):
        return Result(metrics={o.name: Observation(value=1.0) for o in self.declaration.outputs})

class Dear(Emulator):
    def __init__(self):
        super().__init__(cheap=False)
"""
