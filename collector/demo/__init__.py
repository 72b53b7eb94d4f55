"""The embedded Salesforce org, and a scenario of a day with four attacks."""

from collector.demo.attacks import ExpectedAlert
from collector.demo.faults import InjectedFault
from collector.demo.oauth import ConnectedApp
from collector.demo.org_backend import OrgBehaviour
from collector.demo.org_store import BulkJob, OrgLogFile, OrgStore
from collector.demo.scenario import DemoScenario, build_scenario
from collector.demo.server import EmbeddedOrg

__all__ = [
    "BulkJob",
    "ConnectedApp",
    "DemoScenario",
    "EmbeddedOrg",
    "ExpectedAlert",
    "InjectedFault",
    "OrgBehaviour",
    "OrgLogFile",
    "OrgStore",
    "build_scenario",
]
