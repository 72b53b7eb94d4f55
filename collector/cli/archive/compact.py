"""`collector archive compact`: few large files of many small ones, now."""

from __future__ import annotations

from pathlib import Path

import click

from collector.api.archive_compaction import to_json
from collector.app.compaction import compact_archive
from collector.cli.options import config_option, json_option, load_settings
from collector.cli.output import format_count, print_json, print_paragraph, print_stderr
from collector.cli.progress import show_progress


@click.command("compact")
@config_option
@json_option
def command(config: Path, *, as_json: bool) -> None:
    """Make few large files of the many small ones of each type and day, now.

    The daemon does it by itself while it works; this is for an archive on which none does, such as
    that of `collector run --once`. Every event stays as it is; the files that were there are
    deleted by a later run, an hour on, so that whoever reads them goes on. Exit code 1 where
    something could not be compacted.
    """
    settings = load_settings(config)
    with show_progress("compacting the archive", total=1.0) as progress:
        result = compact_archive(settings, progress.advance)
    if as_json:
        print_json(to_json(result))
    else:
        print_paragraph(
            f"{format_count(result.merged_files, 'file')} with"
            f" {format_count(result.events, 'event')} became {result.made_files:,};"
            f" {format_count(result.deleted_files, 'retired file')} deleted"
        )
        for problem in result.problems:
            print_stderr(f"stays as it was: {problem}")
    if result.problems:
        raise click.exceptions.Exit(1)
