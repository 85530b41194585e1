"""Pictures of structures and of local fields as PNG: x to the right, y up, lengths in um.

A volume shows its three mid-planes; a slender beam is folded into a few strips, all to one scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from .structure import FILLED, Polycrystal, TwoPhase

Image = npt.NDArray[Any]
Key = Callable[[Figure, list[Axes], AxesImage], object]

MATRIX, INCLUSION, INK = "#F3EFE6", "#0B4F7D", "#22262B"
PHASES = LinearSegmentedColormap.from_list("phases", [MATRIX, INCLUSION])
RC = {
    "font.family": "DejaVu Sans", "font.size": 9, "axes.titlesize": 9, "axes.titlelocation": "left",
    "axes.edgecolor": "#8A8F98", "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK,
    "ytick.color": INK, "legend.frameon": False,
}  # fmt: skip


def picture(
    structure: Polycrystal | TwoPhase, path: Path, *, title: str, period: float = math.pi / 2
) -> Path:
    """Write a structure as PNG and return its path.

    Grains are coloured by orientation on a cyclic scale of ``period`` rad (pi/2 for cubic crystals),
    phases by the share of the inclusion.
    """
    if isinstance(structure, TwoPhase):
        crisp = bool(np.isin(structure.share, (0, 1)).all())
        look = {"cmap": PHASES, "vmin": 0, "vmax": 1}
        key = _legend if crisp else _bar("share of inclusion")
        return _save(path, structure.share, structure, title=title, look=look, key=key)
    turn = math.degrees(period)
    angles = np.degrees(structure.orientation) % turn
    look = {"cmap": "twilight", "vmin": 0, "vmax": turn}
    key = _bar("crystal rotation [deg]", ticks=np.linspace(0, turn, 4))
    return _save(path, angles, structure, title=title, look=look, key=key, lines={INK: 0.5})


def field_picture(
    values: Image, path: Path, *, title: str, label: str, structure: Polycrystal | TwoPhase
) -> Path:
    """Write a local field, such as ``label="von Mises stress [GPa]"``, over the boundaries of its structure.

    ``values``: of the structure's shape. The colours span the 1st to 99th percentile, so that one hot corner
    does not flatten the rest; pointed ends of the colour bar say that values lie beyond. Raises ValueError
    for another shape and for values that are not finite.
    """
    grid = _boundaries_of(structure).shape
    if values.shape != grid:
        raise ValueError(
            f"the field has shape {values.shape}, its structure {grid}; give one value per pixel"
        )
    if not np.isfinite(values).all():
        raise ValueError("the field holds values that are not finite; draw a converged solution")
    low, high = np.percentile(values, (1, 99))
    beyond = {(0, 0): "neither", (0, 1): "max", (1, 0): "min", (1, 1): "both"}
    key = _bar(label, extend=beyond[int(values.min() < low), int(values.max() > high)])
    look = {"cmap": "viridis", "vmin": low, "vmax": high}
    return _save(path, values, structure, title=title, look=look, key=key, lines={"white": 1.2, INK: 0.4})


@dataclass(frozen=True)
class _Panel:
    """A plane section: where to cut the array, the lower left corner in um, the names of its two axes."""

    index: tuple[int | slice, ...]
    corner: tuple[float, float] = (0.0, 0.0)
    names: str = "xy"
    title: str = ""


def _panels(shape: tuple[int, ...], pixel: float) -> tuple[list[_Panel], bool]:
    """Sections to show, and whether they stand below one another."""
    every = slice(None)
    middle = [n // 2 for n in shape]
    if len(shape) == 3:
        z, y, x = ((m + 0.5) * pixel for m in middle)
        return [
            _Panel((middle[0], every, every), names="xy", title=f"z = {z:.4g} um"),
            _Panel((every, middle[1], every), names="xz", title=f"y = {y:.4g} um"),
            _Panel((every, every, middle[2]), names="yz", title=f"x = {x:.4g} um"),
        ], False
    along_x = shape[1] >= shape[0]
    length, slenderness = max(shape), max(shape) / min(shape)
    strips = min(round(math.sqrt(slenderness / 2)), 6) if slenderness > 6 else 1
    step = math.ceil(length / strips)
    cuts = [slice(start, start + step) for start in range(0, length, step)]
    if along_x:
        return [_Panel((every, cut), corner=(cut.start * pixel, 0.0)) for cut in cuts], True
    return [_Panel((cut, every), corner=(0.0, cut.start * pixel)) for cut in cuts], False


def _save(
    path: Path,
    values: Image,
    structure: Polycrystal | TwoPhase,
    *,
    title: str,
    look: dict[str, Any],
    key: Key,
    lines: Mapping[str, float] | None = None,
) -> Path:
    """Draw sections of ``values`` to one scale, the boundaries in lines of each colour and width given."""
    panels, below = _panels(values.shape, structure.pixel)
    sides = [np.array(values[panel.index].shape[::-1]) * structure.pixel for panel in panels]
    ratios = {"height_ratios": [y for _, y in sides]} if below else {"width_ratios": [x for x, _ in sides]}
    rows, columns = (len(panels), 1) if below else (1, len(panels))
    wide, tall = (float((np.sum if along else np.max)([side[i] for side in sides]))
                  for i, along in enumerate((not below, below)))  # fmt: skip
    scale = min(8.5 / wide, 4.6 / tall)
    margin = 0.6 if values.ndim == 2 else 1.0
    size = (max(scale * wide + 0.75 * columns + 0.9, 4.4), max(scale * tall + 0.55 * rows + margin, 2.2))
    with mpl.rc_context(RC):
        # "compressed" hugs a plane's colour bar, but gives unlike sections of a volume unlike scales
        layout = ConstrainedLayoutEngine(h_pad=0.09, compress=values.ndim == 2)
        figure = Figure(figsize=size, layout=layout, dpi=130)
        FigureCanvasAgg(figure)
        axes = list(figure.subplots(rows, columns, squeeze=False, gridspec_kw=ratios).ravel())
        for one, panel, side in zip(axes, panels, sides, strict=True):
            extent = [
                edge
                for start, length in zip(panel.corner, side, strict=True)
                for edge in (start, start + length)
            ]
            shown = one.imshow(
                values[panel.index], origin="lower", extent=extent, interpolation="nearest", **look
            )
            edges = _edges(_boundaries_of(structure)[panel.index], panel.corner, structure.pixel)
            for color, width in (lines or {}).items():
                one.add_collection(LineCollection(list(edges), colors=color, linewidths=width))
            one.set(
                title=panel.title,
                xlabel=f"{panel.names[0]} [um]",
                ylabel=f"{panel.names[1]} [um]",
                anchor="W",
            )
        key(figure, axes, shown)
        figure.suptitle(title, fontweight="bold", fontsize=10.5)
        figure.savefig(path, format="png")
    return path


def _boundaries_of(structure: Polycrystal | TwoPhase) -> Image:
    """The image whose changes are boundaries: the grain, or the phase that holds most of a pixel."""
    return structure.labels if isinstance(structure, Polycrystal) else structure.share >= FILLED


def _edges(image: Image, corner: tuple[float, float], pixel: float) -> Image:
    """Pixel edges between unlike pixels, ``(n, 2 ends, x y)`` in um."""
    upright = np.argwhere(image[:, 1:] != image[:, :-1])[:, None, ::-1] + np.array([[1, 0], [1, 1]])
    level = np.argwhere(image[1:] != image[:-1])[:, None, ::-1] + np.array([[0, 1], [1, 1]])
    return np.asarray(np.concatenate([upright, level]) * pixel + np.array(corner))


def _legend(figure: Figure, axes: list[Axes], shown: AxesImage) -> object:  # noqa: ARG001
    patches = [
        Patch(facecolor=color, edgecolor="#8A8F98", label=name)
        for color, name in ((MATRIX, "matrix"), (INCLUSION, "inclusion"))
    ]
    return figure.legend(handles=patches, loc="outside lower center", ncols=2)


def _bar(label: str, **options: Any) -> Key:
    return lambda figure, axes, shown: figure.colorbar(shown, ax=axes, label=label, **options)
