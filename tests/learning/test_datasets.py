"""Data sets: the same rows however they are grouped, resumed and refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from designloop.learning.datasets import Arrays, Column, DataSet, DataSetError, make, row_seeds
from designloop.learning.sources import find
from designloop.oracle import Infeasible


@dataclass(frozen=True, kw_only=True)
class Grains:
    """Row k has k % 4 + 1 grains, stored NaN-padded to the most of the rows asked for."""

    scale: float = 1.0
    fails_at: int = -1
    bad_at: int = -1
    impossible_at: int = -1

    name: ClassVar[str] = "grains"
    summary: ClassVar[str] = "Grains for tests."
    version: ClassVar[str] = "1"
    count: ClassVar[int] = 12
    cost: ClassVar[float] = 1.0
    columns: ClassVar[tuple[Column, ...]] = (
        Column(name="seed", role="input"),
        Column(name="angles", unit="rad", role="structure"),
        Column(name="total", unit="rad", role="label"),
    )

    @property
    def options(self) -> dict[str, Any]:
        return {"scale": self.scale}

    def provenance(self) -> Mapping[str, Any]:
        return {"boundary": "none"}

    def rows(self, seed: int, which: range) -> Arrays:
        if self.fails_at in which:
            raise KeyboardInterrupt
        if self.impossible_at in which:
            raise Infeasible("no such packing")
        seeds = row_seeds(seed, self.name, which)
        angles = np.full((len(seeds), max(k % 4 + 1 for k in which)), np.nan)
        for row, k, one in zip(angles, which, seeds, strict=True):
            row[: k % 4 + 1] = self.scale * np.random.default_rng(one).random(k % 4 + 1)
        total = np.nansum(angles, axis=1)
        total[[k == self.bad_at for k in which]] = np.nan
        return {"seed": seeds, "angles": angles, "total": total}


def same(first: DataSet, second: DataSet) -> None:
    assert list(first.arrays) == list(second.arrays)
    for name, values in first.arrays.items():
        np.testing.assert_array_equal(values, second.arrays[name])
    assert first.digest == second.digest


@pytest.fixture
def whole(tmp_path: Path) -> DataSet:
    return make(Grains(), tmp_path / "whole", seed=3)


@pytest.mark.parametrize("chunk", [1, 2, 5, 12, 100])
def test_rows_and_digest_do_not_depend_on_the_chunk(tmp_path: Path, whole: DataSet, chunk: int) -> None:
    same(make(Grains(), tmp_path / "other", seed=3, chunk=chunk), whole)


def test_an_interrupted_set_keeps_its_rows_and_goes_on(tmp_path: Path, whole: DataSet) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(Grains(fails_at=7), tmp_path / "set", seed=3, chunk=2)
    part = DataSet.load(tmp_path / "set")
    assert len(part) == 6
    assert not part.complete
    assert "digest" not in part.description
    seen: list[tuple[int, int]] = []
    done = make(Grains(), tmp_path / "set", seed=3, chunk=4, watch=lambda *at: seen.append(at))
    assert seen == [(6, 12), (10, 12), (12, 12)]
    assert done.complete
    assert done.description["digest"] == done.digest
    same(done, whole)


def test_a_finished_set_is_not_made_again(whole: DataSet) -> None:
    assert whole.folder is not None
    same(make(Grains(fails_at=0), whole.folder, seed=3), whole)


def test_a_set_may_grow_and_keeps_its_rows(tmp_path: Path, whole: DataSet) -> None:
    make(Grains(), tmp_path / "set", seed=3, count=5)
    assert DataSet.load(tmp_path / "set").complete
    grown = make(Grains(fails_at=4), tmp_path / "set", seed=3, count=12)
    same(grown, whole)


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        (Grains(scale=2.0), {"seed": 3}, r"another data set: its options is \{'scale': 1.0\}, not \{'scale'"),
        (Grains(), {"seed": 4}, r"another data set: its seed is 3, not 4"),
        (Grains(), {"seed": 3, "count": 5}, r"has 12 rows already; ask for as many"),
        (Grains(), {"seed": 3, "count": 0}, r"a data set of 0 rows; write 1 or more"),
    ],
    ids=["options", "seed", "fewer", "none"],
)
def test_another_set_is_refused(whole: DataSet, source: Grains, options: Any, sentence: str) -> None:
    assert whole.folder is not None
    with pytest.raises(DataSetError, match=sentence):
        make(source, whole.folder, **options)
    assert DataSet.load(whole.folder).digest == whole.digest


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(DataSetError, match="exists and is no data set"):
        make(Grains(), tmp_path)


def test_a_missing_shard_gets_a_sentence(tmp_path: Path) -> None:
    make(Grains(), tmp_path / "set", chunk=4)
    (tmp_path / "set" / "rows-00004.npz").unlink()
    with pytest.raises(DataSetError, match=r"misses the rows from 4 to 7; remove rows-00008.npz"):
        DataSet.load(tmp_path / "set")


@pytest.mark.parametrize(
    ("text", "sentence"), [(None, "is no data set: it has no dataset.json"), ("{", "is not JSON")]
)
def test_a_folder_without_a_description_gets_a_sentence(
    tmp_path: Path, text: str | None, sentence: str
) -> None:
    if text:
        (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(DataSetError, match=sentence):
        DataSet.load(tmp_path)


def test_a_label_that_is_not_finite_stops_the_set(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="made total that is not finite"):
        make(Grains(bad_at=5), tmp_path / "set", chunk=2)
    assert len(DataSet.load(tmp_path / "set")) == 4


def test_a_row_that_cannot_be_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"rows 4 to 5 of 'grains' cannot be made: no such packing. Rows"):
        make(Grains(impossible_at=5), tmp_path / "set", chunk=2)
    assert len(DataSet.load(tmp_path / "set")) == 4


def test_the_description_is_plain_json_with_provenance(whole: DataSet) -> None:
    assert whole.folder is not None
    told = json.loads((whole.folder / "dataset.json").read_text())
    assert told["columns"] == [asdict(column) for column in Grains.columns]
    assert (told["source"], told["seed"], told["count"], told["declared_count"]) == ("grains", 3, 12, 12)
    assert told["provenance"] == {"boundary": "none"}
    assert told["made_with"][0]["numpy"] == np.__version__
    assert whole.columns == Grains.columns


@given(
    rows=st.integers(10, 400),
    seed=st.integers(0, 99),
    shares=st.sampled_from([(0.7, 0.15, 0.15), (0.5, 0.3, 0.2), (0.4, 0.4)]),
)
def test_a_split_parts_the_rows_by_their_shares(rows: int, seed: int, shares: tuple[float, ...]) -> None:
    data = DataSet(arrays={"x": np.zeros(rows)}, description={})
    parts = data.split({str(k): share for k, share in enumerate(shares)}, seed=seed)
    together = np.concatenate(list(parts.values()))
    assert len(np.unique(together)) == len(together)
    assert len(together) == round(rows * sum(shares))
    for part, share in zip(parts.values(), shares, strict=True):
        assert abs(len(part) - rows * share) <= 1
        assert (np.diff(part) > 0).all()


def test_a_split_takes_whole_numbers_of_rows_and_depends_on_the_seed() -> None:
    data = DataSet(arrays={"x": np.zeros(1050)}, description={})
    counts = {"train": 800, "validation": 150, "test": 100}
    first, again, other = (data.split(counts, seed=seed) for seed in (0, 0, 1))
    assert {name: len(part) for name, part in first.items()} == counts
    np.testing.assert_array_equal(first["test"], again["test"])
    assert set(first["test"]) != set(other["test"])


@pytest.mark.parametrize("shares", [{"a": 0.9, "b": 0.2}, {"a": 9, "b": 2}, {"a": 1.0, "b": -0.1}])
def test_a_split_beyond_the_rows_is_refused(shares: dict[str, float]) -> None:
    data = DataSet(arrays={"x": np.zeros(10)}, description={})
    with pytest.raises(DataSetError, match="of the data set"):
        data.split(shares, seed=0)


def test_row_seeds_depend_on_row_and_stream_alone_and_fit_a_float() -> None:
    seeds = row_seeds(5, "sve", range(1000))
    np.testing.assert_array_equal(row_seeds(5, "sve", [700, 3]), seeds[[700, 3]])
    assert len(set(seeds.tolist()) | set(row_seeds(5, "beams", range(1000)).tolist())) == 2000
    assert (seeds.astype(float).astype(np.uint64) == seeds).all()


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("sev", {}, r"no source of data sets 'sev'. Did you mean 'sve'\?"),
        ("sve", {"boundry": "traction"}, r"no option 'boundry'. Did you mean 'boundary'\?"),
        ("sve", {"boundary": "glue"}, r"boundary is 'glue'; write one of displacement, traction"),
        ("sve", {"size": "wide"}, r"size is 'wide'; write a number such as 2.0"),
        ("sve", {"pixels": 6.5}, r"pixels is 6.5; write a whole number such as 64"),
        ("beams", {"length": 41}, r"41 um is no whole number of windows of 2 um.*length=40"),
        ("beams_of_sizes", {"grain_from": 0.1}, r"takes 262144 at most.*raise grain_from"),
        ("disks", {"kind": "square"}, r"kind is 'square'; write one of mono, poly, overlapping"),
    ],
    ids=["name", "option", "choice", "word", "fraction", "windows", "work", "kind"],
)
def test_a_wrong_source_gets_a_sentence(name: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataSetError, match=sentence):
        find(name, options)
