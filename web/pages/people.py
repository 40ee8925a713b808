"""For administrators: who may sign in, and in which groups they are. Names are posted, never in an address."""

from __future__ import annotations

from flask import flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from engine.casework.errors import NotAllowed
from engine.identity import (
    ADMINISTRATORS,
    AUDITORS,
    MINIMUM_PASSWORD,
    PROCESS_OWNERS,
    Person,
    PersonRefused,
    UnknownPerson,
)
from engine.permissions import Act, may
from web.context import person, services

ROLES = (AUDITORS, ADMINISTRATORS, PROCESS_OWNERS)


def show() -> AnyResponse:
    _must_administer()
    return make_response(_list())


def add() -> AnyResponse:
    """Register somebody; without a password they come in through the provider outside."""
    _must_administer()
    form = request.form
    try:
        added = services().identity.add(
            form.get("username", ""),
            form.get("display_name", ""),
            form.get("password") or None,
            form.getlist("groups"),
            by=person().username,
        )
    except PersonRefused as error:
        return make_response(_list(refusal=error.message), 422)
    flash(gettext("已建立 %(name)s 的帐号。", name=added.display_name), "done")
    return redirect(url_for("people.show"), 303)


def edit() -> AnyResponse:
    _must_administer()
    return make_response(_edit(_named()))


def change() -> AnyResponse:
    """Change name, groups, whether active, and the password if one is given."""
    _must_administer()
    form, someone = request.form, _named()
    try:
        services().identity.change(
            someone.username,
            display_name=form.get("display_name", ""),
            groups=form.getlist("groups"),
            active=form.get("active") == "yes",
            password=form.get("password") or None,
            stands_in_for=_usernames(form["stands_in_for"]) if "stands_in_for" in form else None,
            by=person().username,
        )
    except PersonRefused as error:
        return make_response(_edit(someone, refusal=error.message), 422)
    flash(gettext("已保存 %(name)s 的帐号。", name=form.get("display_name", "")), "done")
    return redirect(url_for("people.show"), 303)


def sign_out() -> AnyResponse:
    """End somebody's sessions."""
    _must_administer()
    someone = _named()
    services().identity.sign_out_everywhere(someone.username, by=person().username)
    flash(gettext("已让 %(name)s 在所有设备上退出登录。", name=someone.display_name), "done")
    return redirect(url_for("people.show"), 303)


def _must_administer() -> None:
    if not may(person(), Act.ADMINISTER):
        raise NotAllowed(gettext("只有管理员可以管理人员。"))


def _named() -> Person:
    username = request.form.get("username", "")
    found = services().identity.find(username)
    if found is None or found.is_system:
        raise UnknownPerson(gettext("没有用户“%(name)s”。", name=username))
    return found


def _usernames(text: str) -> list[str]:
    return text.replace("，", ",").replace("、", ",").split(",")


def _groups(everyone: tuple[Person, ...]) -> list[str]:
    """Return the lanes of the procedures in force and whatever groups somebody is in, without the three roles."""
    latest = services().deployments.latest()
    lanes = {lane for process in (latest.diagrams.values() if latest else ()) for lane in process.lanes}
    return sorted(lanes.union(*(someone.groups for someone in everyone)) - set(ROLES))


def _list(refusal: str = "") -> str:
    everyone = services().identity.everyone()
    return render_template(
        "people.html",
        everyone=everyone,
        groups=_groups(everyone),
        roles=ROLES,
        given=request.form,
        chosen=request.form.getlist("groups"),
        refusal=refusal,
        minimum=MINIMUM_PASSWORD,
    )


def _edit(someone: Person, refusal: str = "") -> str:
    return render_template(
        "person.html",
        someone=someone,
        name=request.form.get("display_name", someone.display_name),
        chosen=request.form.getlist("groups") if refusal else someone.groups,
        stands_in_for=request.form["stands_in_for"]
        if refusal and "stands_in_for" in request.form
        else ", ".join(other.username for other in someone.others),
        groups=_groups(services().identity.everyone()),
        roles=ROLES,
        refusal=refusal,
        minimum=MINIMUM_PASSWORD,
    )
