"""What stands beside the verdicts: a target that nobody reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from designloop.compare.measures import Measured, Rows
from designloop.compare.setup import Setup
from designloop.compare.source import Source
from designloop.compare.virtual import hit


def target_notes(
    rows: Rows, measured: Sequence[Measured], *, setup: Setup, source: Source, target: float | None
) -> Iterator[str]:
    """Sentences on a target that no strategy reached, and on one that no row of the table reaches."""
    if target is None or any(m.tries is not None and m.tries.reached.any() for m in measured):
        return
    problem = source.problem
    best = min if problem.minimize else max
    tried = [
        value
        for row in rows.values()
        for value in row["values"][row["initial"] if setup.replacement else 0 :]
        if value is not None
    ]
    found = f"the best found is {best(tried):.6g}" if tried else "nothing was found in scope"
    yield f"note: nobody reached the target {target:.6g}; {found}."
    if setup.table:
        top = float(best(source.reference().values[problem.metric]))
        if not hit([top], target, problem.minimize):
            yield f"note: no row of the table reaches the target {target:.6g}; its best row is {top:.6g}."
