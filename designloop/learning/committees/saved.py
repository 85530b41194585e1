"""A committee between processes: settings, labels, hyper-parameters and weights, as JSON and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from designloop.learning.committees.base import Array, Committee, CommitteeSpec, Labels, out_of_bag
from designloop.learning.committees.fitting import restore_committee
from designloop.learning.features import Encoder
from designloop.learning.gp import LeaveOneOut, loo_figures
from designloop.learning.saved import SavedModel
from designloop.learning.transforms import MetricTransform
from designloop.space import Design, Space

VERSION = 1


def pack_committee(
    committee: Committee,
    *,
    space: Space,
    metrics: Sequence[str],
    transforms: Sequence[MetricTransform],
    trials: Sequence[int],
) -> SavedModel:
    """One saved model of kind ``committee``; ``units`` are left empty for whoever knows them.

    ``metrics`` and ``transforms`` (m,) say what the outputs are, ``trials`` (n,) where the labels come from.
    """
    config: dict[str, Any] = {
        "version": VERSION,
        "kind": "committee",
        "space": space.to_json(),
        "metrics": list(metrics),
        "units": {},
        "spec": committee.spec.to_json(),
        "encoder": committee.encoder.to_json(),
        "transforms": [t.to_json() for t in transforms],
        "trials": [int(t) for t in trials],
        "seed": committee.seed,
        "state": committee.state,
    }
    labels = committee.labels
    own = {f"members/{name}": a for name, a in committee.members.arrays.items()}
    arrays = {"unit": labels.unit, "z": labels.z, "noise": labels.noise, "rows": committee.rows.astype(float)}
    return SavedModel(config=config, arrays={**arrays, **own})


def unpack_committee(model: SavedModel) -> Committee:
    """The committee of a saved model. Raises ValueError for a model of another kind or version."""
    kind, version = model.config.get("kind"), model.config.get("version")
    if kind != "committee" or version != VERSION:
        raise ValueError(
            f"This is a model of kind {kind!r}, version {version!r}; "
            f"expected kind 'committee', version {VERSION}."
        )
    arrays = model.arrays
    return restore_committee(
        CommitteeSpec.from_json(model.config["spec"]),
        Labels(unit=arrays["unit"], z=arrays["z"], noise=arrays["noise"]),
        encoder=Encoder.from_json(model.config["encoder"]),
        seed=model.config["seed"],
        rows=arrays["rows"] > 0.5,
        state=model.config["state"],
        arrays={n.removeprefix("members/"): a for n, a in arrays.items() if n.startswith("members/")},
    )


def predict(model: SavedModel, designs: Sequence[Design]) -> dict[str, tuple[Array, Array]]:
    """Mean and standard deviation of the metric at ``designs``, by metric and in its units, (n,) each.

    The members' spread and what their out-of-bag errors leave over beside it: members that miss alike do not
    know it, and alike trees agree.
    """
    unit = np.asarray(Space.from_json(model.config["space"]).to_unit(designs), dtype=float)
    committee = unpack_committee(model)
    predictions = committee.predict(unit)
    missed = np.where(np.isnan(committee.labels.noise).all(axis=0), committee.aleatoric, 0.0)
    mean, sd = predictions.mean(axis=0), np.sqrt(predictions.var(axis=0, ddof=1) + missed)
    return {
        metric: transform.to_metric(mean[:, j], sd[:, j])
        for j, (metric, transform) in enumerate(_outputs(model))
    }


def aleatoric(model: SavedModel) -> dict[str, float]:
    """Standard deviation of one label's noise by metric, in metric units at the median label."""
    variance = unpack_committee(model).aleatoric
    middle = np.median(model.arrays["z"], axis=0)
    return {
        metric: float(transform.to_metric(*map(np.asarray, (middle[j], np.sqrt(variance[j]))))[1])
        for j, (metric, transform) in enumerate(_outputs(model))
    }


def leave_one_out(model: SavedModel) -> dict[str, LeaveOneOut]:
    """Out-of-bag predictions of every metric: each label by the members that did not see it.

    Labels that all members saw are left out. ``sd``: the members' spread and the label's noise together.
    """
    committee = unpack_committee(model)
    labels = committee.labels
    predictions = committee.predict(labels.unit)
    mean = out_of_bag(predictions, committee.rows)
    noise = np.where(np.isnan(labels.noise), committee.aleatoric, labels.noise)
    sd = np.sqrt(predictions.var(axis=0, ddof=1) + noise)
    judged = np.flatnonzero(~committee.rows.all(axis=0))
    trials = tuple(model.config["trials"][i] for i in judged)
    return {
        metric: loo_figures(
            trials=trials,
            z=labels.z[judged, j],
            mean=mean[judged, j],
            sd=np.maximum(sd[judged, j], 1e-9),
            transform=transform,
        )
        for j, (metric, transform) in enumerate(_outputs(model))
    }


def _outputs(model: SavedModel) -> list[tuple[str, MetricTransform]]:
    transforms = [MetricTransform.from_json(t) for t in model.config["transforms"]]
    return list(zip(model.config["metrics"], transforms, strict=True))
