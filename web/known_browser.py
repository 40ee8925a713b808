"""A browser in which somebody has signed in before is told from a stranger's.

Otherwise a stranger who keeps typing wrong passwords would lock the real person out. The browser keeps a signed mark
that is sent to the sign-in page alone; tries with it are counted by themselves (see `web.throttle`), as OWASP describes
under "device cookies". The mark opens nothing: a password is needed all the same.
"""

from __future__ import annotations

import secrets

from flask import Request
from itsdangerous import BadData, URLSafeSerializer
from werkzeug.wrappers import Response

from web.settings import Settings

COOKIE = "hejie_known"
_KEPT_SECONDS = 180 * 24 * 3600


def mark_of(request: Request, username: str, settings: Settings) -> str:
    """Return the mark of a browser in which `username` has signed in before, "" for any other."""
    try:
        name, mark = _signer(settings).loads(request.cookies.get(COOKIE, ""))
    except (BadData, TypeError, ValueError):
        return ""
    return str(mark) if name == username else ""


def remember(response: Response, username: str, settings: Settings) -> None:
    """Leave a new mark in the browser that `username` has just signed in with."""
    response.set_cookie(
        COOKIE,
        str(_signer(settings).dumps([username, secrets.token_urlsafe(16)])),
        max_age=_KEPT_SECONDS,
        path="/sign-in",
        httponly=True,
        samesite="Strict",
        secure=settings.https,
    )


def _signer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret_key, salt="known browser")
