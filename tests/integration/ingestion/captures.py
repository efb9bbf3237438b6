"""The City's answers as the loader takes them."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from melpark.contracts import REFERENCES, SENSORS
from melpark.ingestion.body import Body
from melpark.ingestion.parking_api import Answer
from melpark.ingestion.postgres_loader import PostgresLoader


def answers(capture: Path, dataset: str) -> Iterator[Answer]:
    for path in sorted((capture / dataset).iterdir()):
        moment = datetime.strptime(path.name, "%Y%m%dT%H%M%SZ.json.gz").replace(tzinfo=UTC)
        yield Answer(dataset, Body.of(gzip.decompress(path.read_bytes())), path.name, moment, moment, moment)


def load_all(loader: PostgresLoader, capture: Path) -> list[str]:
    datasets = [*(table.dataset for table in REFERENCES), SENSORS.dataset]
    return [loader.load(answer).outcome for dataset in datasets for answer in answers(capture, dataset)]
