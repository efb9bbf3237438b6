"""What a topic of live answers is made of: JSON objects as key and value, by the same columns as tables."""

from dataclasses import dataclass

from melpark.contracts.table import Column


@dataclass(frozen=True)
class LiveTopic:
    """One topic `melpark.live.<name>`: its grain as a sentence, the columns of its key and all of its value's.

    Values hold the key's columns too. Times are RFC 3339 in UTC, by the source's clock. A newer value of a key
    replaces the older one.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)
