import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designloop.tracking.names import safe, safe_model


@pytest.mark.parametrize("name", ["beam_length", "noise.max", "best/noise.max", "a b", "f:1"])
def test_names_mlflow_takes_stay_as_they_are(name: str) -> None:
    assert safe(name) == name


@pytest.mark.parametrize("name", ["√Hz", "flux[nT]", "λ", "", "../x", "/x", "a//b", "E'"])
def test_other_names_become_names_mlflow_takes(name: str) -> None:
    from mlflow.utils.validation import _validate_metric_name

    assert safe(name) != name
    _validate_metric_name(safe(name))


def test_names_that_differ_only_in_foreign_characters_stay_different() -> None:
    assert len({safe(n) for n in ("√Hz", "∛Hz", "_Hz")}) == 3


@given(st.text(max_size=300))
def test_any_text_becomes_a_valid_name(name: str) -> None:
    assert re.fullmatch(r"[\w\-. :/]{1,250}", safe(name), re.ASCII)
    assert not set(safe_model(name)) & set("/:.%\"'")
