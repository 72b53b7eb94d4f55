"""`collector backup`: state and archive, copied while the daemon works."""

from __future__ import annotations

from pathlib import Path

import click

from collector.api.backup import back_up_state, to_json
from collector.backup.backups import ArchiveMode, BackupReport
from collector.cli.options import config_option, json_option, load_settings, refuse_empty
from collector.cli.output import format_count, print_json, print_line, print_paragraph, print_stderr
from collector.cli.progress import show_progress

_PATH_LIMIT = 20


@click.command("backup")
@click.argument("place", metavar="FOLDER", callback=refuse_empty)
@config_option
@click.option(
    "--archive",
    type=click.Choice([mode.value for mode in ArchiveMode]),
    default=ArchiveMode.COPY.value,
    show_default=True,
    help="copy its files, those that are there already excepted, or none: note where they are.",
)
@click.option(
    "--keep", type=click.IntRange(min=1), help="Delete older backups but for so many. Default: all."
)
@json_option
def command(place: str, config: Path, archive: str, keep: int | None, *, as_json: bool) -> None:
    """Back up the state and the archive into a folder, while the daemon works.

    Backups lie side by side in FOLDER/states and share the files in FOLDER/archive; on the same
    disk these are links, which protect from a deletion but not from the disk. Tokens are left out.
    Exit code 1 where files that the state names were not there to be copied.
    """
    settings = load_settings(config)
    with show_progress("copying the archive", total=1.0) as progress:
        report = back_up_state(
            settings,
            place,
            mode=ArchiveMode(archive),
            keep=keep,
            report_progress=progress.advance,
        )
    if as_json:
        print_json(to_json(report))
    else:
        _print_report(report)
    if not report.state.manifest.is_complete:
        raise click.exceptions.Exit(1)


def _print_report(report: BackupReport) -> None:
    manifest = report.state.manifest
    counts, archive = manifest.counts, manifest.archive
    print_line(
        f"{report.state.folder}: the state of {manifest.taken:%Y-%m-%d %H:%M:%S} UTC with"
        f" {format_count(counts.alerts, 'alert')}, {format_count(counts.files, 'file')} and"
        f" {format_count(counts.events, 'event')}"
    )
    if archive.mode == ArchiveMode.COPY:
        print_line(
            f"archive: {format_count(archive.files, 'file')}, {archive.bytes / 1e6:,.1f} MB, of"
            f" which {report.new_files:,} are new"
        )
    else:
        print_line(f"archive: not copied; its files are in {archive.place}")
    if report.removed_states:
        print_line(f"deleted: {', '.join(report.removed_states)}")
    for sentence in manifest.left_out:
        print_paragraph(f"left out: {sentence}")
    for path in archive.missing[:_PATH_LIMIT]:
        print_stderr(f"missing: {path}: the state names it, and it is not there as it was")
    if archive.missing:
        print_stderr(
            f"incomplete: {format_count(len(archive.missing), 'file')} of the archive could not be"
            " copied; `collector status` says what becomes of them"
        )
