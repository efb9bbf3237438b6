"""PostgreSQL watched from outside while it is being killed: how far the polls are, when a transaction is open."""

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg

from e2e.stack.running import Stack
from melpark import secrets
from melpark.contracts import SENSORS
from melpark.errors import StopError
from melpark.places import DATABASE, SUPERUSER

LOOK_SECONDS = 0.002
GATE_SECONDS = 0.02
POLLER = "melpark ingest"
# Before the first start there is not even a password.
AWAY = (psycopg.Error, StopError)
Connection = psycopg.Connection[tuple[Any, ...]]


class Watch:
    """A session that is opened anew when it is lost."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._connection: Connection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def polls(self) -> int | None:
        """Accepted polls of the sensors; None when PostgreSQL does not answer."""
        query = "SELECT count(*) FROM parking.polls WHERE dataset = %s AND outcome = 'accepted'"
        return self._ask(query, [SENSORS.dataset])

    def is_writing(self) -> bool:
        """True while a transaction of the poller has written rows and is not committed."""
        query = "SELECT count(backend_xid) FROM pg_stat_activity WHERE application_name = %s"
        return bool(self._ask(query, [POLLER]))

    def wait_until(self, is_so: Callable[[], bool], seconds: float) -> bool:
        """True as soon as it is so, False when the time is over."""
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _ask(self, query: str, parameters: list[object]) -> int | None:
        try:
            if self._connection is None:
                self._connection = _connect(self._stack)
            row = self._connection.execute(query.encode(), parameters).fetchone()
            return int(row[0]) if row else None
        except AWAY:
            self.close()
            return None


class Gate:
    """Lets so many polls be committed and no more, however fast the machine is.

    In between it holds the table of polls locked: the poller has written its rows then, and waits in the open
    transaction to write the last one. Works from a thread, and again when PostgreSQL is back. Made before the stack is
    started it lets the first poll pass, for migrations need the table. `polls` are those committed so far, None while
    PostgreSQL is away.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._allowed = 1
        self.polls: int | None = None
        self._watch = Watch(stack)
        self._lock: Connection | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def allow(self, polls: int) -> None:
        """Open until so many polls of the sensors are committed in all."""
        self._allowed = max(self._allowed, polls)

    def close(self) -> None:
        self._ended.set()
        self._thread.join(60)
        self._open()
        self._watch.close()

    def _keep(self) -> None:
        while not self._ended.wait(GATE_SECONDS):
            polls = self.polls = self._watch.polls()
            try:
                if polls is None or polls < self._allowed:
                    self._open()
                elif self._lock is None or self._lock.closed:
                    self._lock = _connect(self._stack, autocommit=False)
                    self._lock.execute("LOCK TABLE parking.polls IN SHARE MODE")
                else:
                    # Notices that the server, and the lock with it, is gone.
                    self._lock.execute("SELECT 1")
            except AWAY:
                self._open()

    def _open(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _connect(stack: Stack, autocommit: bool = True) -> Connection:
    return psycopg.connect(
        host="127.0.0.1",
        port=stack.settings.postgres_port,
        dbname=DATABASE,
        user=SUPERUSER,
        password=secrets.password(stack.home, SUPERUSER),
        autocommit=autocommit,
        connect_timeout=2,
        application_name="melpark chaos",
    )
