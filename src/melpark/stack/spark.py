"""The Spark Connect server with Delta Lake: the one process that owns the catalogue."""

import sys
import uuid
from functools import cache
from pathlib import Path

import grpc
from pyspark.sql.connect.proto import AnalyzePlanRequest, SparkConnectServiceStub, UserContext

from melpark.places import ENGINES, Home
from melpark.settings import Settings
from melpark.stack import java, templates
from melpark.stack.declaration import Command, Engine, UnhealthyError

HEAP_MEBIBYTES = 1100
HEALTH_SESSION = str(uuid.UUID(int=0x6D656C7061726B))
OPTIONS = (
    # Of 48 MiB, the default of the quick compiler, Spark's code needs more: full collections make room all the time.
    "-XX:ReservedCodeCacheSize=128m",
    *java.opens(java.SPARK_OPENS),
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-Dio.netty.tryReflectionSetAccessible=true",
)


def engine(settings: Settings) -> Engine:
    return Engine(
        name="spark",
        command=lambda: _command(settings),
        check=lambda: _check(settings.spark_port),
        prepare=lambda: _prepare(settings),
        ports={settings.spark_port: "spark_port"},
        memory_limit_mebibytes=2560,
    )


def _folder(settings: Settings) -> Path:
    return Home(settings.home).engine("spark").resolve()


def _prepare(settings: Settings) -> None:
    folder = _folder(settings)
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    text = templates.render(
        "spark/spark.conf",
        port=settings.spark_port,
        python=sys.executable,
        home=folder,
        warehouse=folder / "warehouse",
        metastore=folder / "metastore",
    )
    templates.write(folder / "spark.conf", text)
    templates.write(folder / "log4j2.properties", (ENGINES / "spark" / "log4j2.properties").read_text())


def _command(settings: Settings) -> Command:
    folder = _folder(settings)
    arguments = java.command(
        "spark",
        "org.apache.spark.deploy.SparkSubmit",
        (
            "--properties-file",
            str(folder / "spark.conf"),
            "--class",
            "org.apache.spark.sql.connect.service.SparkConnectServer",
            "spark-internal",
        ),
        HEAP_MEBIBYTES,
        (
            *OPTIONS,
            f"-Dderby.system.home={folder}",
            f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}",
        ),
    )
    environment = {
        **settings.environment(secrets=()),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_CONF_DIR": str(folder),
    }
    return Command(arguments, environment, directory=folder)


@cache
def _stub(port: int) -> SparkConnectServiceStub:
    return SparkConnectServiceStub(grpc.insecure_channel(f"127.0.0.1:{port}"))


def _check(port: int) -> None:
    request = AnalyzePlanRequest(
        session_id=HEALTH_SESSION,
        user_context=UserContext(user_id="melpark-health"),
        spark_version=AnalyzePlanRequest.SparkVersion(),
    )
    try:
        _stub(port).AnalyzePlan(request, timeout=5)
    except grpc.RpcError as error:
        raise UnhealthyError(f"Spark Connect: {error.code().name}") from None
