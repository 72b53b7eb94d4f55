"""Messages as files to look at, instead of sending them: for `collector demo`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from collector.channels.preview import write_preview
from collector.model import DeliveryOutcome, DeliveryRejection, DeliverySuccess, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class FileNotifier:
    """Writes each message as Slack, a mail client and a browser would get it."""

    directory: Path

    def send(self, message: Message) -> DeliveryOutcome:
        """Write the files. A directory that cannot be written to refuses for good."""
        try:
            files = write_preview(message, self.directory)
        except OSError as problem:
            return DeliveryRejection(reason=f"the files cannot be written: {problem.strerror}")
        return DeliverySuccess(reference=files.slack_path.name)
