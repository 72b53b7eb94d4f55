"""The embedded Salesforce org, and an ordinary day with four attacks in it."""

from collector.demo.attacks import Expected
from collector.demo.faults import Fault
from collector.demo.oauth import Application
from collector.demo.org import Behaviour
from collector.demo.scenario import World, build
from collector.demo.server import EmbeddedOrg
from collector.demo.store import BulkJob, LogFile, Store

__all__ = [
    "Application",
    "Behaviour",
    "BulkJob",
    "EmbeddedOrg",
    "Expected",
    "Fault",
    "LogFile",
    "Store",
    "World",
    "build",
]
