"""An app over a home, and what its `/metrics` says as Prometheus' own parser reads it."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from melpark.places import Home
from melpark.processing.capture.gaps import Gap
from melpark.processing.capture.status import CaptureStatus
from melpark.processing.job_runs import recorded
from melpark.serving.app import create_app
from melpark.serving.live import LiveState
from melpark.serving.live_answers import LiveAnswers
from melpark.settings import Settings
from melpark.stack import status
from melpark.stack.stages import Measurement, Polls, Stage
from unit.stack.test_capture_status import SLOT
from unit.stack.test_status import supervised

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SENSORS = "on-street-parking-bay-sensors"
POLLS = Polls(7, 1, 2, 30, 10, "failed", "no answer", AT, AT)
GAP = Gap(1, "slot_missing", None, "the slot is gone", AT, None, None, None)


def answered() -> LiveAnswers:
    """What Flink answers, read to its end: nothing."""
    answers = LiveAnswers()
    answers.ready(AT)
    return answers


class Client:
    """Asks an app over the home without a socket."""

    def __init__(self, home: Home, **options: Any) -> None:
        settings = Settings(home=home.root)
        app = create_app(settings, LiveState(settings), static_page=home.root / "no-page", **options)
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def get(self, path: str, method: str = "GET") -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path)

        return asyncio.run(ask())


def measured() -> Measurement:
    """A look at which everything but serving answered."""
    found = Measurement(
        polls={SENSORS: POLLS},
        quarantined=4,
        live_late=3,
        source_age_seconds=90,
        unchanged_seconds=60,
        capture=status_of_capture(),
    )
    for number, name in enumerate(found.stages):
        found.stages[name] = Stage(100 + number, AT, float(number))
    found.stages["serving"] = Stage()
    return found


def status_of_capture() -> CaptureStatus:
    return CaptureStatus(SLOT, (GAP,))


def run_of_a_stack(home: Home) -> None:
    """What a running stack leaves in its home: its status, and how its jobs ended."""
    home.run.mkdir(parents=True, exist_ok=True)
    found = measured()
    status.write(home, status.document(Settings(home=home.root), supervised("running", "restarting"), found))
    with recorded(home, "gold"):
        pass
    try:
        with recorded(home, "maintenance"):
            raise ValueError("the disk is full")
    except ValueError:
        pass


class Scrape:
    """One answer of `/metrics`."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.names = {sample.name for family in self.families.values() for sample in family.samples}
        # As a counter and a histogram are called as a whole.
        self.metrics = {
            name + ("_total" if family.type == "counter" else "") for name, family in self.families.items()
        }
        self._samples = [sample for family in self.families.values() for sample in family.samples]

    def labels(self, name: str) -> dict[str, set[str]]:
        """Labels of a metric, or of a whole histogram, with the values that they have."""
        found: dict[str, set[str]] = {}
        for sample in self._samples:
            if sample.name in (name, f"{name}_bucket"):
                for label, value in sample.labels.items():
                    found.setdefault(label, set()).add(value)
        return found

    def value(self, name: str, **labels: str) -> float | None:
        """The sample with exactly these labels; None when there is none."""
        found = [one.value for one in self._samples if one.name == name and one.labels == labels]
        assert len(found) < 2, f"{name} {labels} is there twice"
        return found[0] if found else None


def scrape(client: Client) -> Scrape:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return Scrape(answer.text)
