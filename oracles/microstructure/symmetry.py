"""Symmetries of a square pixel grid acting on structures, on images and on effective properties.

An element moves pixels and turns crystals: flipping pixels while keeping their angles would be a different
material. Each is a signed permutation matrix G of the axes, x -> G x; in three dimensions it acts in the x-y
plane.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from .orientations import fold
from .structure import Floats, Polycrystal

Array = TypeVar("Array", bound=npt.NDArray[np.generic])
Reals = TypeVar("Reals", bound=npt.NDArray[np.floating])

ELEMENTS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "identity": ((1, 0), (0, 1)),
    "rot90": ((0, -1), (1, 0)),
    "rot180": ((-1, 0), (0, -1)),
    "rot270": ((0, 1), (-1, 0)),
    "mirror_x": ((-1, 0), (0, 1)),
    "mirror_y": ((1, 0), (0, -1)),
    "diagonal": ((0, 1), (1, 0)),
    "antidiagonal": ((0, -1), (-1, 0)),
}
"""Rotations are counter-clockwise, x towards y. ``mirror_x`` reverses x; ``diagonal`` exchanges x and y."""

_VOIGT = {3: ((0, 0), (1, 1), (0, 1)), 6: ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))}


def compose(second: str, first: str) -> str:
    """Name of the element that acts as ``first`` and then ``second``."""
    product = _matrix(second) @ _matrix(first)
    return next(name for name in ELEMENTS if np.array_equal(_matrix(name), product))


def inverse(element: str) -> str:
    """Name of the element that undoes ``element``."""
    return next(name for name in ELEMENTS if compose(name, element) == "identity")


def transform(polycrystal: Polycrystal, element: str, *, period: float = math.pi / 2) -> Polycrystal:
    """The polycrystal rotated or reflected as a body: pixels move and angles turn with them.

    ``period``: of the angles, rad (``Texture.period``). Raises ValueError for an unknown element.
    """
    return Polycrystal(
        labels=transform_pixels(polycrystal.labels, element),
        angles=transform_angles(polycrystal.angles, element, period=period),
        pixel=polycrystal.pixel,
        periodic=polycrystal.periodic,
    )


def transform_pixels(pixels: Array, element: str) -> Array:
    """Pixels ``(..., ny, nx)`` moved by an element, values kept; for scalar fields and labels."""
    matrix = _matrix(element)
    moved = np.swapaxes(pixels, -1, -2) if matrix[0, 0] == 0 else pixels
    across = tuple(axis for axis, row in ((-1, 0), (-2, 1)) if matrix[row].sum() < 0)
    return np.ascontiguousarray(np.flip(moved, across))  # type: ignore[return-value]


def transform_angles(angles: Floats, element: str, *, period: float = math.pi / 2) -> Floats:
    """Crystal angles turned by an element: alpha + theta for rotations, alpha - theta for mirrors.

    In [0, period), rad; alpha is the direction of the image of the x axis.
    """
    matrix = _matrix(element)
    alpha, sense = _turn(matrix)
    return fold(alpha + sense * np.asarray(angles, dtype=float), period=period)


def transform_channels(image: Reals, element: str, *, period: float = math.pi / 2) -> Reals:
    """Two-channel images ``(..., 2, ny, nx)`` of ``orientation_channels`` moved and turned by an element.

    For period pi/2 mirrors change the sign of the second channel and rotations change no value.
    """
    alpha, sense = _turn(_matrix(element))
    cosine, sine = (transform_pixels(image[..., channel, :, :], element) for channel in (0, 1))
    turn = 2 * math.pi * alpha / period
    c, s = (image.dtype.type(value) for value in (math.cos(turn), math.sin(turn)))
    sine = image.dtype.type(sense) * sine
    return np.stack([c * cosine - s * sine, s * cosine + c * sine], axis=-3)  # type: ignore[return-value]


def transform_tensor(tensor: Floats, element: str) -> Floats:
    """Second-order tensors ``(..., d, d)``, d = 2 or 3, of the transformed structure: G T G^T.

    Mirrors change the sign of the 12 entry; a quarter turn exchanges 11 and 22 as well.
    """
    if tensor.shape[-2:] not in ((2, 2), (3, 3)):
        raise ValueError(f"a tensor of shape {tensor.shape}; give (..., 2, 2) or (..., 3, 3)")
    matrix = _embedded(element, tensor.shape[-1]).astype(float)
    return np.asarray(matrix @ tensor @ matrix.T)


def transform_stiffness(stiffness: Floats, element: str) -> Floats:
    """Voigt stiffness or compliance, ``(..., 3, 3)`` or ``(..., 6, 6)``, of the transformed structure.

    Order (xx, yy, xy) or (xx, yy, zz, yz, xz, xy), engineering shear. For these elements stress and strain
    transform by the same signed permutation M of the Voigt entries: M C M^T. A quarter turn exchanges E_x
    and E_y; mirrors change the sign of the shear couplings.
    """
    if stiffness.shape[-2:] not in ((3, 3), (6, 6)):
        raise ValueError(
            f"a stiffness of shape {stiffness.shape}; give (..., 3, 3) or (..., 6, 6) in Voigt order"
        )
    pairs = _VOIGT[stiffness.shape[-1]]
    axes = _embedded(element, 2 if len(pairs) == 3 else 3)
    matrix = np.array([[_entry(axes, target, source) for source in pairs] for target in pairs], dtype=float)
    return np.asarray(matrix @ stiffness @ matrix.T)


def roll(polycrystal: Polycrystal, shift: tuple[int, ...]) -> Polycrystal:
    """A periodic polycrystal shifted by whole pixels ``(x, y[, z])``; raises ValueError for a cut one."""
    if not polycrystal.periodic:
        raise ValueError(
            "a cut polycrystal cannot be rolled: its opposite edges do not meet; draw it periodic"
        )
    if len(shift) != polycrystal.labels.ndim:
        raise ValueError(
            f"a shift of {len(shift)} numbers for {polycrystal.labels.ndim} axes; give (x, y[, z])"
        )
    return Polycrystal(
        labels=np.roll(polycrystal.labels, shift[::-1], axis=tuple(range(len(shift)))),
        angles=polycrystal.angles,
        pixel=polycrystal.pixel,
        periodic=True,
    )


def _matrix(element: str) -> npt.NDArray[np.int64]:
    if element not in ELEMENTS:
        raise ValueError(f"there is no symmetry {element!r}; write one of {', '.join(ELEMENTS)}")
    return np.array(ELEMENTS[element])


def _embedded(element: str, dimension: int) -> npt.NDArray[np.int64]:
    matrix = np.eye(dimension, dtype=np.int64)
    matrix[:2, :2] = _matrix(element)
    return matrix


def _turn(matrix: npt.NDArray[np.int64]) -> tuple[float, int]:
    """Direction of the image of the x axis, and +1 for rotations or -1 for mirrors."""
    determinant = int(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0])
    return math.atan2(matrix[1, 0], matrix[0, 0]), determinant


def _entry(axes: npt.NDArray[np.int64], target: tuple[int, int], source: tuple[int, int]) -> int:
    """Coefficient of stress ``source`` in the transformed stress ``target``."""
    (i, j), (k, m) = target, source
    direct = axes[i, k] * axes[j, m]
    return int(direct if k == m else direct + axes[i, m] * axes[j, k])
