"""Structures and local fields as VTK ImageData (.vti), which ParaView opens; coordinates in um.

Own writer: the format is one XML page with compressed arrays, and no small library keeps it.
Source: VTK file formats, XML ImageData, inline base64 with zlib.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import numpy.typing as npt

from .structure import Polycrystal, TwoPhase

Image = npt.NDArray[Any]

TYPES = {
    "b1": ("UInt8", "<u1"), "u1": ("UInt8", "<u1"), "u2": ("UInt16", "<u2"), "u4": ("UInt32", "<u4"),
    "u8": ("UInt64", "<u8"), "i1": ("Int8", "<i1"), "i2": ("Int16", "<i2"), "i4": ("Int32", "<i4"),
    "i8": ("Int64", "<i8"), "f4": ("Float32", "<f4"), "f8": ("Float64", "<f8"),
}  # fmt: skip
"""NumPy's kind and bytes -> VTK's name and the bytes written."""


def write_vti(
    structure: Polycrystal | TwoPhase, path: Path, *, fields: Mapping[str, Image] | None = None
) -> Path:
    """Write a structure and fields on its pixels as cell data and return the path; 2-D becomes one layer.

    A polycrystal gives the arrays ``grain`` and ``angle [deg]``, two phases ``share``. ``fields``: by name
    with its unit, such as ``"stress_xx [GPa]"``; of the structure's shape, or ``(components, *shape)`` for
    vectors and tensors in Voigt order. Raises ValueError for a field of another shape.
    """
    if isinstance(structure, Polycrystal):
        cells: dict[str, Image] = {
            "grain": structure.labels,
            "angle [deg]": np.degrees(structure.orientation),
        }
    else:
        cells = {"share": structure.share}
    grid = next(iter(cells.values())).shape
    arrays = "".join(_array(name, values, grid) for name, values in (cells | dict(fields or {})).items())
    extent = " ".join(f"0 {n}" for n in (*grid[::-1], 1)[:3])
    spacing = " ".join([repr(float(structure.pixel))] * 3)
    path = Path(path)
    path.write_text(
        '<?xml version="1.0"?>\n<VTKFile type="ImageData" version="1.0" byte_order="LittleEndian" '
        'header_type="UInt64" compressor="vtkZLibDataCompressor">\n'
        f'<ImageData WholeExtent="{extent}" Origin="0 0 0" Spacing="{spacing}">\n'
        f'<Piece Extent="{extent}">\n<CellData>\n{arrays}</CellData>\n</Piece>\n</ImageData>\n</VTKFile>\n',
        encoding="utf-8",
    )
    return path


def _array(name: str, values: Image, grid: tuple[int, ...]) -> str:
    """One DataArray element, components running fastest."""
    values = np.asarray(values)
    if values.shape[-len(grid) :] != grid or values.ndim - len(grid) not in (0, 1):
        raise ValueError(f"field {name!r} has shape {values.shape}; the structure's grid is {grid}")
    components = np.moveaxis(values.reshape(-1, *grid), 0, -1)
    code = values.dtype.str[1:]
    if code not in TYPES:
        raise ValueError(f"field {name!r} holds {values.dtype}; give whole or real numbers")
    kind, dtype = TYPES[code]
    return (
        f'<DataArray type="{kind}" Name={quoteattr(name)} NumberOfComponents="{components.shape[-1]}" '
        f'format="binary">\n{_encoded(components.astype(dtype).tobytes())}\n</DataArray>\n'
    )


def _encoded(data: bytes) -> str:
    """One zlib block behind its header: block count, block size, size of a shorter last one, packed size."""
    packed = zlib.compress(data)
    header = np.array([1, len(data), 0, len(packed)], dtype="<u8").tobytes()
    return (base64.b64encode(header) + base64.b64encode(packed)).decode("ascii")
