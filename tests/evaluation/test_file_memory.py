"""A list of files is asked for once, and answers for every span inside."""

from datetime import timedelta

from collector.evaluation.file_memory import FileMemory
from collector.model import ArchiveFile
from fakes.model_samples import NOON

HOUR = timedelta(hours=1)


def build_file(event_type, hour):
    return ArchiveFile(
        path=f"{event_type}{hour}",
        org="acme",
        event_type=event_type,
        date="2026-03-01",
        rows=1,
        bytes=1,
        first_time=NOON + hour * HOUR,
        last_time=NOON + hour * HOUR + HOUR / 2,
    )


FILES = [build_file(name, hour) for name in ("A", "B") for hour in range(5)]


def test_a_span_inside_is_answered_from_what_is_known():
    asked = []

    def list_files(event_types, span):
        asked.append((*event_types, *span))
        return [
            file
            for file in FILES
            if file.event_type in event_types
            and file.last_time >= span[0]
            and file.first_time <= span[1]
        ]

    def list_paths(event_types, *hours):
        span = (NOON + hours[0] * HOUR, NOON + hours[1] * HOUR)
        return [file.path for file in memory(event_types, span)]

    memory = FileMemory(list_files)
    assert ["A1", "A2", "A3"] == list_paths(["A"], 1, 3)
    assert ["A2"] == list_paths(["A"], 1.75, 2.25)
    assert ["B1", "A1"] == list_paths(["B", "A"], 1, 1.5)
    assert ["A", "B"] == [name for name, *_ in asked]
    assert ["A0", "A1", "A2", "A3", "A4"] == list_paths(["A"], 0, 9), "a wider one is asked for"
    assert 3 == len(asked)
