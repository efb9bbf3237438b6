"""A tiny HTTP server in place of Connect's REST interface: remembers what it was asked, answers what it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONFIG = "/connectors/melpark-connector/config"
STATUS = "/connectors/melpark-connector/status"


@dataclass
class Worker:
    """`answers` maps "METHOD path" to status code and body; what is not there is 404, as in Connect."""

    port: int
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)

    def answer(self, request: str, body: bytes) -> tuple[int, bytes]:
        self.asked.append(request)
        self.bodies.append(json.loads(body) if body else None)
        code, value = self.answers.get(request, (404, {"error_code": 404, "message": "not found"}))
        return code, json.dumps(value).encode()


@contextmanager
def running_worker() -> Iterator[Worker]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            code, text = worker.answer(f"{self.command} {self.path}", body)
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST = _answer  # noqa: N815 - the names that the server calls

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    worker = Worker(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield worker
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
