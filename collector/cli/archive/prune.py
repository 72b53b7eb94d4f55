"""`collector archive prune`: what is older than it is kept goes."""

from __future__ import annotations

from pathlib import Path

import click

from collector.api.pruning import (
    PrunePreview,
    PruneRun,
    preview_prune,
    prune_state,
    to_preview_lines,
    to_run_json,
)
from collector.cli.options import config_option, json_option, load_settings
from collector.cli.output import (
    add_row,
    build_number_column,
    build_table,
    format_count,
    print_json,
    print_json_lines,
    print_paragraph,
    print_table,
)


@click.command("prune")
@config_option
@json_option
@click.option("--dry-run", is_flag=True, help="Only say what would go, and what a hold keeps.")
def command(config: Path, *, as_json: bool, dry_run: bool) -> None:
    """Delete what is older than `archive` of the configuration says.

    The daemon does it once a day. Whole days go, by event type; alerts with their messages, once
    these have arrived; nothing that is under a hold. Files leave the disk an hour later, for those
    who read them.
    """
    settings = load_settings(config)
    if dry_run:
        preview = preview_prune(settings)
        if as_json:
            print_json_lines(to_preview_lines(preview))
        else:
            _print_preview(preview)
        return
    run = prune_state(settings)
    if as_json:
        print_json(to_run_json(run))
    else:
        _print_run(run)


def _print_preview(preview: PrunePreview) -> None:
    table = build_table(
        "org",
        "event type",
        "kept since",
        build_number_column("events"),
        build_number_column("files"),
        build_number_column("size"),
        build_number_column("held files"),
        title="Older than it is kept",
    )
    for each in preview.types:
        held = f"{each.held_count:,}" if each.held_count else ""
        row = (f"{each.rows:,}", f"{len(each.files):,}", _format_size(each.bytes), held)
        add_row(table, each.org, each.event_type, each.kept_since, *row)
    if preview.types:
        print_table(table)
    print_paragraph(
        f"would go: {_format_files(preview)} and {format_count(preview.alerts, 'alert')}"
    )
    if preview.held_files or preview.held_alerts:
        print_paragraph(
            f"kept by a hold: {format_count(preview.held_files, 'file')} and"
            f" {format_count(preview.held_alerts, 'alert')}: see `archive hold list`"
        )
    if preview.doubt:
        print_paragraph(f"but nothing is pruned now: {preview.doubt}")


def _print_run(run: PruneRun) -> None:
    print_paragraph(
        f"pruned: {_format_files(run)} and {format_count(run.alerts, 'alert')};"
        f" {run.batches:,} batches of the ledger are only counted from now on"
    )
    if run.held_files:
        print_paragraph(f"kept by a hold: {format_count(run.held_files, 'file')}")
    if run.files:
        print_paragraph("the files leave the disk in an hour, or with the first start after that")


def _format_files(counts: PrunePreview | PruneRun) -> str:
    return (
        f"{format_count(counts.rows, 'event')} in {format_count(counts.files, 'file')}"
        f" ({_format_size(counts.bytes)})"
    )


def _format_size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
