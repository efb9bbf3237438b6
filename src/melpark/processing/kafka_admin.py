"""The client by which Kafka is asked and told of its topics."""

from functools import cache

from confluent_kafka.admin import AdminClient


@cache
def admin(servers: str) -> AdminClient:
    """One client per Kafka and process: each keeps threads of its own. It logs nothing: who asks says what failed."""
    return AdminClient({"bootstrap.servers": servers, "log_level": 0})
