"""A bare ASGI handler that answers paths with bytes from files: the baseline of live_calls.py.

Arguments: port, and a JSON file of path with query to [content type, file].
"""

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn

Answer = tuple[bytes, bytes]


def app_of(answers: dict[str, Answer]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"].decode()
        kind, body = answers[scope["path"] + (f"?{query}" if query else "")]
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


if __name__ == "__main__":
    files = json.loads(Path(sys.argv[2]).read_text())
    held = {path: (kind.encode(), Path(file).read_bytes()) for path, (kind, file) in files.items()}
    uvicorn.run(
        app_of(held),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_config=None,
        access_log=False,
        lifespan="off",
    )
