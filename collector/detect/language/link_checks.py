"""Problems of the `link` of a correlation beyond its shape, each at its line."""

from __future__ import annotations

from collections.abc import Iterator

from collector.detect.language.collector_block import CollectorBlock
from collector.detect.language.correlation_block import CorrelationBlock
from collector.detect.language.correlation_checks import CorrelationContext
from collector.detect.language.yaml_document import YamlDocument
from collector.errors import Problem
from collector.yaml_source.nodes import YamlPath

_PLACE: YamlPath = ("collector", "link")


def find_link_problems(
    document: YamlDocument,
    block: CollectorBlock,
    mapping: CorrelationBlock,
    context: CorrelationContext,
) -> Iterator[Problem]:
    """The problems of a link among all rules; that its rule is one is looked at elsewhere."""
    link = block.link
    name = None if link is None else context.resolve_name(link.rule)
    if link is None or name is None or name in context.correlations:
        return
    names = [each for each in map(context.resolve_name, mapping.rules) if each is not None]
    if inner := [each for each in names if each in context.correlations]:
        message = f"a link fills events, and {inner[0]!r} is a correlation"
        yield document.build_problem(_PLACE, message)
        return
    keyed = [*(block.dedup.key if "key" in block.dedup.model_fields_set else ())]
    for field in dict.fromkeys([*keyed, *block.dedup.fallback]):
        if field in link.fill and field not in mapping.group_by:
            message = f"{field!r} is filled by the link: have it in 'group-by', too"
            yield document.build_problem(("collector", "dedup"), message)
    scope = context.build_scope(name)
    for place, field in (("by", link.by), *(("fill", each) for each in link.fill)):
        if scope is not None and not scope.has_field(field):
            message = f"in rule {name!r} {scope.explain_unknown_field(field)}"
            yield document.build_problem((*_PLACE, place), message)
    scopes = [each for each in map(context.build_scope, set(names) - {name}) if each is not None]
    if scopes and not any(each.has_field(link.by) for each in scopes):
        message = f"none of its rules has {link.by!r}, so that nothing can be filled"
        yield document.build_problem((*_PLACE, "by"), message)
