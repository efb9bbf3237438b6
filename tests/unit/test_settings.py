"""Laws of the settings: one order of precedence, every problem named, nothing secret shown."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from melpark.errors import ConfigurationError
from melpark.settings import NOT_SETTINGS, PREFIX, Settings, load
from melpark.stack import workers


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "melpark.toml"


def refusal(environment: dict[str, str], file: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(environment=environment, file=file)
    return str(caught.value)


def test_arguments_go_before_environment_before_file_before_defaults(file: Path) -> None:
    file.write_text("kafka_port = 20001\nserve_port = 20001\nsource_port = 20011\n")
    environment = {"MELPARK_SERVE_PORT": "20002", "MELPARK_SOURCE_PORT": "20012"}
    found = load({"source_port": 20003, "speed": None}, environment, file)
    assert (found.source_port, found.serve_port, found.kafka_port) == (20003, 20002, 20001)
    assert found.postgres_port == Settings().postgres_port


def test_without_file_and_variables_the_defaults_hold(file: Path) -> None:
    assert load(environment={}, file=file) == Settings()


def test_every_problem_is_named_at_once(file: Path) -> None:
    file.write_text("colour = 'red'\n")
    environment = {
        "MELPARK_SOURCE": "portal",
        "MELPARK_SERVE_PORT": "70000",
        "MELPARK_SPEED": "fast",
        "MELPARK_KAFKA_PORT": "18083",
        "MELPARK_OFFLINE_AFTER_SECONDS": "10",
        "MELPARK_NO_SUCH": "1",
    }
    said = refusal(environment, file)
    for name in (
        "colour is not a setting",
        "no_such is not a setting",
        "serve_port:",
        "speed:",
        "portal_url is missing",
        "kafka_port and connect_port are both 18083",
        "offline_after_seconds is less",
    ):
        assert name in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("source", "speed", "is_refused"),
    [("replay", "", True), ("replay", "1", False), ("simulator", "60", True)],
)
def test_airflow_schedules_by_the_clock_on_the_wall(
    source: str, speed: str, is_refused: bool, file: Path
) -> None:
    given = {"MELPARK_SCHEDULED_BY": "airflow", "MELPARK_SOURCE": source, "MELPARK_CAPTURE_DIR": "capture"}
    environment = given | ({"MELPARK_SPEED": speed} if speed else {})
    if is_refused:
        assert "scheduled_by airflow needs speed 1" in refusal(environment, file)
    else:
        assert load(environment=environment, file=file).effective_speed == 1


def test_a_problem_of_a_value_that_was_replaced_by_its_default_is_not_made_up(file: Path) -> None:
    said = refusal({"MELPARK_KAFKA_PORT": "0", "MELPARK_SERVE_PORT": str(Settings().kafka_port)}, file)
    assert "are both" not in said


def test_a_replay_without_a_capture_is_refused(file: Path) -> None:
    assert "capture_dir is missing" in refusal({"MELPARK_SOURCE": "replay"}, file)


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1"])
def test_a_time_is_a_positive_number(seconds: str, file: Path) -> None:
    assert "feed_lag_seconds" in refusal({"MELPARK_FEED_LAG_SECONDS": seconds}, file)


@pytest.mark.parametrize("content", [b"port = = 1", b"home = '\xff'"])
def test_a_file_that_is_not_toml_is_named(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    assert str(file) in refusal({}, file)


def test_variables_of_the_test_suite_are_no_settings(file: Path) -> None:
    assert load(environment=dict.fromkeys(NOT_SETTINGS, "anything"), file=file) == Settings()


def test_variables_of_others_are_not_read(file: Path) -> None:
    assert load(environment={"SERVE_PORT": "1", "PATH": "/bin"}, file=file) == Settings()


def test_a_child_reads_equal_settings_from_its_environment(tmp_path: Path, file: Path) -> None:
    settings = Settings(
        home=tmp_path / "home",
        source="replay",
        capture_dir=tmp_path / "capture",
        speed=0.0,
        portal_url="https://example.org",
        portal_api_key=SecretStr("s3cret"),
        history_days=0,
        run_number=7,
        poll_interval_seconds=0.25,
        postgres_user="nobody",
    )
    different = {
        name for name in Settings.model_fields if getattr(settings, name) != getattr(Settings(), name)
    }
    assert different >= {"home", "speed", "portal_api_key", "history_days", "run_number"}
    assert load(environment=settings.environment(), file=file) == settings


def test_a_child_elsewhere_finds_the_same_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(home=Path("here")).environment()[f"{PREFIX}HOME"] == str(tmp_path / "here")


def test_secrets_are_not_shown(file: Path) -> None:
    settings = load(environment={"MELPARK_PORTAL_API_KEY": "s3cret"}, file=file)
    assert settings.portal_api_key is not None
    assert settings.portal_api_key.get_secret_value() == "s3cret"
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert "s3cret" not in refusal({"MELPARK_PORTAL_API_KEY": "s3cret", "MELPARK_SPEED": "x"}, file)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.org/T0/s3cret",
        "http://127.0.0.1:9080/",
        "http://localhost:1/x",
        "http://[::1]:1/",
    ],
)
def test_alerts_go_to_https_or_to_this_machine(url: str, file: Path) -> None:
    settings = load(environment={"MELPARK_ALERT_WEBHOOK_URL": url}, file=file)
    assert settings.alert_webhook_url is not None
    assert settings.alert_webhook_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/s3cret",
        "ftp://127.0.0.1/s3cret",
        "https:///s3cret",
        "s3cret",
        "https://x:s3cret/",
        "",
    ],
)
def test_an_address_that_alerts_may_not_go_to_is_refused_and_not_repeated(url: str, file: Path) -> None:
    said = refusal({"MELPARK_ALERT_WEBHOOK_URL": url}, file)
    assert "alert_webhook_url" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("secret", ["s3cret", "whsec_s3cret!", "whsec_AAAA"])
def test_a_secret_that_cannot_sign_is_refused_and_not_repeated(secret: str, file: Path) -> None:
    own = {"MELPARK_ALERT_WEBHOOK_URL": "https://example.org", "MELPARK_ALERT_WEBHOOK_SECRET": secret}
    said = refusal(own, file)
    assert "alert_webhook_secret" in said
    assert secret not in said


def test_a_secret_without_an_address_is_refused(file: Path) -> None:
    assert "alert_webhook_url is missing" in refusal(
        {"MELPARK_ALERT_WEBHOOK_SECRET": "whsec_" + "QUJD" * 8}, file
    )


def test_a_secret_goes_only_to_the_process_that_needs_it() -> None:
    own = Settings.model_validate({"portal_api_key": "s3cret", "alert_webhook_url": "https://example.org"})
    keys = {f"{PREFIX}PORTAL_API_KEY", f"{PREFIX}ALERT_WEBHOOK_URL"}
    assert own.environment().keys() >= keys
    given = {
        command: workers.melpark(own, command).environment.keys() & keys
        for command in ("ingest", "alerts", "serve")
    }
    assert given == {
        "ingest": {f"{PREFIX}PORTAL_API_KEY"},
        "alerts": {f"{PREFIX}ALERT_WEBHOOK_URL"},
        "serve": set(),
    }


def test_a_replay_is_fast_by_default_and_others_keep_the_time(tmp_path: Path) -> None:
    assert Settings().effective_speed == 1
    assert Settings(source="portal", portal_url="https://example.org").effective_speed == 1
    assert Settings(source="replay", capture_dir=tmp_path).effective_speed == 60
    assert Settings(source="replay", capture_dir=tmp_path, speed=0).effective_speed == 0


def test_the_poller_asks_the_city_only_for_source_portal() -> None:
    assert Settings(source="portal", portal_url="https://example.org").source_url == "https://example.org"
    assert Settings(portal_url="https://example.org").source_url == "http://127.0.0.1:18080"
