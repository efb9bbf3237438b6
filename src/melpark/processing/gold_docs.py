"""The catalogue of gold with its lineage: the page that dbt makes, shown on loopback."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from melpark.loopback import HOST
from melpark.places import Home

# The page holds all it needs; it shall ask nobody else.
ONLY_ITSELF = "default-src 'self' data: 'unsafe-inline' 'unsafe-eval'"


def page(home: Home) -> Path:
    """The page that `melpark gold docs` makes: one file, which a browser opens without a server too."""
    return home.engine("dbt") / "target" / "static_index.html"


def server(file: Path, port: int) -> ThreadingHTTPServer:
    """A server of that file and of nothing else, on 127.0.0.1."""
    content = file.read_bytes()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", ONLY_ITSELF)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Requests of the one who looks are no news."""

    return ThreadingHTTPServer((HOST, port), Page)
