"""One message to the receiver, with the headers of Standard Webhooks: `webhook-id`, `-timestamp` and `-signature`."""

import base64
import hashlib
import hmac
from datetime import datetime
from urllib.parse import urlsplit

import httpx
import stamina

from melpark import loopback
from melpark.errors import RefusedError, RetryableError
from melpark.serving.webhook.outbox import Message
from melpark.settings import webhook_key

TIMEOUT_SECONDS = 10.0
ATTEMPTS = 4
LONGEST_WAIT_SECONDS = 5.0
# Of the receiver's words, in the log and in what is kept.
TOLD_CHARACTERS = 200
# The receiver's "not now"; every other 3xx and 4xx will be the same tomorrow.
AGAIN_LATER = frozenset({408, 409, 423, 425, 429})


class Receiver:
    """An HTTP client of one address. The address may hold a token, so it is in no message and no log."""

    def __init__(self, url: str, secret: str | None = None) -> None:
        self._url = url
        self._key = webhook_key(secret) if secret else None
        is_here = urlsplit(url).hostname in (loopback.HOST, "localhost", "::1")
        self._client = httpx.Client(
            timeout=TIMEOUT_SECONDS, trust_env=not is_here, headers={"user-agent": "melpark"}
        )

    def close(self) -> None:
        self._client.close()

    def send(self, message: Message, now: datetime) -> None:
        """Post it, some times with growing pauses.

        Raises RetryableError when the receiver is away or busy, RefusedError when it will never take the message.
        """
        for attempt in stamina.retry_context(
            on=RetryableError, attempts=ATTEMPTS, timeout=None, wait_max=LONGEST_WAIT_SECONDS
        ):
            with attempt:
                self._post(message, now)

    def _post(self, message: Message, now: datetime) -> None:
        seconds = str(int(now.timestamp()))
        headers = {
            "content-type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": seconds,
        }
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, message, seconds)
        try:
            answer = self._client.post(self._url, content=message.body, headers=headers)
        except httpx.HTTPError as error:
            raise RetryableError(
                "The webhook's receiver does not answer", type(error).__name__, "It is tried again"
            ) from None
        if answer.is_success:
            return
        said = f"HTTP {answer.status_code} {' '.join(answer.text.split())[:TOLD_CHARACTERS]}".strip()
        if answer.is_server_error or answer.status_code in AGAIN_LATER:
            raise RetryableError("The webhook's receiver is not ready", said, "It is tried again")
        raise RefusedError("The webhook's receiver refuses the alert", said)


def signature(key: bytes, message: Message, seconds: str) -> str:
    """HMAC-SHA256 of id, time and body, as the header has it."""
    signed = f"{message.id}.{seconds}.".encode() + message.body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"
