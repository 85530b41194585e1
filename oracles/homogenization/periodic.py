"""Effective tensors of periodic voxel images: conduction and linear elasticity, many images at once.

Conjugate gradients run in single precision; the answer is an energy, evaluated in double precision, whose
error is the square of the error of the field. The true residual is recomputed in double precision and the
iterations go on from it until the bound of the energy error is within the tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from . import guards
from .elements import Kinematics, Monomial, Operator, Terms, gradient, small_strain
from .green import GreenOperator, green_operator
from .iterate import Iterate, conjugate_gradients, inner
from .limits import check_memory, check_shape, check_tolerance, check_values
from .spectrum import floor_of, reference_of

TOLERANCE = 1e-6
MOST_ITERATIONS = 5000
PASSES = 12
NOTHING = 1e-12
"""Share of the mean conductivity below which conductors that an insulator parts conduct nothing."""
TINY = 1e-300
SLOW = 1e-4
"""Reduction of the squared residual norm per pass that shows single precision at its end."""
CACHE = 2**17
"""Unknowns per chunk on a CPU: what stays in its cache."""
KEPT = 31 * 2**20
"""Bytes of the largest block that the GNU C library agrees to keep when it is freed."""


class NotConverged(ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """The iterations did not reach the tolerance."""


@dataclass(frozen=True, kw_only=True)
class Effective:
    """Effective tensors of a batch of images, double precision.

    ``tensor``: ``(batch, loads, loads)``, symmetric, components by imposed load. ``error_bound``:
    ``(batch, loads)``, bound of the error that stopping the iterations leaves in the diagonal, which is never
    negative; it is guaranteed where ``guaranteed`` and an estimate for media with insulating voxels.
    ``residual``: ``(batch, loads)``, relative, in the norm of the preconditioner. ``strain`` and ``stress``:
    ``(batch, loads, s, *grid)``, voxel means (gradient and flux of a scalar law), where asked for.
    """

    tensor: Tensor
    iterations: int
    residual: Tensor
    error_bound: Tensor
    guaranteed: bool
    strain: Tensor | None = None
    stress: Tensor | None = None


def effective_conductivity(
    conductivity: Tensor,
    *,
    tolerance: float = TOLERANCE,
    loads: Sequence[int] | None = None,
    fields: bool = False,
) -> Effective:
    """Effective conductivity, permeability, permittivity or diffusivity of periodic images.

    ``conductivity``: ``(batch, *grid)``, or ``(batch, d, d, *grid)`` symmetric. Insulating voxels (zeros) are
    allowed in the first form. ``loads``: the imposed unit gradients, all axes by default. ``tolerance``: of
    the effective values, relative. Unit: that of ``conductivity``. Raises ValueError for values that are not
    finite or negative, for more memory than the machine has, and NotConverged.
    """
    conductivity = torch.as_tensor(conductivity).detach()
    dimension = 2 if conductivity.dim() in (3, 5) else 3
    return _homogenize(gradient(dimension), conductivity, tolerance, loads, fields)


def effective_stiffness(
    stiffness: Tensor,
    *,
    tolerance: float = TOLERANCE,
    loads: Sequence[int] | None = None,
    fields: bool = False,
) -> Effective:
    """Effective stiffness of periodic images, Voigt order with engineering shear.

    ``stiffness``: ``(batch, 3, 3, ny, nx)`` for plane stress or plane strain (the caller's reduction) or
    ``(batch, 6, 6, nz, ny, nx)``, any anisotropy in every voxel. ``loads``: the imposed unit strains, all by
    default. Unit: that of ``stiffness``. Raises ValueError for values that are not finite or not positive
    definite, for more memory than the machine has, and NotConverged.
    """
    stiffness = torch.as_tensor(stiffness).detach()
    dimension = 3 if stiffness.dim() == 6 else 2
    return _homogenize(small_strain(dimension), stiffness, tolerance, loads, fields)


def _homogenize(
    kinematics: Kinematics,
    coefficients: Tensor,
    tolerance: float,
    loads: Sequence[int] | None,
    fields: bool,
) -> Effective:
    chosen = list(range(kinematics.strains)) if loads is None else list(loads)
    check_tolerance(tolerance)
    check_shape(kinematics, coefficients, chosen)
    grid = tuple(coefficients.shape[-kinematics.dimension :])
    unknowns = len(chosen) * kinematics.components * math.prod(grid)
    chunk = max(1, CACHE // unknowns) if coefficients.device.type == "cpu" else len(coefficients)
    chunk = min(chunk, len(coefficients))
    check_memory(kinematics, coefficients, chunk=chunk, loads=len(chosen), fields=fields)
    check_values(kinematics, coefficients)
    # freeing one large block lets the C library reuse those of every iteration: mallopt(3), M_MMAP_THRESHOLD
    torch.empty(KEPT, dtype=torch.uint8)
    reference = reference_of(kinematics, coefficients)
    unit = reference.abs().max()
    strain = torch.eye(kinematics.strains, dtype=torch.float64, device=coefficients.device)[chosen]
    system = _System(
        green_operator(kinematics, reference / unit, grid), strain, reference / unit, tolerance, fields
    )
    parts = [system.solve(Operator(kinematics, part.double() / unit)) for part in coefficients.split(chunk)]
    return _joined(parts, float(unit))


@dataclass(frozen=True)
class _System:
    """What all images of a batch share."""

    green: GreenOperator
    strain: Tensor
    reference: Tensor
    tolerance: float
    fields: bool

    def solve(self, operator: Operator) -> Effective:
        """Iterate in passes until the bound computed in double precision is met."""
        floor, guaranteed = floor_of(operator.kinematics, operator.coefficients, self.reference)
        load = operator.macroscopic(self.strain, self.green.grid)
        state = _State.of(operator, load)
        start, whole = self._norm(state.right), state.energy
        norm, bound = start, start / floor
        field: Tensor | None = None
        iterations, precision = 0, torch.float32
        for _ in range(PASSES):
            unknown = bound > self.tolerance * (state.energy - bound)
            unknown &= guaranteed | (state.energy > NOTHING * whole)
            if not bool(unknown.any()):
                relative = (norm / start.clamp_min(TINY)).sqrt()
                return self._answer(operator, load, state, bound, relative, iterations, guaranteed)
            step = self._advance(operator, state, floor, precision)
            field = step.solution if field is None else field + step.solution
            iterations += step.iterations
            state = _State.of(operator, _sum(operator.expand(field), load))
            before = norm
            norm, bound = step.errors(state.right, floor=floor, norm=self._norm)
            if bool((unknown & (norm > SLOW * before)).any()):
                precision = torch.float64
        raise NotConverged(
            f"the homogenization did not reach a relative tolerance of {self.tolerance:g} in {iterations} "
            f"iterations (reached {float((bound / state.energy).max()):.1e}); lower the contrast or loosen "
            "the tolerance"
        )

    def _advance(self, operator: Operator, state: _State, floor: Tensor, precision: torch.dtype) -> Iterate:
        """One pass of conjugate gradients from the true residual, scaled to the size of one."""
        size = _size(state.right)
        return conjugate_gradients(
            operator.to(precision),
            self.green.to(precision),
            (state.right / size).to(precision),
            floor=floor,
            energy=state.energy / size.reshape(state.energy.shape) ** 2,
            tolerance=0.5 * self.tolerance,
            most=MOST_ITERATIONS,
        ).scaled(size)

    def _answer(
        self,
        operator: Operator,
        load: Terms,
        state: _State,
        bound: Tensor,
        residual: Tensor,
        iterations: int,
        guaranteed: bool,
    ) -> Effective:
        voxels = math.prod(self.green.grid)
        tensor, flux, bound = (
            state.energies / voxels,
            _work_of_load(load, state.answer) / voxels,
            bound / voxels,
        )
        guards.check(operator, self.strain, tensor, flux, bound)
        return Effective(
            tensor=tensor,
            iterations=iterations,
            residual=residual,
            error_bound=bound,
            guaranteed=guaranteed,
            **(self._fields(operator, state.terms) if self.fields else {}),
        )

    def _norm(self, residual: Tensor) -> Tensor:
        """Squared norms of double-precision residuals, ``(batch, loads)``."""
        size = _size(residual)
        small = (residual / size).float()
        norm = inner(small, self.green.to(torch.float32)(small)).clamp_min(0)
        return norm * size.reshape(norm.shape) ** 2

    @staticmethod
    def _fields(operator: Operator, terms: Terms) -> dict[str, Tensor]:
        strain = operator.strains(terms)
        return {"strain": strain, "stress": operator.stresses(strain)}


@dataclass(frozen=True)
class _State:
    """A field in double precision: its voxel monomials, the material's answer, energies and residual."""

    terms: Terms
    answer: Terms
    energies: Tensor
    right: Tensor

    @classmethod
    def of(cls, operator: Operator, terms: Terms) -> _State:
        answer = operator.law(terms)
        return cls(terms, answer, _energies(terms, answer), operator.forces(answer).neg_())

    @property
    def energy(self) -> Tensor:
        return self.energies.diagonal(dim1=-2, dim2=-1)


def _size(residual: Tensor) -> Tensor:
    """Largest component per system, ``(batch, loads, 1, ...)``."""
    return residual.abs().amax(tuple(range(2, residual.dim())), keepdim=True).clamp_min(TINY)


def _sum(field: dict[Monomial, Tensor], load: Terms) -> dict[Monomial, Tensor]:
    for name, constant in load.items():
        field[name] += constant
    return field


def _energies(terms: Terms, answer: Terms) -> Tensor:
    """``(batch, loads, loads)``: energies of the states with each other, summed over the voxels."""
    total: Tensor | float = 0.0
    for name in answer:
        if name in terms:
            a = terms[name].expand(answer[name].shape).flatten(2)
            total = total + torch.bmm(a, answer[name].flatten(2).transpose(1, 2))
    assert isinstance(total, Tensor)
    return total


def _work_of_load(load: Terms, answer: Terms) -> Tensor:
    """Macroscopic strains times summed stresses, ``(batch, loads, loads)``."""
    sums = {name: answer[name].sum(tuple(range(3, answer[name].dim()))) for name in load}
    constants = {name: field[(0, ..., *(0,) * (field.dim() - 3))] for name, field in load.items()}
    return sum(torch.einsum("lc,bmc->blm", constants[name], sums[name]) for name in load)


def _joined(parts: Sequence[Effective], unit: float) -> Effective:
    def all_of(name: str, factor: float = 1.0) -> Tensor:
        return torch.cat([getattr(part, name) for part in parts]) * factor

    with_fields = parts[0].strain is not None
    tensor = all_of("tensor", unit)
    return Effective(
        tensor=(tensor + tensor.transpose(1, 2)) / 2,
        iterations=max(part.iterations for part in parts),
        residual=all_of("residual"),
        error_bound=all_of("error_bound", unit),
        guaranteed=all(part.guaranteed for part in parts),
        strain=all_of("strain") if with_fields else None,
        stress=all_of("stress", unit) if with_fields else None,
    )
