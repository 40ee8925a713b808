"""For machines: is this process alive, is it ready, and its figures."""

from __future__ import annotations

import hmac
import ipaddress

from flask import Response, request
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from web.context import json_answer, monitoring, settings


def healthz() -> Response:
    """Answer: the process is alive. Nothing else is asked, so a database that is away restarts nobody."""
    return Response("ok\n", mimetype="text/plain")


def readyz() -> Response:
    """Answer whether work may be sent here: 200, or 503 with a sentence for each part that is not ready."""
    problems = monitoring().readiness.problems()
    return json_answer({"ready": not problems, "problems": problems}, 503 if problems else 200)


def metrics() -> Response:
    """Answer with the figures, to this machine or to who knows the token."""
    if not may_read_figures():
        return Response("forbidden\n", 403, mimetype="text/plain")
    return Response(monitoring().figures.text(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def may_read_figures() -> bool:
    """With HEJIE_METRICS_TOKEN: who sends it. Without: who asks from this machine and not through a proxy."""
    token = settings().metrics_token
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return hmac.compare_digest(given.encode(), token.encode())
    # Behind a proxy on this machine everybody comes from here.
    if any(request.headers.get(name) for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
