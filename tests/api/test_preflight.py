"""What every org lets us read, as findings."""

from __future__ import annotations

from collector.api.preflight import check_orgs, to_json


def test_an_org_is_looked_at_from_the_login_to_its_last_source(collected):
    findings = list(check_orgs(collected.settings))
    subjects = [finding.subject for finding in findings]

    assert "acme/login" == subjects[0]
    assert {"acme/event_log_file/hourly", "acme/login_history/LoginHistory"} <= set(subjects)
    assert "failed" not in {finding.level for finding in findings}
    assert {"level subject message"} == {" ".join(to_json(finding)) for finding in findings}
