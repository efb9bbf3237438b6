"""One module per dataset: records of the portal in, rows of the contract out. No I/O."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from melpark.contracts import BAYS, SENSORS, SIGN_PLATES, ZONE_SEGMENTS
from melpark.ingestion.sources import bays, sensors, sign_plates, zone_segments
from melpark.ingestion.sources.record import Kept, Parsed, Reason, Rejected

PARSERS: Mapping[str, Callable[[Iterable[object], datetime], Parsed]] = {
    SENSORS.dataset: sensors.parse,
    BAYS.dataset: bays.parse,
    ZONE_SEGMENTS.dataset: zone_segments.parse,
    SIGN_PLATES.dataset: sign_plates.parse,
}

__all__ = ["PARSERS", "Kept", "Parsed", "Reason", "Rejected"]
