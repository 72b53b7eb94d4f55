"""Urgent work goes first, and equals in the order in which they came."""

import threading
import time

import pytest

from collector.ingest.work_turns import WorkTurns
from collector.sources import Lane


def test_urgent_work_overtakes_bulk_work_that_waits_and_equals_keep_their_order():
    turns = WorkTurns()
    order = []

    def work(name, lane):
        with turns.take_turn(lane):
            order.append(name)

    names = {"bulk 1": Lane.BULK, "bulk 2": Lane.BULK, "urgent 1": Lane.URGENT}
    names["urgent 2"] = Lane.URGENT
    threads = [threading.Thread(target=work, args=each) for each in names.items()]
    with turns.take_turn(Lane.BULK):
        for number, thread in enumerate(threads, 1):
            thread.start()
            while len(turns._waiting) < number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()

    assert ["urgent 1", "urgent 2", "bulk 1", "bulk 2"] == order


def test_a_turn_ends_with_an_error_too():
    turns = WorkTurns()
    with pytest.raises(ZeroDivisionError), turns.take_turn(Lane.BULK):
        _ = 1 / 0

    with turns.take_turn(Lane.URGENT):
        assert turns._is_taken
