"""HTTP protocol: limits of headers, slow clients and connections, over real sockets."""

import asyncio
import time

import pytest
import uvicorn

from ml_ui.serving import protocol
from ml_ui.serving.protocol import LimitedProtocol

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def app(scope, receive, send):
    """Answer once the whole body is there."""
    while (await receive()).get("more_body"):
        pass
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def with_server(monkeypatch):
    """Return a function that runs a coroutine function with the port of a server."""
    monkeypatch.setattr(protocol, "READ_TIMEOUT", 0.4)
    monkeypatch.setattr(LimitedProtocol, "max_connections", 50)

    def run(scenario, app=app):
        async def main():
            config = uvicorn.Config(
                app, port=0, http=LimitedProtocol, lifespan="off", log_level="error"
            )
            server = uvicorn.Server(config)
            config.load()
            server.lifespan = config.lifespan_class(config)
            await server.startup()
            try:
                return await asyncio.wait_for(
                    scenario(server.servers[0].sockets[0].getsockname()[1]), 10
                )
            finally:
                await server.shutdown()

        return asyncio.run(main())

    return run


async def connect(port):
    return await asyncio.open_connection("127.0.0.1", port)


async def seconds_until_closed(reader):
    """Return the time until the server closes a connection without an answer."""
    start = time.monotonic()
    try:
        assert await reader.read() == b""
    except ConnectionResetError:
        pass
    return time.monotonic() - start


async def answered(reader, writer):
    writer.write(GET)
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)
    return head.startswith(b"HTTP/1.1 200")


def test_endless_headers_are_cut_off(with_server):
    async def scenario(port):
        reader, writer = await connect(port)
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        try:
            for _ in range(200):
                writer.write(b"x" * 1024)
                await writer.drain()
        except ConnectionError:
            pass
        return await seconds_until_closed(reader)

    assert with_server(scenario) < 0.3


def test_headers_up_to_the_limit_are_read(with_server):
    async def scenario(port):
        reader, writer = await connect(port)
        for _ in range(3):  # the limit is of one request, not of a connection
            writer.write(GET[:-2] + b"X: " + b"x" * 50_000 + b"\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            await reader.readexactly(2)

    with_server(scenario)


def test_trailers_are_no_headers(with_server):
    seen = []

    async def recorder(scope, receive, send):
        await app(scope, receive, send)
        seen.append([name for name, _ in scope["headers"]])

    async def scenario(port):
        reader, writer = await connect(port)
        chunked = GET[:-2] + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
        for _ in range(2):
            writer.write(chunked + b"X-Forwarded-For: 1.2.3.4\r\nOrigin: http://a\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            await reader.readexactly(2)

    with_server(scenario, recorder)
    assert seen == [[b"host", b"transfer-encoding"]] * 2


def test_endless_trailers_are_cut_off(with_server):
    async def scenario(port):
        reader, writer = await connect(port)
        writer.write(GET[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
        try:
            for n in range(200):
                writer.write(b"X-%d: " % n + b"x" * 1024 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            pass
        return await seconds_until_closed(reader)

    assert with_server(scenario) < 0.3


@pytest.mark.parametrize("part", [b"", b"GET / HTTP/1.1\r\nHost: ", HEAD, HEAD + b"x" * 10])
def test_slow_requests_are_cut_off(with_server, part):
    async def scenario(port):
        reader, writer = await connect(port)
        writer.write(part)
        return await seconds_until_closed(reader)

    assert 0.3 < with_server(scenario) < 3


def test_slow_headers_are_cut_off_though_they_trickle(with_server):
    async def scenario(port):
        reader, writer = await connect(port)
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        closed = asyncio.create_task(seconds_until_closed(reader))
        while not closed.done():
            writer.write(b"x")
            await asyncio.sleep(0.1)
        return closed.result()

    assert 0.3 < with_server(scenario) < 3


def test_trickling_body_is_cut_off(with_server):
    async def scenario(port):
        reader, writer = await connect(port)
        writer.write(HEAD)
        closed = asyncio.create_task(seconds_until_closed(reader))
        while not closed.done():
            writer.write(b"x")  # each in time, and far too few
            await asyncio.sleep(0.1)
        return closed.result()

    assert 0.3 < with_server(scenario) < 3


def test_steady_body_is_read(with_server):
    async def scenario(port):
        reader, writer = await connect(port)
        writer.write(HEAD)
        for _ in range(10):
            writer.write(b"x" * 10_000)
            await asyncio.sleep(0.1)
        return await reader.readuntil(b"\r\n")

    assert with_server(scenario).startswith(b"HTTP/1.1 200")


def test_idle_connections_make_room_for_new_ones(with_server, monkeypatch):
    monkeypatch.setattr(LimitedProtocol, "max_connections", 3)
    monkeypatch.setattr(protocol, "READ_TIMEOUT", 30)

    async def scenario(port):
        idle = []
        for _ in range(3):
            idle.append(await connect(port))
            assert await answered(*idle[-1])
        assert await answered(*await connect(port))
        assert await seconds_until_closed(idle[0][0]) < 5
        assert await answered(*idle[2])
        assert len(LimitedProtocol._open) <= 4

    with_server(scenario)


def test_connections_are_forgotten_when_they_close(with_server):
    async def scenario(port):
        for _ in range(5):
            reader, writer = await connect(port)
            assert await answered(reader, writer)
            writer.close()
        await asyncio.sleep(0.1)
        return len(LimitedProtocol._open), len(LimitedProtocol._idle)

    assert with_server(scenario) == (0, 0)


def test_answers_that_are_not_read_are_given_up_at_a_limit(with_server, monkeypatch):
    """The oldest first; a client that reads gets all of its own."""
    monkeypatch.setattr(LimitedProtocol, "max_unread", 60_000_000)
    size = 25_000_000  # more than the buffers of a socket

    async def large(scope, receive, send):
        headers = [(b"content-length", str(size).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(size)})

    async def scenario(port):
        clients = []
        for n in range(4):
            clients.append(await connect(port))
            clients[-1][1].write(GET)
            while len(LimitedProtocol.unread) < min(n + 1, 2):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert len(LimitedProtocol.unread) == 2
        read = []
        for reader, _ in clients:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                read.append(head[:12] + str(len(await reader.readexactly(size))).encode())
            except (ConnectionResetError, asyncio.IncompleteReadError):
                read.append(b"")
        return read

    whole = b"HTTP/1.1 200" + str(size).encode()
    assert with_server(scenario, large) == [b"", b"", whole, whole]
    assert not LimitedProtocol.unread
