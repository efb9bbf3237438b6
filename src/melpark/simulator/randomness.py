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
    steps: Keys
    if isinstance(number, int):
        steps = np.array((number + 1) * int(_GOLDEN) % 2**64, np.uint64)
    else:
        steps = (number.astype(np.uint64) + np.uint64(1)) * _GOLDEN
    # Arrays wrap around as is wanted; numbers by themselves would warn.
    state: Keys = np.atleast_1d(keys) + steps
    state ^= state >> np.uint64(30)
    state *= _FIRST
    state ^= state >> np.uint64(27)
    state *= _SECOND
    state ^= state >> np.uint64(31)
    return state if np.ndim(keys) or np.ndim(steps) else state.reshape(())


def uniform(keys: Keys | np.uint64, number: NDArray[np.int64] | int) -> Floats:
    """Numbers between 0 and 1, neither included."""
    return np.asarray(((mixed(keys, number) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)
