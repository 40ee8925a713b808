"""Builds the web application out of finished services. Who makes the services: `web/wiring.py`.

`create_app` needs, besides the settings:
- `settings.root / "bundles" / "static"`: the bundled browser packages (`npm run build`), with the modules of
  `web/browser`, Tabler, bpmn-js and form-js;
- `web/translations/*/LC_MESSAGES/messages.mo`: `pybabel compile -d web/translations` (without it all pages
  are Chinese);
- of the services, `records` is `Records(database, deployments)`, `calendar` the calendar that FEEL uses.
Nothing is opened, started or written here; each request uses the services and closes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, g, redirect, request, session, url_for
from flask_babel import Babel, gettext, ngettext
from flask_wtf.csrf import CSRFProtect
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from engine.casework import Casework
from engine.deployments import Deployments
from engine.files import FileStore
from engine.identity import People
from engine.office_calendar import OfficeCalendar
from engine.outside_identity import Outsiders
from engine.ports import Clock
from engine.problems import Problem
from engine.records import Records
from engine.reports import Reports
from engine.worklist import Worklist
from web import assets, context, errors, observing, routes, security, wording
from web.context import json_answer, wants_json
from web.form_library import FormLibrary
from web.monitoring import Monitoring
from web.outside import OutsideSignIn
from web.pages import public
from web.pages.sign_in import LANGUAGES, chosen_language
from web.settings import Settings
from web.throttle import Throttle

ROOM = Path(__file__).resolve().parent
_FOR_NOBODY = observing.FOR_MACHINES | {"asset", "static_file", "font"}
"""What is answered without asking the database who somebody is: it may be away."""


@dataclass(frozen=True)
class Services:
    """What the pages need, finished. All of it may be used by several threads at once."""

    casework: Casework
    worklist: Worklist
    records: Records
    reports: Reports
    identity: People
    outsiders: Outsiders
    deployments: Deployments
    files: FileStore
    clock: Clock
    calendar: OfficeCalendar
    forms: FormLibrary
    throttle: Throttle
    monitoring: Monitoring
    check: Callable[[Mapping[str, bytes]], Sequence[Problem]]


def create_app(services: Services, settings: Settings) -> Flask:
    """Return the application, ready for any WSGI server."""
    app = Flask("web", root_path=str(ROOM), static_folder=None)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="hejie_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.https,
        PERMANENT_SESSION_LIFETIME=settings.session_length,
        SESSION_REFRESH_EACH_REQUEST=True,
        # The largest body is one attachment with its form fields around it.
        MAX_CONTENT_LENGTH=settings.upload_limit_bytes + 64 * 1024,
        MAX_FORM_MEMORY_SIZE=4 * 1024 * 1024,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a form may stay open all day
        WTF_CSRF_SSL_STRICT=settings.https,
        BABEL_DEFAULT_LOCALE="zh",
        BABEL_DEFAULT_TIMEZONE="Asia/Shanghai",
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # of the default provider, which we keep
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["hejie"] = services
    app.extensions["hejie_settings"] = settings
    app.extensions["hejie_monitoring"] = services.monitoring
    observing.install(app, services.monitoring.figures, trust_ids=settings.trusted_proxies > 0)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.extensions["hejie_outside"] = OutsideSignIn(app, settings.outside) if settings.outside else None
    _templates(app, settings)
    Babel(app, locale_selector=chosen_language)
    app.before_request(_who_is_asking)
    public.install(app, services.clock)  # before the token is looked for, which reads the body
    CSRFProtect(app)
    assets.install(app, settings)
    wording.install(app)
    routes.install(app)
    errors.install(app)
    security.install(app, https=settings.https)
    return app


def _templates(app: Flask, settings: Settings) -> None:
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        reads_reports=_reads_reports,
        _=gettext,
        ngettext=ngettext,
        nonce=security.nonce,
        org_name=settings.organization.name,
        LANGUAGES=LANGUAGES,
        language=chosen_language,
    )


def _reads_reports() -> bool:
    return g.person is not None and context.services().reports.reads_any(g.person)


def _who_is_asking() -> Response | None:
    """Find the person of the session; send everybody else to the sign-in page, before any page is reached."""
    g.person = None
    if request.endpoint in _FOR_NOBODY:
        return None
    username = session.get("username")
    g.person = context.services().identity.find(username) if username else None
    # Somebody has left or been signed out everywhere, here or on another machine.
    if g.person is not None and not (g.person.active and g.person.session_stamp == session.get("stamp", "")):
        g.person = None
    if g.person is not None or request.endpoint in routes.PUBLIC_ENDPOINTS:
        return None
    if wants_json():
        return json_answer({"error": gettext("登录已过期，请重新登录。")}, 401)
    came_for = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("sign_in.form", next=came_for))
