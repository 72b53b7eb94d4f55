"""Messages as files to look at, instead of sending them: for `collector demo`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from collector.channels.render import write_files
from collector.model import Message, Outcome, Refused, Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Writes each message as Slack, a mail client and a browser would get it."""

    directory: Path

    def send(self, message: Message) -> Outcome:
        """Write the files. A directory that cannot be written to refuses for good."""
        try:
            files = write_files(message, self.directory)
        except OSError as problem:
            return Refused(reason=f"the files cannot be written: {problem.strerror}")
        return Sent(reference=files.slack.name)
