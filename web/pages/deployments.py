"""Versions of the procedures: what was deployed when by whom, and laying new files over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from flask import flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from engine.casework.errors import DeploymentRefused
from engine.permissions import Act, may
from engine.problems import Problem
from web.context import person, services
from web.pages.deploy_paths import PlaceError, bundle_path


def show() -> AnyResponse:
    return make_response(_page())


def deploy() -> AnyResponse:
    """Lay the uploaded files over the latest version; if the check finds errors, list them instead."""
    note = request.form.get("note", "").strip()
    uploads = [file for file in request.files.getlist("files") if file.filename]
    if not uploads:
        return make_response(_page(note=note, refusal=gettext("请先选择要部署的文件。")), 422)
    try:
        files = {_path(file): file.stream.read() for file in uploads}
        made = services().casework.deploy(files, by=person().username, note=note, check=services().check)
    except PlaceError as error:
        return make_response(_page(note=note, refusal=str(error)), 422)
    except DeploymentRefused as error:
        return make_response(
            _page(note=note, problems=error.problems, files=[file.filename or "" for file in uploads]), 422
        )
    if made.new:
        flash(gettext("已部署 %(count)s 个文件。新案件按新版办理，在办案件仍按原版。", count=len(files)), "done")
    else:
        flash(gettext("内容与现行版本完全相同，没有产生新版本。"), "done")
    return redirect(url_for("deployments.show"), 303)


def _path(file: FileStorage) -> str:
    # A browser sends a folder's file as "folder/name"; nothing of it may lead out of the bundle.
    return bundle_path(PurePosixPath((file.filename or "").replace("\\", "/")), services().deployments.latest())


def _page(*, note: str = "", refusal: str = "", problems: Sequence[Problem] = (), files: Sequence[str] = ()) -> str:
    return render_template(
        "deployments.html",
        deployments=services().records.deployments(person()),
        may_deploy=may(person(), Act.DEPLOY),
        note=note,
        refusal=refusal,
        problems=problems,
        files=files,
    )
