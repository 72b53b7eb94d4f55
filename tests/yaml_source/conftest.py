"""Files as the reader sees them."""

from __future__ import annotations

from contextlib import suppress

import pytest

from collector.errors import RulesError
from collector.yaml_source.problem_report import ProblemReport
from collector.yaml_source.reader import parse_trees
from collector.yaml_source.source_text import read_text


@pytest.fixture
def read(tmp_path):
    """The trees of a file, and what was reported about it as `line:column: message`."""

    def read(content, dialect):
        path = tmp_path / "file.yml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        report = ProblemReport(path=path, error_type=RulesError)
        trees = []
        with suppress(RulesError):
            trees = parse_trees(read_text(report), report, dialect)
        return trees, [f"{each.line}:{each.column}: {each.message}" for each in report.problems]

    return read
