"""Model files: round trips, hashes, and what is refused."""

import io
import json
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.surrogates import card, packed_gp, saved_gp

from designloop.errors import OracleError
from designloop.learning.card import Card
from designloop.learning.packed import Packed, read_card
from designloop.learning.saved import SavedModel
from designloop.oracle import Input, Output

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.text(max_size=8)
INPUTS = st.builds(
    Input, name=WORDS, unit=WORDS, lower=st.none() | NUMBERS, upper=st.none() | NUMBERS,
    default=st.none() | NUMBERS | WORDS | st.booleans(), log=st.booleans(), integer=st.booleans(),
    choices=st.lists(WORDS | NUMBERS | st.booleans(), max_size=3).map(tuple), ordered=st.booleans(),
)  # fmt: skip
CARDS = st.builds(
    Card, name=WORDS, summary=WORDS, oracle=st.dictionaries(WORDS, NUMBERS, max_size=2),
    inputs=st.lists(INPUTS, max_size=3).map(tuple),
    outputs=st.lists(st.builds(Output, WORDS, unit=WORDS, margin=st.booleans()), max_size=2).map(tuple),
    errors=st.dictionaries(WORDS, st.dictionaries(WORDS, NUMBERS, max_size=2), max_size=2),
    labels=st.lists(WORDS, max_size=2).map(tuple), stochastic=st.booleans(),
)  # fmt: skip


@given(CARDS)
@settings(max_examples=60, deadline=None)
def test_a_card_survives_json(one: Card) -> None:
    assert Card.from_json(json.loads(json.dumps(one.to_json()))) == one


@pytest.mark.parametrize("name", ["film.dlmodel", "folder"])
def test_a_model_survives_its_file_and_its_folder(name, tmp_path):
    packed = packed_gp()
    again = Packed.load(packed.save(tmp_path / name))
    assert again.card == packed.card
    assert again.saved.config == packed.saved.config
    assert again.saved.arrays.keys() == packed.saved.arrays.keys()
    for key, array in packed.saved.arrays.items():
        np.testing.assert_array_equal(again.saved.arrays[key], array)
    assert again.digest == packed.digest
    assert read_card(tmp_path / name) == packed.card


def test_equal_models_make_equal_bytes_and_the_version_is_their_hash(tmp_path):
    one, two = packed_gp(), packed_gp()
    assert one.content == two.content
    assert len(one.card.version) == 12
    loaded = Packed.load(one.save(tmp_path / "a.dlmodel"))
    assert loaded.save(tmp_path / "b.dlmodel").read_bytes() == (tmp_path / "a.dlmodel").read_bytes()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda: Packed(saved=saved_gp(rows=23), card=card()), id="other numbers"),
        pytest.param(lambda: packed_gp(name="other"), id="other card"),
    ],
)
def test_another_content_is_another_version(other):
    assert other().card.version != packed_gp().card.version


def test_a_pickled_model_is_the_same_model():
    packed = packed_gp()
    assert pickle.loads(pickle.dumps(packed)).content == packed.content


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_any_changed_byte_of_a_file_is_noticed(data):
    content = bytearray(CONTENT)
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(OracleError, match="model export"):
        Packed.of_content(bytes(content))


def test_a_file_cut_anywhere_is_refused():
    for end in range(0, len(CONTENT), 211):
        with pytest.raises(OracleError, match=r"no whole \.dlmodel file"):
            Packed.of_content(CONTENT[:end])


CONTENT = packed_gp().content


def rewritten(change) -> bytes:
    """The example file with members changed by hand, in a well-formed zip."""
    members = change(dict(packed_gp().members))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(lambda: b"hello", r"no whole \.dlmodel file", id="text"),
        pytest.param(lambda: rewritten(lambda _: {"a.txt": b"x"}), "holds other things", id="other zip"),
        pytest.param(lambda: rewritten(lambda m: m), "not what its card says", id="zipped again"),
    ],
)
def test_a_foreign_file_is_refused_in_one_sentence(content, sentence, tmp_path):
    path = tmp_path / "x.dlmodel"
    path.write_bytes(content())
    with pytest.raises(OracleError, match=sentence) as caught:
        Packed.load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_folder_whose_numbers_were_changed_is_refused(tmp_path):
    packed_gp().save(tmp_path / "m")
    text = (tmp_path / "m" / "card.json").read_text().replace('"upper": 4.0', '"upper": 9.0')
    (tmp_path / "m" / "card.json").write_text(text)
    with pytest.raises(OracleError, match="not what its card says"):
        Packed.load(tmp_path / "m")


def test_a_missing_file_names_those_that_are_there(tmp_path):
    packed_gp().save(tmp_path / "film.dlmodel")
    with pytest.raises(OracleError, match=r"no such file\. There is film\.dlmodel"):
        Packed.load(tmp_path / "filn.dlmodel")


def test_a_folder_without_a_card_is_refused(tmp_path):
    saved_gp().save(tmp_path)
    with pytest.raises(OracleError, match=r"holds no card\.json"):
        Packed.load(tmp_path)


def test_a_card_of_a_newer_format_is_refused():
    with pytest.raises(OracleError, match=r"format 99.*Install a newer designloop"):
        Card.from_json({**card().to_json(), "format": 99})


@pytest.mark.parametrize("content", [None, [], {}, {"format": "1"}], ids=str)
def test_what_is_no_card_is_refused(content):
    with pytest.raises(OracleError, match="no card of a model"):
        Card.from_json(content)


def test_an_incomplete_card_is_refused():
    content = card().to_json()
    del content["outputs"]
    with pytest.raises(OracleError, match="incomplete .*outputs"):
        Card.from_json(content)


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(OracleError, match="finite numbers"):
        packed_gp(errors={"E_mean": {"rmse": float("nan")}})


def test_numpy_numbers_in_a_card_become_plain_ones(tmp_path):
    packed = packed_gp(errors={"E_mean": {"rmse": np.float32(0.5), "points": np.int64(3)}})
    found = Packed.load(packed.save(tmp_path / "x.dlmodel"))
    assert found.card.errors == {"E_mean": {"rmse": 0.5, "points": 3}}


def test_a_wrong_version_on_a_card_is_refused():
    with pytest.raises(OracleError, match=r"the card says 000000000000, the content is"):
        Packed(saved=saved_gp(), card=replace(card(), version="0" * 12))


def test_what_never_varied_is_pinned():
    assert card().pinned == {"fibre_axis": "100"}
    assert [i.name for i in card().varied] == ["grain_size", "width"]


def test_arrays_of_any_shape_and_precision_keep_their_bits(tmp_path):
    arrays = {"a/0": np.float32([[1.5, 2.5]]).T, "scalar": np.array(3.0), "empty": np.empty((0, 2))}
    packed = Packed(saved=SavedModel(config={"kind": "x"}, arrays=arrays), card=card())
    found = Packed.load(packed.save(tmp_path / "x.dlmodel")).saved.arrays
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[name], array)
