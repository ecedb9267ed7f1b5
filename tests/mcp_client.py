"""Call the tool `predict` by the official client of the installed version, 1 or 2.

    python mcp_client.py URL ARGUMENTS

ARGUMENTS are JSON. Prints JSON: what the tool is, its result, and that of a call without any.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

import mcp


@asynccontextmanager
async def connected(url):
    if hasattr(mcp, "Client"):  # version 2
        async with mcp.Client(url) as client:
            yield client, client.protocol_version
        return
    from mcp.client.streamable_http import streamablehttp_client

    async with (
        streamablehttp_client(url) as (reader, writer, _),
        mcp.ClientSession(reader, writer) as client,
    ):
        yield client, (await client.initialize()).protocolVersion


async def main(url, arguments):
    async with connected(url) as (client, version):
        (tool,) = (await client.list_tools()).tools
        results = [await client.call_tool(tool.name, given) for given in (arguments, {})]
    found = [each.model_dump(mode="json", by_alias=True) for each in (tool, *results)]
    print(json.dumps([version, *found]))


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
