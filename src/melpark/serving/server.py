"""The server as a process: one port on the loopback interface."""

import asyncio
import contextlib
import socket

import uvicorn

from melpark.errors import StopError
from melpark.serving.app import create_app, our_clock
from melpark.serving.bays import Change
from melpark.serving.change_reader import ChangeReader, change_log
from melpark.serving.live import LiveState
from melpark.serving.live_answers import Answer, LiveAnswers, live_topics
from melpark.settings import Settings

# Streams never end by themselves: their readers get this long when the server stops.
GRACE_SECONDS = 2


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises StopError when the port is taken."""
    with _listen(settings.serve_address, settings.serve_port) as listener:

        def start_reader(live: LiveState, loop: asyncio.AbstractEventLoop) -> ChangeReader[Change]:
            reader = ChangeReader(live, loop, settings.kafka_address, our_clock, change_log())
            reader.start()
            return reader

        def start_answers(answers: LiveAnswers, loop: asyncio.AbstractEventLoop) -> ChangeReader[Answer]:
            reader = ChangeReader(answers, loop, settings.kafka_address, our_clock, live_topics())
            reader.start()
            return reader

        app = create_app(
            settings,
            LiveState(settings),
            start_reader,
            # Nobody writes these topics where Flink is off.
            start_answers=start_answers if settings.live else None,
        )
        configuration = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        # uvicorn raises the signal again once it has shut down.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(configuration).run(sockets=[listener])


def _listen(address: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it. Without it the body of an answer waits, up to 40 ms, until its head is acknowledged:
    # asyncio sets it for sockets that it has made itself only.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise StopError(
            f"The server cannot listen on {address}:{port}",
            error.strerror or str(error),
            "Stop what uses it, or set MELPARK_SERVE_PORT",
        ) from None
    return listener
