"""A signal to end is heard, whichever thread the system hands it to."""

import signal
import threading
import time

import pytest

from collector.stop_signals import STOP_SIGNALS, set_on_stop_signal


@pytest.fixture(autouse=True)
def restored_handlers():
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def send_from_another_thread(number):
    def send():
        time.sleep(0.2)  # the main thread is asleep by then
        signal.pthread_kill(threading.get_ident(), number)

    threading.Thread(target=send, daemon=True).start()


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_it_wakes_a_main_thread_that_waits_while_another_takes_the_signal(number):
    stop_event = threading.Event()
    with set_on_stop_signal(stop_event):
        send_from_another_thread(number)

        # With a handler alone it would sleep on: it runs when the main thread next runs.
        assert stop_event.wait(timeout=30)


def test_a_signal_during_the_end_kills_nobody():
    stop_event = threading.Event()
    with set_on_stop_signal(stop_event):
        pass
    signal.raise_signal(signal.SIGTERM)

    assert not stop_event.is_set()


def test_other_signals_are_left_alone():
    stop_event = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with set_on_stop_signal(stop_event):
            signal.raise_signal(signal.SIGUSR1)

            assert not stop_event.wait(timeout=0.2)
    finally:
        signal.signal(signal.SIGUSR1, before)
