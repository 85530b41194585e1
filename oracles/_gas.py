"""Air around a vibrating strip between two walls: damping and cooling from vacuum to one bar.

SI units; every argument may be an array of any one shape.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

GAS_CONSTANT = 8.314462618
MOLAR_MASS = 0.0289647
HEAT_CAPACITY = 1006.0
PRANDTL = 0.71
HEAT_RATIO = 1.4
JUMP = 4 * HEAT_RATIO / (HEAT_RATIO + 1) / PRANDTL
"""Temperature jump at two walls with full accommodation (Kennard 1938): 1 + JUMP Kn divides the flux."""


def viscosity(temperature: Array) -> Array:
    """Viscosity of air in Pa s at ``temperature`` in K (Sutherland 1893)."""
    return np.asarray(1.716e-5 * (temperature / 273.15) ** 1.5 * 383.55 / (temperature + 110.4))


def mean_free_path(pressure: Array, temperature: Array) -> Array:
    """Mean free path in m: (mu / p) sqrt(pi R T / 2 M)."""
    speed = np.sqrt(np.pi * GAS_CONSTANT * temperature / (2 * MOLAR_MASS))
    return np.asarray(viscosity(temperature) / pressure * speed)


def squeeze_film(height: Array, gap: Array, pressure: Array, temperature: Array) -> Array:
    """Damping per length (N s/m2) of one film under a long strip of face ``height`` at ``gap``.

    mu_eff h^3 / g^3: the isothermal, incompressible Reynolds equation for a strip vented at both edges.
    mu_eff = mu / (1 + 6 Kn) (first-order slip, Burgdorfer 1959), whose rarefied limit mu g / (6 lambda)
    is proportional to the pressure and agrees within a factor 1.6 with free-molecular flow through a
    slit of h/g = 5 to 10 (Clausing 1932).
    """
    knudsen = mean_free_path(pressure, temperature) / gap
    return np.asarray(viscosity(temperature) / (1 + 6 * knudsen) * (height / gap) ** 3)


def drag(height: Array, frequency: Array, pressure: Array, temperature: Array) -> Array:
    """Drag per length (N s/m2) on both faces of a strip of face ``height``, as if in open air.

    Rarefied: 4 sqrt(2/pi) sqrt(M / R T) p h (Christian 1966). Dense: 3 pi mu + (3/4) pi h sqrt(2 rho mu
    omega) (string of beads, Hosaka, Itao and Kuroda 1995). The two are joined as resistances in series,
    so that the smaller one rules.
    """
    molar = MOLAR_MASS / (GAS_CONSTANT * temperature)
    rarefied = 4 * np.sqrt(2 / np.pi) * np.sqrt(molar) * pressure * height
    mu = viscosity(temperature)
    boundary_layer = np.sqrt(2 * pressure * molar * mu * 2 * np.pi * frequency)
    dense = 3 * np.pi * mu + 0.75 * np.pi * height * boundary_layer
    return np.asarray(rarefied * dense / (rarefied + dense))


def cooling(height: Array, gap: Array, pressure: Array, temperature: Array) -> Array:
    """Heat conductance per length (W/(m K)) from both faces of a strip across two gaps.

    2 k h / g with k = k_gas / (1 + JUMP Kn) (Kennard 1938); proportional to p in the rarefied limit,
    where it is independent of the gap.
    """
    knudsen = mean_free_path(pressure, temperature) / gap
    conductivity = viscosity(temperature) * HEAT_CAPACITY / PRANDTL
    return np.asarray(2 * conductivity / (1 + JUMP * knudsen) * height / gap)
