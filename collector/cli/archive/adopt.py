"""`collector archive adopt`: the state again, from the files of events."""

from __future__ import annotations

from pathlib import Path

import click

from collector.api.archive_adoption import AdoptionReport, to_json
from collector.app.adoption import adopt_archive
from collector.cli.options import config_option, json_option, load_settings
from collector.cli.output import format_count, print_json, print_paragraph, print_stderr
from collector.cli.progress import show_progress

_PATH_LIMIT = 20


@click.command("adopt")
@config_option
@json_option
def command(config: Path, *, as_json: bool) -> None:
    """Build the state again from the files of the archive, after the state database was lost.

    Every file tells what it was made from. The rules are matched with all of it; alerts that were
    told stay quiet, those of the last day of which nobody knows are told as possible repeats, and
    older ones are only listed. Run it again after an interruption. Exit code 1 where a file cannot
    be read or a rule cannot be run.
    """
    settings = load_settings(config)
    with show_progress("adopting the archive", total=1.0) as progress:
        report = adopt_archive(settings, progress.advance)
    if as_json:
        print_json(to_json(report))
    else:
        _print_report(report)
    if report.files.unreadable or report.failed_rules:
        raise click.exceptions.Exit(1)


def _print_report(report: AdoptionReport) -> None:
    files, alerts = report.files, report.alerts
    print_paragraph(
        f"{format_count(files.file_count, 'file')} with {format_count(files.event_count, 'event')}"
        f" of {files.batch_count:,} batches are in the ledger again"
    )
    found = alerts.told_before + alerts.repeated + alerts.quiet
    print_paragraph(
        f"{format_count(found, 'alert')} found again: {alerts.told_before:,} were told before,"
        f" {alerts.repeated:,} are told as possible repeats, {alerts.quiet:,} are too old to be"
        " told"
    )
    if files.undescribed_count:
        print_paragraph(
            f"{format_count(files.undescribed_count, 'file')} of an earlier version do not say when"
            " their org made them: what it made on the last day is listed again"
        )
    print_paragraph(
        "Not in the files: holds (place them again: `collector archive hold add`), alerts of"
        " first_seen and baseline rules (they learn anew from the"
        " archive), what was lost or had failed, and windows in which nothing happened:"
        " `collector backfill` reads these again"
    )
    for path, reason in list(files.unreadable.items())[:_PATH_LIMIT]:
        fate = "set aside" if path in files.damaged else "left out"
        print_stderr(f"{fate}: {path}: {reason}")
    if files.damaged:
        print_paragraph(
            f"{format_count(len(files.damaged), 'file')} that cannot be read:"
            " `collector run` asks for their events again while the org has them, and `status` says"
            " what came of it"
        )
    for rule in report.failed_rules:
        print_stderr(f"the rule {rule} could not be run over the archive: see `collector status`")
