"""`collector archive verify`: is every file what was committed?"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import click

from collector.api.archive_verification import (
    ArchiveVerification,
    ChainHead,
    ChainReport,
    to_json,
    verify_archive,
)
from collector.cli.options import (
    config_option,
    json_option,
    load_settings,
    parse_duration,
    refuse_empty,
)
from collector.cli.output import (
    format_count,
    print_json,
    print_line,
    print_paragraph,
    print_stderr,
)
from collector.cli.progress import show_progress

_ALTERED_LIMIT = 20
_HEAD_PATTERN = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


def _parse_head(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> ChainHead | None:
    if value is None:
        return None
    match = _HEAD_PATTERN.fullmatch(value.strip().lower())
    if match is None:
        message = "must be NUMBER:HASH, as `archive verify` and `status` print it"
        raise click.BadParameter(message, context, parameter)
    return ChainHead(number=int(match[1]), hash=match[2])


@click.command("verify")
@config_option
@json_option
@click.option("--org", callback=refuse_empty, metavar="NAME", help="Only the files of this org.")
@click.option(
    "--event-type",
    "event_types",
    callback=refuse_empty,
    metavar="TYPE",
    multiple=True,
    help="Only of this type.",
)
@click.option(
    "--since",
    callback=parse_duration,
    metavar="DURATION",
    help="Only files with events since then.  [default: all]",
)
@click.option(
    "--head",
    "kept_head",
    callback=_parse_head,
    metavar="NUMBER:HASH",
    help="A head of the hash chain that you have kept elsewhere: the chain must have it.",
)
def command(
    config: Path,
    *,
    as_json: bool,
    org: str | None,
    event_types: tuple[str, ...],
    since: timedelta | None,
    kept_head: ChainHead | None,
) -> None:
    """Read the files of the archive whole: each is there, and every byte as it was committed.

    It works beside a running collector. A file that is missing or altered is set aside, told by
    `collector-health`, and fetched again while Salesforce has it. Exit code 1 where something is
    wrong.
    """
    settings = load_settings(config)
    with show_progress("verifying the archive", total=1.0) as progress:
        report = verify_archive(
            settings,
            progress.advance,
            org=org,
            event_types=event_types,
            since=since,
            kept_head=kept_head,
        )
    if as_json:
        print_json(to_json(report))
    else:
        _print_report(report)
    if not report.is_sound:
        raise click.exceptions.Exit(1)


def _print_report(report: ArchiveVerification) -> None:
    if report.files or report.altered or report.unjudged_files:
        print_paragraph(
            f"{format_count(report.files, 'file')} with {format_count(report.events, 'event')}"
            f" ({report.bytes / 1e6:,.1f} MB): every byte is as it was committed"
        )
    else:
        print_paragraph("No file of the archive is of that org, type and time")
    if report.unhashed_files:
        print_paragraph(
            f"{format_count(report.unhashed_files, 'file')} of an earlier version had no hash:"
            " every value can be read, and from now on a change of a byte shows, too"
        )
    if report.unjudged_files:
        print_paragraph(
            f"{format_count(report.unjudged_files, 'file')} not judged: about to be fetched again,"
            " or replaced meanwhile"
        )
    for file in report.altered[:_ALTERED_LIMIT]:
        print_stderr(
            f"{file.path} ({format_count(file.rows, 'event')}): {file.reason}; {file.outcome}"
        )
    further = len(report.altered) - _ALTERED_LIMIT
    if further > 0:
        print_stderr(f"and {format_count(further, 'further file')}: `--json` has all")
    if report.chain is not None:
        _print_chain(report.chain)


def _print_chain(chain: ChainReport) -> None:
    if chain.fault:
        print_stderr(f"the hash chain does not fit: {chain.fault}")
        return
    state = "" if chain.is_on else ", and is off now"
    print_paragraph(
        f"The hash chain fits in all {chain.head.number:,} entries{state}. Its head, kept elsewhere"
        " and given to `--head` later, shows whether the past was rewritten:"
    )
    print_line(f"{chain.head.number}:{chain.head.hash}")
