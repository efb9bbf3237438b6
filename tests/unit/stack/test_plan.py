"""Laws of the list of what starts."""

from melpark.settings import Settings
from melpark.stack import plan


def names(settings: Settings, is_scheduled: bool = True) -> list[str]:
    return [node.name for node in plan.nodes(settings, is_scheduled)]


def test_all_that_is_needed_first_is_in_the_list() -> None:
    nodes = plan.nodes(Settings())
    assert {need for node in nodes for need in node.needs} <= {node.name for node in nodes}


def test_the_city_itself_is_not_started() -> None:
    portal = Settings(source="portal", portal_url="https://example.org")
    assert set(names(Settings())) - set(names(portal)) == {"source"}


def test_a_stack_whose_gold_somebody_else_builds_has_no_scheduler() -> None:
    assert set(names(Settings())) - set(names(Settings(), is_scheduled=False)) == {"scheduler"}


def test_with_airflow_no_loop_of_our_own_polls_or_builds() -> None:
    with_airflow = set(names(Settings(scheduled_by="airflow")))
    assert set(names(Settings())) - with_airflow == {"poller", "scheduler"}
    assert with_airflow - set(names(Settings())) == {
        "airflow-database",
        "airflow",
        "airflow-dags",
        "airflow-scheduler",
    }


def test_alerts_are_delivered_where_there_is_an_address_for_them() -> None:
    told = Settings.model_validate({"alert_webhook_url": "https://example.org/hook"})
    assert "alerts" not in names(Settings())
    assert set(names(told)) - set(names(Settings())) == {"alerts"}


def test_flink_is_started_unless_it_is_off() -> None:
    assert set(names(Settings())) - set(names(Settings(live=False))) == {"jobmanager", "taskmanager", "live"}
