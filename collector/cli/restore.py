"""`collector restore`: a snapshot or a backup, put back."""

from __future__ import annotations

from pathlib import Path

import click

from collector.api.backup import parse_place
from collector.api.restoration import RestoreReport, to_json
from collector.app.restoration import plan_restoration, restore_state
from collector.cli.options import config_option, json_option, load_settings, refuse_empty
from collector.cli.output import format_count, print_json, print_line, print_paragraph, print_stderr
from collector.cli.progress import show_progress

_PATH_LIMIT = 20


@click.command("restore")
@click.argument("place", metavar="[FOLDER]", required=False, callback=refuse_empty)
@config_option
@click.option(
    "--state",
    "name",
    default="latest",
    show_default=True,
    help="Which copy of the state: the name of its folder, or the newest good one.",
)
@click.option("--dry-run", is_flag=True, help="Check all of it and say what would be done.")
@json_option
def command(place: str | None, config: Path, name: str, *, dry_run: bool, as_json: bool) -> None:
    """Put a backup in FOLDER back, or a snapshot of the state where no folder is given.

    Stop the collector first. The state that is there is kept in state_dir/damaged. Files of the
    archive that are missing are put back from the backup; those that the state does not know join
    it. What is in neither is fetched again within the look-back; messages that may have been sent
    before say so. Exit code 1 where files of the archive are lost.
    """
    settings = load_settings(config)
    folder = parse_place(place) if place else None
    with show_progress("restoring", total=1.0) as progress:
        act = plan_restoration if dry_run else restore_state
        report = act(settings, folder, name=name, report_progress=progress.advance)
    if as_json:
        print_json(to_json(report, is_done=not dry_run))
    elif dry_run:
        _print_report(report, "would be", "would be")
    else:
        _print_report(report, "was", "were")
        _print_outcome(report)
    if not report.is_complete:
        raise click.exceptions.Exit(1)


def _print_report(report: RestoreReport, was: str, were: str) -> None:
    copy, archive = report.chosen.copy, report.archive
    for other, reason in report.chosen.refusals.items():
        print_stderr(f"passed over: {other}: {reason}")
    print_line(
        f"the state of {copy.manifest.taken:%Y-%m-%d %H:%M:%S} UTC {was} put back, with"
        f" {format_count(copy.manifest.counts.alerts, 'alert')}"
    )
    print_line(
        f"archive: {archive.present:,} files are in place,"
        f" {report.restored_files:,} {were} put back from the backup,"
        f" {len(archive.lost):,} are lost"
    )
    lost = {file.path: "it is neither in the archive nor in a backup" for file in archive.lost}
    refused = {**lost, **report.refused_files}
    for path, reason in list(refused.items())[:_PATH_LIMIT]:
        print_stderr(f"not put back: {path}: {reason}")
    if refused:
        print_stderr(
            f"{format_count(len(refused), 'file')} of the archive could not be put back: while"
            " Salesforce has their events, they are fetched again"
        )


def _print_outcome(report: RestoreReport) -> None:
    adopted, messages = report.adopted, report.messages
    if adopted.file_count:
        print_line(
            f"{format_count(adopted.file_count, 'file')} with"
            f" {format_count(adopted.event_count, 'event')} are newer than it and joined it;"
            f" {format_count(report.found_alerts, 'alert')} found in them"
        )
    if messages.told_since:
        print_line(
            f"{format_count(messages.told_since, 'alert')} told since then: told.jsonl says so, and"
            " none of them is told again"
        )
    if messages.marked:
        print_line(
            f"{format_count(messages.marked, 'message')} waiting: each says that it may be a repeat"
        )
    if report.evidence is not None:
        print_line(f"the state that was replaced is in {report.evidence}")
    print_paragraph(
        "Start the collector: what the copy does not have is fetched again within the look-back."
        " Logins are not in a copy: where an org rotates refresh tokens and state_dir/tokens is"
        " lost, authorize the app again"
    )
