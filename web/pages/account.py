"""One's own account: the password, and the sessions on other machines."""

from __future__ import annotations

from flask import flash, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from engine.identity import MINIMUM_PASSWORD, PersonRefused, WrongPassword
from web.context import person, services
from web.pages.sign_in import start_session


def show() -> AnyResponse:
    return make_response(_page())


def change_password() -> AnyResponse:
    """Set the password somebody has chosen. Every other session of theirs ends; wrong tries are slowed down."""
    username, address = person().username, request.remote_addr or ""
    old, new = request.form.get("old", ""), request.form.get("new", "")
    if new != request.form.get("again", ""):
        return make_response(_page(refusal=gettext("两次输入的新密码不一样，请重新输入。")), 422)
    throttle = services().throttle
    throttle.must_be_allowed(username, address)
    try:
        changed = services().identity.change_password(username, old, new)
    except WrongPassword:
        throttle.failed(username, address)
        return make_response(_page(refusal=gettext("原密码不对，密码没有改动。")), 422)
    except PersonRefused as error:
        return make_response(_page(refusal=error.message), 422)
    throttle.succeeded(username)
    start_session(changed)
    flash(gettext("密码已修改，在其他设备上的登录都已退出。"), "done")
    return redirect(url_for("account.show"), 303)


def sign_out_everywhere() -> AnyResponse:
    services().identity.sign_out_everywhere(person().username, by=person().username)
    session.clear()
    return redirect(url_for("sign_in.form"), 303)


def _page(refusal: str = "") -> str:
    return render_template(
        "account.html", refusal=refusal, minimum=MINIMUM_PASSWORD, outside=session.get("outside", False)
    )
