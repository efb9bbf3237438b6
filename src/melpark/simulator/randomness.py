"""Random numbers that depend on nothing but a key, so that any moment of the city can be made by itself."""

import random


def stream(*key: int | str) -> random.Random:
    """A generator of its own for `key`: the same numbers in every process, and no other key's."""
    return random.Random(":".join(map(str, key)))  # noqa: S311
