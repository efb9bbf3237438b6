"""One frozen settings object, read from MELPARK_* variables and `melpark.toml`, never at import.

Order: arguments of the command line, then the environment, then `melpark.toml`, then the defaults here.
Every wrong or unknown setting is named at once.
"""

import base64
import binascii
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from melpark.errors import ConfigurationError

SourceKind = Literal["simulator", "portal", "replay"]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]

PREFIX = "MELPARK_"
# Read by the test suite, not by the program.
NOT_SETTINGS = frozenset({"MELPARK_REAL_DATA", "MELPARK_REQUIRE_REAL_DATA"})
CITY_ATTRIBUTION = "City of Melbourne Open Data, CC BY 4.0"
SIMULATED_ATTRIBUTION = "Simulated by MelPark; contains no City of Melbourne data"
DEFAULT_SPEED: dict[str, float] = {"simulator": 1, "portal": 1, "replay": 60}


class Settings(BaseModel):
    """Where things are, how often they happen, and the numbers behind the words of the semantics."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # The folder of all data; one stack runs on it at a time.
    home: Path = Path(".melpark")

    # Where the data comes from; a home belongs to one source.
    source: SourceKind = "simulator"
    # Folder of a capture, for source replay.
    capture_dir: Path | None = None
    # Source seconds per second, 0 as fast as possible; without it 60 for a replay, else 1.
    speed: float | None = Field(default=None, ge=0, le=100_000)
    # Address of the City's API, for source portal.
    portal_url: str | None = None
    # Its key, where it wants one.
    portal_api_key: SecretStr | None = None
    # Days that are filled in before the first poll of a fresh home of the simulator.
    history_days: int = Field(default=28, ge=0, le=366)
    # From which the simulated city follows.
    simulator_seed: int = 20250807
    # Whether the simulated feed fails now and then, as the City's does.
    simulator_outages: bool = True
    # Flaws other than the City's, as `share_dead=0,is_late=0`; `none` for none (docs/simulator.md).
    simulator_dirt: str = ""
    # Of those who come under a limit, how many overstay it.
    simulator_overstay_share: Share = 0.06
    # Which play of a capture this is; `melpark up --again` counts it.
    run_number: int = Field(default=1, ge=1)

    # Of PostgreSQL.
    postgres_port: Port = 15432
    # Of Kafka's broker.
    kafka_port: Port = 19092
    # Where the lake finds Kafka when it is not our own: host:port, several by commas.
    kafka_servers: str | None = None
    # Of Kafka's controller.
    kafka_controller_port: Port = 19093
    # Of Kafka Connect's REST interface.
    connect_port: Port = 18083
    # Of the Spark Connect server.
    spark_port: Port = 15002
    # Of Flink's job manager (REST).
    flink_port: Port = 18081
    # By which its task manager finds it.
    flink_rpc_port: Port = 18085
    # Of Flink's SQL gateway.
    flink_gateway_port: Port = 18082
    # Of the simulator or the replay.
    source_port: Port = 18080
    # Of the API, the live stream and the map.
    serve_port: Port = 8000
    # 0.0.0.0 only within a container, whose port is published on the loopback.
    serve_address: Literal["127.0.0.1", "0.0.0.0"] = "127.0.0.1"  # noqa: S104
    # A managed server; libpq's own PGSSLMODE and PGSSLROOTCERT say how its certificate is checked.
    postgres_host: str = "127.0.0.1"
    # Of the catalogue that `melpark gold docs` shows.
    docs_port: Port = 18084
    # Of Airflow's page and its tasks.
    airflow_port: Port = 18086

    # Who polls, builds gold and cares for the lake: a loop of our own, or Airflow (docs/orchestration.md).
    scheduled_by: Literal["loop", "airflow"] = "loop"

    # Of one address, to the server; 0: no limit.
    rate_limit_per_minute: int = Field(default=6000, ge=0)
    # Pages elsewhere that may read the API, as `https://map.example` by commas; none without it.
    cors_origins: str = ""

    # Layout of the whole export.
    portal_export: Literal["json", "csv"] = "json"
    # Whether `records` may stand in where the portal does not give its export.
    portal_records_fallback: bool = False

    # Between two polls of the sensors.
    poll_interval_seconds: Seconds = 120
    # Between two polls of each other dataset.
    reference_poll_interval_seconds: Seconds = 86_400
    # How long an answer of the portal may take.
    request_timeout_seconds: Seconds = 30
    # Between two builds of gold; 0: somebody else builds and tests it.
    gold_interval_seconds: float = Field(default=300, ge=0)
    # Least time between two batches of bronze.
    bronze_trigger_seconds: float = Field(default=0, ge=0)
    # Least time between two batches of silver.
    silver_trigger_seconds: float = Field(default=0, ge=0)

    # How late the feed may tell of a change (docs/accuracy.md).
    feed_lag_seconds: Seconds = 180
    # Times of a change are exact where polls were no further apart.
    exact_gap_seconds: Seconds = 300
    # A sensor that was not heard for so long is offline.
    offline_after_seconds: Seconds = 900
    # A vehicle that would have stayed longer is a stuck sensor.
    suspect_after_seconds: Seconds = 86_400
    # A feed whose stamps are fresh, but in which no bay has changed for so long, stands still somewhere.
    frozen_after_seconds: Seconds = 7_200
    # By how much a stay may pass its limit without being an overstay.
    grace_seconds: Seconds = 300
    # Whether signs are off on public holidays.
    holidays_suspend_plates: bool = True
    # How far the rule calendar reaches before the first poll or seeded day.
    rule_weeks_before: int = Field(default=8, ge=1, le=104)
    # How far it reaches after now.
    rule_weeks_after: int = Field(default=4, ge=1, le=104)

    # A poll with fewer records than the last by more than this share is refused.
    max_record_fall_share: Share = 0.2
    # A poll of which more than this share is rejected is refused.
    max_rejected_share: Share = 0.2
    # A larger answer (unpacked) is not taken in.
    max_answer_mebibytes: int = Field(default=512, ge=1)
    # Change events that fit no contract, within a day; one more and silver stops instead of putting all aside.
    quarantine_limit: int = Field(default=1000, ge=0)
    # Files that no version of the lake's newest days needs are deleted after that; older versions cannot be read.
    lake_retention_days: int = Field(default=7, ge=1)
    # Entries of the tables' logs, by which older versions are told.
    lake_log_retention_days: int = Field(default=30, ge=1)
    # Months of sensor_events that ended before are dropped when silver holds them.
    event_retention_days: int = Field(default=400, ge=31)
    # Of the Curb Data Specification: how far back Events goes.
    cds_event_days: int = Field(default=31, ge=1)
    # Whether its Events and Metrics ask for no token.
    cds_is_open: bool = False
    # Refused records are deleted after that.
    rejected_retention_days: int = Field(default=90, ge=1)
    # Where `melpark backup` without a folder makes one by its time.
    backup_dir: Path | None = None
    # How many of those stay.
    backups_kept: int = Field(default=7, ge=1)

    # Where alerts are posted, https or on this machine; often it holds a token. No address, no delivery.
    alert_webhook_url: SecretStr | None = None
    # Signs what is posted: whsec_ and the base64 of at least 24 bytes (Standard Webhooks).
    alert_webhook_secret: SecretStr | None = None

    # Of what MelPark's own processes say on stderr; those of the stack write JSON into their files all the same.
    log_format: Literal["text", "json"] = "text"

    # Whether Flink tells windows and raises alerts (docs/live.md); it takes 1.2 GB of memory.
    live: bool = True
    # A zone is critical that is so full.
    alert_full_share: Share = 0.9
    # It is over when the zone falls below this share.
    alert_full_clear_share: Share = 0.8
    # How long it must have been so full.
    alert_full_minutes: int = Field(default=15, ge=5)
    # A vehicle is worth an alert that is over by so much, by every rule in force.
    alert_overstay_minutes: int = Field(default=15, ge=1)
    # A zone is quiet of which no sensor is heard for so long; the feed itself is after offline_after.
    alert_quiet_minutes: int = Field(default=10, ge=5)

    # With less on the disk nothing starts.
    min_free_disk_mebibytes: int = Field(default=1024, ge=0)
    # As whom PostgreSQL runs where we are root; postgres or nobody without it.
    postgres_user: str | None = None

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        problems = []
        if self.source == "portal" and not self.portal_url:
            problems.append("portal_url is missing: source portal needs the address of the City's API")
        if self.source == "replay" and self.capture_dir is None:
            problems.append("capture_dir is missing: source replay needs the folder of a capture")
        if self.alert_full_clear_share > self.alert_full_share:
            problems.append(
                "alert_full_clear_share is above alert_full_share: an alert would clear itself at once"
            )
        ports = [name for name in type(self).model_fields if name.endswith("_port")]
        by_number: dict[int, list[str]] = {}
        for name in ports:
            by_number.setdefault(getattr(self, name), []).append(name)
        problems += [
            f"{' and '.join(names)} are both {number}"
            for number, names in by_number.items()
            if len(names) > 1
        ]
        problems += [
            f"cors_origins: {origin!r} is not an origin such as https://map.example"
            for origin in self.allowed_origins
            if not re.fullmatch(r"https?://[^/,*\s]+", origin)
        ]
        if self.scheduled_by == "airflow" and self.source != "portal" and self.effective_speed != 1:
            problems.append("scheduled_by airflow needs speed 1: Airflow's clock is the wall's")
        if self.offline_after_seconds < 3 * self.poll_interval_seconds:
            problems.append("offline_after_seconds is less than three times poll_interval_seconds")
        if self.alert_webhook_secret and not self.alert_webhook_url:
            problems.append("alert_webhook_url is missing: alert_webhook_secret signs what is posted there")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @field_validator("alert_webhook_url")
    @classmethod
    def _is_safe(cls, url: SecretStr | None) -> SecretStr | None:
        """The message must not repeat the address, which may hold a token."""
        if url is None:
            return None
        try:
            parts = urlsplit(url.get_secret_value())
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise ValueError("is not an address") from None
        is_here = host in ("127.0.0.1", "localhost", "::1")
        if not host or parts.scheme not in ("https", "http") or (parts.scheme == "http" and not is_here):
            raise ValueError("must begin with https://, or with http:// on this machine")
        return url

    @field_validator("alert_webhook_secret")
    @classmethod
    def _is_key(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            webhook_key(secret.get_secret_value())
        return secret

    @property
    def effective_speed(self) -> float:
        """Source seconds per second; 0 is as fast as the way allows."""
        return DEFAULT_SPEED[self.source] if self.speed is None else self.speed

    @property
    def attribution(self) -> str:
        """Who the data is owed to."""
        return SIMULATED_ATTRIBUTION if self.source == "simulator" else CITY_ATTRIBUTION

    @property
    def allowed_origins(self) -> list[str]:
        """Origins of pages elsewhere that may read the API."""
        return [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]

    @property
    def kafka_address(self) -> str:
        """Bootstrap servers of the change log."""
        return self.kafka_servers or f"127.0.0.1:{self.kafka_port}"

    @property
    def source_url(self) -> str:
        """Base URL of the portal that the poller asks: the City's, or the child process that plays it."""
        if self.source == "portal":
            return str(self.portal_url)
        return f"http://127.0.0.1:{self.source_port}"

    @property
    def feed_lag(self) -> timedelta:
        return timedelta(seconds=self.feed_lag_seconds)

    @property
    def offline_after(self) -> timedelta:
        return timedelta(seconds=self.offline_after_seconds)

    def environment(self, secrets: Collection[str] | None = None) -> dict[str, str]:
        """The settings as MELPARK_* variables, for a child process; of secret ones only those named, if any are."""
        values = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, SecretStr):
                if secrets is not None and name not in secrets:
                    continue
                value = value.get_secret_value()
            if isinstance(value, Path):
                value = value.resolve()
            values[PREFIX + name.upper()] = str(value)
        return values


def webhook_key(secret: str) -> bytes:
    """The bytes of `whsec_<base64>`. Raises ValueError when it is none."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("is not base64") from None
    if len(key) < 24:
        raise ValueError("has less than 24 bytes")
    return key


def load(
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path = Path("melpark.toml"),
) -> Settings:
    """Read and check the settings.

    `overrides` are the command line's (None values are left out). Raises ConfigurationError that names
    every wrong, missing or unknown setting.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = dict(_from_file(file))
    values |= {
        key.removeprefix(PREFIX).lower(): value
        for key, value in environment.items()
        if key.startswith(PREFIX) and key not in NOT_SETTINGS
    }
    values |= {key: value for key, value in (overrides or {}).items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(
            "The settings are wrong",
            "; ".join(_problems(values, error)),
            f"Mend the MELPARK_* variables, {file} or the arguments; nothing was started",
        ) from None


def _from_file(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        return tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is not valid TOML", str(error), "Mend the file") from None


def _problems(values: dict[str, Any], error: ValidationError) -> list[str]:
    """What is wrong with single values, then what does not go together.

    Pydantic looks at the latter only when every value is right, so the right ones are asked again alone.
    """
    wrong = {str(detail["loc"][0]) for detail in error.errors() if detail["loc"]}
    problems = [_problem(detail) for detail in error.errors()]
    if not wrong:
        return problems
    try:
        Settings.model_validate({name: value for name, value in values.items() if name not in wrong})
    except ValidationError as second:
        for detail in second.errors():
            together = _problem(detail).split("; ")
            problems += [text for text in together if not any(name in text for name in wrong)]
    return problems


def _problem(detail: Any) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{name} is not a setting"
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{name}: {message}" if name else message
