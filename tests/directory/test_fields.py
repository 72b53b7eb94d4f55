from collector.directory.fields import DIRECTORY_FIELDS, ENTRY_FIELDS, ENTRY_KINDS
from collector.model.member_columns import SEPARATORS


def test_every_kind_has_its_fields():
    assert set(ENTRY_KINDS) == set(ENTRY_FIELDS)


def test_no_two_fields_of_a_kind_share_a_key_or_a_name():
    for fields in ENTRY_FIELDS.values():
        assert len({field.key for field in fields}) == len(fields)
        assert len({field.rule_name for field in fields}) == len(fields)


def test_rules_name_a_field_by_what_the_entry_is_to_the_event():
    field = DIRECTORY_FIELDS["target_user.active"]
    assert (field.role.kind, field.role.event_columns) == ("user", ("target_user_id",))
    assert (field.field.key, field.field.sql_type) == ("is_active", "BOOLEAN")
    assert DIRECTORY_FIELDS["user.permission_sets"].field.separator == ","


def test_rules_compare_the_members_of_every_list():
    lists = {name: each.field.separator for name, each in DIRECTORY_FIELDS.items()}

    assert {name: each for name, each in lists.items() if each} == {
        name: each for name, each in SEPARATORS.items() if name in lists
    }
