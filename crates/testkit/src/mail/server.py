"""A mail server for tests: keeps each mail as a file, with its envelope as the first headers.

Usage: server.py PORT DIRECTORY; with SMTP_USER and SMTP_PASSWORD in the environment, only after AUTH.
"""

import asyncio
import itertools
import os
import sys
import time

from aiosmtpd.smtp import SMTP, AuthResult

PORT, DIRECTORY = int(sys.argv[1]), sys.argv[2]
USER, PASSWORD = os.environ.get("SMTP_USER"), os.environ.get("SMTP_PASSWORD")


class Keep:
    """Writes a mail aside and moves it to its place, so that nobody reads half of one."""

    def __init__(self):
        self.numbers = itertools.count()

    async def handle_DATA(self, server, session, envelope):
        name = f"{time.time_ns():020}-{next(self.numbers):06}"
        head = f"X-MailFrom: {envelope.mail_from}\r\nX-RcptTo: {', '.join(envelope.rcpt_tos)}\r\n"
        aside = os.path.join(DIRECTORY, "tmp", name)
        with open(aside, "wb") as file:
            file.write(head.encode() + envelope.original_content)
        os.rename(aside, os.path.join(DIRECTORY, "new", name))
        return "250 OK"


def check(server, session, envelope, mechanism, login):
    right = (USER.encode(), PASSWORD.encode())
    # Not handled: aiosmtpd itself is to say no.
    return AuthResult(success=(login.login, login.password) == right, handled=False)


def options():
    if USER is None:
        return {}
    return {"authenticator": check, "auth_required": True, "auth_require_tls": False}


async def serve():
    loop, keep = asyncio.get_running_loop(), Keep()
    server = await loop.create_server(lambda: SMTP(keep, loop=loop, **options()), "127.0.0.1", PORT)
    print("listening")
    await server.serve_forever()


asyncio.run(serve())
