"""One structure of a trial for people: picture, statistics, and in 3-D a file for ParaView."""

from __future__ import annotations

import json
import math
from pathlib import Path

from .microstructure.descriptors import describe
from .microstructure.pictures import picture
from .microstructure.structure import Polycrystal, TwoPhase
from .microstructure.vtk import write_vti


def shown(
    structure: Polycrystal | TwoPhase,
    folder: Path,
    *,
    name: str,
    title: str,
    period: float = math.pi / 2,
) -> dict[str, Path]:
    """Artifacts ``name.png``, ``name.json`` (``describe``; lengths in um) and in 3-D ``name.vti``."""
    stem = folder / name
    image = picture(structure, stem.with_suffix(".png"), title=title, period=period)
    statistics = stem.with_suffix(".json")
    statistics.write_text(json.dumps(describe(structure), indent=1) + "\n")
    files = [image, statistics]
    grid = structure.labels if isinstance(structure, Polycrystal) else structure.share
    if grid.ndim == 3:
        files.append(write_vti(structure, stem.with_suffix(".vti")))
    return {file.name: file for file in files}
