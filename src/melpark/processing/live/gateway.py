"""Flink's SQL gateway over its REST interface: statements in a session."""

import contextlib
import time
from types import TracebackType
from typing import Any, Self

import httpx

from melpark.errors import RetryableError, StopError

POLL_SECONDS = 0.1
# Planning a large statement takes some ten seconds of a core of its own. When it does not come to an end a new gateway,
# whose planner goes through its rules in another order, is the way out: the jobs are submitted again.
STATEMENT_SECONDS = 180.0


class Session:
    """One session of the gateway; its temporary tables end with it.

    Raises RetryableError when the gateway does not answer, StopError when Flink refuses a statement.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=STATEMENT_SECONDS)
        self._handle = ""

    def __enter__(self) -> Self:
        self._handle = self._ask("POST", "/v1/sessions", {})["sessionHandle"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle:
            with contextlib.suppress(httpx.HTTPError):
                self._client.delete(f"/v1/sessions/{self._handle}")
        self._client.close()

    def run(self, statement: str) -> list[list[Any]]:
        """The rows of the first page of a statement's result; for an INSERT the id of its job."""
        operation = self._ask(
            "POST", f"/v1/sessions/{self._handle}/statements", {"statement": statement}, statement
        )["operationHandle"]
        path = f"/v1/sessions/{self._handle}/operations/{operation}/result/0"
        deadline = time.monotonic() + STATEMENT_SECONDS
        while True:
            found = self._ask("GET", path, None, statement)
            if found["resultType"] != "NOT_READY":
                return [row["fields"] for row in found["results"]["data"]]
            if time.monotonic() > deadline:
                raise RetryableError(
                    "Flink does not answer a statement", _short(statement), "See `melpark logs gateway`"
                )
            time.sleep(POLL_SECONDS)

    def _ask(self, method: str, path: str, body: object, statement: str = "") -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise RetryableError(
                f"Flink's SQL gateway does not answer on {self._url}",
                str(error) or type(error).__name__,
                "`melpark live deploy` starts one",
            ) from None
        if answer.is_error:
            raise StopError(f"Flink refused: {_short(statement)}", _cause(answer), "Mend the statement")
        found: dict[str, Any] = answer.json()
        return found


def _cause(answer: httpx.Response) -> str:
    """The innermost cause of the trace that the gateway sends."""
    try:
        text = "\n".join(answer.json()["errors"])
    except (ValueError, KeyError, TypeError):
        text = answer.text
    causes = [line for line in text.splitlines() if line.startswith("Caused by:")]
    lines = [line for line in text.splitlines() if line.strip()]
    return (causes[-1] if causes else lines[-1] if lines else "no reason given").strip()[:600]


def _short(statement: str) -> str:
    return " ".join(statement.split())[:80]
