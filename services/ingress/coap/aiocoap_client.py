"""Asks the CoAP server at HOST:PORT as aiocoap does; exits 1 at the first answer that is not as expected."""

import asyncio
import sys

import aiocoap
from aiocoap import GET, NON, POST, PUT, Message
from aiocoap.numbers import codes


async def main(endpoint):
    context = await aiocoap.Context.create_client_context()

    async def ask(expected, path, payload=b"", code=POST, text=None, **options):
        message = Message(code=code, uri=f"coap://{endpoint}/{path}", payload=payload, **options)
        answer = await asyncio.wait_for(context.request(message).response, 20)
        print(code, path, len(payload), "->", answer.code, answer.payload[:80])
        if answer.code != expected or (text is not None and text not in answer.payload.decode()):
            sys.exit(f"expected {expected} with {text!r}")
        return answer

    listing = await ask(codes.CONTENT, ".well-known/core", code=GET, text="sluice.status")
    if listing.opt.content_format != 40:
        sys.exit("the listing is not application/link-format")

    await ask(codes.CHANGED, "devices/pump-7/telemetry?id=a", b'{"t": 1.5}', content_format=50)
    await ask(codes.CHANGED, "devices/pump-7/status", b"ONLINE", content_format=0)
    await ask(codes.CHANGED, "devices/pump-7/commands/c-1/response", b"{}")
    await ask(codes.CHANGED, "devices/pump-7/telemetry", b"8" * 65536)
    await ask(codes.REQUEST_ENTITY_TOO_LARGE, "devices/pump-7/telemetry", b"8" * 65537, text="65536")
    await ask(codes.BAD_REQUEST, "devices/pump-7/telemetry", b"}", text="not JSON")
    await ask(codes.CHANGED, "devices/pump-7/telemetry", b"1", mtype=NON)
    await ask(codes.NOT_FOUND, "devices/pump-7", b"1", text="/devices/pump-7")
    await ask(codes.METHOD_NOT_ALLOWED, "devices/pump-7/telemetry", b"1", code=PUT)
    await context.shutdown()


asyncio.run(main(sys.argv[1]))
