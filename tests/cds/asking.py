"""A GET of the standard's application in this process, with the token of its home."""

import asyncio
from collections.abc import Mapping

import httpx
from starlette.types import ASGIApp

from cds.served import Answer, Ask


def ask_of(app: ASGIApp, token: str, prefix: str = "") -> Ask:
    """`app` answers below `prefix`; the token is sent unless the headers name another authorization."""

    async def get(
        address: str, query: httpx.QueryParams | None, headers: Mapping[str, str]
    ) -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            # httpx sends */* by itself; the standard tells what a request without the header gets.
            client.headers.pop("accept", None)
            return await client.get(address, params=query, headers=headers)

    def ask(
        path: str, query: Mapping[str, object] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        sent = {"authorization": f"Bearer {token}", **(headers or {})}
        found = asyncio.run(get(prefix + path, _plain(query), sent))
        is_json = "json" in found.headers.get("content-type", "")
        return Answer(found.status_code, found.headers, found.text, found.json() if is_json else None)

    return ask


def _plain(query: Mapping[str, object] | None) -> httpx.QueryParams | None:
    return None if query is None else httpx.QueryParams({name: str(value) for name, value in query.items()})
