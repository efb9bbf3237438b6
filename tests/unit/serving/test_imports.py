"""What the server does not load: each costs memory that a laptop would rather keep."""

import subprocess
import sys

import pytest

HEAVY = ("pyspark", "pandas", "pyarrow")


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Packages that are there when the server's modules are, in an interpreter of its own."""
    said = "import sys, melpark.serving.server; print(*{name.partition('.')[0] for name in sys.modules})"
    return set(
        subprocess.run(
            [sys.executable, "-c", said], check=True, capture_output=True, text=True
        ).stdout.split()
    )


@pytest.mark.parametrize("package", HEAVY)
def test_the_server_does_without_what_only_the_lake_s_writers_need(loaded: set[str], package: str) -> None:
    assert "duckdb" in loaded
    assert package not in loaded
