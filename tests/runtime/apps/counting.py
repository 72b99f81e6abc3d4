"""An app that answers each request with its own number and the worker's pid: ``/NUMBER?ms=20&dies=1``.

It serves one request at a time over kept connections, takes ``ms`` milliseconds and as long as there is a file named as
``while`` says, and with ``dies`` kills itself: before a byte of its answer (1), or in the midst of it (2).
"""

import asyncio
import os
import signal
import sys
from urllib.parse import parse_qsl, urlsplit


async def serve(reader, writer):
    try:
        while line := await reader.readline():
            length = 0
            while (header := await reader.readline()).strip():
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            await reader.readexactly(length)
            path = urlsplit(line.split()[1].decode())
            said = dict(parse_qsl(path.query))
            await asyncio.sleep(int(said.get("ms", 0)) / 1000)
            while os.path.exists(said.get("while", "")):  # noqa: ASYNC110, ASYNC240, PTH110 - it has nothing else to do
                await asyncio.sleep(0.01)
            body = f"{path.path[1:]} {os.getpid()}\n".encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            if said.get("dies") == "2":
                writer.write(head + body[:1])
                await writer.drain()
                await asyncio.sleep(0.02)
            if "dies" in said:
                os.kill(os.getpid(), signal.SIGKILL)
            writer.write(head + body)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
    await server.serve_forever()


asyncio.run(main())
