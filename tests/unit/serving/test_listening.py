"""Laws of the server's socket: on this machine only, and what is written is sent at once."""

import socket

import pytest

from melpark.errors import StopError
from melpark.serving.server import _listen
from plugins.ports import free_port


def test_a_connection_sends_what_is_written_at_once_and_is_of_this_machine() -> None:
    port = free_port()
    with _listen("127.0.0.1", port) as listener:
        listener.listen()
        with socket.create_connection(("127.0.0.1", port)):
            connection, (host, _) = listener.accept()
            with connection:
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert (host, listener.getsockname()[0]) == ("127.0.0.1", "127.0.0.1")


def test_a_port_that_is_taken_is_told() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(StopError, match=r"cannot listen on 127\.0\.0\.1"),
    ):
        _listen("127.0.0.1", other.getsockname()[1])
