"""A mail server for tests: keeps each mail as a file, with its envelope as the first headers.

Usage: server.py PORT DIRECTORY; with SMTP_USER and SMTP_PASSWORD in the environment, only after AUTH. SMTP_TLS says
"start" for TLS from the first byte, or "upgrade" for STARTTLS, with what SMTP_CERTIFICATE and SMTP_KEY name.

The file `behaviour` in the directory has the server behave otherwise than well, in one word: "refuses" and "puts-off" are
answers to RCPT, "hangs" gives none and makes the file `hangs`, "breaks-off" takes the mail and cuts the connection,
"locks-out" takes no password.
"""

import asyncio
import itertools
import os
import ssl
import sys
import time

from aiosmtpd.smtp import SMTP, AuthResult

PORT, DIRECTORY = int(sys.argv[1]), sys.argv[2]
TLS = os.environ.get("SMTP_TLS")
USER, PASSWORD = os.environ.get("SMTP_USER"), os.environ.get("SMTP_PASSWORD")


def behaviour():
    try:
        with open(os.path.join(DIRECTORY, "behaviour")) as file:
            return file.read()
    except FileNotFoundError:
        return "takes"


class Keep:
    """Writes a mail aside and moves it to its place, so that nobody reads half of one."""

    def __init__(self):
        self.numbers = itertools.count()

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        now = behaviour()
        if now == "refuses":
            return f"550 5.1.1 {address} is nobody here"
        if now == "puts-off":
            return f"450 4.2.1 {address} is busy"
        if now == "hangs":
            with open(os.path.join(DIRECTORY, "hangs"), "w"):
                await asyncio.Event().wait()
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        name = f"{time.time_ns():020}-{next(self.numbers):06}"
        head = f"X-MailFrom: {envelope.mail_from}\r\nX-RcptTo: {', '.join(envelope.rcpt_tos)}\r\n"
        aside = os.path.join(DIRECTORY, "tmp", name)
        with open(aside, "wb") as file:
            file.write(head.encode() + envelope.original_content)
        os.rename(aside, os.path.join(DIRECTORY, "new", name))
        if behaviour() == "breaks-off":
            server.transport.abort()
        return "250 OK"


def check(server, session, envelope, mechanism, login):
    right = (USER.encode(), PASSWORD.encode())
    # Not handled: aiosmtpd itself is to say no.
    is_right = (login.login, login.password) == right and behaviour() != "locks-out"
    return AuthResult(success=is_right, handled=False)


def certificate():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["SMTP_CERTIFICATE"], os.environ["SMTP_KEY"])
    return context


def options():
    wanted = {"tls_context": certificate(), "require_starttls": True} if TLS == "upgrade" else {}
    if USER is not None:
        # aiosmtpd counts as TLS only what STARTTLS began.
        wanted |= {"authenticator": check, "auth_required": True, "auth_require_tls": TLS == "upgrade"}
    return wanted


async def serve():
    loop, keep = asyncio.get_running_loop(), Keep()
    outer = certificate() if TLS == "start" else None
    server = await loop.create_server(lambda: SMTP(keep, loop=loop, **options()), "127.0.0.1", PORT, ssl=outer)
    print("listening")
    await server.serve_forever()


asyncio.run(serve())
