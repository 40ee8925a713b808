"""Signing in and out, and the language of the pages."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, g, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext
from flask_wtf.csrf import generate_csrf
from werkzeug.wrappers import Response as AnyResponse

from engine.identity import Person, WrongPassword
from web import known_browser
from web.context import json_answer, monitoring, services, settings
from web.demo import demo_people
from web.throttle import ThrottledError

LANGUAGES = {"zh": "中文", "en": "English"}
_LANGUAGE_COOKIE = "hejie_language"


def home() -> AnyResponse:
    return redirect(url_for("work_list.show"))


def form() -> AnyResponse:
    """Show the sign-in page; somebody who is signed in already goes on to work."""
    if g.person is not None:
        return redirect(_next_page())
    return make_response(_page())


def enter() -> AnyResponse:
    """Sign in. The session starts anew, so that nobody can have planted one; wrong tries are slowed down."""
    username = request.form.get("username", "").strip()
    address = request.remote_addr or ""
    throttle, mark = services().throttle, known_browser.mark_of(request, username, settings())
    outcome = monitoring().figures.sign_ins
    try:
        throttle.must_be_allowed(username, address, mark)
    except ThrottledError:
        outcome.labels("throttled").inc()
        raise
    try:
        person = services().identity.verify(username, request.form.get("password", ""))
    except WrongPassword:
        throttle.failed(username, address, mark)
        outcome.labels("refused").inc()
        # One sentence for both: it must not tell which names exist.
        return refuse(gettext("用户名或密码不对，请重新输入。"), 422)
    throttle.succeeded(username, mark)
    outcome.labels("signed_in").inc()
    start_session(person)
    response = redirect(_next_page(), 303)
    known_browser.remember(response, username, settings())
    return response


def refuse(error: str, status: int) -> AnyResponse:
    """Return the sign-in page with what went wrong."""
    return make_response(_page(error=error), status)


def start_session(person: Person) -> None:
    """Begin a new session for `person`."""
    session.clear()
    session["username"] = person.username
    session["stamp"] = person.session_stamp
    session.permanent = True
    g.pop("csrf_token", None)


def leave() -> AnyResponse:
    session.clear()
    return redirect(url_for("sign_in.form"), 303)


def session_state() -> Response:
    """Tell a page that has been open for long who is signed in, and give it a fresh token."""
    username = g.person.username if g.person is not None else None
    return json_answer({"username": username, "csrf_token": generate_csrf()})


def language() -> AnyResponse:
    response = redirect(_next_page(), 303)
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        response.set_cookie(
            _LANGUAGE_COOKIE,
            chosen,
            max_age=365 * 24 * 3600,
            samesite="Lax",
            secure=settings().https,
            httponly=True,
        )
    return response


def chosen_language() -> str:
    """Return the language of the page: what was chosen, else Chinese."""
    chosen = request.cookies.get(_LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else "zh"


def _page(error: str = "") -> str:
    return render_template(
        "sign_in.html",
        error=error,
        username=request.form.get("username", ""),
        next=request.values.get("next", ""),
        demo=demo_people() if settings().demo else None,
        outside=(provider.label or gettext("统一登录")) if (provider := settings().outside) else None,
    )


def _next_page() -> str:
    return local_address(request.values.get("next"), url_for("work_list.show"))


def local_address(target: str | None, otherwise: str) -> str:
    """Return `target` if it is an address of ours, else `otherwise`: nobody is sent to another host."""
    # To a browser "//host", "/\\host" and a tab or line break within are ways to other hosts.
    if not target or not target.startswith("/") or target.startswith("//"):
        return otherwise
    if "\\" in target or any(ord(character) < 32 for character in target) or urlsplit(target).netloc:
        return otherwise
    return target
