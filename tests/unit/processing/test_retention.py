"""Every table of bronze and silver keeps what the settings say."""

from pathlib import Path

from deltalake import DeltaTable

from melpark.places import Home
from melpark.processing import catalogue
from melpark.processing.tables import TABLES
from melpark.settings import Settings


def test_each_table_is_given_the_retention_of_the_settings_and_only_when_it_differs(tmp_path: Path) -> None:
    home, wanted = Home(tmp_path), Settings(home=tmp_path, lake_retention_days=3, lake_log_retention_days=5)
    catalogue.create(home)
    for settings, files, log, version in (
        (wanted, 3, 5, 1),
        (wanted, 3, 5, 1),
        (wanted.model_copy(update={"lake_retention_days": 9}), 9, 5, 2),
    ):
        catalogue.set_retention(home, settings)
        for table in TABLES:
            held = DeltaTable(catalogue.path_of(home, table))
            configuration = held.metadata().configuration
            assert configuration["delta.deletedFileRetentionDuration"] == f"interval {files} days"
            assert configuration["delta.logRetentionDuration"] == f"interval {log} days"
            assert held.version() == version
