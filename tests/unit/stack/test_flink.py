"""Laws of how much memory Flink is given."""

from melpark.settings import Settings
from melpark.stack import flink


def test_what_the_task_manager_may_use_fits_into_its_limit() -> None:
    # The heap, and all beside it; minima are the maxima.
    parts = {
        name: value
        for name, value in flink.MEMORY.items()
        if not name.endswith(".min") and value.endswith("m")
    }
    assert "memory.task.heap.size" in parts
    total = sum(int(value.removesuffix("m")) for value in parts.values())
    assert total <= flink.task_manager(Settings()).memory_limit_mebibytes
