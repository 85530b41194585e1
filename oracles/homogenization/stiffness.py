"""Stiffness and compliance of crystals and films, and the moduli that a tensor implies.

Voigt order (xx, yy, xy) in 2-D and (xx, yy, zz, yz, xz, xy) in 3-D, engineering shear strain, GPa.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

FibreAxis = Literal["100", "110", "111"]
Plane = Literal["stress", "strain"]


@dataclass(frozen=True, kw_only=True)
class Cubic:
    """Elastic constants of a cubic crystal, GPa. Default: silicon as in Mariani's polysilicon studies."""

    c11: float = 165.64
    c12: float = 63.94
    c44: float = 79.51

    @property
    def tensor(self) -> Tensor:
        """``(6, 6)`` in the axes of the crystal."""
        C = torch.zeros(6, 6, dtype=torch.float64)
        C[:3, :3] = self.c12
        C.diagonal()[:3] = self.c11
        C.diagonal()[3:] = self.c44
        return C


SILICON = Cubic()

_FRAMES: dict[str, tuple[tuple[float, ...], ...]] = {
    "100": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "110": ((1, -1, 0), (0, 0, 1), (1, 1, 0)),
    "111": ((1, -1, 0), (1, 1, -2), (1, 1, 1)),
}


def rotation(angle: Tensor) -> Tensor:
    """Rotations about x3, counter-clockwise: ``(...)`` rad -> ``(..., 3, 3)``, sample from crystal frame."""
    c, s, zero = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)
    rows = [c, -s, zero, s, c, zero, zero, zero, zero + 1]
    return torch.stack(rows, -1).reshape(*angle.shape, 3, 3)


def rotated(stiffness: Tensor, rotations: Tensor) -> Tensor:
    """Stiffness ``(6, 6)`` in a crystal turned by ``(..., 3, 3)``: ``(..., 6, 6)``."""
    B = _bond(rotations)
    return B @ stiffness @ B.transpose(-1, -2)


def _bond(R: Tensor) -> Tensor:
    """Bond's matrix: stress in Voigt order transforms with it (Auld 1973)."""
    pairs = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    rows = []
    for i, j in pairs:
        row = [R[..., i, k] * R[..., j, k] for k in range(3)]
        row += [R[..., i, k] * R[..., j, m] + R[..., i, m] * R[..., j, k] for k, m in pairs[3:]]
        rows.append(torch.stack(row, -1))
    return torch.stack(rows, -2)


def film_stiffness(
    angles: Tensor, *, crystal: Cubic = SILICON, fibre_axis: FibreAxis = "100", plane: Plane = "stress"
) -> Tensor:
    """In-plane stiffness of grains with one crystal axis along x3, GPa.

    ``angles``: ``(...)``, rad, turn about x3, counter-clockwise; at zero the crystal direction [100], [1-10]
    or [1-10] lies along x for the fibre axis 100, 110 or 111. Returns ``(..., 3, 3)`` in plane stress (the
    out-of-plane stresses eliminated) or plane strain. Raises ValueError for another axis or plane.
    """
    if fibre_axis not in _FRAMES:
        raise ValueError(f"the fibre axis is {fibre_axis!r}; write one of {', '.join(_FRAMES)}")
    _check_plane(plane)
    angles = torch.as_tensor(angles)
    frame = torch.tensor(_FRAMES[fibre_axis], dtype=torch.float64)
    frame = frame / frame.norm(dim=1, keepdim=True)
    C = rotated(rotated(crystal.tensor, frame).to(angles.device), rotation(angles.double()))
    inside, outside = [0, 1, 5], [2, 3, 4]
    plane_strain = C[..., inside, :][..., :, inside]
    if plane == "strain":
        return _symmetric(plane_strain)
    coupling = C[..., inside, :][..., :, outside]
    across = torch.linalg.inv(C[..., outside, :][..., :, outside])
    return _symmetric(plane_strain - coupling @ across @ coupling.transpose(-1, -2))


def _check_plane(plane: str) -> None:
    if plane not in get_args(Plane):
        raise ValueError(f"the plane is {' or '.join(get_args(Plane))}, not {plane!r}")


def _symmetric(stiffness: Tensor) -> Tensor:
    """Without the round-off that the rotation left."""
    return (stiffness + stiffness.transpose(-1, -2)) / 2


def isotropic_stiffness(
    youngs_modulus: float, poissons_ratio: float, *, plane: Plane | None = None
) -> Tensor:
    """Isotropic stiffness: ``(6, 6)``, or ``(3, 3)`` for a plane; unit of ``youngs_modulus``.

    Raises ValueError for values that no stable solid has and for another plane.
    """
    if plane is not None:
        _check_plane(plane)
    E, nu = youngs_modulus, poissons_ratio
    highest = 1.0 if plane == "stress" else 0.5
    if not (0 < E < float("inf") and -1 < nu < highest):
        raise ValueError(
            f"an isotropic solid has E above 0 and Poisson's ratio between -1 and {highest:g}, not {E:g} and "
            f"{nu:g}"
        )
    shear = E / (2 * (1 + nu))
    if plane == "stress":
        axial, lateral = E / (1 - nu**2), nu * E / (1 - nu**2)
    else:
        lateral = E * nu / ((1 + nu) * (1 - 2 * nu))
        axial = lateral + 2 * shear
    n = 3 if plane is None else 2
    C = torch.zeros(3 * n - 3, 3 * n - 3, dtype=torch.float64)
    C[:n, :n] = lateral
    C.diagonal()[:n] = axial
    C.diagonal()[n:] = shear
    return C


def youngs_moduli(stiffness: Tensor) -> Tensor:
    """Young's moduli along the axes, ``(..., 3, 3)`` -> ``(..., 2)`` or ``(..., 6, 6)`` -> ``(..., 3)``.

    From the compliance: 1 / S11, not C11.
    """
    n = 2 if stiffness.shape[-1] == 3 else 3
    return 1 / torch.linalg.inv(stiffness).diagonal(dim1=-2, dim2=-1)[..., :n]


def mandel(stiffness: Tensor) -> Tensor:
    """Voigt -> Mandel (orthonormal) basis, in which eigenvalues and the Loewner order mean something."""
    n = 2 if stiffness.shape[-1] == 3 else 3
    weight = stiffness.new_ones(stiffness.shape[-1])
    weight[n:] = 2**0.5
    return stiffness * weight[:, None] * weight


def deviatoric_moduli(stiffness: Tensor) -> Tensor:
    """The two shear moduli of a plane tensor, ``(..., 3, 3)`` -> ``(..., 2)``, ascending.

    Half the eigenvalues of the deviatoric block in the Mandel basis ((e11 - e22)/sqrt 2, sqrt 2 e12).
    """
    C = mandel(stiffness)
    root = 2**0.5
    first = (C[..., 0, 0] - 2 * C[..., 0, 1] + C[..., 1, 1]) / 2
    cross = (C[..., 0, 2] - C[..., 1, 2]) / root
    block = torch.stack([first, cross, cross, C[..., 2, 2]], -1).reshape(*C.shape[:-2], 2, 2)
    return torch.linalg.eigvalsh(block) / 2


def principal_youngs_moduli(stiffness: Tensor) -> Tensor:
    """``4 K mu / (K + mu)`` for both deviatoric moduli, ``(..., 2)``; their product is exact for films.

    For periodic <100> fibre films of equal grains in plane stress sqrt(E1 E2) = sqrt(E100 E110) (Lurie and
    Cherkaev 1984). K is the mean of the four in-plane normal components.
    """
    K = (stiffness[..., 0, 0] + stiffness[..., 1, 1] + 2 * stiffness[..., 0, 1]) / 4
    mu = deviatoric_moduli(stiffness)
    return 4 * K[..., None] * mu / (K[..., None] + mu)
