"""The portal client against a server that answers byte by byte as told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import stamina
from pydantic import SecretStr

from melpark.errors import ConfigurationError, MelParkError, RefusedError, RetryableError
from melpark.ingestion.parking_api import Answer, NotModified, ParkingApi, QuotaSpentError
from melpark.ingestion.poller import pause_after
from melpark.settings import Settings

DATE = "Date: Thu, 07 Aug 2025 01:11:39 GMT"
DATASET = "on-street-parking-bay-sensors"
KEY = "a-key-of-the-portal"


def response(status: int, *headers: str, body: bytes = b"[]", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = [f"HTTP/1.1 {status} X", *headers, f"Content-Length: {size}", "Connection: close"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


GOOD = response(200, DATE, 'ETag: "e1"', body=b'[{"a": 1}]')


@dataclass
class Portal:
    """Answers each connection with the next of `responses`, and keeps what was asked and how long was waited.

    None is an answer that never comes.
    """

    responses: Sequence[bytes | None]
    requests: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    changes: dict[str, object] = field(default_factory=dict)

    def fetch(self, etag: str | None = None, key: str | None = KEY) -> Answer | NotModified:
        return asyncio.run(self._fetch(etag, key))

    async def _fetch(self, etag: str | None, key: str | None) -> Answer | NotModified:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        settings = Settings(
            home=Path("nowhere"),
            source="portal",
            portal_url=f"http://127.0.0.1:{port}/",
            portal_api_key=SecretStr(key) if key else None,
            request_timeout_seconds=20,
        ).model_copy(update=self.changes)
        async with server, ParkingApi(settings, sleep=self._wait()) as api:
            return await api.fetch(DATASET, etag)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        if (told := self.responses[len(self.requests) - 1]) is None:
            # Until the client has had enough.
            await reader.read()
        else:
            writer.write(told)
        writer.close()

    def _wait(self) -> Callable[[float], Awaitable[None]]:
        async def wait(seconds: float) -> None:
            self.waits.append(seconds)

        return wait


@pytest.fixture(autouse=True)
def _retries_do_not_wait() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


def error_of(portal: Portal, kind: type[MelParkError]) -> str:
    with pytest.raises(kind) as caught:
        portal.fetch()
    return str(caught.value)


def test_a_whole_answer_has_its_bytes_etag_and_source_time() -> None:
    portal = Portal([GOOD])
    answer = portal.fetch()
    assert isinstance(answer, Answer)
    assert (answer.body.read(), answer.etag) == (b'[{"a": 1}]', '"e1"')
    assert answer.observed_at.isoformat() == "2025-08-07T01:11:39+00:00"
    assert answer.started_at <= answer.received_at
    path = f"GET /api/explore/v2.1/catalog/datasets/{DATASET}/exports/json HTTP/1.1"
    assert portal.requests[0].startswith(path)


def test_the_etag_is_sent_back_and_304_is_no_answer() -> None:
    portal = Portal([b"HTTP/1.1 304 X\r\nConnection: close\r\n\r\n"])
    assert portal.fetch(etag='"e1"') == NotModified(DATASET)
    assert 'if-none-match: "e1"' in portal.requests[0].lower()


def test_without_an_etag_none_is_sent() -> None:
    portal = Portal([GOOD])
    portal.fetch()
    assert "if-none-match" not in portal.requests[0].lower()


def test_the_key_goes_into_its_header_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    portal = Portal([response(500)] * 3)
    line = error_of(portal, RetryableError)
    assert f"Authorization: Apikey {KEY}" in portal.requests[0]
    assert KEY not in line + caplog.text


def test_without_a_key_no_authorization_is_sent() -> None:
    portal = Portal([GOOD])
    portal.fetch(key=None)
    assert "authorization" not in portal.requests[0].lower()


@pytest.mark.parametrize(
    "bad",
    [
        response(503),
        b"",
        response(200, DATE, body=b'[{"a":', length=100),
        b"HTTP/1.1 200 X\r\n" + DATE.encode() + b"\r\nConnection: close\r\n\r\n" + b'[{"a":',
        b"HTTP/1.1 200 X\r\n" + DATE.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[{}\r\n",
    ],
    ids=["5xx", "no answer", "cut body", "cut body of unknown length", "cut chunks"],
)
def test_what_may_pass_is_tried_three_times(bad: bytes) -> None:
    healed = Portal([bad, bad, GOOD])
    assert isinstance(healed.fetch(), Answer)
    broken = Portal([bad, bad, bad, GOOD])
    assert DATASET in error_of(broken, RetryableError)
    assert len(broken.requests) == 3


def test_a_portal_that_says_nothing_is_left_after_the_timeout() -> None:
    changes: dict[str, object] = {"request_timeout_seconds": 0.2}
    assert isinstance(Portal([None, GOOD], changes=changes).fetch(), Answer)
    silent = Portal([None, None, None, GOOD], changes=changes)
    assert DATASET in error_of(silent, RetryableError)
    assert len(silent.requests) == 3


def test_a_portal_that_is_not_there_is_a_clear_error() -> None:
    settings = Settings(source="portal", portal_url="http://127.0.0.1:9")

    async def fetch() -> None:
        async with ParkingApi(settings) as api:
            await api.fetch(DATASET)

    with pytest.raises(RetryableError, match=r"http://127\.0\.0\.1:9 did not answer"):
        asyncio.run(fetch())


def test_a_spent_quota_is_waited_for_once() -> None:
    portal = Portal([response(429, "Retry-After: 7"), GOOD])
    assert isinstance(portal.fetch(), Answer)
    assert portal.waits == [7]


def test_a_quota_still_spent_after_the_wait_is_left_for_later() -> None:
    portal = Portal([response(429, "Retry-After: 7")] * 2)
    assert "quota" in error_of(portal, RetryableError)
    assert portal.waits == [7]


def test_a_long_wait_for_the_quota_is_not_waited() -> None:
    portal = Portal([response(429, "Retry-After: 80000")])
    assert "80000 s" in error_of(portal, RetryableError)
    assert portal.waits == []


def test_a_503_that_says_when_to_come_again_is_waited_for_once() -> None:
    portal = Portal([response(503, "Retry-After: 7"), GOOD])
    assert isinstance(portal.fetch(), Answer)
    assert portal.waits == [7]
    still = Portal([response(503, "Retry-After: 7")] * 2)
    line = error_of(still, QuotaSpentError)
    assert "HTTP 503" in line
    assert "quota" not in line
    assert (still.waits, len(still.requests)) == ([7], 2)


def test_a_long_wait_that_a_503_asks_for_is_left_to_the_poller() -> None:
    portal = Portal([response(503, "Retry-After: 1800")])
    with pytest.raises(QuotaSpentError) as caught:
        portal.fetch()
    assert (portal.waits, pause_after(caught.value, 0.5)) == ([], 1800)


@pytest.mark.parametrize("header", ["Retry-After: soon", "X-RateLimit-Reset: 80000"])
def test_a_503_that_does_not_say_when_to_come_again_is_tried_as_any_5xx(header: str) -> None:
    """What is left of the day's quota is in every answer and says nothing of when the portal is back."""
    portal = Portal([response(503, header)] * 2 + [GOOD])
    assert isinstance(portal.fetch(), Answer)
    assert portal.waits == []


@pytest.mark.parametrize(("status", "setting"), [(401, "API_KEY"), (403, "API_KEY"), (404, "URL")])
def test_a_refusal_names_the_setting_to_mend(status: int, setting: str) -> None:
    portal = Portal([response(status, DATE)])
    assert f"MELPARK_PORTAL_{setting}" in error_of(portal, ConfigurationError)
    assert len(portal.requests) == 1


def test_an_answer_without_a_sane_date_is_an_error() -> None:
    assert "HTTP Date is missing" in error_of(Portal([response(200)]), RefusedError)
    assert "'soon'" in error_of(Portal([response(200, "Date: soon")]), RefusedError)


def test_without_an_etag_the_last_change_is_sent_back() -> None:
    changed = "Wed, 06 Aug 2025 00:00:00 GMT"
    answer = Portal([response(200, DATE, f"Last-Modified: {changed}")]).fetch()
    assert isinstance(answer, Answer)
    portal = Portal([b"HTTP/1.1 304 X\r\nConnection: close\r\n\r\n"])
    assert portal.fetch(etag=answer.etag) == NotModified(DATASET)
    assert f"if-modified-since: {changed.lower()}" in portal.requests[0].lower()
    assert "if-none-match" not in portal.requests[0].lower()


def test_a_spent_quota_tells_the_poller_how_long_to_rest() -> None:
    portal = Portal([response(429, "X-RateLimit-Reset: 1800")])
    with pytest.raises(QuotaSpentError) as caught:
        portal.fetch()
    assert caught.value.wait_seconds == 1800
    assert pause_after(caught.value, 0.5) == 1800
    caught.value.wait_seconds = 80_000
    assert pause_after(caught.value, 0.5) == 3600
    assert pause_after(RetryableError("away"), 0.5) == 0.5


def test_the_csv_export_is_asked_for_by_setting() -> None:
    portal = Portal([response(200, DATE, body=b"KerbsideID\n1\n")], changes={"portal_export": "csv"})
    assert isinstance(portal.fetch(), Answer)
    assert f"GET /api/explore/v2.1/catalog/datasets/{DATASET}/exports/csv HTTP/1.1" in portal.requests[0]
    assert "Accept: text/csv" in portal.requests[0]


@pytest.mark.parametrize("status", [400, 404, 410])
def test_pages_stand_in_for_an_export_that_is_not_there_by_setting(status: int) -> None:
    page = b'{"total_count": 2, "results": [{"kerbsideid": 1}, {"kerbsideid": 2}]}'
    later = DATE.replace("01:11:39", "01:11:41")
    responses = [response(status, DATE), response(200, later, 'ETag: "p"', body=page)]
    portal = Portal(responses, changes={"portal_records_fallback": True})
    answer = portal.fetch()
    assert isinstance(answer, Answer)
    assert answer.body.read() == b'[{"kerbsideid":1},{"kerbsideid":2}]'
    assert (answer.etag, answer.note) == (None, "from 1 pages of records")
    assert answer.observed_at.second == 41
    assert f"/datasets/{DATASET}/records?limit=100&offset=0" in portal.requests[1]


def test_pages_that_miss_a_record_are_refused() -> None:
    page = b'{"total_count": 2, "results": [{"kerbsideid": 1}, {"kerbsideid": 1}]}'
    portal = Portal(
        [response(404, DATE), response(200, DATE, body=page)], changes={"portal_records_fallback": True}
    )
    assert "1 records came twice" in error_of(portal, RefusedError)


def test_a_dataset_that_has_neither_export_nor_pages_is_named() -> None:
    portal = Portal([response(404), response(404)], changes={"portal_records_fallback": True})
    assert "no dataset" in error_of(portal, ConfigurationError)


def test_an_answer_larger_than_allowed_is_not_taken_in() -> None:
    body = b"[" + b" " * (1 << 20) + b"]"
    changes: dict[str, object] = {"max_answer_mebibytes": 1}
    told = error_of(Portal([response(200, DATE, body=body)], changes=changes), RefusedError)
    assert "more than max_answer_mebibytes = 1" in told
    assert isinstance(Portal([response(200, DATE, body=b"[" + body[3:])], changes=changes).fetch(), Answer)


def test_a_date_ahead_of_our_clock_is_refused_of_the_portal_alone() -> None:
    ahead = response(200, "Date: Wed, 07 Aug 2086 01:11:39 GMT", 'ETag: "e1"')
    assert "is from the future" in error_of(Portal([ahead]), RefusedError)


@pytest.mark.parametrize("minutes", [59, 61])
def test_a_date_may_be_an_hour_ahead(minutes: int) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    portal = Portal([response(200, f"Date: {date}")])
    if minutes < 60:
        assert isinstance(portal.fetch(), Answer)
    else:
        error_of(portal, RefusedError)
