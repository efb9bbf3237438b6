"""The code of the Databricks notebooks runs as it is, on the local server; only the widgets are ours."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql.connect.session import SparkSession

from integration.lake.changes import Change
from integration.lake.conftest import Lake
from integration.lake.notebooks import land, run
from integration.lake.test_bronze import duplicates, messages_by_topic
from integration.lake.test_silver import everything
from melpark.contracts import POLLS
from melpark.places import Home
from melpark.processing import query
from melpark.processing.spark_session import connect


@pytest.fixture
def session(lake: Lake) -> Iterator[SparkSession]:
    session = connect(lake.settings)
    yield session
    session.stop()


def test_bronze_and_silver_take_what_is_new(
    lake: Lake, session: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    polls = [change for change in lake.history.changes if change.table is POLLS]
    lake.write(Change(POLLS, {**polls[0].row, "poll_id": 20_000}))
    assert lake.producer.flush(30) == 0
    home, servers = str(lake.home.root), f"127.0.0.1:{lake.settings.kafka_port}"
    run("Bronze", session, {"home": home, "kafka_servers": servers})
    run("Silver", session, {"home": home})

    assert messages_by_topic(lake) == lake.messages
    assert duplicates(lake) == 0
    assert query.sql(lake.settings, "SELECT count(*) FROM silver.polls WHERE poll_id = 20000")[1] == [(1,)]
    assert "silver.polls" in capsys.readouterr().out
    before = everything(lake)
    lake.run()
    assert everything(lake) == before


def test_bronze_takes_each_file_once(lake: Lake, session: SparkSession, tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "files"
    for number in range(2):
        land(lake, folder, number)
        for _ in range(2):
            run("Bronze", session, {"home": str(home), "source": "json", "folder": str(folder)})
    run("Silver", session, {"home": str(home)})

    held = lake.settings.model_copy(update={"home": Home(home).root})
    assert query.sql(held, 'SELECT "offset" FROM bronze.change_events ORDER BY ALL')[1] == [(0,), (1,)]
    assert query.sql(held, "SELECT poll_id FROM silver.polls ORDER BY ALL")[1] == [(0,), (1,)]
    shutil.rmtree(home)
