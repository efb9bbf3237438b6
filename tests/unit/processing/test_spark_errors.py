"""What is left of an engine's message is the line that says what happened."""

import pytest

from melpark.processing.spark_session import first_line

FOREACH_BATCH = """[PYTHON_EXCEPTION] Found error inside foreachBatch Python process: Traceback (most recent call last):
  File "silver.py", line 61, in write_batch
pyspark.errors.AnalysisException: [AMBIGUOUS_REFERENCE] Reference `reason` is ambiguous.

JVM stacktrace:
org.apache.spark.sql.AnalysisException
\tat org.apache"""
RPC = """<_MultiThreadedRendezvous of RPC that terminated with:
\tstatus = StatusCode.UNAVAILABLE
\tdetails = "Connection refused"
>"""


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            FOREACH_BATCH,
            "pyspark.errors.AnalysisException: [AMBIGUOUS_REFERENCE] Reference `reason` is ambiguous.",
        ),
        (RPC, "Connection refused"),
        (
            "Python worker failed to connect back.\n\nJVM stacktrace:\n\tat x",
            "Python worker failed to connect back.",
        ),
        ("", "ValueError"),
    ],
)
def test_an_error_is_told_in_one_line(message: str, told: str) -> None:
    assert first_line(ValueError(message)) == told
