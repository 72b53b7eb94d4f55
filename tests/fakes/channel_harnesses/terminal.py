"""The terminal under the laws of channels: it is there or it is closed, and answers nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from collector.channels.terminal.sender import TerminalNotifier
from collector.channels.terminal.settings import TerminalSettings
from fakes.channel_harness import Answer, Behaviour, ChannelBench, ChannelHarness


@contextmanager
def _run() -> Iterator[ChannelBench]:
    stream = io.StringIO()

    def react(behaviour: Behaviour | Answer) -> None:
        if behaviour is Behaviour.NEVER_TAKES_IT:
            stream.close()

    yield ChannelBench(
        channel=TerminalNotifier(console=Console(file=stream, width=100)),
        react=react,
        read=lambda: [stream.getvalue()],
    )


HARNESS = ChannelHarness(
    kind="terminal",
    settings=TerminalSettings(),
    run=_run,
    codes={},
    unable=frozenset({Behaviour.IS_BUSY, Behaviour.BREAKS_OFF}),
)
