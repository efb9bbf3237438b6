"""Laws of a delivery, before a real HTTP server: signed as the standard's own library checks it, and tried again."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import stamina
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from melpark.errors import RefusedError, RetryableError
from melpark.serving.webhook.outbox import Message
from melpark.serving.webhook.receiver import ATTEMPTS, Receiver
from plugins.ports import free_port
from plugins.webhooks import TestReceiver, receiving

SECRET = "whsec_" + "QUJD" * 8
MESSAGE = Message("zone_full/7303/2026-01-02T03:04:05Z:raised", '{"data":{"place":"Café"}}'.encode())


@pytest.fixture
def receiver() -> Iterator[TestReceiver]:
    with stamina.set_testing(True, attempts=ATTEMPTS), receiving(TestReceiver()) as made:
        yield made


def send(receiver: TestReceiver, secret: str | None = None) -> None:
    sender = Receiver(receiver.url, secret)
    sender.send(MESSAGE, datetime.now(UTC))
    sender.close()


def test_what_is_sent_is_signed_so_that_the_standards_own_library_takes_it(receiver: TestReceiver) -> None:
    send(receiver, SECRET)
    ((headers, body),) = receiver.taken
    assert Webhook(SECRET).verify(body, headers) == {"data": {"place": "Café"}}
    assert headers["webhook-id"] == MESSAGE.id
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"C", b"D"), headers)


def test_without_a_secret_it_goes_unsigned_with_its_id(receiver: TestReceiver) -> None:
    send(receiver)
    ((headers, body),) = receiver.taken
    assert (headers["webhook-id"], body) == (MESSAGE.id, MESSAGE.body)
    assert "webhook-signature" not in headers


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_receiver_that_is_not_ready_is_asked_again_with_the_same_id(
    status: int, receiver: TestReceiver
) -> None:
    receiver.answers = [status, status]
    send(receiver)
    assert [headers["webhook-id"] for headers, _ in receiver.asked] == [MESSAGE.id] * 3
    assert len(receiver.taken) == 1


def test_a_receiver_that_never_is_ready_is_told_and_its_address_is_not(receiver: TestReceiver) -> None:
    receiver.answers = [502] * ATTEMPTS
    with pytest.raises(RetryableError, match="HTTP 502 no room for it") as caught:
        send(receiver)
    assert len(receiver.asked) == ATTEMPTS
    assert "token" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
def test_a_refusal_is_not_tried_again(status: int, receiver: TestReceiver) -> None:
    receiver.answers = [status]
    with pytest.raises(RefusedError, match=f"HTTP {status} no room for it"):
        send(receiver)
    assert len(receiver.asked) == 1


def test_a_receiver_that_is_away_is_tried_again_later_and_its_address_is_not_told() -> None:
    receiver = TestReceiver()
    receiver.port = free_port()
    with (
        stamina.set_testing(True, attempts=2),
        pytest.raises(RetryableError, match="does not answer: ConnectError") as caught,
    ):
        send(receiver)
    assert "token" not in str(caught.value)
