"""The rule language: Sigma files to rules whose conditions are SQL."""

from collector.detect.event_schema import EventSchema
from collector.detect.loader import RuleSet, load_rule_set

__all__ = ["EventSchema", "RuleSet", "load_rule_set"]
