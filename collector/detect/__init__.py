"""Sigma rules over single events: files to rules, events to matches."""

from collector.detect.event_schema import EventSchema
from collector.detect.loader import RuleSet, load_rule_set
from collector.detect.matcher import RuleMatcher

__all__ = ["EventSchema", "RuleMatcher", "RuleSet", "load_rule_set"]
