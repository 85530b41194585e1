"""The oracles that a file names, found."""

from __future__ import annotations

from pathlib import Path

from designloop.campaign.composition import OracleChoice
from designloop.errors import OracleError
from designloop.oracle import Declaration
from designloop.reading.document import Path_
from designloop.reading.problems import Problems


def declared(choice: OracleChoice, *, folder: Path, problems: Problems, path: Path_) -> Declaration:
    """What an oracle declares; raises CampaignError at ``path`` where it cannot be found."""
    from designloop.discovery import find

    try:
        return find(choice.name, folder=folder, options=choice.options, version=choice.version).declaration
    except OracleError as error:
        problems.add(path, str(error))
        problems.stop()
        raise AssertionError("an oracle error without a sentence") from error
