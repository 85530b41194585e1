"""Film structures of data sets: drawn as ``polysilicon`` draws them, stored once, solved in groups.

The solver shares one reference medium within a batch, so the last bits of an answer depend on the batch. Rows
are therefore solved in fixed groups, whole ones, whichever rows of a group are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from designloop.learning.datasets import Arrays, Column, DataSetError
from designloop.oracle import Infeasible

from .._inputs import complete
from ..polysilicon import Polysilicon

if TYPE_CHECKING:
    import torch

    from .._film import Film
    from ..microstructure.structure import Polycrystal

ENTRIES = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
"""Of a symmetric plane stiffness, Voigt order (xx, yy, xy)."""
STIFFNESS = tuple(f"stiffness_{i}{j}" for i, j in ((1, 1), (1, 2), (1, 6), (2, 2), (2, 6), (6, 6)))
MATERIAL = {
    "crystal": "silicon, c11 165.64, c12 63.94, c44 79.51 GPa, plane stress",
    "fibre_axis": "100",
    "orientation": "in-plane angle uniform on [0, pi/2)",
}
SOLVER = {"method": "bilinear finite elements on pixels, conjugate gradients", "relative_tolerance": 1e-6}
GRAIN_SIZE = "equivalent diameter of the mean grain area; generator spacing is 0.886 of it"

SEED = Column(name="seed", role="input", description="realization: structure(film, seed, 0) draws it again")
GRAIN = Column(name="grain_size", unit="um", role="input", description=GRAIN_SIZE)
PER_GRAIN = Column(name="pixels_per_grain", role="input", description="of the solver's grid")
LABELS = Column(name="labels", role="structure", description="grain number of each pixel, (ny, nx)")
ANGLES = Column(
    name="angles", unit="rad", role="structure", description="of each grain, NaN beyond the last grain"
)

STRUCTURE = (GRAIN, PER_GRAIN, LABELS, ANGLES)
MADE_OF = {"grain_size": GRAIN_SIZE, "regularization": "jitter", "material": MATERIAL, "solver": SOLVER}
"""What the provenance of every film says."""


def stiffness_columns(what: str) -> tuple[Column, ...]:
    """Columns of the six entries."""
    return tuple(
        Column(name=name, unit="GPa", role="label", description=f"{what}, Voigt xx, yy, xy, plane stress")
        for name in STIFFNESS
    )


def film(specimen: str, inputs: Mapping[str, Any]) -> Film:
    """The specimen that inputs of ``polysilicon`` describe; raises DataSetError where there is none."""
    from .._film import film_of

    try:
        return film_of(specimen, complete(Polysilicon(specimen=specimen, single=True).declaration, inputs))
    except Infeasible as error:
        raise DataSetError(str(error)) from None


def on_grid(film: Film, *, pixels_per_um: float) -> Film:
    """The same specimen on another grid."""
    return replace(film, counts=tuple(round(side * pixels_per_um) for side in film.size))


def grain_size_of(spacing: float) -> float:
    """Equivalent diameter in um of a generator spacing in um."""
    from ..microstructure.sites import diameter_of

    return diameter_of(spacing, dimension=2)


def stored(structures: Sequence[Polycrystal]) -> Arrays:
    """``labels`` ``(n, ny, nx)`` and ``angles`` ``(n, most grains)`` of structures on one grid."""
    angles = np.full((len(structures), max(len(one.angles) for one in structures)), np.nan, np.float32)
    for row, one in zip(angles, structures, strict=True):
        row[: len(one.angles)] = one.angles
    return {"labels": np.stack([one.labels for one in structures]).astype(np.uint16), "angles": angles}


def stiffness_field(structures: Sequence[Polycrystal]) -> torch.Tensor:
    """``(batch, 3, 3, ny, nx)``, GPa, of <100> fibre films, as the oracle builds it."""
    import torch

    from ..homogenization.stiffness import film_stiffness

    fields = [film_stiffness(torch.from_numpy(one.angles))[one.labels] for one in structures]
    return torch.stack(fields).movedim((-2, -1), (1, 2)).contiguous()


def drawn(film: Film, seeds: Iterable[Any]) -> list[Polycrystal]:
    """Realizations of a film by their seeds."""
    from .._film import structure

    return [structure(film, int(seed), 0) for seed in seeds]


def rows(
    seeds: Callable[[range], NDArray[np.uint64]],
    which: range,
    *,
    inputs: Mapping[str, float],
    pictured: Film,
    solve: Callable[[NDArray[np.uint64]], Arrays],
    size: int,
) -> Arrays:
    """Rows of equal ``inputs``: seeds, inputs, structures on the grid of ``pictured``, labels.

    ``solve`` answers for the seeds of a whole group of ``size`` rows.
    """
    own = seeds(which)
    constant = {name: np.full(len(own), value) for name, value in inputs.items()}
    labels = in_groups(lambda group: solve(seeds(group)), which, size=size)
    return {"seed": own, **constant, **stored(drawn(pictured, own)), **labels}


def entries(tensor: Any) -> NDArray[np.float64]:
    """The six entries of plane tensors ``(..., 3, 3)``, last."""
    values = np.asarray(tensor, dtype=float)
    return np.stack([values[..., i, j] for i, j in ENTRIES], axis=-1)


def in_groups(solve: Callable[[range], Arrays], which: range, *, size: int) -> Arrays:
    """Answers for rows, from ``solve`` on the whole groups of ``size`` rows that hold them."""
    first, last = which.start // size, -(-which.stop // size)
    groups = [solve(range(k * size, (k + 1) * size)) for k in range(first, last)]
    wanted = slice(which.start - first * size, which.stop - first * size)
    return {name: np.concatenate([group[name] for group in groups])[wanted] for name in groups[0]}


def by_column(rows: Iterable[Mapping[str, Any]]) -> Arrays:
    """Rows of values as columns."""
    rows = list(rows)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
