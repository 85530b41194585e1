"""Realizations of a particle composite: packed, drawn, solved and shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from designloop.oracle import Context, Infeasible

from ._shown import shown
from .homogenization.composites import Composite, Discretization, composite
from .homogenization.limits import TooLarge
from .homogenization.periodic import NotConverged
from .magnetic_composite import AXES
from .microstructure.diameters import Diameters
from .microstructure.drawing import draw
from .microstructure.packing import Packing, pack
from .microstructure.seeds import child_seed

Array = NDArray[np.float64]

MOST_VOXELS = {2: 2**21, 3: 2**23}
"""Of one packing on its finest grid."""
MOST_WORK = 2**25
"""Voxels of all packings and of their checks: some minutes on one core."""
MOST_PARTICLES = 2**16
"""Of all packings, for the same reason."""
TOLERANCE = 1e-5


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is packed and how finely it is drawn. Lengths in um."""

    packing: Mapping[str, Any]
    pixel: float
    inclusion: float
    matrix: float
    discretization: Discretization
    supersample: int

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return len(self.packing["size"])


def recipe_of(dimension: int, values: Mapping[str, Any]) -> Recipe:
    """The recipe of complete, checked inputs; raises Infeasible where it would be too much work."""
    diameter = float(values["particle_diameter"])
    per_diameter = int(values["pixels_per_diameter"])
    count = round(float(values["cell"]) * per_diameter)
    finest = (count * (2 if values["interval_check"] else 1)) ** dimension
    if finest > MOST_VOXELS[dimension]:
        raise Infeasible(
            f"a cell of {values['cell']:g} diameters at {per_diameter} pixels has {finest} voxels on its "
            f"finest grid; this oracle takes {MOST_VOXELS[dimension]} at most, so lower cell or "
            "pixels_per_diameter"
        )
    packings = int(values["realizations"])
    checked = min(packings, int(values["interval_check"]))
    work = packings * count**dimension + checked * (2 * count) ** dimension
    if work > MOST_WORK:
        raise Infeasible(
            f"{packings} packings, {checked} of them on the twice finer grid too, are {work} voxels; this "
            f"oracle takes {MOST_WORK} at most, so lower realizations, interval_check or the grid"
        )
    pixel = diameter / per_diameter
    size = (count * pixel,) * dimension
    fraction = float(values["volume_fraction"]) / 100
    sizes = Diameters(
        diameter=diameter,
        size_ratio=float(values["size_ratio"]),
        fine_share=float(values["fine_share"]) / 100,
    )
    particles = packings * fraction * math.prod(size) / sizes.mean_volume(dimension)
    if particles > MOST_PARTICLES:
        raise Infeasible(
            f"{packings} packings have about {particles:.0f} particles; this oracle places {MOST_PARTICLES} "
            "at most, so lower realizations, cell, size_ratio or fine_share"
        )
    return Recipe(
        packing={
            "size": size,
            "volume_fraction": fraction,
            "diameter": diameter,
            "size_ratio": sizes.size_ratio,
            "fine_share": sizes.fine_share,
            "minimum_gap": 2 * float(values["coating"]),
            "impenetrability": float(values["impenetrability"]),
            "aspect_ratio": float(values.get("aspect_ratio", 1)),
            "chain_length": int(values["chain_length"]),
            "alignment": 0.0,
        },
        pixel=pixel,
        inclusion=float(values["particle_permeability"]),
        matrix=float(values["matrix_permeability"]),
        discretization=values["discretization"],
        supersample=8 if dimension == 2 else 4,
    )


def packed(recipe: Recipe, seed: int, realization: int) -> Packing:
    """One packing, the same for every grid; raises Infeasible, naming the limit, where there is none."""
    try:
        return pack(**recipe.packing, seed=child_seed(seed, realization))
    except ValueError as error:
        raise Infeasible(_named(str(error))) from None


def _named(sentence: str) -> str:
    """A sentence of the generator in the oracle's own inputs."""
    for theirs, ours in (("minimum_gap", "coating"), ("enlarge the size", "enlarge cell")):
        sentence = sentence.replace(theirs, ours)
    return sentence


def realize(recipe: Recipe, seed: int, which: range) -> dict[str, Array]:
    """Permeabilities of some packings, one array per output."""
    answer = _solved(recipe, [packed(recipe, seed, k) for k in which], interval=False)
    return named(answer.value.cpu().numpy())


def interval(recipe: Recipe, seed: int, count: int) -> dict[str, tuple[float, float]]:
    """Relative interval of the mean permeabilities for what the grid does, from ``count`` packings."""
    answer = _solved(recipe, [packed(recipe, seed, k) for k in range(count)], interval=True)
    assert answer.lower is not None
    assert answer.upper is not None
    value, lower, upper = (named(t.cpu().numpy()) for t in (answer.value, answer.lower, answer.upper))
    diagonal = ["permeability", *(f"permeability_{a}{a}" for a in AXES[: recipe.dimension])]
    middle = {name: float(value[name].mean()) for name in diagonal}
    return {
        name: (float(lower[name].mean()) / m - 1, float(upper[name].mean()) / m - 1)
        for name, m in middle.items()
    }


def _solved(recipe: Recipe, packings: list[Packing], *, interval: bool) -> Composite:
    """Raises Infeasible for images without one of the phases, as of particles that fall between pixels."""

    device = "cuda" if torch.cuda.is_available() else "cpu"

    def image(refinement: int, supersample: int) -> torch.Tensor:
        pixel = recipe.pixel / refinement
        shares = [draw(one, pixel=pixel, supersample=supersample).share for one in packings]
        return torch.from_numpy(np.stack(shares)).to(device)

    try:
        return composite(
            image,
            inclusion=recipe.inclusion,
            matrix=recipe.matrix,
            discretization=recipe.discretization,
            interval=interval,
            supersample=recipe.supersample,
            tolerance=TOLERANCE,
        )
    except (NotConverged, TooLarge):
        raise
    except ValueError as error:
        raise Infeasible(str(error)) from None


def named(tensors: Array) -> dict[str, Array]:
    """Components of symmetric tensors ``(batch, d, d)`` by output name, ``(batch,)`` each."""
    d = tensors.shape[-1]
    parts = {f"permeability_{AXES[i]}{AXES[j]}": tensors[:, i, j] for i in range(d) for j in range(i, d)}
    return {"permeability": np.trace(tensors, axis1=1, axis2=2) / d, **parts}


def pictures(recipe: Recipe, context: Context) -> dict[str, Path]:
    """The first packing for people, where the trial has a folder."""
    if context.directory is None:
        return {}
    share = f"{100 * recipe.packing['volume_fraction']:.4g} % particles"
    title = f"{recipe.dimension}-D packing, {share}, realization 0"
    first = draw(packed(recipe, context.seed, 0), pixel=recipe.pixel)
    return shown(first, context.directory, name=f"structure_{recipe.dimension}d", title=title)
