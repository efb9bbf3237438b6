"""A receiver of webhooks: a real HTTP server of the tests' own that keeps what it was sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

Headers = dict[str, str]


class TestReceiver:
    """Answers with the next of `answers`, then with 204. What it has taken is in `taken`, in order."""

    __test__ = False

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.asked: list[tuple[Headers, bytes]] = []
        self.taken: list[tuple[Headers, bytes]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/alerts?token=of-the-address"

    @property
    def ids(self) -> list[str]:
        """Ids of what was taken."""
        return [headers["webhook-id"] for headers, _ in self.taken]

    @property
    def bodies(self) -> list[Any]:
        return [orjson.loads(body) for _, body in self.taken]

    def take(self, headers: Headers, body: bytes) -> int:
        status = self.answers.pop(0) if self.answers else 204
        self.asked.append((headers, body))
        if status < 300:
            self.taken.append((headers, body))
        return status


@contextmanager
def receiving(receiver: TestReceiver, port: int = 0) -> Iterator[TestReceiver]:
    """The receiver listens, on a free port or a given one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
            said = b"no room for it" if status >= 300 else b""
            self.send_response(status)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *arguments: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
