"""The command line: parses, calls, prints."""

from __future__ import annotations

from typing import IO, Any

import click

from designloop import __version__
from designloop.cli import campaigns, compare, datasets, models, oracles, people, runs, training
from designloop.cli.pipe import outlive_readers
from designloop.cli.sources import sources
from designloop.errors import DesignloopError


class Sentences(click.Group):
    """A group whose errors are one paragraph and exit status 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click names it
        """Commands in the order in which a user meets them."""
        return list(self.commands)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run from the command line; what is printed may lose its reader."""
        outlive_readers()
        return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a mistake of the user's gives a sentence, never a traceback."""
        try:
            return super().invoke(ctx)
        except DesignloopError as error:
            raise Mistake(str(error)) from None
        except OSError as error:
            where = error.filename or "the system"
            raise Mistake(f"{where}: {error.strerror or error}. What is recorded is safe.") from None


class Mistake(click.ClickException):
    """What the user has to mend."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the paragraph to standard error."""
        click.echo(f"designloop: {self.message}", file=file, err=True)


SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(cls=Sentences, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="designloop")
def main() -> None:
    """Design campaigns for expensive experiments: one YAML file, any oracle, every iteration in MLflow.

    First steps: 'designloop demo' runs the shipped campaign, 'designloop init magnetometer' writes a file to
    start from, 'designloop run FILE' runs it, 'designloop ui' shows the record.
    """


models.group.add_command(training.train)
for _command in (
    *runs.COMMANDS,
    *people.COMMANDS,
    sources,
    *campaigns.COMMANDS,
    *compare.COMMANDS,
    oracles.group,
    datasets.group,
    models.group,
):
    main.add_command(_command)
