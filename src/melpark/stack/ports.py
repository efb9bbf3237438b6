"""Is a port free, and if not, who has it."""

import socket

import psutil

from melpark.errors import StopError


def require_free(port: int, engine: str, setting: str) -> None:
    """Raises StopError that names the port, its holder where known, and the setting to change."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise StopError(
                f"Port {port} of {engine} is taken",
                _holder(port) or str(error),
                f"End that process, or set MELPARK_{setting.upper()} to a free port",
            ) from None


def _holder(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return ""
    for connection in connections:
        if (
            connection.laddr
            and connection.laddr.port == port
            and connection.status == "LISTEN"
            and connection.pid
        ):
            try:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()}) listens there"
            except psutil.Error:
                return f"process {connection.pid} listens there"
    return ""
