"""Model-free designs: random, Sobol and Latin hypercube sequences that honour the input constraints.

A sequence depends on the campaign's seed, its generator and the space alone; the position in it is the
number of designs proposed before. Points that break an input constraint are skipped, and so are designs
that were tried already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from designloop.strategies.base import StrategyExhausted
from designloop.strategies.search import Search

Array = NDArray[np.float64]

BLOCK = 256
LIMIT = 2**13
"""Points of a sequence looked at before the small rest of the space is sampled in another way."""
PURPOSES = (
    "random", "sobol", "latin_hypercube", "center", "fit", "acquire", "rescue", "joint", "nodes", "shadow",
    "region",
)  # fmt: skip


def seed_of(seed: int, purpose: str, index: int) -> int:
    """A 32-bit seed from (campaign seed, purpose, trial index)."""
    sequence = np.random.SeedSequence([abs(seed), int(seed < 0), PURPOSES.index(purpose), index])
    return int(sequence.generate_state(1)[0])


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """One generator's endless sequence; ``size`` is the number of rows of a Latin hypercube."""

    generator: str
    seed: int
    size: int = 10

    def propose(self, search: Search, *, position: int, count: int) -> Array:
        """Up to ``count`` new allowed designs (k, d) from ``position`` on, fewer at a finite space's end.

        Raises StrategyExhausted where not one is left.
        """
        chosen: list[Array] = []
        place = 0
        for points in self._accepted(search, reach=max(LIMIT, 2 * (position + count))):
            for point in points[max(0, position - place) :]:
                if not search.allowed(point[None])[0]:
                    continue
                chosen.append(point)
                search = search.with_tried(point)
                if len(chosen) == count:
                    return np.stack(chosen)
            place += len(points)
        found = [c[None] for c in chosen]
        try:
            found.append(_rescue(search, self.seed, position, count - len(chosen)))
        except StrategyExhausted:
            if not found:
                raise
        return np.vstack(found)

    def _accepted(self, search: Search, *, reach: int) -> Iterator[Array]:
        """Distinct snapped points (k, d) of the first ``reach`` that meet the input constraints, in order."""
        seen: set[bytes] = set()
        for block in self._blocks(len(search.space.parameters), reach):
            snapped = search.snap(block)
            points = snapped[search.meets(snapped)]
            if not search.continuous:
                keys = [row.tobytes() for row in np.round(points, 9)]
                first = [k not in seen and keys.index(k) == i for i, k in enumerate(keys)]
                points = points[np.array(first, dtype=bool)]
                seen.update(keys)
            yield points

    def _blocks(self, d: int, reach: int) -> Iterator[Array]:
        makers: dict[str, Callable[[int, int], Iterator[Array]]] = {
            "center": self._center,
            "random": self._random,
            "sobol": self._sobol,
            "latin_hypercube": self._latin,
        }
        return makers[self.generator](d, reach)

    def _center(self, d: int, reach: int) -> Iterator[Array]:
        yield np.full((1, d), 0.5)
        yield from self._sobol(d, reach)

    def _random(self, d: int, reach: int) -> Iterator[Array]:
        rng = np.random.default_rng(self.seed)
        for _ in range(reach // BLOCK + 1):
            yield rng.random((BLOCK, d))

    def _sobol(self, d: int, reach: int) -> Iterator[Array]:
        from scipy.stats import qmc

        engine = qmc.Sobol(d, rng=self.seed)
        for _ in range(reach // BLOCK + 1):
            yield engine.random(BLOCK)

    def _latin(self, d: int, reach: int) -> Iterator[Array]:
        from scipy.stats import qmc

        rng = np.random.default_rng(self.seed)
        for _ in range(reach // (4 * self.size) + 1):
            yield qmc.LatinHypercube(d, rng=rng).random(self.size)


def _rescue(search: Search, seed: int, position: int, count: int) -> Array:
    """For tiny feasible regions and finite spaces: whatever is left, in a random order."""
    from designloop.strategies.maximize import feasible_pool

    if search.exhaustive:
        left = search.everything()
    else:
        left = feasible_pool(search, anchors=np.empty((0, len(search.space.parameters))), seed=seed)
    if not len(left):
        raise StrategyExhausted("Every design that the campaign allows has been tried.")
    order = np.random.default_rng(seed_of(seed, "rescue", position)).permutation(len(left))
    return left[order[:count]]
