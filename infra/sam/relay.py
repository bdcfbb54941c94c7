#!/usr/bin/env python3
"""Lets containers reach the local stack, which listens on 127.0.0.1 alone.

On Linux a container sees the host at the engine's bridge, where the stack does not listen. This
listens there, on the stack's own port, and passes bytes on; nothing but containers and this machine
can reach that address. Docker Desktop does the same by itself, and this then has nothing to do.

    infra/sam/relay.py [PORT] [ADDRESS]     default: 3000, the gateway of Docker's default bridge
"""

import asyncio
import errno
import ipaddress
import json
import subprocess
import sys

def bridge() -> str:
    """The host's own address on Docker's default bridge: its gateway, by default the first."""
    inspect = ["docker", "network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}"]
    found = subprocess.run(inspect, capture_output=True, text=True, check=False).stdout
    for config in json.loads(found or "[]") or []:
        subnet = ipaddress.ip_network(config["Subnet"])
        if subnet.version == 4:
            return config.get("Gateway") or str(next(subnet.hosts()))
    sys.exit("no Docker bridge; name its address")


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


async def main(port: int, address: str) -> None:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_stack, to_stack = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pass_on(reader, to_stack), pass_on(from_stack, writer))
            to_stack.close()
        except OSError as error:
            print(f"the local stack does not answer: {error}", file=sys.stderr)
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(relay, address, port)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            sys.exit(f"{address} is not on this machine: its engine reaches the host by itself")
        sys.exit(f"cannot listen on {address}:{port}: {error.strerror}")
    print(f"containers reach 127.0.0.1:{port} at {address}:{port}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    try:
        asyncio.run(
            main(
                int(arguments[0]) if arguments else 3000,
                arguments[1] if len(arguments) > 1 else bridge(),
            )
        )
    except KeyboardInterrupt:
        pass
