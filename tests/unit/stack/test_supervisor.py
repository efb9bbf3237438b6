"""Laws of the supervisor, held over real processes: order, restarts, failures, the end."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from melpark.errors import RefusedError, RetryableError, StopError
from melpark.stack import supervisor as supervising
from melpark.stack.declaration import Command, Engine, Step, UnhealthyError
from melpark.stack.supervisor import Supervisor, last_words, memory_of
from unit.stack.polling import until, until_in_loop
from unit.stack.processes import is_gone
from unit.stack.stacks import Diary, run

CIRCUMSTANCES = {
    "CHECK_EVERY_SECONDS": 0.05,
    "START_CHECK_EVERY_SECONDS": 0.02,
    "UNHEALTHY_CHECKS_BEFORE_RESTART": 4,
    "HEAVY_CHECKS_BEFORE_RESTART": 2,
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CIRCUMSTANCES.items():
        monkeypatch.setattr(supervising, name, value)


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(tmp_path / "diary")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


async def all_ready(supervisor: Supervisor) -> None:
    await until_in_loop(lambda: supervisor.all_ready, "everything ready")


async def for_ever(supervisor: Supervisor) -> None:
    await asyncio.Event().wait()


async def restarted(supervisor: Supervisor, name: str) -> None:
    status = supervisor.statuses[name]
    await until_in_loop(lambda: status.restarts and status.state == "running", f"{name} again")


def test_engines_and_steps_start_after_what_they_need_and_stop_in_reverse(diary: Diary, logs: Path) -> None:
    nodes = (
        diary.engine("top", "between"),
        Step("between", lambda: diary.say("between"), needs=("base",)),
        diary.engine("base"),
    )
    supervisor = run(nodes, logs, all_ready)
    assert diary.lines == ["base starts", "between", "top starts", "top ends", "base ends"]
    assert {status.state for status in supervisor.statuses.values()} == {"stopped"}
    assert {status.pid for status in supervisor.statuses.values()} == {None}


def test_what_needs_nothing_of_each_other_starts_side_by_side(diary: Diary, logs: Path) -> None:
    first, second = diary.engine("first"), diary.engine("second")
    # Each is healthy only once the other has started, too.
    both = {"check": lambda: needs_lines(diary, "first starts", "second starts")}
    run((with_fields(first, **both), with_fields(second, **both)), logs, all_ready)


def needs_lines(diary: Diary, *lines: str) -> None:
    if not set(lines) <= set(diary.lines):
        raise UnhealthyError("not yet")


def with_fields(engine: Engine, **fields: object) -> Engine:
    return Engine(**vars(engine) | fields)


def test_a_killed_engine_is_started_again_and_counted_and_others_are_left_alone(
    diary: Diary, logs: Path
) -> None:
    async def use(supervisor: Supervisor) -> None:
        await all_ready(supervisor)
        victim = supervisor.statuses["victim"]
        first = victim.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await restarted(supervisor, "victim")
        assert victim.restarts == 1
        assert victim.pid not in (None, first)

    supervisor = run((diary.engine("victim"), diary.engine("user", "victim")), logs, use)
    assert diary.count("victim starts") == 2
    assert diary.count("user starts") == 1
    assert supervisor.statuses["user"].restarts == 0


def test_an_engine_that_never_starts_ends_the_stack_with_its_last_words(diary: Diary, logs: Path) -> None:
    program = "import sys; print('no room left'); print('   at line 7'); sys.exit(3)"
    broken = diary.engine("broken", check=unhealthy, command=lambda: python(program))
    with pytest.raises(StopError) as caught:
        run((diary.engine("base"), with_fields(broken, needs=("base",))), logs, for_ever)
    said = str(caught.value)
    for part in (
        "broken does not start",
        "exit status 3",
        "last words were: no room left",
        "melpark logs broken",
    ):
        assert part in said
    assert diary.lines == ["base starts", "base ends"]
    assert (logs / "broken.log").read_text().count("no room left") == supervising.FIRST_STARTS


def python(program: str) -> Command:
    return Command((sys.executable, "-c", program))


def unhealthy() -> None:
    raise UnhealthyError("it does not answer")


def test_an_engine_that_never_gets_healthy_ends_the_stack_with_the_reason(diary: Diary, logs: Path) -> None:
    engine = diary.engine("mute", check=unhealthy, start_seconds=0.05)
    with pytest.raises(StopError, match=r"mute does not start.*not healthy within.*it does not answer"):
        run((engine,), logs, for_ever)


def test_a_taken_port_ends_the_first_start_at_once(diary: Diary, logs: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        engine = diary.engine("kafka", ports={port: "kafka_port"})
        with pytest.raises(StopError, match=f"Port {port} of kafka is taken.*MELPARK_KAFKA_PORT"):
            run((engine,), logs, for_ever)
    assert diary.lines == []


def test_a_port_that_is_taken_while_an_engine_was_down_is_waited_for(diary: Diary, logs: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    engine = diary.engine("kafka", ports={port: "kafka_port"})

    async def use(supervisor: Supervisor) -> None:
        await all_ready(supervisor)
        status = supervisor.statuses["kafka"]
        with socket.create_server(("127.0.0.1", port)):
            os.kill(status.pid or 0, signal.SIGKILL)
            await until_in_loop(lambda: "is taken" in status.detail, "the taken port in the status")
        await restarted(supervisor, "kafka")

    run((engine,), logs, use)
    assert diary.count("kafka starts") == 2


def test_a_step_that_may_work_later_is_tried_again(diary: Diary, logs: Path) -> None:
    def step() -> None:
        diary.say("tried")
        if diary.count("tried") < 2:
            raise RetryableError("Not yet")

    run((Step("step", step),), logs, all_ready)
    assert diary.lines == ["tried", "tried"]


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_step_that_never_works_ends_the_stack_with_its_own_error(
    attempts: int, diary: Diary, logs: Path
) -> None:
    def step() -> None:
        diary.say("tried")
        raise RetryableError("Not yet")

    with pytest.raises(RetryableError, match="Not yet"):
        run((Step("step", step, attempts=attempts),), logs, for_ever)
    assert diary.count("tried") == attempts


def test_a_step_does_not_fail_for_good_while_an_engine_that_it_needs_is_away(
    diary: Diary, logs: Path
) -> None:
    """Engines that die all the time while the stack starts must not end it."""
    seen: list[Supervisor] = []

    def step() -> None:
        diary.say("tried")
        if diary.count("tried") == 1:
            until(lambda: seen and seen[0].statuses["base"].pid, "base in the status")
            status = seen[0].statuses["base"]
            os.kill(status.pid or 0, signal.SIGKILL)
            until(lambda: status.state != "running", "base away")
            raise RetryableError("base does not answer")

    async def use(supervisor: Supervisor) -> None:
        seen.append(supervisor)
        await all_ready(supervisor)

    run((diary.engine("base"), Step("step", step, needs=("base",), attempts=1)), logs, use)
    assert diary.count("tried") == 2


def test_a_step_that_is_refused_is_not_tried_again(diary: Diary, logs: Path) -> None:
    def step() -> None:
        diary.say("tried")
        raise RefusedError("Never")

    with pytest.raises(RefusedError, match="Never"):
        run((Step("step", step), diary.engine("after", "step")), logs, for_ever)
    assert diary.lines == ["tried"]


def test_a_defect_in_a_step_ends_the_stack_and_is_called_a_defect(diary: Diary, logs: Path) -> None:
    def step() -> None:
        raise KeyError("column")

    with pytest.raises(StopError, match=r"step failed: KeyError.*defect"):
        run((diary.engine("base"), Step("step", step, needs=("base",))), logs, for_ever)
    assert diary.lines == ["base starts", "base ends"]


def test_an_engine_that_does_not_answer_for_long_is_started_again(diary: Diary, logs: Path) -> None:
    engine = diary.engine("mute")
    answers = {"well": True}

    def check() -> None:
        engine.check()
        if not answers["well"] and diary.count("mute starts") < 2:
            raise UnhealthyError("no answer")

    async def use(supervisor: Supervisor) -> None:
        await all_ready(supervisor)
        answers["well"] = False
        status = supervisor.statuses["mute"]
        await until_in_loop(lambda: status.state == "unhealthy", "unhealthy in the status")
        assert status.detail == "no answer"
        await restarted(supervisor, "mute")
        assert status.restarts == 1

    run((with_fields(engine, check=check),), logs, use)


def test_one_missed_answer_restarts_nothing_and_alarms_nobody(diary: Diary, logs: Path) -> None:
    engine = diary.engine("engine")
    asked: list[bool] = []
    seen: set[str] = set()

    def check() -> None:
        engine.check()
        asked.append(len(asked) % 3 == 1)
        if asked[-1]:
            raise UnhealthyError("no answer")

    async def use(supervisor: Supervisor) -> None:
        await all_ready(supervisor)
        status = supervisor.statuses["engine"]

        def enough() -> bool:
            seen.add(status.state)
            return sum(asked) > CIRCUMSTANCES["UNHEALTHY_CHECKS_BEFORE_RESTART"]

        await until_in_loop(enough, "some missed answers")
        assert status.restarts == 0

    run((with_fields(engine, check=check),), logs, use)
    assert seen == {"running"}


def test_a_check_that_fails_in_a_way_nobody_thought_of_counts_as_no_answer(diary: Diary, logs: Path) -> None:
    engine = diary.engine("odd")

    def check() -> None:
        engine.check()
        if diary.count("odd starts") < 2:
            diary.say("asked")
            # Healthy at first, so that this is no failed start.
            if diary.count("asked") > 1:
                raise KeyError("connector")

    async def use(supervisor: Supervisor) -> None:
        await all_ready(supervisor)
        await until_in_loop(
            lambda: "KeyError('connector')" in supervisor.statuses["odd"].detail, "the reason"
        )
        await restarted(supervisor, "odd")

    run((with_fields(engine, check=check),), logs, use)


def test_an_engine_over_its_memory_limit_is_started_again_with_that_reason(
    diary: Diary, logs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(supervisor: Supervisor) -> None:
        await all_ready(supervisor)
        await restarted(supervisor, "heavy")

    run((diary.engine("heavy", memory_limit_mebibytes=1),), logs, use)
    assert "MiB, more than its 1" in caplog.text


def test_the_memory_of_an_engine_is_told_with_that_of_its_children(diary: Diary, logs: Path) -> None:
    async def use(supervisor: Supervisor) -> None:
        await all_ready(supervisor)
        await until_in_loop(lambda: supervisor.statuses["engine"].memory_bytes > 2**20, "its memory")

    run((diary.engine("engine"),), logs, use)
    assert memory_of(os.getpid()) > 2**20


def test_a_process_that_is_not_there_uses_no_memory() -> None:
    assert memory_of(2**22 + 1) == 0


def test_what_fails_beside_the_stack_stops_it_and_is_told(diary: Diary, logs: Path) -> None:
    async def use(supervisor: Supervisor) -> None:
        await all_ready(supervisor)
        raise StopError("The replay stands still")

    with pytest.raises(StopError, match="stands still"):
        run((diary.engine("base"), diary.engine("top", "base")), logs, use)
    assert diary.lines[2:] == ["top ends", "base ends"]


def test_a_stop_before_all_is_ready_leaves_no_process(diary: Diary, logs: Path) -> None:
    pids: list[int] = []

    async def use(supervisor: Supervisor) -> None:
        status = supervisor.statuses["slow"]
        await until_in_loop(lambda: status.pid and diary.count("slow starts"), "a first process")
        pids.append(status.pid or 0)

    run((diary.engine("slow", check=unhealthy), diary.engine("never", "slow")), logs, use)
    assert is_gone(pids[0])
    assert diary.lines == ["slow starts", "slow ends"]


def test_a_stop_while_an_engine_waits_for_its_next_life_starts_nothing(diary: Diary, logs: Path) -> None:
    async def use(supervisor: Supervisor) -> None:
        await all_ready(supervisor)
        status = supervisor.statuses["engine"]
        os.kill(status.pid or 0, signal.SIGKILL)
        await until_in_loop(lambda: status.state == "restarting", "the wait")

    run((diary.engine("engine"),), logs, use)
    assert diary.lines == ["engine starts"]


def test_an_unknown_need_is_a_defect_that_is_named(diary: Diary, logs: Path) -> None:
    with pytest.raises(StopError, match=r"lost failed: KeyError.*nowhere"):
        run((diary.engine("lost", "nowhere"),), logs, for_ever)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("\n\n", ""),
        ("one\ntwo\n", "two"),
        ("ValueError: no room\n\tat A.java\n    at B.java\n\n", "ValueError: no room"),
        ("x" * 20_000 + "\nend\n", "end"),
        (
            '{"at": "2026-01-02T03:04:05Z", "level": "error", "logger": "melpark", "event": "no room"}\n',
            "no room",
        ),
    ],
)
def test_last_words_are_the_newest_line_that_is_no_trace(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "engine.log"
    assert last_words(file) == ""
    file.write_text(text)
    assert last_words(file) == words
