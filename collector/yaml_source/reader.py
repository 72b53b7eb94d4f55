"""A YAML or JSON file to trees that know the place of every key and value."""

from __future__ import annotations

from collector.yaml_source.dialect import YamlDialect
from collector.yaml_source.event_stream import YamlEventStream
from collector.yaml_source.nodes import YamlNode
from collector.yaml_source.problem_report import ProblemReport
from collector.yaml_source.source_text import read_text
from collector.yaml_source.tree_builder import TreeBuilder


def read_tree(report: ProblemReport, dialect: YamlDialect) -> YamlNode:
    """The tree of a file of one document; an empty file is a node without a value.

    Small mistakes are added to `report`. Raises its error where reading cannot go on.
    """
    builder = _open_text(read_text(report), report, dialect)
    if builder.start_document() is None:
        return YamlNode()
    root = builder.build_root()
    if second := builder.start_document():
        report.add_problem(second, "a second document: one per file")
    return root


def parse_trees(text: str, report: ProblemReport, dialect: YamlDialect) -> list[YamlNode]:
    """The trees of all documents of a file's text; an empty one is a node without a value.

    Small mistakes are added to `report`. Raises its error where reading cannot go on.
    """
    builder = _open_text(text, report, dialect)
    trees = []
    while builder.start_document():
        trees.append(builder.build_root())
    return trees


def _open_text(text: str, report: ProblemReport, dialect: YamlDialect) -> TreeBuilder:
    events = YamlEventStream(
        text, report, syntax_message=dialect.syntax_message, loader=dialect.loader
    )
    return TreeBuilder(events, report, dialect)
