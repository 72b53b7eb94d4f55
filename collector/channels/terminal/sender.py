"""The terminal that the collector runs in."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any, cast

from rich.console import Console
from rich.panel import Panel

from collector.channels.terminal.panel import build_panel
from collector.model import ChannelMessage, DeliveryOutcome, DeliveryRejection, DeliverySuccess


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalNotifier:
    """Prints a panel for each message. The console, if none is given, writes to stdout."""

    console: Console = field(default_factory=Console)

    def send(self, message: ChannelMessage) -> DeliveryOutcome:
        """Print it. A stream that is closed or cannot show the text refuses it for good."""
        try:
            self.console.file.write(_draw_panel(build_panel(message), self.console))
            self.console.file.flush()
        except (OSError, ValueError) as problem:
            return DeliveryRejection(
                reason=f"the terminal cannot be written to: {type(problem).__name__}"
            )
        return DeliverySuccess()


def _draw_panel(panel: Panel, console: Console) -> str:
    """As that console would write it. If it did, a broken pipe would end the whole process."""
    page = io.StringIO()
    Console(
        file=page,
        width=console.width,
        force_terminal=console.is_terminal,
        color_system=cast("Any", console.color_system),
    ).print(panel)
    return page.getvalue()
