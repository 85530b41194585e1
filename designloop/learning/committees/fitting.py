"""From settings and labels to a committee, fitted or rebuilt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from designloop.learning.committees.base import (
    Array,
    Committee,
    CommitteeSpec,
    Labels,
    Members,
    Rows,
    subset_rows,
)
from designloop.learning.committees.mixed import Mixed, deal
from designloop.learning.features import Encoder

MIXED = ("gp", "networks", "forest")


def fit_committee(
    spec: CommitteeSpec,
    labels: Labels,
    *,
    encoder: Encoder,
    seed: int,
    state: Any = None,
    refit: bool = False,
) -> Committee:
    """Fit a committee to ``labels``; equal arguments give equal members, bit for bit.

    ``state``: hyper-parameters of an earlier fit, kept as they are, or with ``refit`` taken as the start of a
    new fit; kinds without hyper-parameters are always fitted anew. Raises ValueError with fewer than two
    labels and for a regressor that cannot be made.
    """
    if len(labels) < 2:
        raise ValueError(f"a committee needs two labels or more, not {len(labels)}.")
    rows = subset_rows(len(labels), spec, np.random.default_rng(seed))
    members = _members(spec, labels, rows, encoder, seed, state, refit, {})
    return Committee(spec=spec, labels=labels, encoder=encoder, seed=seed, members=members)


def restore_committee(
    spec: CommitteeSpec,
    labels: Labels,
    *,
    encoder: Encoder,
    seed: int,
    rows: Rows,
    state: Any,
    arrays: Mapping[str, Array],
) -> Committee:
    """The committee that was fitted with these; nothing is fitted but scikit-learn's regressors."""
    members = _members(spec, labels, rows, encoder, seed, state, False, arrays)
    return Committee(spec=spec, labels=labels, encoder=encoder, seed=seed, members=members)


def _members(
    spec: CommitteeSpec,
    labels: Labels,
    rows: Rows,
    encoder: Encoder,
    seed: int,
    state: Any,
    refit: bool,
    arrays: Mapping[str, Array],
) -> Members:
    if spec.kind == "mixed":
        parts = {}
        for kind, own in deal(rows, MIXED).items():
            kept = {n.removeprefix(f"{kind}/"): a for n, a in arrays.items() if n.startswith(f"{kind}/")}
            known = state.get(kind) if isinstance(state, Mapping) else None
            parts[kind] = _members(replace(spec, kind=kind), labels, own, encoder, seed, known, refit, kept)
        return Mixed(parts=parts)
    if spec.kind == "gp":
        from designloop.learning.committees.processes import fit_processes

        return fit_processes(spec, labels, rows=rows, encoder=encoder, seed=seed, state=state, refit=refit)
    if spec.kind == "networks":
        from designloop.learning.committees.networks import Networks, fit_networks

        if arrays:
            weights = tuple(arrays[f"weights{i}"] for i in range(len(spec.hidden) + 1))
            return Networks(encoder=encoder, weights=weights, rows=rows)
        return fit_networks(spec, labels, rows=rows, encoder=encoder, seed=seed)
    from designloop.learning.committees.estimators import fit_estimators

    return fit_estimators(spec, labels, rows=rows, encoder=encoder, seed=seed)
