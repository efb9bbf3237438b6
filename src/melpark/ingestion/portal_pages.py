"""The portal's `records`, the way out where it gives no export: page after page, and a proof that none is missing.

Its paging is not stable (one pull of the bays held 48 rows twice and missed 48), and it ends at 10,000 rows. So a
page set counts only when every page told the same total, and that many records came, each key once.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import orjson

from melpark.errors import RefusedError
from melpark.ingestion.sources import Reader
from melpark.ingestion.sources.fields import RecordError
from melpark.ingestion.sources.nesting import MOST_NESTED, is_too_deep

PATH = "/api/explore/v2.1/catalog/datasets/{dataset}/records"
PAGE_RECORDS = 100
MOST_RECORDS = 10_000


@dataclass
class PageSet:
    """Pages of one dataset as they come."""

    reader: Reader
    total: int | None = None
    records: list[object] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return self.total is not None and len(self.records) >= self.total

    def add(self, body: bytes) -> None:
        """Take one page. Raises RefusedError when it cannot belong to a complete set."""
        total, results = _page(body)
        if total > MOST_RECORDS:
            raise self._refused(f"records ends at {MOST_RECORDS} of {total}")
        if self.total not in (None, total):
            raise self._refused(f"total_count went from {self.total} to {total} between two pages")
        if is_too_deep(results):
            raise self._refused(f"a record is nested deeper than {MOST_NESTED}")
        self.total = total
        if not results and not self.is_whole:
            raise self._refused(f"a page is empty after {len(self.records)} of {total} records")
        self.records += results

    def prove(self) -> None:
        """Raises RefusedError unless as many records came as were announced, each key once."""
        if len(self.records) != self.total:
            raise self._refused(f"{len(self.records)} records came of {self.total}")
        missing = len(self.records) - len({self._key(record) for record in self.records})
        if missing:
            raise self._refused(f"{missing} records came twice, so that as many are missing")

    def _key(self, record: object) -> bytes | str:
        whole = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
        try:
            return self.reader.key(record) if isinstance(record, Mapping) else whole
        except (RecordError, StopIteration):
            return whole

    def _refused(self, why: str) -> RefusedError:
        dataset = self.reader.table.dataset
        return RefusedError(f"The pages of {dataset} are no complete set", why, "It is asked again")


async def fetch_pages(ask: Callable[[dict[str, int]], Awaitable[bytes]], reader: Reader) -> list[object]:
    """All records of the dataset, by `ask` for the page of these parameters. Raises RefusedError when in doubt."""
    pages = PageSet(reader)
    while not pages.is_whole:
        pages.add(await ask({"limit": PAGE_RECORDS, "offset": len(pages.records)}))
    pages.prove()
    return pages.records


def _page(body: bytes) -> tuple[int, list[object]]:
    try:
        page = orjson.loads(body)
        total, results = page["total_count"], page["results"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise RefusedError("A page of records is not as the portal gives it") from None
    if not isinstance(total, int) or not isinstance(results, list):
        raise RefusedError("A page of records is not as the portal gives it")
    return total, results
