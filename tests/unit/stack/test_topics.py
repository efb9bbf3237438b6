"""Laws of the topics: one per captured table, and events of one bay in one partition."""

from melpark import contracts
from melpark.places import topic
from melpark.processing import topics


def planned() -> dict[str, topics.TopicPlan]:
    return {plan.name: plan for plan in topics.plan()}


def test_every_captured_table_has_a_topic_and_besides_only_what_the_connector_and_flink_say() -> None:
    captured = {topic(table.name) for table in contracts.CAPTURED}
    assert set(planned()) - captured == {
        "__debezium-heartbeat.melbourne",
        "melbourne.parking_capture.signals",
        "melpark.capture.notifications",
        "melpark.live.alerts",
        "melpark.live.deadlines",
        "melpark.live.late",
        "melpark.live.occupancy",
        "melpark.live.places",
    }
    assert captured <= set(planned())
    assert len(planned()) == len(topics.plan())


def test_the_present_of_each_bay_is_compacted_and_a_history_ends_after_thirty_days() -> None:
    for name, plan in planned().items():
        if name == topic("sensors"):
            assert plan.config["cleanup.policy"] == "compact"
        elif name.startswith("melbourne.parking.") and not name.startswith("melbourne.parking.rule_"):
            assert plan.config["retention.ms"] == str(30 * 24 * 3600 * 1000)


def test_the_rule_calendar_is_kept_until_its_last_day_has_passed() -> None:
    for weeks in (1, 4, 104):
        plans = {plan.name: plan for plan in topics.plan(rule_weeks_after=weeks)}
        for table in ("rule_windows", "rule_versions"):
            kept = int(plans[topic(table)].config["retention.ms"]) / (7 * topics.DAY_MS)
            # A poll that finds it shorter than this many weeks writes one more.
            assert kept >= max(weeks + 1 + 1, 4)


def test_tables_keyed_by_bay_have_three_partitions_and_others_one() -> None:
    for table in contracts.CAPTURED:
        expected = 3 if table.key[0] == "kerbside_id" else 1
        assert planned()[topic(table.name)].partitions == expected
    assert planned()[topic("sensors")].partitions == 3
    assert planned()[topic("polls")].partitions == 1
