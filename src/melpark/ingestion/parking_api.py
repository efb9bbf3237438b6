"""The City's portal (Opendatasoft Explore v2.1): one complete answer per call, or a clear error."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx
import orjson
import stamina

from melpark.errors import ConfigurationError, RefusedError, RetryableError
from melpark.ingestion import portal_pages
from melpark.ingestion.body import Body
from melpark.ingestion.sources import READERS
from melpark.settings import Settings

# `exports`, for `records` ends at 10,000 rows and its pages repeat some and miss others.
PATH = "/api/explore/v2.1/catalog/datasets/{dataset}/exports/{layout}"
# What a portal answers that has no such export, though it may have the dataset.
NO_EXPORT = frozenset({400, 404, 405, 406, 410, 501})
LAST_MODIFIED = "Last-Modified: "
ATTEMPTS = 3
LONGEST_QUOTA_WAIT_SECONDS = 60.0
# The timeout is for each read; a body that drips must end as well.
TIMEOUTS_PER_ANSWER = 4
# A Date further ahead would make every later answer older than it.
CLOCK_AHEAD = timedelta(hours=1)
SANE_YEARS = range(2010, 2100)


@dataclass(frozen=True)
class Answer:
    """One complete answer. `observed_at` is the source's clock (HTTP Date), the other two times are ours.

    `etag` is its ETag, else its Last-Modified behind that word. `note` says how it was got, when not as usual.
    """

    dataset: str
    body: Body
    etag: str | None
    observed_at: datetime
    started_at: datetime
    received_at: datetime
    note: str | None = None


@dataclass(frozen=True)
class NotModified:
    """Nothing new since the ETag that was sent (HTTP 304)."""

    dataset: str


class QuotaSpentError(RetryableError):
    """The portal asks to wait `wait_seconds`: its quota is used up (429), or it is away for so long (503)."""

    def __init__(self, dataset: str, status: int, why: str, wait_seconds: float) -> None:
        self.wait_seconds = wait_seconds
        is_quota = status == httpx.codes.TOO_MANY_REQUESTS
        what = "The portal's quota is used up" if is_quota else f"The portal is away (HTTP {status})"
        super().__init__(f"{what}, {dataset} is left for later", why)


class _NoExportError(Exception):
    """The portal does not give this export; `error` says so to whom no fall-back helps."""

    def __init__(self, error: ConfigurationError | RetryableError) -> None:
        self.error = error
        super().__init__(str(error))


class _ServerError(Exception):
    """The portal answered 5xx, or its body was cut off."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class ParkingApi:
    """A client of the portal at `settings.source_url`; use it as an asynchronous context manager."""

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = settings.source_url.rstrip("/")
        self._timeout = settings.request_timeout_seconds
        self._layout = settings.portal_export
        self._may_page = settings.portal_records_fallback
        self._most_bytes = settings.max_answer_mebibytes << 20
        self._is_portal = settings.source == "portal"
        self._now = now
        self._sleep = sleep
        headers = {"Accept": "text/csv" if settings.portal_export == "csv" else "application/json"}
        if settings.portal_api_key is not None:
            headers["Authorization"] = f"Apikey {settings.portal_api_key.get_secret_value()}"
        self._client = httpx.AsyncClient(headers=headers, timeout=self._timeout, follow_redirects=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def fetch(self, dataset: str, etag: str | None = None) -> Answer | NotModified:
        """The whole dataset, or NotModified when it is still the one of `etag`.

        Connection errors, 5xx and cut bodies are tried three times; an exhausted quota (429), and a 503 that says when
        to come again, twice. Where the portal gives no export and the setting allows, its `records` stand in. Raises
        RetryableError when that does not help (QuotaSpentError with the time to wait), ConfigurationError when the key
        or the dataset is refused, RefusedError when the answer lacks a sane HTTP Date (of the portal: is an hour ahead
        of our clock), is larger than allowed, or pages are no complete set.
        """
        path = PATH.format(dataset=dataset, layout=self._layout)
        try:
            return await self._within_time(dataset, path, {}, _conditions(etag))
        except _NoExportError as error:
            if not self._may_page:
                raise error.error from None
            return await self._fetch_pages(dataset)

    async def _fetch_pages(self, dataset: str) -> Answer:
        """The dataset by its pages. Its time is that of the last page: no record is from later."""
        answers: list[Answer] = []

        async def ask(parameters: dict[str, int]) -> bytes:
            path = portal_pages.PATH.format(dataset=dataset)
            answer = await self._within_time(dataset, path, parameters, {})
            assert isinstance(answer, Answer)
            answers.append(answer)
            self._check_size(sum(page.body.size for page in answers), dataset)
            return answer.body.read()

        try:
            records = await portal_pages.fetch_pages(ask, READERS[dataset])
        except _NoExportError as error:
            raise error.error from None
        return replace(
            answers[-1],
            body=Body.of(orjson.dumps(records)),
            etag=None,
            started_at=answers[0].started_at,
            note=f"from {len(answers)} pages of records",
        )

    async def _within_time(
        self, dataset: str, path: str, parameters: dict[str, int], headers: dict[str, str]
    ) -> Answer | NotModified:
        what = f"{self._url} did not answer for {dataset}"
        request = self._client.build_request("GET", self._url + path, params=parameters, headers=headers)
        try:
            async with asyncio.timeout(self._timeout * TIMEOUTS_PER_ANSWER):
                return await self._ask_within_quota(dataset, request)
        except (httpx.RequestError, _ServerError) as error:
            raise RetryableError(what, _reason(error), "It is asked again") from None
        except TimeoutError:
            raise RetryableError(what, "the answer did not end in time", "It is asked again") from None

    async def _ask_within_quota(self, dataset: str, request: httpx.Request) -> Answer | NotModified:
        answer = await self._ask(dataset, request)
        if isinstance(answer, httpx.Response):
            seconds = quota_wait_seconds(answer.headers, self._now())
            if seconds > LONGEST_QUOTA_WAIT_SECONDS:
                why = f"it asks to wait {seconds:.0f} s"
                raise QuotaSpentError(dataset, answer.status_code, why, seconds)
            await self._sleep(seconds)
            answer = await self._ask(dataset, request)
        if isinstance(answer, httpx.Response):
            seconds = quota_wait_seconds(answer.headers, self._now())
            why = "also after the wait that it asked for"
            raise QuotaSpentError(dataset, answer.status_code, why, seconds)
        return answer

    async def _ask(self, dataset: str, request: httpx.Request) -> Answer | NotModified | httpx.Response:
        """One answer; a response that asks to wait (429, 503 with Retry-After) is handed back as it is."""
        async for attempt in stamina.retry_context(
            on=(httpx.RequestError, _ServerError), attempts=ATTEMPTS, wait_initial=0.2, wait_max=2
        ):
            with attempt:
                return await self._ask_once(dataset, request)
        raise AssertionError("unreachable")

    async def _ask_once(self, dataset: str, request: httpx.Request) -> Answer | NotModified | httpx.Response:
        started_at = self._now()
        response = await self._client.send(request, stream=True)
        try:
            if response.status_code == httpx.codes.NOT_MODIFIED:
                return NotModified(dataset)
            if _asks_to_wait(response, started_at):
                return response
            _check_status(response, dataset)
            body = Body()
            async for chunk in response.aiter_bytes():
                body.write(chunk)
                self._check_size(body.size, dataset)
        finally:
            await response.aclose()
        if _may_be_cut(response, body):
            raise _ServerError("the body was cut off")
        received_at = self._now()
        moment = observed_at(response.headers.get("Date"), dataset)
        # A replay and a fast simulator have a time of their own.
        if self._is_portal and moment > received_at + CLOCK_AHEAD:
            raise RefusedError(
                f"The answer for {dataset} is from the future",
                f"its HTTP Date {moment:%Y-%m-%dT%H:%M:%SZ} is more than an hour after our clock",
                "It is asked again; look whether our clock is right",
            )
        return Answer(
            dataset=dataset,
            body=body,
            etag=_validator(response.headers),
            observed_at=moment,
            started_at=started_at,
            received_at=received_at,
        )

    def _check_size(self, size: int, dataset: str) -> None:
        if size > self._most_bytes:
            raise RefusedError(
                f"The answer for {dataset} is too large",
                f"more than max_answer_mebibytes = {self._most_bytes >> 20}",
                "If the City's data grew so, raise MELPARK_MAX_ANSWER_MEBIBYTES",
            )


def _conditions(etag: str | None) -> dict[str, str]:
    if etag is None:
        return {}
    if etag.startswith(LAST_MODIFIED):
        return {"If-Modified-Since": etag.removeprefix(LAST_MODIFIED)}
    return {"If-None-Match": etag}


def _validator(headers: httpx.Headers) -> str | None:
    etag: str | None = headers.get("ETag")
    changed = headers.get("Last-Modified")
    return etag or (f"{LAST_MODIFIED}{changed}" if changed else None)


def observed_at(header: str | None, dataset: str) -> datetime:
    """The HTTP Date, in UTC. Raises RefusedError when it is missing or senseless: it is the time of all we do."""
    try:
        moment = parsedate_to_datetime(header or "")
        if moment.tzinfo is None or moment.year not in SANE_YEARS:
            raise ValueError
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        why = "its HTTP Date is missing" if header is None else f"its HTTP Date is {header[:60]!r}"
        raise RefusedError(f"The answer for {dataset} has no time", why, "It is asked again") from None


def _asks_to_wait(response: httpx.Response, now: datetime) -> bool:
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        # Without a wait that can be read it is tried again at once, as any 5xx.
        return _seconds(response.headers.get("Retry-After", "").strip(), now) is not None
    return response.status_code == httpx.codes.TOO_MANY_REQUESTS


def quota_wait_seconds(headers: httpx.Headers, now: datetime) -> float:
    """How long a 429 or 503 asks to wait: Retry-After (seconds or a date), else X-RateLimit-Reset, else a second."""
    for name in ("Retry-After", "X-RateLimit-Reset"):
        value = headers.get(name, "").strip()
        if value and (seconds := _seconds(value, now)) is not None:
            return max(0.0, seconds)
    return 1.0


def _seconds(value: str, now: datetime) -> float | None:
    if value.isdecimal():
        number = float(value)
        # A number of this size is a Unix time, a smaller one a wait.
        return number - now.timestamp() if number > 1e9 else number
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(value)
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    return None


def _check_status(response: httpx.Response, dataset: str) -> None:
    status = response.status_code
    if status == httpx.codes.OK:
        return
    if status in (401, 403):
        raise ConfigurationError(
            f"The portal refuses {dataset}", f"HTTP {status}", "Mend MELPARK_PORTAL_API_KEY"
        )
    error: ConfigurationError | RetryableError = RetryableError(
        f"The portal does not give {dataset}", f"HTTP {status}", "It is asked again"
    )
    if status == httpx.codes.NOT_FOUND:
        error = ConfigurationError(
            f"The portal has no dataset {dataset}", "HTTP 404", "Mend MELPARK_PORTAL_URL or the capture"
        )
    if status in NO_EXPORT:
        raise _NoExportError(error)
    if status >= 500:
        raise _ServerError(f"HTTP {status}")
    raise error


def _may_be_cut(response: httpx.Response, body: Body) -> bool:
    """True for a body that ends by closing the connection, and not as JSON or a line ends."""
    if "Content-Length" in response.headers or "Transfer-Encoding" in response.headers:
        return False
    end = body.tail(64)
    return not end.endswith(b"\n") and not end.rstrip().endswith((b"]", b"}"))


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
