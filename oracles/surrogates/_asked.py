"""What a network sees of a design: the structure that the solver would draw for it, as an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop.oracle import Declaration, Value

from .._inputs import complete
from ..magnetic_composite import MagneticComposite
from ..polysilicon import Polysilicon

REALIZATION = "realization"
SPECIMENS = {"sve_size": "sve", "cell_size": "film", "beam_length": "beam"}
"""Specimen of a film by the input that only it has."""
Sees = str | Sequence[str]


def seen(sees: Sees, design: Mapping[str, Value], seed: int, *, pixels: int | None) -> NDArray[Any]:
    """One row ``(1, ...)``: columns of the design, or the image of realization ``seed``.

    ``pixels``: along a side, where the network takes one size only; else the solver's own grid. Raises
    ValueError for a design that lacks an input or has an infeasible structure.
    """
    if not isinstance(sees, str):
        lacking = [name for name in sees if name not in design]
        if lacking:
            raise ValueError(f"the network needs {', '.join(lacking)}; give a value.")
        return np.concatenate([np.ravel(np.asarray(design[name], dtype=float)) for name in sees])[None]
    return _phase(design, seed, pixels) if sees == "phase" else _film(sees, design, seed, pixels)


def _film(sees: str, design: Mapping[str, Value], seed: int, pixels: int | None) -> NDArray[Any]:
    from .._film import film_of, structure
    from . import images

    specimen = next((s for name, s in SPECIMENS.items() if name in design), None)
    if specimen is None:
        raise ValueError(f"a film needs one of {', '.join(SPECIMENS)}; give a value.")
    film = film_of(specimen, _inputs(Polysilicon(specimen=specimen, single=True).declaration, design))
    if film.fibre_axis != "100":
        raise ValueError(f"networks of films know the fibre axis 100 only, not {film.fibre_axis}.")
    drawn = structure(replace(film, counts=(pixels, pixels)) if pixels else film, seed, 0)
    encode = images.published_grey if sees == "grey" else images.orientation
    return encode(drawn.labels[None], drawn.angles[None])


def _phase(design: Mapping[str, Value], seed: int, pixels: int | None) -> NDArray[Any]:
    from .._composite import packed, recipe_of
    from ..microstructure.drawing import draw
    from . import images

    recipe = recipe_of(2, _inputs(MagneticComposite(dimension=2).declaration, design))
    share = draw(packed(recipe, seed, 0), pixel=recipe.pixel).share
    if pixels and share.shape != (pixels, pixels):
        raise ValueError(
            f"the network takes images of {pixels} x {pixels} pixels, this cell has {share.shape[1]} x "
            f"{share.shape[0]}."
        )
    return images.phase(share.astype(np.uint8)[None])


def _inputs(declared: Declaration, design: Mapping[str, Value]) -> dict[str, Value]:
    names = {one.name for one in declared.inputs}
    return complete(declared, {name: value for name, value in design.items() if name in names})
