"""Reading a campaign file from end to end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from designloop.campaign.model import Campaign
from designloop.campaign.overrides import overridden
from designloop.campaign.problems import Problems
from designloop.campaign.reading import Document, parse, read_file
from designloop.campaign.resolve import resolve
from designloop.campaign.schema import CampaignFile
from designloop.campaign.validation import validated
from designloop.errors import OracleError
from designloop.oracle import Declaration


def load(
    path: str | Path, *, overrides: Sequence[str] = (), declaration: Declaration | None = None
) -> Campaign:
    """Read and check a campaign file.

    ``overrides`` are ``dotted.key=value`` texts; ``declaration`` stands in for the oracle named in the file.
    Raises CampaignError, whose ``errors`` holds everything that was found.
    """
    path = Path(path)
    return _load(
        read_file(path), folder=path.absolute().parent, file=str(path), stem=path.stem, overrides=overrides,
        declaration=declaration,
    )  # fmt: skip


def loads(
    text: str,
    *,
    folder: str | Path = ".",
    name: str = "campaign.yaml",
    unnamed: str = "campaign",
    overrides: Sequence[str] = (),
    declaration: Declaration | None = None,
) -> Campaign:
    """Check a campaign given as text; input files resolve against ``folder``, errors name the file ``name``.

    A campaign without a name of its own is called ``unnamed``. Raises CampaignError.
    """
    return _load(
        text, folder=Path(folder).absolute(), file=name, stem=unnamed, overrides=overrides,
        declaration=declaration,
    )  # fmt: skip


def _load(
    text: str,
    *,
    folder: Path,
    file: str,
    stem: str,
    overrides: Sequence[str],
    declaration: Declaration | None,
) -> Campaign:
    document = overridden(parse(text, file=file), overrides)
    problems = Problems(document)
    content = validated(document, problems)
    if "name" not in content.model_fields_set:
        content = content.model_copy(update={"name": stem})
    declaration = declaration or _declared(content, folder, problems)
    return resolve(content, document, folder=folder, declaration=declaration, problems=problems)


def _declared(content: CampaignFile, folder: Path, problems: Problems) -> Declaration:
    from designloop.discovery import find

    where = ("oracle", "name") if isinstance(_written(problems.document), dict) else ("oracle",)
    try:
        return find(content.oracle.name, folder=folder, options=content.oracle.options).declaration
    except OracleError as error:
        problems.add(where, str(error))
        problems.stop()
        raise AssertionError("an oracle error without a sentence") from error


def _written(document: Document) -> object:
    return document.data.get("oracle")
