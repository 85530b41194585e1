"""What is refused before any work starts: fields that are not numbers, and images larger than the machine."""

from __future__ import annotations

import psutil
import torch
from torch import Tensor

from .elements import Kinematics

SMALLEST_SIDE = 2
TOLERANCES = (1e-13, 0.1)
ASYMMETRY = 1e-9
"""Of the largest component: round-off is let pass."""
RESERVE = 0.9
"""Share of the free memory that a computation may take."""


class TooLarge(ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """A computation needs more memory than is free."""


def check_tolerance(tolerance: float) -> None:
    """Raise ValueError for a tolerance that round-off or common sense forbids."""
    smallest, largest = TOLERANCES
    if not smallest <= tolerance <= largest:
        raise ValueError(f"a tolerance lies between {smallest:g} and {largest:g}, not {tolerance:g}")


def check_shape(kinematics: Kinematics, coefficients: Tensor, loads: list[int]) -> None:
    """Raise ValueError for a shape or load that cannot be homogenized; looks at no voxel."""
    d, s = kinematics.dimension, kinematics.strains
    scalar, tensors = coefficients.dim() == 1 + d, coefficients.dim() == 3 + d
    if not (d in (2, 3) and ((scalar and kinematics.components == 1) or tensors)):
        raise ValueError(
            f"an array of shape {tuple(coefficients.shape)} holds no batch of {d}-D images; wanted "
            f"(batch, {'' if kinematics.components == 1 else f'{s}, {s}, '}{'nz, ' if d == 3 else ''}ny, nx)"
        )
    if tensors and coefficients.shape[1:3] != (s, s):
        raise ValueError(f"each voxel needs a {s} x {s} tensor, not {tuple(coefficients.shape[1:3])}")
    if len(coefficients) == 0 or min(coefficients.shape[-d:]) < SMALLEST_SIDE:
        raise ValueError(f"an image of {tuple(coefficients.shape[-d:])} voxels is too small to homogenize")
    if not loads or any(load not in range(s) for load in loads):
        raise ValueError(f"loads are some of 0 to {s - 1}, not {loads}")
    if not coefficients.is_floating_point():
        raise ValueError("the voxels hold labels, not material values; look the values up first")


def check_values(kinematics: Kinematics, coefficients: Tensor) -> None:
    """Raise ValueError for voxels that no material has."""
    s = kinematics.strains
    lowest, highest = torch.aminmax(coefficients)
    if not bool(torch.isfinite(lowest) & torch.isfinite(highest)):
        raise ValueError("a voxel holds an infinity or a NaN; every voxel needs a finite material value")
    if coefficients.dim() > 1 + kinematics.dimension:
        pairs = [(i, j) for i in range(s) for j in range(i)]
        skew = torch.stack([(coefficients[:, i, j] - coefficients[:, j, i]).abs().max() for i, j in pairs])
        if bool(skew.max() > ASYMMETRY * torch.maximum(-lowest, highest)):
            raise ValueError("a voxel has a tensor that is not symmetric")
        return
    if bool(lowest < 0):
        raise ValueError("a voxel is negative; conductivities and permeabilities are zero or more")
    if not bool((coefficients.flatten(1).amax(1) > 0).all()):
        raise ValueError("an image is zero everywhere: nothing conducts")


def check_memory(
    kinematics: Kinematics, coefficients: Tensor, *, chunk: int, loads: int, fields: bool
) -> None:
    """Raise TooLarge where the solve would take more memory than is free."""
    needed = bytes_needed(kinematics, coefficients, chunk=chunk, loads=loads, fields=fields)
    free = (
        psutil.virtual_memory().available
        if coefficients.device.type == "cpu"
        else torch.cuda.mem_get_info(coefficients.device)[0]
    )
    if needed > RESERVE * free:
        voxels = " x ".join(map(str, coefficients.shape[-kinematics.dimension :]))
        raise TooLarge(
            f"{len(coefficients)} image(s) of {voxels} voxels with {loads} loads need about "
            f"{needed / 2**30:.1f} GiB; {free / 2**30:.1f} GiB are free. Take fewer voxels, loads or images"
        )


def bytes_needed(
    kinematics: Kinematics, coefficients: Tensor, *, chunk: int, loads: int, fields: bool
) -> float:
    """Memory beside the given coefficients, from counts of the arrays alive at the peak."""
    voxels = float(coefficients[0].numel())
    grid = 1.0
    for side in coefficients.shape[-kinematics.dimension :]:
        grid *= side
    monomials = 2**kinematics.dimension - 1
    nodal = chunk * loads * kinematics.components * grid
    tensors = 3 if coefficients.dim() > 1 + kinematics.dimension else 0
    double = 8 * (nodal * (2 * monomials + 3) + chunk * voxels * (2 + tensors))
    single = 4 * (nodal * (2 * monomials + 7) + chunk * voxels * 2)
    kept = 8 * len(coefficients) * loads * kinematics.strains * grid * 2 if fields else 0.0
    symbol = 16 * kinematics.components**2 * grid
    looked_through = 8 * 3 * len(coefficients) * grid
    return max(double + nodal * 4, single + nodal * 8) + kept + symbol + looked_through
