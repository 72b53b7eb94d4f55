"""What is left of the org's limits, hour by hour."""

from collector.demo import InjectedFault


def test_each_limit_is_an_event_at_each_look(watch, clock):
    limits = watch(org_limits={})
    limits.poll_sources()
    clock.advance_by(hours=1)
    limits.poll_sources()

    daily = limits.list_events("OrgLimit", 'time, detail, "Max"')
    assert 2 == len([row for row in daily if row[1:] == ("DailyApiRequests", "100000")])
    assert 18 == len(daily)
    assert 2 == len({time for time, _, _ in daily})


def test_an_apps_share_of_a_limit_is_an_event_of_its_own(watch):
    limits = watch(org_limits={})
    share = {"Max": 250, "Remaining": 233}
    body = {"DailyApiRequests": {"Max": 9, "Remaining": 8, "Chat Widget": share}, "Odd": 5}
    limits.org.inject_faults(
        InjectedFault(address_pattern="/limits", status=200, body=body, times=2)
    )
    limits.poll_sources()

    assert [(None, "9", "8"), ("Chat Widget", "250", "233")] == sorted(
        limits.list_events("OrgLimit", 'app_name, "Max", "Remaining"'), key=str, reverse=True
    )
