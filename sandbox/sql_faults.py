# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""Faults of PostgreSQL: what happens to a statement on its way through the gate.

Only the protocol's simple queries are looked at; they are what psycopg2 sends. A statement is named by the application and its
text without literals; a COMMIT also by what the transaction has written, so that a fault can be meant for one of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import struct
from asyncio import StreamReader, StreamWriter

from sandbox.faults import Fault, FaultBook

CHUNK = 65536
WRITES = re.compile(r"(?<!FOR )\b(INSERT|UPDATE|DELETE|pg_terminate_backend)\b", re.IGNORECASE)
POSSIBLE = ("refuse", "error", "act-then-error", "act-then-drop", "throttle", "stall", "garbage")
GARBAGE = b"HTTP/1.1 400 Bad Request\r\n\r\n"


class CutError(ConnectionError):
    """A fault ends the session."""


class FaultySession:
    """One session: `pass_statements` is its way to the server, `pass_answers` the way back."""

    def __init__(self, faults: FaultBook, application: str, client: StreamWriter, server: StreamWriter) -> None:
        self._faults = faults
        self._application = application
        self._client = client
        self._server = server
        self._written: list[str] = []
        self._held: bytearray | None = None
        self._answered = asyncio.Event()

    async def pass_statements(self, reader: StreamReader) -> None:
        with contextlib.suppress(CutError):
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
                if head[:1] == b"Q":
                    await self._statement(head + body, body.rstrip(b"\0").decode("utf-8", "replace"))
                else:
                    await self._forward(head + body)

    async def pass_answers(self, reader: StreamReader) -> None:
        while chunk := await reader.read(CHUNK):
            if self._held is None:
                self._client.write(chunk)
                await self._client.drain()
            else:
                self._held += chunk
                if _is_complete(self._held):
                    self._answered.set()

    async def _statement(self, message: bytes, sql: str) -> None:
        verb, writes = self._describe(sql)
        whole = f"{self._application}: {sql if verb != 'COMMIT' else ' '.join(['COMMIT of', *self._written])}"
        name = re.sub(r"'(?:[^']|'')*'", "?", " ".join(whole.split()))
        fault = self._faults.take("postgres", verb, name, lambda fault: fault.kind in POSSIBLE)
        values = hashlib.sha256(whole.encode()).hexdigest()[:8]
        self._faults.note("postgres", verb, name, writes=writes, struck=fault.kind if fault else None, values=values)
        if verb in ("COMMIT", "ROLLBACK"):
            self._written.clear()
        elif writes:
            self._written.append(sql)
        if fault is None:
            await self._forward(message)
        else:
            await self._strike(fault, message)

    def _describe(self, sql: str) -> tuple[str, bool]:
        """The first word, and whether the statement may change anything."""
        verb = (sql.split() or [""])[0].upper().rstrip(";")
        return verb, bool(self._written) if verb == "COMMIT" else WRITES.search(sql) is not None

    async def _strike(self, fault: Fault, message: bytes) -> None:
        if fault.kind == "stall":
            await asyncio.sleep(fault.seconds)
            await self._forward(message)
            return
        if fault.kind.startswith("act-then"):
            self._held = bytearray()
            await self._forward(message)
            await self._answered.wait()
        last_words = {
            "error": _fatal("57P01", "terminating connection due to administrator command"),
            "act-then-error": _fatal("57P01", "terminating connection due to administrator command"),
            "throttle": _fatal("53300", "too many connections"),
            "garbage": GARBAGE,
        }
        self._client.write(last_words.get(fault.kind, b""))
        await self._client.drain()
        raise CutError

    async def _forward(self, message: bytes) -> None:
        self._server.write(message)
        await self._server.drain()


def _is_complete(answer: bytes | bytearray) -> bool:
    """Whether the server has answered all and is ready for the next statement."""
    place = 0
    while len(answer) >= place + 5:
        if answer[place : place + 1] == b"Z":
            return True
        place += 1 + int(struct.unpack("!I", answer[place + 1 : place + 5])[0])
    return False


def _fatal(code: str, words: str) -> bytes:
    fields = ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", code), (b"M", words))
    text = b"".join(key + value.encode() + b"\0" for key, value in fields)
    return b"E" + struct.pack("!I", len(text) + 5) + text + b"\0"
