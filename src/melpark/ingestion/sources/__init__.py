"""One module per dataset: records of the portal in, rows of the contract out. No I/O."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from melpark.ingestion.sources import (
    bay_restrictions,
    bays,
    meters,
    sensors,
    sign_plates,
    zone_segments,
)
from melpark.ingestion.sources.fields import Reason
from melpark.ingestion.sources.record import Kept, NotJson, Parsed, Reader, Rejected

# Counted up when equal bytes may be read as other rows than before: answers are then read again.
PARSER_VERSION = 4
READERS: Mapping[str, Reader] = {
    reader.table.dataset: reader
    for reader in (
        sensors.READER,
        bays.READER,
        zone_segments.READER,
        sign_plates.READER,
        bay_restrictions.READER,
        meters.READER,
    )
}
PARSERS: Mapping[str, Callable[[Iterable[object], datetime], Parsed]] = {
    dataset: reader.parse for dataset, reader in READERS.items()
}

__all__ = [
    "PARSERS",
    "PARSER_VERSION",
    "READERS",
    "Kept",
    "NotJson",
    "Parsed",
    "Reader",
    "Reason",
    "Rejected",
]
