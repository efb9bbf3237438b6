"""The schedule of a chaos run."""

from collections import Counter

from chaos.schedule import EVERYTHING, VICTIMS, Kind, Moment, faults


def test_a_seed_always_gives_the_same_faults_and_another_gives_others() -> None:
    assert faults(50, seed=1) == faults(50, seed=1)
    assert faults(50, seed=1) != faults(50, seed=2)


def test_a_longer_run_begins_as_the_shorter_one() -> None:
    assert faults(200, seed=3)[:30] == faults(30, seed=3)


def test_every_victim_is_killed_in_the_first_round_and_then_hit_equally_often() -> None:
    first, whole = faults(6, seed=4), faults(200, seed=4)
    assert {fault.victim for fault in first} == set(VICTIMS)
    assert {fault.kind for fault in first} == {Kind.KILL}
    hits = Counter(fault.victim for fault in whole)
    assert hits.pop(EVERYTHING) == 8
    assert max(hits.values()) - min(hits.values()) <= 1


def test_a_long_run_holds_every_kind_and_moment_for_every_victim() -> None:
    seen = {(fault.victim, fault.kind, fault.moment) for fault in faults(600, seed=5)}
    assert seen >= {(victim, kind, moment) for victim in VICTIMS for kind in Kind for moment in Moment}


def test_everything_is_killed_at_once_as_often_as_asked() -> None:
    short = faults(10, seed=6, everything_every=10)
    assert [fault.victim for fault in short].index(EVERYTHING) == 9
    assert {fault.kind for fault in short if fault.victim == EVERYTHING} == {Kind.KILL}
