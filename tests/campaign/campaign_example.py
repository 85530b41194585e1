"""A declaration like the magnetometer's and the campaign file of the first page."""

from __future__ import annotations

from designloop.oracle import Declaration, Input, Output

FILE = """\
# Which beam keeps a compass magnetometer quiet and in band at every etch and stress corner?
version: 1
name: magnetometer
description: Quietest Lorentz-force magnetometer that stays in its band at every etch and stress corner.
seed: 7
oracle: magnetometer
fixed: {thickness: 20 um, pressure: 1 mbar}
parameters:
  beam_length: {range: 200 .. 800 um, step: 1 um}    # mask grid
  beam_width: {range: 2 .. 8 um, step: 0.05 um}
  gap: 1.5 .. 4 um
  current: {range: 0.1 .. 4 mA, scale: log}          # amplitude
process:                                             # what a design must survive: mean, standard deviation
  over_etch: {normal: [0.05 um, 0.05 um]}            # per side
  residual_stress: {normal: [0 MPa, 3 MPa]}
objectives: [{minimize: noise_equivalent_field, mode: worst_corner, corners: 3 sigma}]
constraints: [beam_length / beam_width <= 180, 20 kHz <= resonance_frequency <= 80 kHz]
baseline: {beam_length: 720 um, beam_width: 4.5 um, gap: 2 um, current: 1 mA}
strategy: {name: gp_ucb, kappa: 1.96, initial: {sobol: 8}}
stop: {trials: 60, no_improvement: {trials: 20, less_than: 1 %}}
execution: {workers: 1}
tracking: {uri: "sqlite:///mlflow/mlflow.db"}
"""

DECLARATION = Declaration(
    name="magnetometer",
    summary="A resonant beam in a magnetic field.",
    inputs=(
        Input(name="beam_length", unit="um", lower=10, upper=5000, description="length"),
        Input(name="beam_width", unit="um", lower=0.5, upper=50, description="drawn width"),
        Input(name="thickness", unit="um", lower=0.5, upper=100, description="film thickness"),
        Input(name="gap", unit="um", lower=0.5, upper=20, description="gap"),
        Input(name="current", unit="mA", lower=0.001, upper=50, log=True, description="amplitude"),
        Input(name="over_etch", unit="um", lower=-0.5, upper=1, default=0.0, description="per side"),
        Input(name="residual_stress", unit="MPa", lower=-500, upper=500, default=0.0),
        Input(name="pressure", unit="Pa", lower=1e-4, upper=2e5, default=100.0),
        Input(name="temperature", unit="K", lower=100, upper=600, default=300.0),
        Input(name="damping", choices=("gas", "gas + thermoelastic + anchor"), default="gas"),
        Input(name="beams", integer=True, lower=1, upper=10, default=1),
    ),
    outputs=(
        Output("noise_equivalent_field", unit="nT/sqrt(Hz)"),
        Output("resonance_frequency", unit="kHz"),
        Output("drive_power", unit="mW"),
        Output("buckling_margin", margin=True),
        Output("pull_in_margin", margin=True),
    ),
    cheap=True,
)
