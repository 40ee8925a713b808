"""Where an uploaded file belongs in a bundle."""

from __future__ import annotations

from pathlib import PurePosixPath

from flask_babel import gettext

from engine.deployments import Bundle

_ROOMS = ("workflows", "forms", "documents")


class PlaceError(Exception):
    """Nobody can tell where the file belongs. The message is a Chinese sentence."""


def bundle_path(name: PurePosixPath, latest: Bundle | None) -> str:
    """Return the file's path in the bundle.

    A name with its folders (`forms/refund/decide.form`, as a chosen folder gives) counts from the
    room on; a bare name is the file of that name in the latest bundle; a new diagram or table goes to
    `workflows/`.
    Raise `PlaceError` for a bare new form or template file, and for a name that several files have.
    """
    parts = [part for part in name.parts if part not in {"", ".", "..", "/"}]
    for room in _ROOMS:
        if room in parts[:-1]:
            return "/".join(parts[parts.index(room) :])
    bare = parts[-1] if parts else ""
    if bare.endswith((".bpmn", ".dmn")):
        return f"workflows/{bare}"
    tail = "/".join(parts[-2:])
    known = [path for path in (latest.files if latest else {}) if path.endswith(f"/{tail}")]
    if len(known) == 1:
        return known[0]
    if bare.endswith(".form") and len(parts) > 1:
        return f"forms/{tail}"
    if len(known) > 1:
        raise PlaceError(gettext("有多个文件叫“%(name)s”，请连同所在目录一起上传。", name=bare))
    raise PlaceError(gettext("“%(name)s”不知该放在哪里：表单请连同流程目录、模板请连同模板目录一起上传。", name=bare))
