"""What is known of ATT&CK: ids, names, and which technique serves which tactic."""

from __future__ import annotations

import re

from collector.detect.lint import mitre_attack


def test_a_technique_is_found_whatever_the_case_of_its_id():
    found = mitre_attack.find_technique("t1078.004")

    assert ("T1078.004", "Cloud Accounts") == (found.id, found.name)
    assert "https://attack.mitre.org/techniques/T1078/004/" == found.url
    assert "initial-access" in found.tactics


def test_an_id_that_nobody_gave_is_unknown():
    assert mitre_attack.find_technique("T9999") is None
    assert "T9999" == mitre_attack.render_technique_title("T9999")


def test_a_sub_technique_is_named_after_its_technique():
    assert "Valid Accounts: Cloud Accounts" == mitre_attack.render_technique_title("T1078.004")
    assert "Valid Accounts" == mitre_attack.render_technique_title("T1078")


def test_every_sub_technique_has_its_technique_and_every_tactic_is_one():
    for identifier, (name, *tactics) in mitre_attack._load_attack_data()["techniques"].items():
        assert name
        assert re.fullmatch(r"T\d{4}(\.\d{3})?", identifier)
        assert mitre_attack.find_technique(identifier.partition(".")[0])
        assert tactics
        assert set(tactics) <= mitre_attack.list_tactics()


def test_what_was_called_defense_evasion_goes_by_its_old_and_its_new_names():
    old, new = mitre_attack.find_technique("T1562.008"), mitre_attack.find_technique("T1685.002")

    for name in ("defense-evasion", "stealth", "defense-impairment"):
        assert mitre_attack.has_tactic([old], name)
        assert mitre_attack.has_tactic([new], name)
    assert not mitre_attack.has_tactic([old, new], "exfiltration")
