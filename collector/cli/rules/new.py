"""`collector rules new`: a rule to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from collector.api.rule_skeletons import SKELETON_KINDS, render_skeleton, write_skeleton
from collector.cli.output import print_stderr


@click.command("new")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that is not there yet. Default: stdout.",
)
@click.argument("kind", type=click.Choice(SKELETON_KINDS))
@click.argument("name", default="my-rule")
def command(kind: str, name: str, *, out: Path | None) -> None:
    """A rule of a kind with comments, to begin with; it passes lint and its own tests.

    NAME is what alerts call it, such as large-export.
    """
    try:
        if out is None:
            click.echo(render_skeleton(kind, name), nl=False)
            return
        write_skeleton(kind, name, out)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from None
    print_stderr(f"{out}: see what it does with `collector rules test {out}`")
