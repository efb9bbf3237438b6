"""The City's portal (Opendatasoft Explore v2.1): one complete answer per call, or a clear error."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx
import stamina

from melpark.errors import ConfigurationError, MelParkError, RefusedError, RetryableError
from melpark.settings import Settings

# `exports`, for `records` ends at 10,000 rows and its pages repeat some and miss others.
PATH = "/api/explore/v2.1/catalog/datasets/{dataset}/exports/json"
ATTEMPTS = 3
LONGEST_QUOTA_WAIT_SECONDS = 60.0
# The timeout is for each read; a body that drips must end as well.
TIMEOUTS_PER_ANSWER = 4
SANE_YEARS = range(2010, 2100)


@dataclass(frozen=True)
class Answer:
    """One complete answer. `observed_at` is the source's clock (HTTP Date), the other two times are ours."""

    dataset: str
    body: bytes
    etag: str | None
    observed_at: datetime
    started_at: datetime
    received_at: datetime


@dataclass(frozen=True)
class NotModified:
    """Nothing new since the ETag that was sent (HTTP 304)."""

    dataset: str


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
        self._now = now
        self._sleep = sleep
        headers = {"Accept": "application/json"}
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

        Connection errors, 5xx and cut bodies are tried three times, an exhausted quota (429) twice. Raises
        RetryableError when that does not help, ConfigurationError when the key or the dataset is refused,
        RefusedError when the answer lacks a sane HTTP Date.
        """
        what = f"{self._url} did not answer for {dataset}"
        try:
            async with asyncio.timeout(self._timeout * TIMEOUTS_PER_ANSWER):
                return await self._fetch(dataset, etag)
        except (httpx.RequestError, _ServerError) as error:
            raise RetryableError(what, _reason(error), "It is asked again") from None
        except TimeoutError:
            raise RetryableError(what, "the answer did not end in time", "It is asked again") from None
        except httpx.InvalidURL as error:
            raise ConfigurationError(what, str(error), "Mend MELPARK_PORTAL_URL") from None

    async def _fetch(self, dataset: str, etag: str | None) -> Answer | NotModified:
        answer = await self._ask(dataset, etag)
        if isinstance(answer, httpx.Response):
            seconds = quota_wait_seconds(answer.headers, self._now())
            if seconds > LONGEST_QUOTA_WAIT_SECONDS:
                raise _out_of_quota(dataset, f"it asks to wait {seconds:.0f} s")
            await self._sleep(seconds)
            answer = await self._ask(dataset, etag)
        if isinstance(answer, httpx.Response):
            raise _out_of_quota(dataset, "also after the wait that it asked for")
        return answer

    async def _ask(self, dataset: str, etag: str | None) -> Answer | NotModified | httpx.Response:
        """One answer; a response of status 429 is handed back as it is."""
        async for attempt in stamina.retry_context(
            on=(httpx.RequestError, _ServerError), attempts=ATTEMPTS, wait_initial=0.2, wait_max=2
        ):
            with attempt:
                return await self._ask_once(dataset, etag)
        raise AssertionError("unreachable")

    async def _ask_once(self, dataset: str, etag: str | None) -> Answer | NotModified | httpx.Response:
        started_at = self._now()
        response = await self._client.get(
            self._url + PATH.format(dataset=dataset), headers={"If-None-Match": etag} if etag else {}
        )
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return NotModified(dataset)
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return response
        _check(response, dataset)
        return Answer(
            dataset=dataset,
            body=response.content,
            etag=response.headers.get("ETag"),
            observed_at=observed_at(response.headers.get("Date"), dataset),
            started_at=started_at,
            received_at=self._now(),
        )


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


def quota_wait_seconds(headers: httpx.Headers, now: datetime) -> float:
    """How long a 429 asks to wait: Retry-After (seconds or a date), else X-RateLimit-Reset, else a second."""
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


def _check(response: httpx.Response, dataset: str) -> None:
    status = response.status_code
    if status >= 500:
        raise _ServerError(f"HTTP {status}")
    if status in (401, 403):
        raise ConfigurationError(
            f"The portal refuses {dataset}", f"HTTP {status}", "Mend MELPARK_PORTAL_API_KEY"
        )
    if status == httpx.codes.NOT_FOUND:
        raise ConfigurationError(
            f"The portal has no dataset {dataset}", "HTTP 404", "Mend MELPARK_PORTAL_URL or the capture"
        )
    if status != httpx.codes.OK:
        raise RetryableError(f"The portal does not give {dataset}", f"HTTP {status}", "It is asked again")
    if _may_be_cut(response):
        raise _ServerError("the body was cut off")


def _may_be_cut(response: httpx.Response) -> bool:
    """True for a body that ends by closing the connection, and not as JSON ends."""
    is_framed = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    return not is_framed and not response.content.rstrip().endswith((b"]", b"}"))


def _out_of_quota(dataset: str, why: str) -> MelParkError:
    return RetryableError(f"The portal's quota is used up, {dataset} is left for later", why)


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
