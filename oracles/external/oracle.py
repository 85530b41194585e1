"""An oracle.yml as an oracle."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from designloop.errors import CampaignError, OracleError
from designloop.oracle import Context, Declaration, Failed, Infeasible, Result, Value

from . import staging
from .caching import Cache, question
from .evaluating import Evaluation
from .loading import load
from .program import Program
from .rehearsal import rehearse
from .values import present


@dataclass(frozen=True)
class ExternalProgram:
    """External programs, declared by one file. It pickles whole: no other process reads oracle.yml again."""

    program: Program

    @property
    def declaration(self) -> Declaration:
        """As oracle.yml says; the version carries a digest of all that decides the answers."""
        return self.program.declaration

    def evaluate(self, parameters: Mapping[str, Value], context: Context) -> Result:
        """Run the programs in the trial's folder and read their files. Raises Failed, Infeasible."""
        design = present(self.declaration, self.program.told, parameters)
        cache = Cache.of(self.program, context)
        key = question(self.program, design, context.fidelity) if cache.folder else ""
        known = cache.known(key)
        if known is not None:
            return known
        with _folder(context) as folder:
            try:
                answer: Result | Infeasible = self._ask(design, context, folder)
            except Infeasible as infeasible:
                answer = infeasible
            cache.keep(key, answer, folder=folder)
        if isinstance(answer, Infeasible):
            raise answer
        return answer

    def rehearse(self, settings: Mapping[str, Value], directory: Path) -> Iterator[str]:
        """One evaluation in the middle of the inputs, or at ``settings``, told line by line.

        Raises Failed, Infeasible, OracleError.
        """
        return rehearse(self.program, settings, directory)

    def _ask(self, design: Mapping[str, Value], context: Context, folder: Path) -> Result:
        own = {step.folder for step in self.program.steps}
        own |= {n.target.split("/")[0] for step in self.program.steps for n in step.needs}
        before = {path.name for path in folder.iterdir()} - own
        asked = Evaluation(program=self.program, design=design, context=context, folder=folder)
        try:
            return asked.answer()
        except Failed as failure:
            if failure.notes:
                raise
            raise Failed(
                failure.reason,
                cause=failure.cause,
                metrics=failure.metrics,
                retry_after=failure.retry_after,
                notes=asked.notes,
            ) from None
        except Infeasible as answer:
            raise Infeasible(answer.reason, metrics=answer.metrics, notes=asked.notes) from None
        finally:
            staging.tidy(folder, keep=self.program.keep, always=asked.written, before=before)


@contextmanager
def _folder(context: Context) -> Iterator[Path]:
    """The trial's own folder, or one for this evaluation only."""
    if context.directory is not None:
        context.directory.mkdir(parents=True, exist_ok=True)
        yield context.directory.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="designloop-") as folder:
        yield Path(folder).resolve()


def find(
    name: str, *, folder: Path, options: Mapping[str, Value], version: str | None = None
) -> ExternalProgram:
    """The oracle that the file ``name`` describes, relative to ``folder``. Raises OracleError.

    ``version``: the one that a run began with; a file that answers otherwise by now is refused.
    """
    if options:
        raise OracleError(f"oracle {name!r} has no options; remove {', '.join(map(repr, options))}.")
    path = (folder / Path(name.removeprefix("external:")).expanduser()).resolve()
    if not path.is_file():
        raise OracleError(f"oracle {name!r}: there is no file {path}.")
    try:
        oracle = ExternalProgram(load(path))
    except CampaignError as error:
        raise OracleError(str(error)) from None
    if version is not None and oracle.declaration.version != version:
        raise OracleError(
            f"oracle {name!r}: what it declares, or a file that it needs, has changed since the run began. "
            "Put that back, or start a new run and bring the old trials in by existing_trials."
        )
    return oracle
