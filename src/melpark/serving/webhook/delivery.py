"""The process that delivers alerts: those of Flink and those of the operation, each once, in the order they came."""

import logging
import signal
import threading
from pathlib import Path

from melpark.errors import ConfigurationError, RefusedError, RetryableError, StopError
from melpark.locks import only_one
from melpark.places import Home
from melpark.processing import job_runs
from melpark.serving.stack_metrics import running
from melpark.serving.webhook import operation
from melpark.serving.webhook.alert_log import AlertLog
from melpark.serving.webhook.outbox import Outbox, our_clock
from melpark.serving.webhook.receiver import Receiver
from melpark.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
IDLE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0


def run(settings: Settings) -> None:
    """Deliver until SIGTERM or SIGINT; what is not delivered then waits in the outbox for the next start.

    Raises ConfigurationError without an address, StopError when another process delivers for the home.
    """
    if settings.alert_webhook_url is None:
        raise ConfigurationError(
            "There is nowhere to deliver alerts to",
            "",
            "Set MELPARK_ALERT_WEBHOOK_URL to the receiver's address",
        )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    secret = settings.alert_webhook_secret
    receiver = Receiver(
        settings.alert_webhook_url.get_secret_value(), secret.get_secret_value() if secret else None
    )
    refusal = StopError("Another process delivers the alerts of this home", "", "Let it do the work")
    with only_one(Home(settings.home.resolve()).run / "alerts.lock", refusal):
        deliver(settings, receiver, stop)


def deliver(settings: Settings, receiver: Receiver, stop: threading.Event) -> None:
    """Follow, watch and send until `stop`."""
    file = Home(settings.home.resolve()).outbox
    # Before the threads open it, too: of several who make the file at once all but one are refused.
    outbox = Outbox(file)
    alert_log = AlertLog(file, settings.kafka_address)
    watch = threading.Thread(target=_watch, args=(settings, file, stop), name="watch", daemon=True)
    for thread in (alert_log, watch):
        thread.start()
    try:
        _send(outbox, receiver, stop)
    finally:
        stop.set()
        alert_log.stop()
        for thread in (alert_log, watch):
            thread.join(5)
        outbox.close()
        receiver.close()


def _send(outbox: Outbox, receiver: Receiver, stop: threading.Event) -> None:
    pause = 1.0
    while not stop.is_set():
        message = outbox.next()
        if message is None:
            stop.wait(IDLE_SECONDS)
            continue
        try:
            receiver.send(message, our_clock())
        except RetryableError as error:
            log.warning("%s Alerts wait in the outbox; the next try is in %.0f s", error, pause)
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            continue
        except RefusedError as error:
            log.error("%s It is kept: `melpark alerts status`", error)
            outbox.refused(message, error.why, our_clock())
        else:
            log.info("Delivered %s", message.id)
            outbox.delivered(message, our_clock())
        pause = 1.0


def _watch(settings: Settings, file: Path, stop: threading.Event) -> None:
    home = Home(settings.home.resolve())
    outbox = Outbox(file)
    told = [body["data"] for kind in operation.KINDS for body in outbox.bodies_of(f"{kind}/")]
    raised, arrivals = operation.Open(told), operation.Arrivals(settings, our_clock())
    while True:
        try:
            look(home, outbox, arrivals, raised)
        except Exception:
            # A status of another version must not end the switch of the dead man.
            log.exception("Looking at the operation failed; the next look is in %.0f s", LOOK_SECONDS)
        if stop.wait(LOOK_SECONDS):
            break
    outbox.close()


def look(home: Home, outbox: Outbox, arrivals: operation.Arrivals, raised: operation.Open) -> None:
    """Look once at what the stack says of itself, and put what changed into the outbox."""
    document, now = running(home), our_clock()
    found = operation.failed_runs(document, job_runs.newest(home))
    found[operation.NOTHING_ARRIVES, "ingestion"] = arrivals.look(document, now)
    for alert in raised.changes(found, now):
        outbox.put(operation.message_id(alert), operation.envelope(alert, now), now)
        log.warning("Alert %s: %s", alert["state"], alert["detail"])
