"""`quarantine list` shows what could not be read, and `retry` reads what was mended by hand."""

from __future__ import annotations

import json

from cli.processes import invoke_command, parse_lines, write_config

from collector.ingest import quarantine
from fakes.pipeline_bench import build_login_row, open_pipeline_bench, render_elf_csv


def test_a_bad_record_is_shown_mended_and_read(tmp_path):
    config = write_config(tmp_path, "https://acme.my.salesforce.com")
    with open_pipeline_bench(tmp_path) as bench:
        batch = bench.write_batch("Login", [build_login_row(n) for n in range(3)])
        with batch.segments[0].open("ab") as segment:
            segment.write(b'"Login","20260301"\n')
        bench.pipeline.ingest(batch)
        ((path,),) = [
            found.batch.segments for found in quarantine.list_batches(bench.places.quarantine)
        ]

    (listed,) = parse_lines(invoke_command("quarantine", "list", "--json", "-c", config))
    assert (5, '"Login","20260301"') == (listed["line"], listed["content"])
    tried = invoke_command("quarantine", "retry", "-c", config)
    reason = "segment 0: 1 record: line 5: 2 columns instead of 8"
    assert 1 == tried.exit_code
    assert f"kkkkkkkk Login: 0 events; still unreadable: {reason}" in tried.stdout

    mended = render_elf_csv([build_login_row(9)]).splitlines()[1].decode()
    path.write_text(json.dumps({**json.loads(path.read_text()), "content": mended}) + "\n")
    assert "kkkkkkkk Login: 1 events" in invoke_command("quarantine", "retry", "-c", config).stdout
    told = invoke_command("quarantine", "list", "-c", config)
    assert (0, "nothing is in quarantine\n") == (told.exit_code, told.stdout)
    with open_pipeline_bench(tmp_path) as bench:
        assert [f"0AT000000000001AAA:0:{n}" for n in (1, 2, 3, 4)] == [
            uid for (uid,) in bench.list_rows()
        ]
