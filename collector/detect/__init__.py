"""The rule language: Sigma files to rules whose conditions are SQL."""

from collector.detect.event_schema import EventSchema
from collector.detect.ruleset import RuleSet

__all__ = ["EventSchema", "RuleSet"]
