"""The errors that we raise.

CollectorError                  a sentence for a person; `collector` prints it and exits with 1
├── ProblemListError            what is wrong in files that a person wrote (exit 2)
│   ├── SettingsError           problems of a configuration file, all of them at once
│   └── RulesError              problems of rule files, all of them at once
├── SalesforceError             an org did not give what was asked for
│   ├── LoginRefusedError       the token endpoint said no; it says what to change in Setup
│   ├── SessionExpiredError     401 after one new login
│   ├── NotAvailableError       object, field or resource that this org or user does not have
│   ├── LimitExceededError      REQUEST_LIMIT_EXCEEDED: pause, do not insist
│   ├── ApiVersionError         the org does not serve the API version that it is asked in
│   ├── QueryTooWideError       QUERY_TIMEOUT, too many records: ask for less at a time
│   │   ├── AnswerTooLongError  more bytes than are held in memory, however small its pages
│   │   └── EndlessAnswerError  page after page, more than the first one announced
│   └── UnreachableError        time-out, reset, 5xx, HTML instead of an answer: try again later
│       └── InstanceGoneError   nobody answers for the org where the last login said that it is
├── BudgetExhaustedError        our share of an org's API calls is used up for now
├── TurnOverError               what is read has no end yet, and others have their turn
├── CorruptDownloadError        a body that is not the log that it claims to be; never parsed
│   └── WrongLengthError        it is longer or shorter than the org announced
├── ArchiveWithoutLedgerError   events on disk of which the state database knows nothing
├── CompactionError             one file would not hold what several do; these stay as they are
├── HuntError                   a query over the archive that was refused or went over its limits
│   ├── HuntLimitError          it took too much time or memory
│   ├── HuntReadError           it may have come upon a file that is damaged
│   └── InvalidSqlError         a mistake in the query; a usage error (exit 2)
├── DiskFullError               nothing more can be stored; nothing more is asked for
├── StateDatabaseError          the state database does not do what was asked of it
│   └── DamagedStateError       its file, or a value in it, is not what was written
├── GeoIpFileError              a database of addresses that cannot serve
├── BackupError                 a backup cannot be made, or is not what was backed up
├── StateBusyError              another process works on this state directory
└── StoppedError                we were asked to end between two steps
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class CollectorError(Exception):
    """A sentence that a person can act on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in a file that a person wrote. Lines and columns count from 1."""

    path: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


class ProblemListError(CollectorError):
    """Problems of files, in the order in which they stand there."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (str(p.path), p.line, p.column))
        super().__init__("\n".join(map(str, self.problems)))


class SettingsError(ProblemListError):
    """Problems of a configuration file, all of them at once."""


class RulesError(ProblemListError):
    """Problems of rule files, all of them at once."""


class SalesforceError(CollectorError):
    """An org did not give what was asked for."""


class LoginRefusedError(SalesforceError):
    """The token endpoint said no. `permanent` when trying again cannot help."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


class SessionExpiredError(SalesforceError):
    """401 although we have just logged in."""


class NotAvailableError(SalesforceError):
    """An object, field or resource that this org or this user does not have."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class LimitExceededError(SalesforceError):
    """REQUEST_LIMIT_EXCEEDED. `is_daily` tells the 24-hour limit from the concurrent one."""

    def __init__(self, message: str, *, is_daily: bool) -> None:
        super().__init__(message)
        self.is_daily = is_daily


class ApiVersionError(SalesforceError):
    """The org does not serve the API version that it is asked in."""


class QueryTooWideError(SalesforceError):
    """QUERY_TIMEOUT, or too many records: the same query over a shorter window may pass."""


class AnswerTooLongError(QueryTooWideError):
    """An answer, or a page of one as small as pages get, has more bytes than are held in memory."""


class EndlessAnswerError(QueryTooWideError):
    """An answer went on and on, page after page, and its first page had not said so."""


class UnreachableError(SalesforceError):
    """A time-out, a reset, 5xx or HTML where an answer should be: try again later."""


class BudgetExhaustedError(CollectorError):
    """Our share of an org's API calls does not allow more now; it goes on by itself."""


class TurnOverError(CollectorError):
    """What a stream was asked for had no end when its time was over; the next poll asks again."""


class InstanceGoneError(UnreachableError):
    """Nobody answers for the org where the last login said that it is: it may have moved."""


class CorruptDownloadError(CollectorError):
    """A downloaded body that is not the log that it claims to be. Nothing of it was parsed."""


class WrongLengthError(CorruptDownloadError):
    """A downloaded log that has another length than the org announced."""


class ArchiveWithoutLedgerError(CollectorError):
    """The archive holds events of which the state database knows nothing: nothing is touched."""


class CompactionError(CollectorError):
    """One file would not hold what several do. These stay as they are."""


class HuntError(CollectorError):
    """A query over the archive that was refused or went over its limits."""


class HuntLimitError(HuntError):
    """A query over the archive that took too much time or memory."""


class HuntReadError(HuntError):
    """A query over the archive that may have come upon a file that is damaged.

    Attributes:
        suspects: the places of the files that may be damaged.
        read_paths: those of all that the query may have read.
    """

    def __init__(
        self, message: str, *, suspects: tuple[str, ...], read_paths: tuple[str, ...]
    ) -> None:
        super().__init__(message)
        self.suspects = suspects
        self.read_paths = read_paths


class InvalidSqlError(HuntError):
    """A query over the archive that has a mistake in it."""


class StateDatabaseError(CollectorError):
    """The state database does not answer, cannot be written, or is damaged."""


class DamagedStateError(StateDatabaseError):
    """The file of the state database, or a value in it, is not what was written."""


class GeoIpFileError(CollectorError):
    """A database of addresses that cannot be read, in words that follow its path."""


class BackupError(CollectorError):
    """A backup, or a snapshot of the state, cannot be made or is not what it should be."""


class DiskFullError(CollectorError):
    """Nothing more can be stored, so nothing more is asked for."""


class StateBusyError(CollectorError):
    """Another process works on this state directory."""


class StoppedError(CollectorError):
    """We were asked to end between two steps; nothing is in doubt."""
