"""Many files become few at a command's word, and the archive tells how many there are."""

import pytest
from cli.processes import invoke_command, parse_lines, write_config

from collector.detect import RuleSet
from collector.errors import StateBusyError
from collector.ingest.archive_claim import claim_archive
from collector.store.state_lock import hold_state_lock
from fakes.compaction_bench import take_log_file
from fakes.pipeline_bench import open_pipeline_bench


@pytest.fixture
def config(tmp_path):
    """An archive of six small files, of which one is of another day, and a stray one."""
    with open_pipeline_bench(tmp_path, rules=RuleSet(rules=())) as bench:
        claim_archive(bench.database, bench.places.archive)
        for number in range(5):
            take_log_file(bench, number)
        take_log_file(bench, 5, "2026-03-02", rows=3)
    strays = tmp_path / "state" / "strays"
    strays.mkdir()
    (strays / "one").write_bytes(b"123")
    return write_config(tmp_path, "http://127.0.0.1:9")


def ask(config, *words):
    done = invoke_command("archive", *words, "--json", "-c", config)
    assert 0 == done.exit_code, done.output
    (answer,) = parse_lines(done)
    return answer


def test_files_become_few_and_are_counted(config):
    (before,) = ask(config, "status")["types"]
    assert ("acme", "Login", 6, 6, 13) == tuple(
        before[name] for name in ("org", "event_type", "files", "small_files", "rows")
    )

    assert {
        "merged_files": 5,
        "made_files": 1,
        "events": 10,
        "deleted_files": 0,
        "problems": [],
    } == ask(config, "compact")

    after = ask(config, "status")
    (total,) = after["types"]
    assert (2, 13, "2026-03-01", "2026-03-02") == tuple(
        total[name] for name in ("files", "rows", "first_day", "last_day")
    )
    assert 5 == after["retired"]["files"]
    assert {"files": 1, "bytes": 3} == after["strays"]
    assert {"files": 0, "bytes": 0} == after["damaged"] == after["quarantined"]
    assert 0 < after["free_bytes"] < after["total_bytes"]
    shown = invoke_command("archive", "status", "-c", config).output
    assert "2026-03-01  2026-03-02" in shown
    assert "1 file, 3 B" in shown


def test_beside_a_daemon_there_is_nothing_to_do(config):
    with hold_state_lock(config.parent / "state"):
        done = invoke_command("archive", "compact", "-c", config)
    assert isinstance(done.exception, StateBusyError)
    assert "it makes few files of many by itself" in str(done.exception)
    assert 6 == ask(config, "status")["types"][0]["files"]


def test_an_archive_that_is_gone_has_no_status(config):
    (config.parent / "state" / "archive").rename(config.parent / "elsewhere")

    done = invoke_command("archive", "status", "-c", config)

    assert 1 == done.exit_code
    assert "Is its volume mounted" in str(done.exception)
