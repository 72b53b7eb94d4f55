"""The files of an archive are listed wherever they lie, whatever lies beside them."""

from __future__ import annotations

from collector.archive.event_paths import iterate_event_paths

DAY = "org=acme/event_type=Login/date=2026-03-01"


def test_files_are_found_at_any_depth_and_staged_ones_are_none(tmp_path):
    for place in (f"{DAY}/one.parquet", f"{DAY}/two.parquet", "odd.parquet", ".staging/x.parquet"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    (tmp_path / DAY / "notes.txt").touch()

    assert {f"{DAY}/one.parquet", f"{DAY}/two.parquet", "odd.parquet"} == set(
        iterate_event_paths(tmp_path, left_out=".staging")
    )


def test_links_are_places_of_files_and_lead_nowhere(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/one.parquet").touch()
    root = tmp_path / "archive"
    root.mkdir()
    (root / "folder").symlink_to(tmp_path / "elsewhere")
    (root / "broken.parquet").symlink_to(tmp_path / "nothing")

    assert ["broken.parquet"] == list(iterate_event_paths(root, left_out=".staging"))


def test_a_folder_with_the_name_of_a_file_is_told_with_what_is_in_it(tmp_path):
    (tmp_path / "odd.parquet").mkdir()
    (tmp_path / "odd.parquet/one.parquet").touch()

    assert ["odd.parquet", "odd.parquet/one.parquet"] == list(
        iterate_event_paths(tmp_path, left_out=".staging")
    )


def test_an_archive_that_is_not_there_has_none(tmp_path):
    assert [] == list(iterate_event_paths(tmp_path / "absent", left_out=".staging"))
