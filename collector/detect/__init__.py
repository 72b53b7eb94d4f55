"""Sigma rules over single events: files to rules, events to matches."""

from collector.detect.load import RuleSet, load
from collector.detect.match import Matcher
from collector.detect.schema import Schema

__all__ = ["Matcher", "RuleSet", "Schema", "load"]
