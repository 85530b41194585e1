"""From what a user asks for to a setup that can run, or a sentence that says why it cannot."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from designloop.campaign import load
from designloop.campaign.model import Campaign
from designloop.campaign.strategies import StrategySpec
from designloop.compare.pool import JUDGED, Pool
from designloop.compare.setup import Setup
from designloop.compare.source import asked
from designloop.compare.table_file import load_with_rows
from designloop.errors import CampaignError


def planned(
    path: Path, *, overrides: Sequence[str] = (), table: Path | None = None, replacement: bool = False,
    resample: bool = False, noise: str = "", target: float | None = None, learn: Sequence[str] = (),
    trials: int | None = None, initial: int | None = None, test: int = 256, yes: bool = False,
) -> tuple[Setup, Campaign]:  # fmt: skip
    """The setup and its campaign. Raises CampaignError, OracleError.

    ``yes`` takes an oracle that is not declared cheap. ``learn`` defaults to the campaign's goal, ``trials``
    to what its stop leaves after the shared designs.
    """
    if table is not None:
        campaign = load_with_rows(path, table, overrides=overrides)
    else:
        campaign = load(path, overrides=overrides)
        _check_cheap(campaign, yes, replacement, resample)
    metrics = tuple(learn) or tuple(a.metric for a in (campaign.goal.aims if campaign.goal else ()))
    _check_metrics(campaign, metrics)
    if campaign.fidelities:
        raise CampaignError(
            "not in this version: a comparison with a choice between fidelities.",
            instead=f"Compare at one: --set fidelities=null --set fidelity={campaign.counts}.",
        )
    if metrics and target is not None:
        raise CampaignError(
            "--target goes with looking for the best design; this comparison learns a response.",
            instead="Leave it out, or leave --learn and the goal out.",
        )
    shared = _shared(campaign, initial, learns=bool(metrics), table=table is not None)
    setup = Setup(
        text=campaign.text, folder=str(campaign.folder), name=str(path), replacement=replacement,
        resample=resample, noise=noise, target=target, learn=metrics, initial=shared,
        trials=1, test=test if metrics or noise else 0,
        table=_digest(table) if table else "", oracle="" if table else _oracle(campaign),
    )  # fmt: skip
    left = trials if trials is not None else campaign.stop.trials - setup.count
    if left < 1:
        raise CampaignError(
            f"after {setup.count} shared designs nothing is left of {campaign.stop.trials} trials.",
            instead="Write --trials 40, or fewer shared designs: --initial 2.",
        )
    if table is not None:
        pool = Pool.of(setup, campaign)
        room = len(pool.space.rows) - setup.count - (JUDGED if metrics else 0)
        left = left if replacement else min(left, room)
    return replace(setup, trials=left), campaign


def _shared(
    campaign: Campaign, initial: int | None, *, learns: bool, table: bool
) -> tuple[tuple[str, int], ...]:
    usual = StrategySpec(name="query_by_committee" if learns else "log_nei")
    written = dict(campaign.strategy.initial) or usual.initial_design(parameters=campaign.space.dimension)
    if initial is not None:
        if initial < 0:
            raise CampaignError(f"--initial {initial} is no count.", instead="Write 0 or more.")
        generator = "random" if table else next(iter(written))
        return ((generator, initial),) if initial else ()
    if table:
        return (("random", sum(written.values())),)
    return tuple(written.items())


def _check_cheap(campaign: Campaign, yes: bool, replacement: bool, resample: bool) -> None:
    if replacement or resample:
        raise CampaignError(
            f"--{'replacement' if replacement else 'resample'} speaks of a table's rows.",
            instead="Name the table: --table data.csv.",
        )
    declaration = campaign.declaration
    if declaration.name == "table" and declaration.options.get("match") == "exact":
        raise CampaignError(
            "the oracle is a table that answers at its own rows only, and strategies would miss them.",
            instead="Compare on the rows themselves: --table with the same file.",
        )
    if not declaration.cheap and not yes:
        raise CampaignError(
            f"the oracle {campaign.oracle_name} is not declared cheap, and a comparison calls it thousands "
            "of times.",
            instead="Compare on a table of earlier results (--table data.csv), on a cheap oracle of the same "
            "shape (--set oracle=NAME), or pay for the calls: --yes.",
        )


def _check_metrics(campaign: Campaign, metrics: Sequence[str]) -> None:
    known = [*(o.name for o in campaign.outcomes), *(o.name for o in campaign.declaration.outputs)]
    wrong = next((m for m in metrics if m not in known), None)
    if wrong is not None:
        raise CampaignError(
            f"--learn {wrong}: there is no such metric.",
            instead=f"Write some of {', '.join(dict.fromkeys(known))}.",
        )


def problem_text(setup: Setup, campaign: Campaign) -> str:
    """What is compared on what, on one line or two."""
    problem = asked(setup, campaign, campaign.seed)
    aim = "minimize" if problem.minimize else "maximize"
    what = f"learn {', '.join(setup.learn)}" if setup.learn else f"{aim} {problem.metric}"
    ways = "with replacement" if setup.replacement else "without replacement"
    where = f"the rows of a table, drawn {ways}" if setup.table else f"the oracle {campaign.oracle_name}"
    noise = f", noise of standard deviation {setup.noise}" if setup.noise else ""
    more = ", one replicate per draw" if setup.resample else ""
    shared = " + ".join(f"{count} {name}" for name, count in setup.initial) or "no"
    tries = f"{shared} shared designs, then {setup.trials} tries"
    return f"{campaign.name}: {what} on {where}{noise}{more};\n{tries}"


def _digest(table: Path) -> str:
    return hashlib.sha256(table.read_bytes()).hexdigest()


def _oracle(campaign: Campaign) -> str:
    """What tells one oracle from a later one of the same name."""
    file = campaign.oracle_name.rpartition(":")[0]
    source = campaign.folder / file
    digest = _digest(source) if file.endswith(".py") and source.is_file() else ""
    return f"{campaign.declaration.version} {digest}".strip()
