"""``--table``: a campaign whose existing trials are the rows of a file, and errors that name the option."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from designloop.campaign import load
from designloop.campaign.model import Campaign
from designloop.errors import CampaignError, Place

HEADER = "A header is the name of a parameter or metric, with its unit in brackets: 'height [nm]'."


def load_with_rows(path: Path, table: Path, *, overrides: Sequence[str]) -> Campaign:
    """The campaign with the table's rows as its existing trials. Raises CampaignError."""
    if not table.is_file():
        raise CampaignError("there is no such file.", place=_place(table), instead="Name a CSV or XLSX file.")
    ours = f'existing_trials={{file: "{table.absolute()}"}}'
    try:
        return load(path, overrides=[*overrides, ours])
    except CampaignError as error:
        first, *others = [_placed(e, f"--set {ours}", table) for e in error.errors]
        raise CampaignError(first.what, place=first.place, instead=first.instead, others=others) from None


def _place(table: Path) -> Place:
    return Place(file=f"--table {table}")


def _placed(error: CampaignError, ours: str, table: Path) -> CampaignError:
    """An error of ``ours`` at the table instead; remedies by keys that --table does not have are replaced."""
    if error.place is None or error.place.file != ours:
        return CampaignError(error.what, place=error.place, instead=error.instead)
    instead = error.instead or ""
    if "failed_if" in instead:
        instead = "Fill it in, or take the row out."
    elif re.search(r"\bcolumns,|\bcolumns:|\{name: ", instead):
        instead = HEADER
    what = error.what.removeprefix(f"{table.name}: ")
    return CampaignError(what, place=_place(table), instead=instead or None)
