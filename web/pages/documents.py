"""A document: the PDF in place, the facts it was made from, and the hashes that prove both."""

from __future__ import annotations

import json

from flask import Response, render_template, request
from flask_babel import gettext

from engine.casework.errors import Conflict
from web.context import person, services
from web.pages.attachments import file_response


def show(key: int) -> str:
    document = services().worklist.document(key, person())
    proof = services().records.proof(key, person())
    facts = json.dumps(proof.facts, ensure_ascii=False, indent=2, sort_keys=True)
    return render_template("document.html", document=document, proof=proof, facts=facts)


def pdf(key: int) -> Response:
    """Answer the PDF, in place or, with ?save=1, to keep."""
    document = services().worklist.document_file(key, person())
    if document.sha256 is None:
        raise Conflict(gettext("文书还在生成，请稍候刷新。"))
    name = f"{document.number or gettext('草稿')} {document.title}.pdf"
    return file_response(
        services().files.read(document.sha256), name, "application/pdf", save=request.args.get("save") == "1"
    )
