"""Alerts are what their matches make them, in whatever order and batches those came and went."""

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.model import FirstSeen, Severity
from fakes import databases
from fakes.episode_bench import EpisodeBench, extract_visible_fields
from fakes.model_samples import NOON, build_match

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
SHOWN = 10
FIRST_SEEN = FirstSeen(key=("user_id",), learn=HOUR, forget=HOUR)
FIELDS = ("user_id", "user_name", "source_ip", "region")
_numbers = count()


@pytest.fixture(scope="module", params=databases.DATABASE_KINDS)
def database(request, tmp_path_factory):
    with databases.open_test_database(request.param, tmp_path_factory.mktemp("state")) as found:
        yield found


# ---- what the alerts of some matches are, said plainly


def expected(matches):
    """By key, the runs of matches without a gap of more than an hour, each as it is shown."""
    found = []
    for key in sorted({one.key for one in matches}):
        run = []
        for one in sorted((m for m in matches if m.key == key), key=place):
            if run and one.time - run[-1].time > HOUR:
                found.append(episode(run))
                run = []
            run.append(one)
        found.append(episode(run))
    return sorted(found, key=lambda alert: (alert["first_time"], alert["key"]))


def place(one):
    return one.time, one.event_uid


def episode(run):
    lead = min(run, key=lambda one: (-one.severity, -one.weight, *place(one)))
    entities = {}
    for one in [lead, *run]:
        for name, value in one.entities.items():
            entities.setdefault(name, value)
    return {
        "key": lead.key,
        "first_time": run[0].time,
        "last_time": run[-1].time,
        "count": sum(one.count for one in run),
        "severity": lead.severity,
        "title": lead.title,
        "entities": entities,
        "evidence": shown(run, lead),
        "context": lead.context,
        "late_seconds": (run[-1].received - run[-1].time).seconds,
    }


def shown(run, lead):
    """The lead's event and the best others: of grave matches, then their own, then the earliest."""
    best = {}
    for one in run:
        for event in (one.event, *one.evidence):
            rank = (-one.severity, event is not one.event, event["time"], event["event_uid"])
            if event["event_uid"] == lead.event_uid:
                rank = (-9, *rank[1:])
            best[event["event_uid"]] = min((rank, *rank[2:]), best.get(event["event_uid"], ((0,),)))
    chosen = sorted(best.values())[:SHOWN]
    return tuple(
        {"event_uid": uid, "time": f"{time:%Y-%m-%dT%H:%M:%S}.000Z"}
        for _, time, uid in sorted(chosen, key=lambda item: item[1:])
    )


# ---- histories


def event(number):
    """An event is the same whichever match shows it."""
    return {"event_uid": f"e{number:02}", "time": NOON + timedelta(minutes=9 * number)}


@st.composite
def versions(draw, number):
    """What a rule may say of an event: again and again it may be something else."""
    beside = draw(st.sets(st.integers(0, 24), max_size=4)) - {number}
    names = draw(st.sets(st.sampled_from(FIELDS)))
    word = draw(st.integers(0, 3))
    time = event(number)["time"]
    return build_match(
        event(number)["event_uid"],
        severity=draw(st.sampled_from([Severity.LOW, Severity.MEDIUM, Severity.HIGH])),
        time=time,
        received=time + timedelta(seconds=draw(st.integers(0, 9))),
        weight=draw(st.sampled_from([0.0, 1.5, 40.0])),
        count=draw(st.integers(1, 3)),
        key=(draw(st.sampled_from(["one", "two", "two"])),),
        entities={name: f"{name} {word}" for name in names},
        event=event(number),
        evidence=tuple(event(other) for other in sorted(beside)),
        context=({"kind": "window", "event_count": word},),
        title=f"{number} {word}",
    )


@dataclass(frozen=True)
class Step:
    uid: str
    match: object  # None where it is withdrawn


@st.composite
def steps(draw):
    number = draw(st.integers(0, 24))
    is_match = draw(st.integers(0, 3)) > 0
    said = draw(versions(number)) if is_match else None
    return Step(event(number)["event_uid"], said)


histories = st.lists(st.lists(steps(), max_size=5), max_size=7)
"""Batches, one after the other; what is said last of an event is what holds."""


def settled(said):
    """What is said last, by the event's uid."""
    return {step.uid: step.match for step in said}


def own(one, episodes):
    return replace(one, org=episodes.org)


def consistent(episodes, holding):
    """Every event that holds is in one alert, and no other is in any."""
    members = episodes.list_member_uids()
    inside = sorted(uid for uids in members.values() for uid in uids)
    over = [members[alert.id] for alert in episodes.list_alerts() if alert.status == "withdrawn"]
    return inside == sorted(one.event_uid for one in holding) and not any(over)


relaxed = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60
)


@relaxed
@given(histories)
def test_alerts_are_what_holds_in_the_end_makes_them(database, batches):
    episodes = EpisodeBench(database, org=f"org-{next(_numbers)}", aggregation=FIRST_SEEN)
    for said in batches:
        now = settled(said)
        episodes.ingest_matches(
            *(own(one, episodes) for one in now.values() if one),
            withdrawn_uids=[uid for uid, one in now.items() if one is None],
        )

    last = settled(step for said in batches for step in said)
    holding = [one for one in last.values() if one]
    assert expected(holding) == [
        extract_visible_fields(alert) for alert in episodes.list_open_alerts()
    ]
    assert consistent(episodes, holding)


@relaxed
@given(st.data())
def test_what_is_never_judged_again_needs_no_memory_of_what_it_would_show(database, data):
    """A plain rule keeps of most events only that they count; replays change nothing."""
    numbers = data.draw(st.sets(st.integers(0, 24), min_size=1))
    holding = [data.draw(versions(number)) for number in sorted(numbers)]
    replayed = data.draw(st.permutations([*holding, *holding]))
    size = data.draw(st.integers(1, len(replayed)))
    episodes = EpisodeBench(database, org=f"org-{next(_numbers)}")
    for start in range(0, len(replayed), size):
        episodes.ingest_matches(*(own(one, episodes) for one in replayed[start : start + size]))

    assert expected(holding) == [
        extract_visible_fields(alert) for alert in episodes.list_open_alerts()
    ]
    assert consistent(episodes, holding)
