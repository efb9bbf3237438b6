"""The portal's daily quota of requests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta


@dataclass
class Quota:
    """Counts requests; at midnight UTC of our clock the count begins anew."""

    requests_a_day: int = 10_000_000
    _used: int = field(default=0, init=False)
    _resets_at: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)

    def take(self, now: datetime) -> bool:
        """Count one request; False when the quota is exceeded."""
        if now >= self._resets_at:
            self._used = 0
            self._resets_at = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
        self._used += 1
        return self._used <= self.requests_a_day

    def headers(self) -> dict[str, str]:
        """Limit and remaining in requests, reset in seconds since 1970."""
        return {
            "X-RateLimit-Limit": str(self.requests_a_day),
            "X-RateLimit-Remaining": str(max(0, self.requests_a_day - self._used)),
            "X-RateLimit-Reset": str(int(self._resets_at.timestamp())),
        }

    def refusal(
        self, now: datetime, resets_at: datetime | None = None
    ) -> tuple[dict[str, object], dict[str, str]]:
        """Body and headers of the 429: of a quota that comes back at `resets_at`, by default with the next day."""
        resets_at = resets_at or self._resets_at
        body = {
            "errorcode": 10002,
            "error": "You have exceeded the requests limit for anonymous users.",
            "call_limit": self.requests_a_day,
            "limit_time_unit": "day",
            "reset_time": resets_at.isoformat(),
        }
        return body, self.headers() | {
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(resets_at.timestamp())),
            "Retry-After": str(int((resets_at - now).total_seconds()) + 1),
        }
