"""One child process: started in a group of its own, ended with us, its output in a rotating log."""

import asyncio
import codecs
import logging
import os
import signal
from logging.handlers import RotatingFileHandler
from pathlib import Path

from melpark.launch import LAUNCHER
from melpark.stack.declaration import Command

LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 3
# Variables of the caller that could send an engine elsewhere or change what it loads.
UNWANTED = (
    "MELPARK_",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "CLASSPATH",
    "SPARK_HOME",
    "SPARK_REMOTE",
    "KAFKA_OPTS",
    "PGDATA",
)


class Child:
    """A running process and the task that copies its output into `<logs>/<name>.log`."""

    def __init__(self, process: asyncio.subprocess.Process, pump: asyncio.Task[None]) -> None:
        self._process = process
        self._pump = pump

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    @classmethod
    async def start(cls, command: Command, log_file: Path) -> "Child":
        """Start the process. Raises OSError when it cannot be started."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(UNWANTED)}
        # A pipe of our own: asyncio's would let `wait` wait for every grandchild that holds it, too.
        output, its_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *LAUNCHER,
                command.user or "-",
                *command.arguments,
                env=environment | dict(command.environment),
                cwd=command.directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=its_end,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except BaseException:
            os.close(output)
            raise
        finally:
            os.close(its_end)
        return cls(process, asyncio.create_task(_copy_output(output, log_file)))

    async def wait(self) -> int:
        code = await self._process.wait()
        # A grandchild may hold the pipe open: what it still says is not worth waiting for.
        await asyncio.wait([self._pump], timeout=1)
        self._pump.cancel()
        return code

    async def stop(self, first: signal.Signals, seconds: float) -> None:
        """Ask to end, then end the whole process group."""
        if self.returncode is None:
            self._signal(first)
            try:
                await asyncio.wait_for(self._process.wait(), seconds)
            except TimeoutError:
                logging.warning("pid %s did not end within %.0f s and is killed", self.pid, seconds)
        self.kill_group()
        await self.wait()

    @classmethod
    async def run(cls, command: Command, log_file: Path) -> int:
        """Exit code of a command that ends by itself, or is ended when nobody waits for it any more."""
        child = await cls.start(command, log_file)
        try:
            return await child.wait()
        finally:
            await child.stop(signal.SIGTERM, 1)

    def _signal(self, number: signal.Signals) -> None:
        try:
            self._process.send_signal(number)
        except ProcessLookupError:
            return

    def kill_group(self) -> None:
        """End what is left of the process and its children."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return


async def _copy_output(output: int, log_file: Path) -> None:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(output, "rb", buffering=0)
    )
    log_file.parent.mkdir(parents=True, exist_ok=True)
    # Opened at the first line; a log that cannot be written is said on stderr, and the output is still read.
    handler = RotatingFileHandler(
        log_file, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", delay=True
    )
    handler.terminator = ""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    try:
        while chunk := await reader.read(65_536):
            handler.handle(logging.makeLogRecord({"msg": decode(chunk)}))
    finally:
        transport.close()
        handler.close()
