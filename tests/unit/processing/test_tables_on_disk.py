"""Which folders of the lake count as tables."""

from pathlib import Path

from melpark.places import Home
from melpark.processing import catalogue
from melpark.processing.tables import BRONZE


def test_a_table_whose_making_was_killed_before_its_first_commit_is_none_yet(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (home.gold / "fact_killed" / "_delta_log").mkdir(parents=True)
    (home.gold / "fact_killed" / "part-0.parquet").touch()
    catalogue.create(home)
    assert catalogue.in_database(home, "gold") == []
    assert catalogue.in_database(home, "bronze") == [catalogue.path_of(home, BRONZE)]
