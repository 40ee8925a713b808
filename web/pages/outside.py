"""Coming in through the provider outside: on the way there, and back."""

from __future__ import annotations

from flask import abort, current_app, redirect, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from engine.outside_identity import OutsiderRefused
from web.context import monitoring, services
from web.outside import OutsideSignIn, ProviderFailed
from web.pages.sign_in import local_address, refuse, start_session

_AFTER = "outside_next"


def begin() -> AnyResponse:
    """Go to the provider; remember where somebody wanted to go."""
    try:
        response = _sign_in().begin(url_for("outside.enter", _external=True))
    except ProviderFailed as error:
        return refuse(error.message, 502)
    session[_AFTER] = local_address(request.args.get("next"), url_for("work_list.show"))
    return response


def enter() -> AnyResponse:
    """Come back from the provider, and in."""
    after = session.get(_AFTER)
    outcome = monitoring().figures.sign_ins
    try:
        person = services().outsiders.enter(_sign_in().enter())
    except ProviderFailed as error:
        outcome.labels("refused").inc()
        return refuse(error.message, 422)
    except OutsiderRefused as error:
        outcome.labels("refused").inc()
        return refuse(error.message, 403)
    outcome.labels("signed_in").inc()
    start_session(person)
    session["outside"] = True
    return redirect(local_address(after, url_for("work_list.show")), 303)


def _sign_in() -> OutsideSignIn:
    """Return the provider; without one these addresses do not exist."""
    found: OutsideSignIn | None = current_app.extensions["hejie_outside"]
    if found is None:
        abort(404)
    return found
