"""Which polls a layer of the lake has taken in, told in the log: the way of one poll can be followed by its number."""

import logging
from collections.abc import Iterable

from deltalake.exceptions import DeltaError

from melpark.contracts import POLLS
from melpark.places import Home
from melpark.processing import catalogue, lake

log = logging.getLogger(__name__)


class PollsTakenIn:
    """Looks at a table only when something was committed to it; what is there at the first look is not told."""

    def __init__(self, home: Home, layers: Iterable[str]) -> None:
        tables = {"bronze": home.bronze, "silver": home.silver(POLLS.name)}
        self._home = home
        self._tables = {layer: tables[layer] for layer in layers}
        self._seen_at: dict[str, int | None] = {}
        self._newest: dict[str, int] = {}
        for layer in self._tables:
            self._look(layer)

    def tell(self) -> None:
        """A line for each layer that holds newer polls than at the last look; never raises for a table that is away."""
        for layer in self._tables:
            before = self._newest.get(layer)
            self._look(layer)
            newest = self._newest.get(layer)
            if newest is not None and newest != before:
                first = newest if before is None else min(before + 1, newest)
                log.info(
                    "%s has taken in the polls %d to %d",
                    layer,
                    first,
                    newest,
                    extra={"poll_id_first": first, "poll_id": newest},
                )

    def _look(self, layer: str) -> None:
        committed_at = catalogue.committed_at(self._tables[layer])
        if committed_at is None or committed_at == self._seen_at.get(layer):
            return
        find = lake.newest_poll_id_in_bronze if layer == "bronze" else lake.newest_poll_id_in_silver
        try:
            newest = find(self._home)
        except (DeltaError, OSError) as error:
            log.debug("%s: %r", layer, error)
            return
        self._seen_at[layer] = committed_at
        if newest is not None:
            self._newest[layer] = newest
