"""Laws of ports: a taken one is named with its setting and its holder."""

import os
import socket

import pytest

from melpark.errors import StopError
from melpark.stack.ports import require_free


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_is_named_with_its_engine_setting_and_holder(address: str) -> None:
    with socket.create_server((address, 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(StopError) as caught:
            require_free(port, "kafka", "kafka_port")
    said = str(caught.value)
    for part in (f"Port {port} of kafka is taken", f"process {os.getpid()} ", "MELPARK_KAFKA_PORT"):
        assert part in said


def test_a_port_is_free_again_once_its_listener_has_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = listener.accept()
            accepted.close()
    require_free(port, "kafka", "kafka_port")
