"""Many readers of the live stream in one process, told apart by nothing: run by live_readers.py.

Arguments: port, number of readers. Says `ready` once all are connected; a line on stdin ends it, and it prints as JSON
the ids of the batches that each reader was given, how many were let go, and the first one's changes with their times.
"""

import asyncio
import json
import sys
import time
from typing import Any

import orjson

END = b"\r\n\r\n"


class Reader:
    """One connection. The first also reads what it is told, which all are told alike."""

    def __init__(self, is_first: bool) -> None:
        self.is_first = is_first
        self.ids: list[str] = []
        self.changes: list[tuple[str, str, float]] = []
        self.was_let_go = False
        self.connected = asyncio.Event()

    async def follow(self, port: int) -> None:
        stream, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        writer.write(b"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")
        head = await stream.readuntil(END)
        assert b" 200 " in head.splitlines()[0], head.decode()
        self.connected.set()
        rest = b""
        while chunk := await stream.read(2**16):
            now = time.time()
            *events, rest = (rest + chunk).split(END)
            for event in events:
                self._take(event, now)
        self.was_let_go = True

    def _take(self, event: bytes, now: float) -> None:
        at = event.find(b"id: ")
        if at < 0:
            return
        self.ids.append(event[at + 4 : event.index(b"\r\n", at)].decode())
        if self.is_first and b"event: bays" in event:
            data = event[event.index(b"data: ") + 6 :]
            for bay in orjson.loads(data.split(b"\r\n")[0]):
                self.changes.append((bay["kerbside_id"], bay["status_changed_at"], now))


async def main(port: int, number: int) -> dict[str, Any]:
    readers = [Reader(index == 0) for index in range(number)]
    tasks = []
    for reader in readers:
        tasks.append(asyncio.create_task(reader.follow(port)))
        done, _ = await asyncio.wait(
            [tasks[-1], asyncio.create_task(reader.connected.wait())],
            return_when=asyncio.FIRST_COMPLETED,
            timeout=30,
        )
        assert reader.connected.is_set(), f"a reader was not connected: {done}"
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for task in tasks:
        task.cancel()
    return {
        "ids": [reader.ids for reader in readers],
        "changes": readers[0].changes,
        "let_go": sum(reader.was_let_go for reader in readers),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))))
