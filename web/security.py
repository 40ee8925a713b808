"""The headers of every answer. Strict: no inline code, nothing from other hosts, no framing by others.

The two places where the policy is looser than `default-src 'none'` suggests, and why:
- `img-src data:` for the small icons inside Tabler's and form-js's style sheets;
- `style-src` has a nonce and no 'unsafe-inline': bpmn-js, form-js and htmx set styles through the DOM
  (CSSOM), which the policy does not touch. htmx's own indicator style is switched off in the page head.
"""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request
from flask_babel import gettext

from web.context import RequestError

_SANDBOXED = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox; frame-ancestors 'self'"
_PERMISSIONS = "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"


def nonce() -> str:
    """Return the nonce of this request, for the `<script>` tags of its page."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def page_policy() -> str:
    """Return the content security policy of a page."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce()}' 'strict-dynamic' 'self'",
            f"style-src 'self' 'nonce-{nonce()}'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "frame-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def file_policy(content_type: str) -> str:
    """Return the policy of a file shown in place: a PDF in our own frame, anything else without any power."""
    if content_type == "application/pdf":
        # Chromium's viewer refuses a sandboxed document.
        return "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
    return _SANDBOXED


def refuse_null_characters() -> None:
    """Raise for a NUL in the address or the form: no database keeps it, and nobody types it."""
    if "\0" in request.path or any("\0" in text for name, texts in request.values.lists() for text in (name, *texts)):
        raise RequestError(gettext("提交的内容含有无法处理的字符，请删去后再提交。"))


def install(app: Flask, *, https: bool) -> None:
    """Put the headers on every answer of `app`."""
    app.before_request(refuse_null_characters)

    @app.after_request
    def headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", page_policy())
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        framed = "frame-ancestors 'self'" in response.headers["Content-Security-Policy"]
        response.headers.setdefault("X-Frame-Options", "SAMEORIGIN" if framed else "DENY")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if https:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if request.endpoint not in {"asset", "static_file"}:
            response.headers.setdefault("Cache-Control", "no-store")
        return response
