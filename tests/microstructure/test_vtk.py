import base64
import math
import zlib
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from designloop_oracles.microstructure.structure import Polycrystal, TwoPhase
from designloop_oracles.microstructure.vtk import write_vti

DTYPES = {"Int32": "<i4", "UInt8": "<u1", "Float64": "<f8"}


def decoded(text):
    """The bytes of a compressed inline array: header and blocks are encoded apart."""
    text = text.strip()
    blocks, size, rest, packed = np.frombuffer(base64.b64decode(text[:44]), dtype="<u8")
    assert (blocks, rest) == (1, 0)
    body = base64.b64decode(text[44:])
    assert len(body) == packed
    data = zlib.decompress(body)
    assert len(data) == size
    return data


def read(path):
    """Extent, spacing and cell arrays ``(cells, components)`` of an image data file."""
    root = ET.parse(path).getroot()
    image = root.find("ImageData")
    arrays = {
        a.get("Name"): np.frombuffer(decoded(a.text), DTYPES[a.get("type")]).reshape(
            -1, int(a.get("NumberOfComponents"))
        )
        for a in image.iter("DataArray")
    }
    assert (root.get("compressor"), root.get("header_type")) == ("vtkZLibDataCompressor", "UInt64")
    assert image.get("WholeExtent") == image.find("Piece").get("Extent")
    extent = [int(n) for n in image.get("WholeExtent").split()]
    return extent, [float(s) for s in image.get("Spacing").split()], arrays


def polycrystal(*shape):
    labels = np.arange(math.prod(shape), dtype=np.int32).reshape(shape)
    angles = np.linspace(0, math.pi / 2, labels.size)
    return Polycrystal(labels=labels, angles=angles, pixel=0.1, periodic=True)


def test_cells_run_along_x_first(tmp_path):
    extent, spacing, cells = read(write_vti(polycrystal(2, 3, 4), tmp_path / "a.vti"))
    assert extent == [0, 4, 0, 3, 0, 2]
    assert spacing == [0.1, 0.1, 0.1]
    assert cells["grain"].ravel().tolist() == list(range(24))
    assert cells["angle [deg]"][[0, -1], 0] == pytest.approx([0, 90])


def test_a_plane_becomes_one_layer(tmp_path):
    share = np.array([[0.0, 0.25, 1.0]])
    extent, _, cells = read(write_vti(TwoPhase(share=share, pixel=0.1, periodic=True), tmp_path / "a.vti"))
    assert extent == [0, 3, 0, 1, 0, 1]
    assert cells["share"].ravel().tolist() == [0, 0.25, 1]


@settings(max_examples=20, deadline=None)
@given(values=arrays(np.float64, (6, 2, 3), elements=st.floats(-1e9, 1e9)))
def test_components_of_a_field_run_fastest(values, tmp_path_factory):
    path = tmp_path_factory.mktemp("vtk") / "a.vti"
    _, _, cells = read(write_vti(polycrystal(2, 3), path, fields={"stress [GPa]": values}))
    assert np.array_equal(cells["stress [GPa]"], values.reshape(6, 6).T)


def test_any_name_and_layout_of_a_field_is_kept(tmp_path):
    fields = {'<"E"> & [GPa]': np.arange(12.0).reshape(4, 3).T, "mask": np.eye(3, 4, dtype=bool)}
    _, _, cells = read(write_vti(polycrystal(3, 4), tmp_path / "a.vti", fields=fields))
    for name, values in fields.items():
        assert np.array_equal(cells[name][:, 0], values.ravel())


@pytest.mark.parametrize("shape", [(4, 3), (3,), (1, 1, 3, 4)])
def test_a_field_of_another_shape_is_refused(shape, tmp_path):
    with pytest.raises(ValueError, match=r"field 'x \[T\]' has shape .* grid is \(3, 4\)"):
        write_vti(polycrystal(3, 4), tmp_path / "a.vti", fields={"x [T]": np.zeros(shape)})


def test_an_installed_reader_agrees(tmp_path):
    reading = pytest.importorskip("vtkmodules.vtkIOXML")
    numbers = pytest.importorskip("vtkmodules.util.numpy_support")
    reader = reading.vtkXMLImageDataReader()
    reader.SetFileName(str(write_vti(polycrystal(2, 3, 4), tmp_path / "a.vti")))
    reader.Update()
    grain = reader.GetOutput().GetCellData().GetArray("grain")
    assert numbers.vtk_to_numpy(grain).tolist() == list(range(24))


@pytest.mark.parametrize(("dtype", "value"), [(np.uint16, 1000), (np.int64, 2**40), (np.float32, 0.5)])
def test_numbers_of_a_field_are_kept_whatever_their_type(dtype, value, tmp_path):
    structure = polycrystal(3, 4)
    page = write_vti(structure, tmp_path / "s.vti", fields={"f": np.full((3, 4), value, dtype)}).read_text()
    element = page.split('Name="f"')[1].split('binary">\n')[1].split("\n<")[0]
    assert np.frombuffer(decoded(element), dtype).tolist() == [value] * 12


def test_a_field_of_no_real_numbers_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds complex128; give whole or real numbers"):
        write_vti(polycrystal(3, 4), tmp_path / "s.vti", fields={"f": np.zeros((3, 4), complex)})
