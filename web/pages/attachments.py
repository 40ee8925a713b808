"""Files that staff attach: sent at once by the form field, shown only to whom the case concerns."""

from __future__ import annotations

import io
from urllib.parse import quote

from flask import Response, request
from flask_babel import gettext
from PIL import Image, ImageOps

from web import security
from web.context import RequestError, json_answer, key_in, person, services, settings

# Shown in the page; anything else is offered for saving, because a browser might run it.
_SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "application/pdf"})
_THUMBNAIL = (176, 176)
_MOST_UNPACKED = 96 * 1024 * 1024  # bytes of one picture while its small one is made; a process serves several


def upload() -> Response:
    """Store one file and answer what the form's answer is to hold."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise RequestError(gettext("没有收到文件，请重新选择。"))
    content = file.stream.read(settings().upload_limit_bytes + 1)
    if len(content) > settings().upload_limit_bytes:
        limit = settings().upload_limit_bytes // 1024**2
        return json_answer({"error": gettext("文件超过 %(limit)s MB 的上限，请压缩或分开上传。", limit=limit)}, 413)
    attachment = services().casework.attach(
        by=person().username,
        name=file.filename,
        content=content,
        case_key=request.form.get("case", type=key_in),
        item_key=request.form.get("item", type=key_in),
    )
    return json_answer(attachment.as_answer(), 201)


def download(key: int) -> Response:
    """Answer the file: pictures and PDFs to look at, the rest to save."""
    attachment = services().worklist.attachment(key, person())
    content = services().files.read(attachment.sha256)
    return file_response(content, attachment.name, attachment.content_type)


def thumbnail(key: int) -> Response:
    """Answer a small JPEG of a picture, turned the right way up and without the camera's data."""
    attachment = services().worklist.attachment(key, person())
    if attachment.content_type not in _SHOWN or attachment.content_type == "application/pdf":
        raise RequestError(gettext("这个文件没有缩略图。"))
    response = Response(mimetype="image/jpeg")
    # Kept by the browser, but asked for again: at a shared desk the next person may not be allowed to see it.
    response.headers["Cache-Control"] = "private, no-cache"
    response.set_etag(attachment.sha256)
    if attachment.sha256 not in request.if_none_match:
        response.set_data(_small(services().files.read(attachment.sha256)))
    response.make_conditional(request)
    return response


def _small(content: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if _unpacked_bytes(picture) > _MOST_UNPACKED:
                raise RequestError(gettext("图片太大，没有缩略图；可以下载查看。"))
            picture.thumbnail(_THUMBNAIL)  # first of all: each copy of the whole would cost as much again
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            out = io.BytesIO()
            upright.save(out, "JPEG", quality=80)
            return out.getvalue()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RequestError(gettext("图片已损坏，没有缩略图；可以下载查看。")) from error


def _unpacked_bytes(picture: Image.Image) -> int:
    """Return how much memory decoding a picture just opened takes; a JPEG is set to be decoded small."""
    # Of a JPEG in several passes, the library keeps all coefficients until the last one.
    passes = picture.width * picture.height * 3 if "progressive" in picture.info else 0
    picture.draft("RGB", (2 * _THUMBNAIL[0], 2 * _THUMBNAIL[1]))
    return passes + picture.width * picture.height * (1 if picture.mode in {"1", "L", "P"} else 4)


def file_response(content: bytes, name: str, content_type: str, *, save: bool = False) -> Response:
    """Answer a stored file without giving it any power over the page it is shown in."""
    shown = content_type in _SHOWN and not save
    response = Response(content, mimetype=content_type if shown else "application/octet-stream")
    kind = "inline" if shown else "attachment"
    response.headers["Content-Disposition"] = f"{kind}; filename=\"file\"; filename*=UTF-8''{quote(name, safe='')}"
    response.headers["Content-Security-Policy"] = security.file_policy(content_type if shown else "")
    return response
