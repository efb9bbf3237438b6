"""What the portal's headers mean."""

from datetime import UTC, datetime

import httpx
import pytest

from melpark.errors import RefusedError
from melpark.ingestion.parking_api import observed_at, quota_wait_seconds

NOW = datetime(2025, 8, 7, 1, 11, 39, tzinfo=UTC)


def test_the_http_date_is_the_sources_now() -> None:
    assert observed_at("Thu, 07 Aug 2025 01:11:39 GMT", "sensors") == NOW


@pytest.mark.parametrize(
    "header", [None, "", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 07 Aug 2025 01:11:39 -0000"]
)
def test_a_missing_or_senseless_date_is_an_error(header: str | None) -> None:
    with pytest.raises(RefusedError, match="HTTP Date"):
        observed_at(header, "sensors")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Thu, 07 Aug 2025 01:11:49 GMT"}, 10),
        ({"Retry-After": "Thu, 07 Aug 2025 01:00:00 GMT"}, 0),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 30)}, 30),
        ({"X-RateLimit-Reset": "2025-08-07T01:12:39Z"}, 60),
        ({"X-RateLimit-Reset": "2025-08-07 01:12:39"}, 60),
        ({"Retry-After": "2", "X-RateLimit-Reset": "2025-08-08T00:00:00Z"}, 2),
        ({"Retry-After": "later"}, 1),
        ({}, 1),
    ],
)
def test_a_spent_quota_tells_how_long_to_wait(headers: dict[str, str], seconds: float) -> None:
    assert quota_wait_seconds(httpx.Headers(headers), NOW) == seconds
