"""Trainers are found by the source that made a data set."""

from __future__ import annotations

import numpy as np
import pytest

from designloop.learning.datasets import DataSet
from designloop.learning.trainers import TrainingError, find


def data(source: str) -> DataSet:
    return DataSet(arrays={"x": np.zeros(3)}, description={"source": source})


def test_the_source_of_the_data_names_the_trainer() -> None:
    assert find(data("sve")).__name__ == "train"


def test_a_source_that_nobody_trains_for_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(TrainingError, match="no network is known for data sets of source 'wind'.* sve"):
        find(data("wind"))
