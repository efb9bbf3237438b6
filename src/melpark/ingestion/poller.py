"""The loop that asks the portal and loads what it answers, one task per dataset."""

import asyncio
import logging
import signal
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import orjson
from structlog.contextvars import bind_contextvars, clear_contextvars

from melpark.contracts import SENSORS
from melpark.errors import MelParkError, RefusedError, RetryableError, StopError
from melpark.ingestion import rounds
from melpark.ingestion.answer_format import Format, format_of, records
from melpark.ingestion.parking_api import Answer, NotModified, ParkingApi, QuotaSpentError, utc_now
from melpark.ingestion.poll_rows import Outcome
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.ingestion.rounds import ALL, Wanted
from melpark.ingestion.sources import READERS
from melpark.ingestion.sources.nesting import is_too_deep
from melpark.ingestion.sources.wording import clean
from melpark.settings import Settings
from melpark.simulator import capture

if TYPE_CHECKING:
    from melpark.ingestion.seed import Seeding

log = logging.getLogger(__name__)

AFTER_NOTHING_NEW_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
# A spent quota may be given back by hand before the day ends.
LONGEST_QUOTA_PAUSE_SECONDS = 3600.0
# Between two parts of the history, so that live changes find their way through the log beside it.
REST_AFTER_HISTORY_SECONDS = 1.0
# A round of its own, such as Airflow's every two minutes, leaves time for the next one.
HISTORY_SECONDS_A_ROUND = 60.0


def run(
    settings: Settings,
    once: bool = False,
    record: Path | None = None,
    refetch: bool = False,
    wanted: Wanted = ALL,
) -> None:
    """Poll every dataset until SIGTERM or SIGINT, which end it between two transactions.

    `once` asks each dataset a single time and raises what failed. `record` is a capture folder to which every
    complete answer is added. `refetch` asks the first time without ETag, so that all is read again. PostgreSQL
    or the portal being away is waited out. Raises StopError when another poller is running, ConfigurationError when
    `wanted` names what there is not.
    """
    wanted.check(once)
    # Lines per request and per try would be too many beside ours per poll.
    for name, level in (("httpx", logging.WARNING), ("stamina", logging.ERROR)):
        logging.getLogger(name).setLevel(level)
    asyncio.run(_run(settings, once, record, refetch, wanted))


async def _run(
    settings: Settings, once: bool, record: Path | None, refetch: bool, wanted: Wanted = ALL
) -> None:
    _cancel_on_signal()
    loader = PostgresLoader(settings)
    seeding = seeding_for(settings, loader)
    try:
        async with ParkingApi(settings) as api:
            polls = [
                Poll(settings, api, loader, dataset, once, record, refetch, seeding)
                for dataset in rounds.asked(settings, wanted, utc_now())
            ]
            await (_once(settings, polls) if once else _follow(polls, seeding))
            if wanted.history and seeding is not None:
                await _fill_in_for_a_while(seeding)
    except asyncio.CancelledError:
        log.info("Stopped")
    finally:
        loader.close()


def seeding_for(settings: Settings, loader: PostgresLoader) -> "Seeding | None":
    """What fills in the history: only the simulator has one, and only when it is asked for."""
    if settings.source != "simulator" or not settings.history_days:
        return None
    # Other sources need none of what this loads.
    from melpark.ingestion.seed import Seeding

    return Seeding(settings, loader)


async def _fill_in_for_a_while(seeding: "Seeding") -> None:
    """Parts of the history, as many as fit; the next round goes on."""
    until = perf_counter() + HISTORY_SECONDS_A_ROUND
    while perf_counter() < until and await seeding.fill_in_next():
        pass


async def _follow(polls: "list[Poll]", seeding: "Seeding | None") -> None:
    tasks = [asyncio.create_task(poll.follow()) for poll in polls]
    if seeding is not None:
        tasks.append(asyncio.create_task(_fill_in(seeding)))
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _fill_in(seeding: "Seeding") -> None:
    """Fill in the whole history, however often PostgreSQL goes away; what it refuses ends it."""
    trouble, pauses = _Trouble("history"), _pauses()
    while True:
        began = perf_counter()
        try:
            if not await seeding.fill_in_next():
                if seeding.opened.is_set():
                    return
                await seeding.opened.wait()
                continue
        except RetryableError as error:
            trouble.say(error)
            await asyncio.sleep(next(pauses))
            continue
        except RefusedError as error:
            log.error("history: %s", error)
            return
        except Exception:
            log.exception("history: an unexpected error ends it; the polls go on")
            return
        trouble.is_over()
        pauses = _pauses()
        await asyncio.sleep(max(REST_AFTER_HISTORY_SECONDS, seeding.rest(perf_counter() - began)))


async def _once(settings: Settings, polls: "list[Poll]") -> None:
    results = await asyncio.gather(*(poll.once() for poll in polls), return_exceptions=True)
    for poll, result in zip(polls, results, strict=True):
        if not isinstance(result, BaseException):
            rounds.mark_asked(settings, poll.dataset)
    errors = [result for result in results if isinstance(result, BaseException)]
    if len(errors) > 1 and all(isinstance(error, RetryableError) for error in errors):
        lines = "; ".join(dict.fromkeys(str(error).rstrip(".") for error in errors))
        raise RetryableError(f"{len(errors)} of {len(polls)} datasets failed", lines)
    for error in errors:
        raise error


class Poll:
    """The polling of one dataset. It fails alone; the loader, without an await, serves one at a time."""

    def __init__(
        self,
        settings: Settings,
        api: ParkingApi,
        loader: PostgresLoader,
        dataset: str,
        is_single: bool,
        record: Path | None,
        refetch: bool,
        seeding: "Seeding | None" = None,
    ) -> None:
        self._settings = settings
        self._api = api
        self._loader = loader
        self.dataset = dataset
        self._is_single = is_single
        self._record = record
        self._refetch = refetch
        self._seeding = seeding if dataset == SENSORS.dataset else None

    async def follow(self) -> None:
        pauses = _pauses()
        trouble = _Trouble(self.dataset)
        while True:
            started = perf_counter()
            try:
                outcome = await self.once()
            except StopError:
                raise
            except MelParkError as error:
                trouble.say(error)
                await asyncio.sleep(pause_after(error, next(pauses)))
                continue
            trouble.is_over()
            pauses = _pauses()
            await asyncio.sleep(self._rest(outcome, perf_counter() - started))

    async def once(self) -> Outcome | None:
        """Ask once and load the answer; None when there is nothing new. Raises MelParkError.

        An error that nobody thought of is logged with its trace, leaves a failed poll and is raised as RefusedError.
        """
        started_at = utc_now()
        # What is logged until the next attempt is of this one; its number is drawn when it is loaded.
        clear_contextvars()
        bind_contextvars(dataset=self.dataset)
        try:
            return await self._once()
        except MelParkError:
            raise
        except Exception as error:
            log.exception("%s: an unexpected error", self.dataset)
            found = RefusedError(
                f"The poll of {self.dataset} met an unexpected error",
                f"{type(error).__name__}: {clean(str(error))}",
                "Nothing was written; report it with the log",
            )
            self._record_failure(found, started_at, utc_now())
            raise found from error

    async def _once(self) -> Outcome | None:
        etag = None if self._refetch else self._loader.last_etag(self.dataset)
        answer = await self._fetch(etag)
        if isinstance(answer, NotModified):
            self._refetch = False
            return None
        bind_contextvars(observed_at=_text(answer.observed_at))
        if self._record is not None:
            _record(self._record, answer)
        try:
            outcome = await self._load(answer)
        finally:
            answer.body.close()
        self._refetch = False
        _log(outcome, answer, utc_now())
        return outcome

    async def _fetch(self, etag: str | None) -> Answer | NotModified:
        started_at = utc_now()
        try:
            return await self._api.fetch(self.dataset, etag)
        except MelParkError as error:
            self._record_failure(error, started_at, utc_now())
            raise

    async def _load(self, answer: Answer) -> Outcome:
        """Load the answer, however long PostgreSQL is away: the portal may not give it again."""
        trouble = _Trouble(self.dataset)
        for pause in _pauses():
            try:
                if self._seeding is not None:
                    await self._seeding.open(answer.observed_at)
                outcome = self._loader.load(answer, self._refetch)
            except RetryableError as error:
                if self._is_single:
                    raise
                trouble.say(error)
                await asyncio.sleep(pause)
            except RefusedError as error:
                self._record_failure(error, answer.started_at, answer.received_at)
                raise
            else:
                trouble.is_over()
                return outcome
        raise AssertionError("unreachable")

    def _record_failure(self, error: MelParkError, started_at: datetime, received_at: datetime) -> None:
        bind_contextvars(
            poll_id=self._loader.record_failure(self.dataset, str(error), started_at, received_at)
        )

    def _rest(self, outcome: Outcome | None, elapsed: float) -> float:
        """Seconds until the next request. A source that plays at another speed sets the pace itself."""
        if self._settings.source != "portal" and self._settings.effective_speed != 1:
            return 0 if outcome else AFTER_NOTHING_NEW_SECONDS
        return max(0.0, rounds.interval_seconds(self._settings, self.dataset) - elapsed)


class _Trouble:
    """Says once that something is wrong, and once that it is over."""

    def __init__(self, dataset: str) -> None:
        self._dataset = dataset
        self._said = ""

    def say(self, error: MelParkError) -> None:
        line = str(error)
        log.log(logging.DEBUG if line == self._said else logging.WARNING, "%s: %s", self._dataset, line)
        self._said = line

    def is_over(self) -> None:
        if self._said:
            log.info("%s: it works again", self._dataset)
            self._said = ""


def pause_after(error: MelParkError, pause: float) -> float:
    """Seconds to wait after a failure: at least as long as a spent quota asks for, up to an hour."""
    asked = error.wait_seconds if isinstance(error, QuotaSpentError) else 0.0
    return max(pause, min(asked, LONGEST_QUOTA_PAUSE_SECONDS))


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _record(folder: Path, answer: Answer) -> None:
    """Add the answer to the capture as a JSON array, unless it is none that a replay could read."""
    table = READERS[answer.dataset].table
    try:
        is_array = format_of(answer.body, table) is Format.JSON_ARRAY
        found = list(records(answer.body, table))
    except RefusedError:
        return
    if all(isinstance(item, dict) and not is_too_deep(item) for item in found):
        content = answer.body.read() if is_array else orjson.dumps(found)
        capture.write_file(folder, answer.dataset, answer.observed_at, content)


def _log(outcome: Outcome, answer: Answer, now: datetime) -> None:
    said = f"{outcome.dataset}: {outcome.outcome}, observed {_text(outcome.observed_at)}"
    if outcome.reason:
        said += f", {outcome.reason}"
    if outcome.changed is not None:
        said += f", {outcome.records} records, {outcome.changed} changed, {outcome.rejected} rejected"
    if outcome.note:
        said += f" ({outcome.note})"
    seconds = (now - answer.started_at).total_seconds()
    level = logging.INFO if outcome.outcome == "accepted" else logging.ERROR
    log.log(level, "%s, in %.1f s", said, seconds)


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _cancel_on_signal() -> None:
    """Ask the whole run to end. The loader never awaits, so a transaction is never cut."""
    task = asyncio.current_task()
    if task is None or threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
