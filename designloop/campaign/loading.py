"""Reading a campaign file from end to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from designloop.campaign.composition import OracleChoice
from designloop.campaign.found import declared
from designloop.campaign.model import Campaign
from designloop.campaign.overrides import overridden
from designloop.campaign.resolve import resolve
from designloop.campaign.stages import resolve_composition
from designloop.campaign.stops import refuse_over
from designloop.campaign.validation import validated
from designloop.oracle import Declaration
from designloop.reading.document import Path_, parse, read_file
from designloop.reading.problems import Problems


def load(
    path: str | Path,
    *,
    overrides: Sequence[str] = (),
    declaration: Declaration | None = None,
    versions: Mapping[str, str] | None = None,
    begins: bool = False,
) -> Campaign:
    """Read and check a campaign file.

    ``overrides`` are ``dotted.key=value`` texts; ``declaration`` stands in for the plain oracle named
    in the file; ``versions`` are those of the oracles, by name, with which a run began. A campaign that
    ``begins`` now is refused where its time is over already.
    Raises CampaignError, whose ``errors`` holds everything that was found.
    """
    path = Path(path)
    return _load(
        read_file(path), folder=path.absolute().parent, file=str(path), stem=path.stem, overrides=overrides,
        declaration=declaration, versions=versions or {}, begins=begins,
    )  # fmt: skip


def loads(
    text: str,
    *,
    folder: str | Path = ".",
    name: str = "campaign.yaml",
    unnamed: str = "campaign",
    overrides: Sequence[str] = (),
    declaration: Declaration | None = None,
    versions: Mapping[str, str] | None = None,
) -> Campaign:
    """Check a campaign given as text; input files resolve against ``folder``, errors name the file ``name``.

    A campaign without a name of its own is called ``unnamed``; ``versions`` as in ``load``. Raises
    CampaignError.
    """
    return _load(
        text, folder=Path(folder).absolute(), file=name, stem=unnamed, overrides=overrides,
        declaration=declaration, versions=versions or {}, begins=False,
    )  # fmt: skip


def _load(
    text: str,
    *,
    folder: Path,
    file: str,
    stem: str,
    overrides: Sequence[str],
    declaration: Declaration | None,
    versions: Mapping[str, str],
    begins: bool,
) -> Campaign:
    document = overridden(parse(text, file=file), overrides)
    problems = Problems(document)
    content = validated(document, problems)
    if begins:
        refuse_over(content.stop, problems, now=datetime.now())
    if "name" not in content.model_fields_set:
        content = content.model_copy(update={"name": stem})
    if declaration is None and content.oracle.name is not None:
        name, options = content.oracle.name, content.oracle.options
        choice = OracleChoice(name=name, options=options, version=versions.get(name))
        written = isinstance(document.data.get("oracle"), dict)
        path: Path_ = ("oracle", "name") if written else ("oracle",)
        declaration = declared(choice, folder=folder, problems=problems, path=path)
    composition = resolve_composition(
        content, declaration, folder=folder, problems=problems, versions=versions
    )
    if composition is not None:
        declaration = composition.declaration
    assert declaration is not None
    return resolve(
        content, document, folder=folder, declaration=declaration, composition=composition, problems=problems
    )
