"""A GET of the standard's application in this process, with the token of its home."""

from collections.abc import Mapping

import httpx
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from cds.served import Answer, Ask


def ask_of(app: ASGIApp, token: str, prefix: str = "") -> Ask:
    """`app` answers below `prefix`; the token is sent unless the headers name another authorization."""
    client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
    # httpx sends */* by itself; the standard tells what a request without the header gets.
    client.headers.pop("accept", None)

    def ask(
        path: str, query: Mapping[str, object] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        sent = {"authorization": f"Bearer {token}", **(headers or {})}
        if path.startswith("/cds/"):
            path = path.removeprefix("/cds")
        found = client.get(prefix + path, params=_plain(query), headers=sent)
        is_json = "json" in found.headers.get("content-type", "")
        return Answer(found.status_code, found.headers, found.text, found.json() if is_json else None)

    return ask


def _plain(query: Mapping[str, object] | None) -> httpx.QueryParams | None:
    return None if query is None else httpx.QueryParams({name: str(value) for name, value in query.items()})
