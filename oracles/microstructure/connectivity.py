"""Connected parts of a phase and whether it percolates, aware of periodic borders.

Pixels connect through their faces (4 neighbours in 2-D, 6 in 3-D): diagonal contacts do not count.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .structure import Ints

Phase = npt.NDArray[np.bool_]
Contacts = npt.NDArray[np.int64]


def clusters(phase: Phase, *, periodic: bool) -> tuple[Ints, int]:
    """Label the connected parts 1 .. n of a phase, 0 outside it; returns ``(labels, n)``."""
    labels, count = ndimage.label(phase)
    if periodic and count:
        one, other = np.concatenate(_contacts(labels)).T
        links = coo_array((np.ones(len(one)), (one, other)), shape=(count + 1, count + 1))
        merged = connected_components(links, directed=False)[1]
        labels = _renumbered(merged[labels], phase)
        count = int(labels.max())
    return labels.astype(np.int32), count


def percolates(phase: Phase, *, periodic: bool) -> tuple[bool, ...]:
    """Whether a phase spans the image along x, y[, z].

    Cut: one connected part touches both faces. Periodic: a connected part meets its own image in a
    neighbouring period, so the endless medium is spanned (a path may wind through several periods and other
    axes). Source: Torquato 2002, ch. 9; winding by node potentials, cf. Newman & Ziff 2001.
    """
    labels: Ints = np.asarray(ndimage.label(phase)[0], dtype=np.int32)
    if periodic:
        return tuple(bool(wound) for wound in _windings(_contacts(labels), phase.ndim)[::-1])
    ends = [(np.take(labels, 0, axis), np.take(labels, -1, axis)) for axis in reversed(range(phase.ndim))]
    return tuple(bool(np.intersect1d(low[low > 0], high[high > 0]).size) for low, high in ends)


def _contacts(labels: npt.NDArray[np.integer]) -> list[Contacts]:
    """Per axis: pairs of labels that meet across the periodic border, last layer to first."""
    pairs = (
        np.stack([labels.take(-1, axis).ravel(), labels.take(0, axis).ravel()], axis=1).astype(np.int64)
        for axis in range(labels.ndim)
    )
    return [np.unique(pair[pair.all(axis=1)], axis=0) for pair in pairs]


def _windings(contacts: list[Contacts], ndim: int) -> Phase:
    """Axes along which some closed path through the borders ends in another period than it began.

    Each cluster gets the period in which a walk first meets it; a second way to it that disagrees winds.
    """
    steps: dict[int, list[tuple[int, Ints]]] = defaultdict(list)
    for axis, pairs in enumerate(contacts):
        shift = np.eye(ndim, dtype=np.int32)[axis]
        for one, other in pairs.tolist():
            steps[one].append((other, shift))
            steps[other].append((one, -shift))
    wound = np.zeros(ndim, dtype=bool)
    period: dict[int, Ints] = {}
    for start in steps:
        if start in period:
            continue
        period[start], waiting = np.zeros(ndim, dtype=np.int32), [start]
        while waiting:
            here = waiting.pop()
            for there, shift in steps[here]:
                if there not in period:
                    period[there] = period[here] + shift
                    waiting.append(there)
                wound |= period[there] != period[here] + shift
    return wound


def _renumbered(labels: Ints, phase: Phase) -> Ints:
    """Labels 1 .. n in order of first appearance inside the phase."""
    result = np.zeros(labels.shape, dtype=np.int32)
    result[phase] = np.unique(labels[phase], return_inverse=True)[1] + 1
    return result
