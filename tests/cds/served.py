"""Everything that a server of the standard serves, fetched once, for the strict validator to look at."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

JSON_TYPE = "application/vnd.cds+json;version=1.0"
CSV_TYPE = "application/vnd.cds+csv;version=1.0"
LISTS = {
    "/curbs/zones": "zones",
    "/curbs/areas": "areas",
    "/curbs/spaces": "spaces",
    "/curbs/policies": "policies",
    "/events/events": "events",
    "/events/status": "status",
}
KINDS = {
    "zones": ("zone", "curb_zone_id"),
    "areas": ("area", "curb_area_id"),
    "spaces": ("space", "curb_space_id"),
    "policies": ("policy", "curb_policy_id"),
    "events": ("event", "event_id"),
    "status": ("status", "data_source_device_id"),
}


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str
    body: Any = None


class Ask(Protocol):
    """One GET below the server's prefix. Headers that are None are not sent."""

    def __call__(
        self, path: str, query: Mapping[str, object] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer: ...


@dataclass
class Served:
    """The answers by path; of Events every page in order; metrics of the same stretch of time."""

    lists: dict[str, Any]
    pages: list[Any]
    by_id: dict[str, Any]
    sessions: str
    aggregates: str
    # What the sensors' silence was: of a place, local day and hour the share of offline bay-time.
    offline: Mapping[tuple[str, str, str, int], float] | None = None
    # Likewise the share of online bay-time that was taken.
    occupied: Mapping[tuple[str, str, str, int], float] | None = None
    wrong: list[str] = field(default_factory=list)

    def records(self, name: str) -> list[Any]:
        if name == "events":
            return [event for page in self.pages for event in page["data"]["events"]]
        path = next(path for path, key in LISTS.items() if key == name)
        return list(self.lists[path]["data"][name])

    def bodies(self) -> Iterator[tuple[str, Any]]:
        """Path and body of every answer of JSON."""
        yield from self.lists.items()
        for page in self.pages:
            yield "/events/events", page
        yield from self.by_id.items()


def collect(
    ask: Ask,
    times: Mapping[str, int],
    page_size: int = 1000,
    by_id: int = 3,
    between: Callable[[], object] = bool,
) -> Served:
    """Fetch all of it. `between` happens after each page of Events, such as another event that arrives."""
    served = Served({}, [], {}, "", "")
    for path in LISTS:
        if path != "/events/events":
            served.lists[path] = _good(served, ask(path))
    for name in ("zones", "areas", "spaces", "policies"):
        key = KINDS[name][1]
        for record in served.records(name)[:by_id]:
            path = f"/curbs/{name}/{record[key]}"
            served.by_id[path] = _good(served, ask(path))
    query: Mapping[str, object] | None = {"page[size]": page_size}
    path = "/events/events"
    while query is not None:
        page = _good(served, ask(path, query))
        served.pages.append(page)
        following = (page.get("links") or {}).get("next")
        query = _query(following) if following else None
        between()
    served.sessions = ask("/metrics/sessions", times).text
    served.aggregates = ask("/metrics/aggregates", times).text
    return served


def _good(served: Served, answer: Answer) -> Any:
    if answer.status != 200 or answer.body is None:
        served.wrong.append(f"1: status {answer.status}: {answer.text[:200]}")
        return {"data": {name: [] for name in KINDS}}
    if answer.headers.get("content-type") != JSON_TYPE:
        served.wrong.append(f"1: Content-Type is {answer.headers.get('content-type')}")
    return answer.body


def _query(address: str) -> dict[str, object]:
    return dict(parse_qsl(urlsplit(address).query))
