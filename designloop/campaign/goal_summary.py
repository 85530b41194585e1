"""What a campaign says of its goal and its strategies, for ``designloop validate``."""

from __future__ import annotations

from collections.abc import Iterator

from designloop import units
from designloop.campaign.labels import label_costs
from designloop.campaign.model import Aim, Campaign, StrategyChoice
from designloop.campaign.strategies import LEARNERS, OPTIMIZERS

_OVER = {
    "relative": " over the mean absolute value",
    "absolute": "",
    "spread": " over the standard deviation of the values",
}
LABELS = (4, 8)
"""Labels per parameter that a first model takes."""
FEWEST = 10
"""Labels that a judgement needs at least; with many parameters two per parameter and two more."""


def goal_lines(c: Campaign) -> list[str]:
    """What is learned how well, who judges it, and what a label has to know."""
    if c.goal is None:
        return []
    goal, die = c.goal, " at the nominal die" if c.process else ""
    judges = {
        "leave_one_out": "judged on every label in scope, each predicted without it (leave-one-out)",
        "held_out": f"judged on {goal.designs} Sobol designs, evaluated first and never learned from",
        "reference": f"judged on {goal.designs} designs that {goal.reference} answers",
    }
    return [*(_aim(c, aim, die) for aim in goal.aims), judges[goal.by], *label_costs(c)]


def _aim(c: Campaign, aim: Aim, die: str) -> str:
    outcome = next(o for o in c.outcomes if o.name == aim.metric)
    text = outcome.expression.text
    named = f" (metric {aim.metric})" if text != aim.metric else ""
    inside = f"root mean square error{_OVER[aim.kind]}"
    if aim.kind == "absolute":
        exact = units.format_quantity(aim.error, outcome.unit)
        inside += f", {exact}" if exact != aim.label else ""
    return f"learn {text}{named}{die} to {aim.label} ({inside})"


def strategy_lines(c: Campaign) -> list[str]:
    """Every strategy with its options, its initial design and its end."""
    return [("then " if i else "") + _strategy(c, choice) for i, choice in enumerate(c.phases)]


def _strategy(c: Campaign, choice: StrategyChoice) -> str:
    text = choice.name + "".join(f", {k} {_option(v)}" for k, v in choice.options.items())
    if choice.initial:
        text += f"; first {', '.join(f'{n} {g}' for g, n in choice.initial.items())}"
    if len(c.phases) == 1 or choice.until is None:
        return text
    if choice.until == "goal":
        return f"{text}; until the goal is reached"
    return f"{text}; for {choice.until} trials"


def _option(value: object) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)


def register_lines(c: Campaign) -> list[str]:
    """As what the last model is registered, where the file says something of it."""
    if c.goal is None and "registration" not in c.file.model_fields_set:
        return []
    when = ", once the goal is reached" if c.register.if_reached else ""
    return [f"{c.register.name}, alias {c.register.alias}{when}"]


def goal_notes(c: Campaign) -> Iterator[str]:
    """What is allowed but doubtful in a campaign that learns."""
    learning = [p for p in c.phases if p.name in LEARNERS]
    held_out = c.goal.designs if c.goal and c.goal.by == "held_out" else 0
    budget, parameters = c.stop.trials - held_out, len(c.space.parameters)
    if (c.goal or learning) and budget < LABELS[1] * parameters:
        low, high = (n * parameters for n in LABELS)
        share = "fewer than" if budget < low else "hardly more than"
        yield (
            f"{budget} labels for {parameters} parameters are {share} the {low} to {high} "
            f"({LABELS[0]} to {LABELS[1]} per parameter) that a first model takes."
        )
    yield from _unjudged(c, c.stop.trials - held_out)
    if c.goal is None and learning and not any(p.name in OPTIMIZERS for p in c.phases):
        verb = "minimizes" if c.objective.minimize else "maximizes"
        yield (
            f"nothing {verb} {c.objective.metric}: {learning[0].name} learns; add a goal, or choose gp_ucb."
        )
    for choice in c.phases:
        batch = choice.options.get("batch") or 1
        if isinstance(batch, int) and batch > c.stop.trials:
            yield f"{choice.name} proposes {batch} at once, and all {c.stop.trials} trials are fewer."
    for choice in learning:
        spent = _random_picks(choice, budget)
        if spent:
            yield (
                f"the gate of {choice.name} spends about {spent} of the {c.stop.trials} trials on random "
                "picks, to see whether the committee does better; gate: off spends none."
            )
    if c.goal and held_out > c.stop.trials / 2:
        yield f"{held_out} of {c.stop.trials} trials are held out; leave_one_out judges without any."
    if "registration" in c.file.model_fields_set and c.tracking_uri is None:
        yield "register has no effect with tracking: off."


def _unjudged(c: Campaign, trials: int) -> Iterator[str]:
    """A goal that the trials cannot reach: two judgements in a row must meet it, each with labels enough."""
    labels = trials + sum(not t.failed for t in c.existing)
    needed = max(FEWEST, 2 * len(c.space.parameters) + 2, sum(c.strategy.initial.values()) + 1)
    if c.goal and labels < needed:
        yield (
            f"the goal cannot be reached with {labels} labels: two judgements in a row must meet it, the "
            f"second with {needed} labels or more; {c.stop.trials + needed - labels} trials are the least."
        )


def _random_picks(choice: StrategyChoice, budget: int) -> int:
    if choice.options.get("gate") != "random":
        return 0
    proposed = choice.until if isinstance(choice.until, int) else budget
    return max(0, proposed - sum(choice.initial.values())) // int(str(choice.options["shadow"]))
