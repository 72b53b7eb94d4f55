"""What is known of ATT&CK: ids, names, and which technique serves which tactic."""

from __future__ import annotations

import re

from collector.detect.lint import attack


def test_a_technique_is_found_whatever_the_case_of_its_id():
    found = attack.technique("t1078.004")

    assert ("T1078.004", "Cloud Accounts") == (found.id, found.name)
    assert "https://attack.mitre.org/techniques/T1078/004/" == found.url
    assert "initial-access" in found.tactics


def test_an_id_that_nobody_gave_is_unknown():
    assert attack.technique("T9999") is None
    assert "T9999" == attack.title("T9999")


def test_a_sub_technique_is_named_after_its_technique():
    assert "Valid Accounts: Cloud Accounts" == attack.title("T1078.004")
    assert "Valid Accounts" == attack.title("T1078")


def test_every_sub_technique_has_its_technique_and_every_tactic_is_one():
    for identifier, (name, *tactics) in attack._data()["techniques"].items():
        assert name
        assert re.fullmatch(r"T\d{4}(\.\d{3})?", identifier)
        assert attack.technique(identifier.partition(".")[0])
        assert tactics
        assert set(tactics) <= attack.tactics()


def test_what_was_called_defense_evasion_goes_by_its_old_and_its_new_names():
    old, new = attack.technique("T1562.008"), attack.technique("T1685.002")

    for name in ("defense-evasion", "stealth", "defense-impairment"):
        assert attack.serves([old], name)
        assert attack.serves([new], name)
    assert not attack.serves([old, new], "exfiltration")
