"""Which datasets one round of polls asks, as an outer scheduler wants it; marks in the home say when each was asked."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from melpark.contracts import REFERENCES, SENSORS
from melpark.errors import ConfigurationError
from melpark.places import Home
from melpark.settings import Settings

# References first: rules and places are there when the first sensors come.
DATASETS = (*(table.dataset for table in REFERENCES), SENSORS.dataset)
# A scheduler may be a little early.
SHARE_OF_INTERVAL = 0.9


@dataclass(frozen=True)
class Wanted:
    """What one round is to ask: these `datasets` (all without one), only those that are `due`, and to fill in `history`
    for a while afterwards."""

    datasets: tuple[str, ...] = ()
    due: bool = False
    history: bool = False

    def check(self, once: bool) -> None:
        """Raises ConfigurationError for a dataset that is none, and where the endless poller would leave some out."""
        if unknown := sorted(set(self.datasets) - set(DATASETS)):
            raise ConfigurationError(
                f"{', '.join(unknown)} is no dataset", "", f"Name one of {', '.join(DATASETS)}"
            )
        if self != ALL and not once:
            raise ConfigurationError("--dataset, --due and --history need --once", "", "Add it")


ALL = Wanted()


def asked(settings: Settings, wanted: Wanted, now: datetime) -> list[str]:
    """The datasets of one round, references first."""
    datasets = [dataset for dataset in DATASETS if dataset in (wanted.datasets or DATASETS)]
    if not wanted.due:
        return datasets
    return [dataset for dataset in datasets if is_due(settings, dataset, _asked_at(settings, dataset), now)]


def is_due(settings: Settings, dataset: str, asked_at: datetime | None, now: datetime) -> bool:
    """Whether the dataset's interval is over, nearly."""
    seconds = SHARE_OF_INTERVAL * interval_seconds(settings, dataset)
    return asked_at is None or now - asked_at >= timedelta(seconds=seconds)


def interval_seconds(settings: Settings, dataset: str) -> float:
    """From one poll of the dataset to the next."""
    is_live = dataset == SENSORS.dataset
    return settings.poll_interval_seconds if is_live else settings.reference_poll_interval_seconds


def mark_asked(settings: Settings, dataset: str) -> None:
    """Leave a mark by which the next round tells whether the dataset is due. `polls` does not tell: nothing new leaves
    no row there."""
    mark = _mark(settings, dataset)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()


def _asked_at(settings: Settings, dataset: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(_mark(settings, dataset).stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def _mark(settings: Settings, dataset: str) -> Path:
    return Home(settings.home.resolve()).run / "asked" / dataset
