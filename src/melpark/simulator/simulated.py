"""The simulated city behind the portal's API."""

from melpark.simulator.answers import Source


def simulated(seed: int, speed: float, longest_hold_seconds: float) -> Source:
    raise NotImplementedError
