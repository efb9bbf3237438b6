"""How deep values lie in each other: the City's records hold one level, PostgreSQL and orjson bear a few hundred."""

from collections.abc import Mapping

MOST_NESTED = 32
CUT = "nested too deep, cut"


def is_too_deep(value: object, most: int = MOST_NESTED) -> bool:
    """Whether lists and objects lie in each other more than `most` times. Takes any depth."""
    level = [value]
    for _ in range(most):
        level = [item for holder in level for item in _items(holder)]
        if not level:
            return False
    return any(isinstance(item, (list, Mapping)) for item in level)


def cut_deep(value: object, most: int = MOST_NESTED) -> object:
    """The value with words in place of what lies deeper."""
    if isinstance(value, Mapping):
        return {name: cut_deep(item, most - 1) for name, item in value.items()} if most else CUT
    if isinstance(value, list):
        return [cut_deep(item, most - 1) for item in value] if most else CUT
    return value


def _items(holder: object) -> list[object]:
    if isinstance(holder, Mapping):
        return list(holder.values())
    return holder if isinstance(holder, list) else []
