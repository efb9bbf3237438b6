"""Random numbers that depend on nothing but a key, so that any moment of the city can be made by itself."""

import hashlib
import random

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def stream(*key: int | str) -> random.Random:
    """A generator of its own for `key`: the same numbers in every process, and no other key's."""
    return random.Random(":".join(map(str, key)))  # noqa: S311


def root(*key: int | str) -> np.uint64:
    """The key from which keys of many are mixed."""
    digest = hashlib.blake2b(":".join(map(str, key)).encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def mixed(keys: Keys | np.uint64, number: NDArray[np.int64] | int) -> Keys:
    """A key for each of `keys` and `number` (splitmix64): all far from one another."""
    with np.errstate(over="ignore"):
        state = np.asarray(keys, np.uint64) + (np.asarray(number, np.int64).astype(np.uint64) + 1) * _GOLDEN
        state = (state ^ (state >> np.uint64(30))) * _FIRST
        state = (state ^ (state >> np.uint64(27))) * _SECOND
        return np.asarray(state ^ (state >> np.uint64(31)), np.uint64)


def uniform(keys: Keys | np.uint64, number: NDArray[np.int64] | int) -> Floats:
    """Numbers between 0 and 1, neither included."""
    return np.asarray(((mixed(keys, number) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)
