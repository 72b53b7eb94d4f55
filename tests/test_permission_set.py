"""The permission set that is shipped holds what reading needs, and nothing that writes."""

import json
from xml.etree import ElementTree as ET

import pytest

from collector.demo.permissions import PERMISSIONS
from collector.preflight import privileges
from collector.settings.shipped_files import find_shipped_folder

FOLDER = find_shipped_folder("config") / "permissionset"
SPACE = "{http://soap.sforce.com/2006/04/metadata}"
READS = {
    "ApiEnabled",
    "MonitorLoginHistory",
    "ViewAllUsers",
    "ViewAnomalyEvents",
    "ViewDataLeakageEvents",
    "ViewEventLogFiles",
    "ViewRoles",
    "ViewSetup",
}


@pytest.fixture(scope="module")
def permission_set():
    return ET.parse(FOLDER / "permissionsets" / "Collector.permissionset").getroot()


def names(permission_set):
    return [one.findtext(f"{SPACE}name") for one in permission_set.iter(f"{SPACE}userPermissions")]


def test_it_grants_these_permissions_once_each_in_the_order_that_is_kept(permission_set):
    assert sorted(READS) == names(permission_set)
    enabled = [one.text for one in permission_set.iter(f"{SPACE}enabled")]
    assert ["true"] * len(READS) == enabled


def test_nothing_in_it_writes(permission_set):
    """By the very measure with which `check` judges the user."""
    powerful = privileges.list_powerful_permissions(
        f"Permissions{name}" for name in names(permission_set)
    )

    assert [] == list(powerful)
    kinds = {child.tag.removeprefix(SPACE) for child in permission_set}
    assert {"description", "hasActivationRequired", "label", "userPermissions"} == kinds


@pytest.mark.parametrize(
    "name",
    [
        "ModifyAllData",
        "ViewAllData",
        "ManageUsers",
        "AuthorApex",
        "EditTask",
        *privileges.REQUIRED_PERMISSIONS,
    ],
)
def test_the_measure_knows_what_writes(name):
    assert [name] == list(privileges.list_powerful_permissions([f"Permissions{name}"]))


def test_what_is_left_out_is_said_with_its_reason(permission_set):
    text = (FOLDER / "permissionsets" / "Collector.permissionset").read_text()

    for name in (*privileges.REQUIRED_PERMISSIONS, "View Event Log Object Data"):
        assert name in text


def test_the_package_names_it_and_the_project_leads_to_it():
    package = ET.parse(FOLDER / "package.xml").getroot()
    project = json.loads((FOLDER / "sfdx-project.json").read_text())

    assert ("Collector", "PermissionSet") == (
        package.findtext(f"{SPACE}types/{SPACE}members"),
        package.findtext(f"{SPACE}types/{SPACE}name"),
    )
    assert package.findtext(f"{SPACE}version") == project["sourceApiVersion"]
    assert (FOLDER / project["packageDirectories"][0]["path"]).is_dir()


def test_the_embedded_org_grants_the_same():
    assert READS == set(PERMISSIONS)
