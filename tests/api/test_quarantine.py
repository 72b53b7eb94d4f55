"""What is set aside is listed segment by segment."""

from __future__ import annotations

from collector.api.quarantine import read_segments, to_json
from collector.ingest.quarantine import store_segment
from collector.ingest.state_paths import StatePaths
from fakes.model_samples import build_batch


def test_nothing_is_set_aside_after_a_good_pass(collected):
    assert [] == list(read_segments(collected.settings))


def test_every_segment_is_listed_with_its_place_and_reason(uncollected, tmp_path):
    paths = [tmp_path / "0.csv", tmp_path / "1.csv"]
    for path in paths:
        path.write_text("A\n1\n")
    root = StatePaths(state_dir=uncollected.state_dir).quarantine
    for index in range(2):
        store_segment(root, build_batch(segments=tuple(paths)), index, f"odd {index}")

    assert [(0, "odd 0"), (1, "odd 1")] == [
        (segment.index, segment.reason) for segment in read_segments(uncollected)
    ]
    assert [
        {
            "batch": "k" * 32,
            "org": "acme",
            "segment": n,
            "event_type": "Login",
            "reason": f"odd {n}",
        }
        for n in range(2)
    ] == list(map(to_json, read_segments(uncollected)))
