"""What one label costs: how well an oracle that draws realizations knows a standard deviation."""

from __future__ import annotations

import math
from collections.abc import Iterator

from designloop import units
from designloop.campaign.model import Campaign


def realizations_for(error: float) -> int:
    """Realizations after which a standard deviation has this relative standard error, as a fraction.

    n = 1 + 1 / (2 error^2), from Var(s) = sigma^2 / (2 (n - 1)) of the normal law (Rao 1973, section 6b).
    """
    return round(1 + 1 / (2 * error**2))


def error_after(realizations: int) -> float:
    """Relative standard error of a standard deviation from so many realizations, two at least."""
    return 1 / math.sqrt(2 * (realizations - 1))


def realizations_per_label(c: Campaign) -> int | None:
    """Realizations of one evaluation, about; None where the oracle does not say or the campaign varies it."""
    counted = c.declaration.realizations
    if counted is None:
        return None
    defaults = {i.name: i.default for i in c.declaration.inputs}
    varied = {*c.space.names, *(v.name for v in c.process), *(d.name for d in c.derived)}
    given = {name: c.fixed.get(name, defaults[name]) for name in counted.inputs}
    if varied & set(given) or any(isinstance(v, str | bool) or v is None for v in given.values()):
        return None
    numbers = {name: float(value) for name, value in given.items() if not isinstance(value, str | None)}
    count = int(numbers[counted.least])
    if counted.std_error:
        unit = c.declaration.input(counted.std_error).unit
        wanted = float(units.convert(numbers[counted.std_error], unit, ""))
        count = max(count, realizations_for(wanted))
    return min(count, int(numbers[counted.most])) if counted.most else count


def label_costs(c: Campaign) -> Iterator[str]:
    """For each aim on a standard deviation: how well a label knows it, and what it would take to meet it."""
    scatters = {o.name for o in c.declaration.outputs if o.statistic == "std"}
    count = realizations_per_label(c)
    for aim in c.goal.aims if c.goal else ():
        if aim.metric not in scatters or aim.kind != "relative":
            continue
        price = realizations_for(aim.error)
        lead = f"{aim.metric} to {aim.label}:"
        if count is None or count < 2:
            yield f"{lead} a single label to {aim.label} costs about {price} realizations"
            continue
        known = f"known to {units.format_quantity(float(f'{100 * error_after(count):.2g}'), '%')}"
        known += f" (about {count} realizations)"
        if count >= price:
            yield f"{lead} a label is {known}"
        else:
            yield (
                f"{lead} a label {known} is averaged by the model; a single label to {aim.label} would cost "
                f"about {price} realizations"
            )
