"""The running stack as its operator and its users see it."""

import json
import stat

import httpx
import psutil
import pytest

from e2e.page.browser import (
    drawn_colour,
    look_at,
    open_page,
    wait_for_connection,
    wait_for_drawn_state,
    wait_until_drawn,
)
from e2e.stack.running import Stack
from integration.serving.running import until
from melpark.places import Home
from melpark.processing.job_runs import recorded
from plugins.webhooks import TestReceiver
from unit.serving.exposed import Scrape

pytestmark = pytest.mark.real_data

ENGINES = {
    "postgres",
    "kafka",
    "connect",
    "spark",
    "source",
    "poller",
    "streams",
    "scheduler",
    "server",
    "alerts",
}
STAGES = {"ingestion", "postgres", "kafka", "bronze", "silver", "gold", "serving"}


def test_status_tells_every_engine_and_stage_and_exits_with_0(replayed: Stack) -> None:
    replayed.wait_until_healthy()
    answer = replayed.melpark("status", "--json")
    status = json.loads(answer.stdout)
    assert (answer.returncode, status["state"]) == (0, "healthy")
    assert status["engines"].keys() == ENGINES
    for engine in status["engines"].values():
        assert engine.keys() >= {"state", "pid", "port", "since", "memory_bytes", "restarts"}
        assert engine["state"] == "running"
        assert psutil.pid_exists(engine["pid"])
        assert engine["memory_bytes"] > 0
    assert status["stages"].keys() == STAGES
    for stage in status["stages"].values():
        assert stage.keys() == {"rows", "last_event_at", "lag_seconds"}
        assert stage["rows"] > 0
        assert stage["last_event_at"] is not None
        assert stage["lag_seconds"] is not None
    assert status["source"]["kind"] == "replay"


def test_one_scrape_tells_every_engine_stage_and_poll_of_the_running_stack(replayed: Stack) -> None:
    replayed.wait_until_healthy()
    said = Scrape(httpx.get(f"{replayed.url}/metrics", timeout=30).raise_for_status().text)
    assert said.value("melpark_stack_up") == 1
    assert said.labels("melpark_engine_up")["engine"] >= ENGINES
    assert said.labels("melpark_stage_up")["stage"] >= STAGES
    assert [said.value("melpark_stage_up", stage=stage) for stage in STAGES] == [1] * len(STAGES)
    polls = (
        "SELECT dataset, outcome, count(*) FROM parking.polls WHERE origin = 'live' GROUP BY dataset, outcome"
    )
    for dataset, outcome, number in replayed.postgres(polls):
        assert said.value("melpark_polls_total", dataset=dataset, outcome=outcome) == number
    rejected = "SELECT dataset, sum(coalesce(rejected, 0)) FROM parking.polls GROUP BY dataset"
    for dataset, number in replayed.postgres(rejected):
        assert said.value("melpark_rejected_records_total", dataset=dataset) == number
    newest = "SELECT DISTINCT ON (dataset) dataset, outcome FROM parking.polls ORDER BY dataset, poll_id DESC"
    for dataset, outcome in replayed.postgres(newest):
        assert said.value("melpark_poll_failed", dataset=dataset) == (outcome != "accepted")
    assert said.value("melpark_capture_slot_active") == 1
    assert said.value("melpark_live_bays") == said.value("melpark_stage_rows", stage="serving")


def test_the_logs_of_our_own_processes_are_lines_of_json_and_read_as_text(replayed: Stack) -> None:
    for name in ("poller", "streams", "supervisor", "alerts"):
        lines = (Home(replayed.home).logs / f"{name}.log").read_text().splitlines()
        assert [line for line in lines if not line.startswith('{"at": ')] == []
    shown = replayed.melpark("logs", "poller").stdout.splitlines()
    assert any(line.partition(" INFO melpark.ingestion.poller: ")[2] for line in shown)


def test_a_job_that_failed_in_the_running_stack_reaches_the_webhook_and_so_does_its_next_good_end(
    replayed: Stack, alert_receiver: TestReceiver
) -> None:
    def told(state: str) -> bool:
        return ("drill", state) in [
            (body["data"]["place"], body["data"]["state"]) for body in alert_receiver.bodies
        ]

    home = Home(replayed.home)
    with pytest.raises(ValueError, match="a drill"), recorded(home, "drill"):
        raise ValueError("a drill")
    until(lambda: told("raised"), "the failed run at the receiver")
    with recorded(home, "drill"):
        pass
    until(lambda: told("cleared"), "its end at the receiver")
    said = Scrape(httpx.get(f"{replayed.url}/metrics", timeout=30).text)
    assert said.value("melpark_job_failed", job="drill") == 0
    assert len(set(alert_receiver.ids)) == len(alert_receiver.ids)


def test_a_second_up_says_that_one_is_running_and_changes_nothing(replayed: Stack) -> None:
    answer = replayed.melpark("up")
    assert answer.returncode == 3
    assert "already running" in answer.stderr
    assert answer.stderr.count("\n") == 1
    replayed.wait_until_healthy()


def test_nothing_listens_beyond_the_loopback(replayed: Stack) -> None:
    assert replayed.process is not None
    family = {
        replayed.process.pid,
        *(p.pid for p in psutil.Process(replayed.process.pid).children(recursive=True)),
    }
    connections = [c for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.pid in family]
    addresses = [c.laddr.ip.removeprefix("::ffff:") for c in connections if c.laddr]
    assert len(addresses) >= len(ENGINES) - 4
    assert set(addresses) <= {"127.0.0.1", "::1"}


def test_passwords_are_readable_by_their_owner_only_and_in_no_log(replayed: Stack) -> None:
    home = Home(replayed.home)
    assert stat.S_IMODE(home.secrets.stat().st_mode) == 0o600
    logs = "".join(file.read_text(errors="replace") for file in home.logs.glob("*.log"))
    for password in json.loads(home.secrets.read_text()).values():
        assert password not in logs


def test_the_connector_runs_and_its_configuration_hides_the_password(replayed: Stack) -> None:
    answer = replayed.melpark("cdc", "status")
    connector, slot, *problems = answer.stdout.splitlines()
    assert (answer.returncode, connector, problems) == (0, "connector RUNNING, task RUNNING", [])
    assert slot.startswith("slot reserved, read, ")
    assert "of at most 1,024.0 MiB" in slot
    url = f"http://127.0.0.1:{replayed.settings.connect_port}/connectors/melpark-connector/config"
    assert httpx.get(url, timeout=10).json()["database.password"] == "${env:MELPARK_CAPTURE_PASSWORD}"
    assert replayed.melpark("cdc", "register").stdout.strip() == "Connector unchanged."


def test_the_capture_role_may_replicate_and_select_and_write_only_what_it_needs_itself(
    replayed: Stack,
) -> None:
    grants = "information_schema.role_table_grants WHERE grantee = 'melpark_capture'"
    rights = f"SELECT DISTINCT table_schema, table_name, privilege_type FROM {grants}"
    assert set(replayed.postgres(f"{rights} AND privilege_type <> 'SELECT'")) == {
        ("parking_capture", "signals", "INSERT"),
        ("parking_capture", "signals", "DELETE"),
        ("parking_capture", "heartbeat", "INSERT"),
        ("parking_capture", "heartbeat", "UPDATE"),
    }
    attributes = "rolreplication, rolsuper, rolcreatedb, rolcreaterole"
    role = f"SELECT {attributes} FROM pg_roles WHERE rolname = 'melpark_capture'"
    assert replayed.postgres(role) == [(True, False, False, False)]


def test_sql_reads_every_layer_and_writes_none(replayed: Stack) -> None:
    answer = replayed.melpark("sql", "SELECT count(*) AS n FROM silver.sensor_events")
    assert answer.stdout.split() == ["n", str(len(replayed.first_events))]
    counts = (
        "SELECT (SELECT count(*) > 0 FROM bronze.change_events), (SELECT count(*) > 0 FROM gold.dim_bays)"
    )
    assert replayed.melpark("sql", counts).stdout.splitlines()[-1] == "True\tTrue"
    refused = replayed.melpark("sql", "DELETE FROM silver.sensor_events")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1


def test_the_page_draws_every_bay_and_one_changes_with_its_row_in_postgres(replayed: Stack) -> None:
    live = (
        "SELECT kerbside_id, status_changed_at FROM parking.sensors "
        "WHERE status = 'Unoccupied' AND is_online ORDER BY 1 LIMIT 1"
    )
    bay, changed_at = replayed.postgres(live)[0]
    # A vehicle that came with the newest poll: one of long ago would be over, or its sensor stuck.
    now = "(SELECT max(feed_updated_at) FROM parking.polls WHERE outcome = 'accepted')"
    comes = f"SET status = 'Present', status_changed_at = {now} WHERE kerbside_id = '{bay}'"
    goes = f"SET status = 'Unoccupied', status_changed_at = '{changed_at}' WHERE kerbside_id = '{bay}'"
    with open_page(replayed.url) as opened:
        page = opened.page
        wait_until_drawn(page, 3309)
        wait_for_connection(page, "live")
        look_at(page, bay)
        wait_for_drawn_state(page, bay, "free")
        free = drawn_colour(page, bay)
        try:
            replayed.postgres(f"UPDATE parking.sensors {comes}")
            wait_for_drawn_state(page, bay, "taken")
            assert drawn_colour(page, bay) != free
        finally:
            replayed.postgres(f"UPDATE parking.sensors {goes}")
        assert opened.origins() == {replayed.url}
        assert opened.complaints == []
