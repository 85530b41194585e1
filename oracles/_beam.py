"""A clamped-clamped beam in its first mode: stiffness, heating, losses and the Duffing response.

Euler-Bernoulli, mode shape phi of the unloaded beam with phi = 1 at mid-span. SI units; every argument
may be an array of any one shape.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WAVE_NUMBER = 4.730040744862704
"""First root of cosh x cos x = 1."""
MEAN = 0.5231643602954761
"""Mean of phi over the length."""
MEAN_SQUARE = 0.396477920160514
"""Mean of phi^2."""
MEAN_FOURTH = 0.2911083706583061
"""Mean of phi^4."""
SLOPE_SQUARE = 4.877716644161568
"""L times the integral of phi'^2."""
BENDING = WAVE_NUMBER**4 * MEAN_SQUARE
"""K L^3 / (E I) = 198.46."""
CLAMP_SHEAR = WAVE_NUMBER**4 * MEAN / 2
"""Shear force at one clamp for unit amplitude, times L^3 / (E I) = 130.9."""

VACUUM_PERMITTIVITY = 8.8541878128e-12
BOLTZMANN = 1.380649e-23

DENSITY = 2330.0
EXPANSION = 2.6e-6
CONDUCTIVITY = 30.0
RESISTIVITY = 1e-5
HEAT_CAPACITY = 712.0
"""Polysilicon: kg/m3, 1/K, W/(m K), Ohm m, J/(kg K)."""


def mass(area: Array, length: Array) -> Array:
    """Modal mass in kg."""
    return np.asarray(MEAN_SQUARE * DENSITY * area * length)


def bending_stiffness(modulus: Array, inertia: Array, length: Array) -> Array:
    """Modal bending stiffness in N/m."""
    return np.asarray(BENDING * modulus * inertia / length**3)


def axial_stiffness(force: Array, length: Array) -> Array:
    """What an axial force (tension positive, N) adds to the stiffness in N/m."""
    return np.asarray(SLOPE_SQUARE * force / length)


def electrostatic_stiffness(face: Array, length: Array, gap: Array, bias: Array) -> Array:
    """What electrodes along the whole beam, on both sides at one bias, add (negative) in N/m."""
    return np.asarray(-2 * VACUUM_PERMITTIVITY * face * length * MEAN_SQUARE * bias**2 / gap**3)


def cubic_stiffness(
    modulus: Array, area: Array, face: Array, length: Array, gap: Array, bias: Array
) -> Array:
    """Cubic stiffness in N/m3: stretching of the mid-line less the electrostatic part."""
    stretching = SLOPE_SQUARE**2 / 2 * modulus * area / length**3
    return np.asarray(stretching - 4 * VACUUM_PERMITTIVITY * face * length * MEAN_FOURTH * bias**2 / gap**5)


def euler_load(modulus: Array, inertia: Array, length: Array) -> Array:
    """Axial compression in N at which a clamped-clamped beam buckles: 4 pi^2 E I / L^2, exact."""
    return np.asarray(4 * np.pi**2 * modulus * inertia / length**2)


def temperature_rise(power: Array, area: Array, length: Array, conductance: Array) -> tuple[Array, Array]:
    """Largest and mean temperature rise in K of a beam heated by ``power`` and held cold at its ends.

    Fin equation k A T'' - G T + P/L = 0 with the gas conductance G per length (W/(m K)); G = 0 gives
    P L / (8 k A) and P L / (12 k A).
    """
    scale = power * length / (4 * CONDUCTIVITY * area)
    z = length / 2 * np.sqrt(conductance / (CONDUCTIVITY * area))
    small = np.minimum(z, 0.1)
    large = np.maximum(z, 0.1)
    peak_series = 1 / 2 - 5 * small**2 / 24 + 61 * small**4 / 720
    mean_series = 1 / 3 - 2 * small**2 / 15 + 17 * small**4 / 315
    fall = np.exp(-large)
    peak = np.where(z < 0.1, peak_series, (1 - 2 * fall / (1 + fall**2)) / large**2)
    mean = np.where(z < 0.1, mean_series, (1 - np.tanh(large) / large) / large**2)
    return np.asarray(scale * peak), np.asarray(scale * mean)


def thermoelastic_loss(modulus: Array, width: Array, frequency: Array, temperature: Array) -> Array:
    """1/Q of a beam bending across ``width``: Delta x / (1 + x^2) (Zener 1937).

    Delta = E alpha^2 T / (rho c), x = omega w^2 rho c / (pi^2 k).
    """
    capacity = DENSITY * HEAT_CAPACITY
    x = 2 * np.pi * frequency * width**2 * capacity / (np.pi**2 * CONDUCTIVITY)
    return np.asarray(modulus * EXPANSION**2 * temperature / capacity * x / (1 + x**2))


def anchor_loss(length: Array, width: Array) -> Array:
    """1/Q by waves into the supports: (2 CLAMP_SHEAR^2 / (12 BENDING)) (w/L)^3, Q = 0.0695 (L/w)^3.

    Each support is an elastic half-plane of the beam's thickness t and material, loaded at its edge by
    the clamp's shear force S. Its compliance is -2 ln(i omega r / c) / (pi E t), because only the
    logarithm of the static Flamant-Cerruti solution is free of a length scale; the imaginary part is
    1/(E t) at every frequency and Poisson ratio. So each support takes pi S^2 / (E t) per cycle. The
    cubic law is that of Hao, Erbil and Ayazi 2003.
    """
    return np.asarray(2 * CLAMP_SHEAR**2 / (12 * BENDING) * (width / length) ** 3)


def duffing_response(detuning: Array, bend: Array) -> Array:
    """Steady amplitude of a Duffing oscillator over its linear peak amplitude Q F / K.

    Solves (D + s u)^2 u + u = 1 for u = (amplitude / peak)^2, with ``detuning`` D = 2 Q (1 - f / f1) and
    ``bend`` s = (3/4) (K3 / K1) Q (Q F / K1)^2. Where three states exist, the one that a rising frequency
    reaches: the largest when hardening, the smallest when softening.
    """
    D, s = np.broadcast_arrays(np.asarray(detuning, float), np.asarray(bend, float))
    z = _smallest_or_largest(D.ravel(), s.ravel()).reshape(D.shape)
    u = 1 / z
    for _ in range(3):
        slope = (D + s * u) ** 2 + 2 * s * u * (D + s * u) + 1
        step = ((D + s * u) ** 2 * u + u - 1) / np.where(np.abs(slope) > 1e-6, slope, 1)
        u = np.clip(np.where(np.abs(slope) > 1e-6, u - step, u), 1e-300, 1)
    return np.sqrt(u)


def _smallest_or_largest(D: Array, s: Array) -> Array:
    """The wanted real root z = 1/u >= 1 of z^3 - (D^2 + 1) z^2 - 2 D s z - s^2."""
    companion = np.zeros((D.size, 3, 3))
    companion[:, 1, 0] = companion[:, 2, 1] = 1
    companion[:, 0, 2], companion[:, 1, 2], companion[:, 2, 2] = s**2, 2 * D * s, D**2 + 1
    roots = np.linalg.eigvals(companion)
    real = (np.abs(roots.imag) <= 1e-7 * np.abs(roots)) & (roots.real >= 1 - 1e-6)
    rising = np.where(real, roots.real, np.inf).min(axis=1)
    falling = np.where(real, roots.real, -np.inf).max(axis=1)
    z = np.where(s >= 0, rising, falling)
    return np.maximum(np.where(np.isfinite(z), z, D**2 + 1), 1.0)


def bistable_amplitude(stiffness: Array, cubic: Array, quality: Array) -> Array:
    """Peak amplitude in m from which the response is bistable.

    sqrt(8 / (3 sqrt 3)) sqrt(4 K1 / (3 |K3| Q)) (Landau and Lifshitz, Mechanics, section 29).
    """
    return np.asarray(np.sqrt(32 * stiffness / (9 * np.sqrt(3) * np.abs(cubic) * quality)))


def margin(load: Array, limit: Array) -> Array:
    """Signed distance of ``load`` to a positive ``limit``: above -1, at zero on the limit, at most 2.

    1 - r for 0 <= r = load / limit <= 1, 1/r - 1 beyond the limit, 1 + |r| / (1 + |r|) for a load the
    other way: smooth once, and tame however far a design lies from what can be built.
    """
    r = load / limit
    away = np.maximum(-r, 0)
    return np.asarray(
        np.where(r > 1, 1 / np.maximum(r, 1) - 1, np.where(r < 0, 1 + away / (1 + away), 1 - r))
    )
