"""Which faults happen in a chaos run, in which order and at what moment: all of it follows from the seed."""

import random
from dataclasses import dataclass
from enum import StrEnum

VICTIMS = ("postgres", "connect", "kafka", "spark", "streams", "poller")
EVERYTHING = "everything"
LONGEST_DELAY_SECONDS = 2.0


class Kind(StrEnum):
    """What is done to the victim."""

    KILL = "kill"
    PAUSE = "pause"
    RESTART = "restart"


class Moment(StrEnum):
    """When: an open transaction is one of the poller's, of many rows; so is the one that was just committed."""

    ANY = "at any moment"
    OPEN = "in an open transaction"
    COMMITTED = "right after a commit"


@dataclass(frozen=True)
class Fault:
    """One fault. After one that is not waited for, the next may meet a stack that is not whole yet."""

    kind: Kind
    victim: str
    moment: Moment
    delay_seconds: float
    pause_seconds: float
    is_waited_for: bool

    def __str__(self) -> str:
        seconds = f" for {self.pause_seconds:.1f} s" if self.kind is Kind.PAUSE else ""
        return f"{self.kind} {self.victim}{seconds} {self.moment}"


def faults(count: int, seed: int, everything_every: int = 25, longest_pause: float = 12.0) -> list[Fault]:
    """`count` faults in rounds that hit every victim once: killed in the first, then as chance has it.

    Every `everything_every`th fault kills all processes at the same instant, the supervisor too.
    """
    chance = random.Random(seed)
    found: list[Fault] = []
    round_number = 0
    victims: list[str] = []
    while len(found) < count:
        is_last_of_its_kind = (len(found) + 1) % everything_every == 0
        if not victims and not is_last_of_its_kind:
            victims = chance.sample(VICTIMS, len(VICTIMS))
            round_number += 1
        victim = EVERYTHING if is_last_of_its_kind else victims.pop()
        kind = chance.choice([Kind.KILL, Kind.KILL, Kind.PAUSE, Kind.RESTART])
        is_killed = victim == EVERYTHING or round_number == 1
        found.append(
            Fault(
                Kind.KILL if is_killed else kind,
                victim,
                chance.choice(list(Moment)),
                chance.uniform(0, LONGEST_DELAY_SECONDS),
                chance.uniform(0.5, longest_pause),
                chance.random() < 0.75 or victim == EVERYTHING,
            )
        )
    return found
