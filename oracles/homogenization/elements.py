"""Bilinear and trilinear finite elements on a grid of unit voxels, without a matrix.

On a voxel with local coordinates in [-1, 1] the shape functions span the monomials 1, xi, eta, xi*eta, ...;
a monomial is named here by the set of axes in it. Sums and differences of nodal values along each axis give
the monomial coefficients, their derivatives are again such monomials, and because different monomials are
orthogonal on the voxel the fully integrated energy is a sum over monomials m of
``3**-|m| * strain_m . C strain_m``. That is the Gauss-quadrature element matrix, exactly, for any anisotropy.

Axis 0 is x and the last tensor dimension, axis 1 is y, axis 2 is z.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import torch
from torch import Tensor

Monomial = frozenset[int]
"""The axes whose local coordinates the monomial multiplies."""

Terms = Mapping[Monomial, Tensor]


@dataclass(frozen=True)
class Kinematics:
    """How a nodal field becomes a strain: ``strain[s] = sum of d field[c] / d axis`` over ``parts[s]``."""

    dimension: int
    components: int
    parts: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def strains(self) -> int:
        """Number of strain components."""
        return len(self.parts)

    @cached_property
    def monomials(self) -> tuple[Monomial, ...]:
        """The monomials that a strain contains."""
        axes = range(self.dimension)
        return tuple(frozenset(m) for n in axes for m in combinations(axes, n))

    def active(self, monomial: Monomial) -> dict[int, list[tuple[int, Monomial]]]:
        """Strain component -> (field component, nodal monomial) pairs that feed its ``monomial`` part."""
        found = {
            s: [(c, monomial | {axis}) for c, axis in part if axis not in monomial]
            for s, part in enumerate(self.parts)
        }
        return {s: pairs for s, pairs in found.items() if pairs}


def gradient(dimension: int) -> Kinematics:
    """Scalar potential -> its gradient (conduction, magnetostatics, diffusion)."""
    return Kinematics(dimension, 1, tuple(((0, axis),) for axis in range(dimension)))


def small_strain(dimension: int) -> Kinematics:
    """Displacement -> strain in Voigt order (xx, yy, xy) or (xx, yy, zz, yz, xz, xy), engineering shear."""
    pairs = [(0, 1)] if dimension == 2 else [(1, 2), (0, 2), (0, 1)]
    normal = tuple(((axis, axis),) for axis in range(dimension))
    return Kinematics(dimension, dimension, normal + tuple(((i, j), (j, i)) for i, j in pairs))


def expand(nodes: Tensor, dimension: int, *, periodic: bool) -> dict[Monomial, Tensor]:
    """Nodal values ``(..., *grid)`` -> monomial coefficients of each voxel, times ``2**dimension``.

    Periodic grids have as many voxels as nodes per axis, others one less. The constant term is left out.
    """
    terms: dict[Monomial, Tensor] = {frozenset(): nodes}
    for axis in range(dimension):
        last = axis == dimension - 1
        new: dict[Monomial, Tensor] = {}
        for name, field in terms.items():
            new[name | {axis}] = _pairwise(field, axis, torch.sub, periodic)
            if name or not last:
                new[name] = _pairwise(field, axis, torch.add, periodic)
        terms = new
    return terms


def collect(terms: Terms, dimension: int, *, periodic: bool) -> Tensor:
    """The transpose of ``expand``: voxel monomials -> nodal values."""
    fields: dict[Monomial, Tensor] = dict(terms)
    for axis in reversed(range(dimension)):
        rest = {name - {axis} for name in fields}
        fields = {name: _spread(fields.get(name), fields.get(name | {axis}), axis, periodic) for name in rest}
    return fields[frozenset()]


def _pairwise(field: Tensor, axis: int, combine: Callable[..., Tensor], periodic: bool) -> Tensor:
    """combine(next, this) along an axis."""
    dim = -1 - axis
    n = field.shape[dim]
    after, before = field.narrow(dim, 1, n - 1), field.narrow(dim, 0, n - 1)
    if not periodic:
        return combine(after, before)
    out = torch.empty_like(field)
    combine(after, before, out=out.narrow(dim, 0, n - 1))
    combine(field.narrow(dim, 0, 1), field.narrow(dim, n - 1, 1), out=out.narrow(dim, n - 1, 1))
    return out


def _spread(total: Tensor | None, difference: Tensor | None, axis: int, periodic: bool) -> Tensor:
    """Transpose of the pair (sum, difference) along an axis; either may be absent."""
    if total is None or difference is None:
        high = low = difference if total is None else total
        join = torch.sub if total is None else torch.add
    else:
        high, low, join = total + difference, total - difference, torch.add
    assert high is not None
    assert low is not None
    dim = -1 - axis
    n = high.shape[dim]
    shape = list(high.shape)
    shape[dim] = n if periodic else n + 1
    out = high.new_empty(shape)
    join(high.narrow(dim, 0, n - 1), low.narrow(dim, 1, n - 1), out=out.narrow(dim, 1, n - 1))
    first, last = low.narrow(dim, 0, 1), high.narrow(dim, n - 1, 1)
    if periodic:
        join(last, first, out=out.narrow(dim, 0, 1))
    else:
        out.narrow(dim, 0, 1).copy_(first if join is torch.add else -first)
        out.narrow(dim, n, 1).copy_(last)
    return out


@dataclass(frozen=True)
class Operator:
    """The stiffness of a batch of voxel images, applied to nodal fields ``(batch, loads, c, *grid)``.

    ``coefficients``: ``(batch, *grid)`` for an isotropic scalar law, or ``(batch, s, s, *grid)`` symmetric,
    acting on strains. Energies are per voxel of unit size.
    """

    kinematics: Kinematics
    coefficients: Tensor
    periodic: bool = True

    @property
    def isotropic(self) -> bool:
        """True where one number per voxel multiplies the whole gradient."""
        return self.coefficients.dim() == 1 + self.kinematics.dimension

    def to(self, dtype: torch.dtype) -> Operator:
        """The same operator in another precision."""
        return Operator(self.kinematics, self.coefficients.to(dtype), self.periodic)

    def __call__(self, field: Tensor) -> Tensor:
        """``K field``: nodal forces, of the shape of ``field``."""
        return self.forces(self.law(self.expand(field)))

    def expand(self, field: Tensor) -> dict[Monomial, Tensor]:
        """Voxel monomials of a nodal field."""
        return expand(field, self.kinematics.dimension, periodic=self.periodic)

    def law(self, terms: Terms) -> dict[Monomial, Tensor]:
        """What the material answers to voxel monomials, conjugate to them in energy."""
        return self._isotropic_law(terms) if self.isotropic else self._law(terms)

    def forces(self, answer: Terms) -> Tensor:
        """Nodal forces of the answer of ``law``."""
        return collect(answer, self.kinematics.dimension, periodic=self.periodic)

    def macroscopic(self, strain: Tensor, grid: tuple[int, ...]) -> dict[Monomial, Tensor]:
        """Voxel monomials of the linear fields of strains ``(loads, s)``, as ``expand`` would give them.

        Shears are imposed as simple shears; shape ``(1, loads, c, *grid)``.
        """
        k = self.kinematics
        slope = strain.new_zeros(k.dimension, len(strain), k.components)
        for s, part in enumerate(k.parts):
            c, axis = part[0]
            slope[axis, :, c] = strain[:, s] * 2 ** (k.dimension - 1)
        ones = (1,) * k.dimension
        return {
            frozenset({axis}): slope[axis].reshape(1, *slope.shape[1:], *ones).expand(1, -1, -1, *grid)
            for axis in range(k.dimension)
        }

    @cached_property
    def _weights(self) -> dict[int, Tensor]:
        """Isotropic coefficient of a monomial by the number of its axes."""
        d = self.kinematics.dimension
        mu = self.coefficients[:, None, None]
        return {n: mu * (4.0 ** (1 - d) * n * 3.0 ** (1 - n)) for n in range(1, d + 1)}

    def _isotropic_law(self, terms: Terms) -> dict[Monomial, Tensor]:
        return {name: field * self._weights[len(name)] for name, field in terms.items()}

    def _law(self, terms: Terms) -> dict[Monomial, Tensor]:
        C, scale = self.coefficients, 4.0 ** (1 - self.kinematics.dimension)
        out: dict[Monomial, Tensor] = {}
        fed: set[tuple[int, Monomial]] = set()
        for monomial in self.kinematics.monomials:
            active = self.kinematics.active(monomial)
            strain = {s: _total([terms[m][:, :, c] for c, m in p if m in terms]) for s, p in active.items()}
            weight = scale * 3.0 ** -len(monomial)
            for s, pairs in active.items():
                parts = [(C[:, None, s, t], e) for t, e in strain.items() if e is not None]
                if not parts:
                    continue
                stress = parts[0][0] * parts[0][1]
                for stiffness, e in parts[1:]:
                    stress.addcmul_(stiffness.expand_as(stress), e)
                for c, name in pairs:
                    if name not in out:
                        out[name] = stress.new_empty(
                            *stress.shape[:2], self.kinematics.components, *stress.shape[2:]
                        )
                    if (c, name) in fed:
                        out[name][:, :, c].add_(stress, alpha=weight)
                    else:
                        torch.mul(stress, weight, out=out[name][:, :, c])
                        fed.add((c, name))
        return out

    def strains(self, terms: Terms) -> Tensor:
        """Voxel means of the strain, ``(batch, loads, s, *grid)``."""
        half = 2.0 ** (1 - self.kinematics.dimension)
        active = self.kinematics.active(frozenset())
        return torch.stack([sum(terms[m][:, :, c] for c, m in active[s]) * half for s in active], 2)

    def stresses(self, strains: Tensor) -> Tensor:
        """Voxel means of the stress (flux) that voxel means of the strain cause."""
        if self.isotropic:
            return self.coefficients[:, None, None] * strains
        return torch.einsum("bst...,blt...->bls...", self.coefficients, strains)


def _total(fields: list[Tensor]) -> Tensor | None:
    if not fields:
        return None
    return fields[0] if len(fields) == 1 else fields[0] + fields[1]
