"""What a script gives where its variable was not set is refused, and does not mean everything."""

from __future__ import annotations

import pytest
from cli.processes import invoke_command


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("backup", ""), "FOLDER"),
        (("restore", " "), "FOLDER"),
        (("archive", "verify", "--org", ""), "'--org'"),
        (("archive", "verify", "--event-type", "Login", "--event-type", ""), "'--event-type'"),
        (("archive", "hold", "add", "--reason", "x", "--org", ""), "'--org'"),
        (("archive", "hold", "add", "--reason", "x", "--event-type", ""), "'--event-type'"),
    ],
)
def test_an_empty_value_is_refused(command, name):
    refused = invoke_command(*command)

    assert 2 == refused.exit_code
    assert name in refused.stderr
    assert "must not be empty" in refused.stderr


@pytest.mark.parametrize("number", ["0", str(2**63)])
def test_a_number_that_no_hold_can_have_is_refused(number):
    refused = invoke_command("archive", "hold", "release", number)

    assert 2 == refused.exit_code
    assert "is not in the range" in refused.stderr
