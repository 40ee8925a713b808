"""For auditors: every document with its hashes, and whether the journal is as it was written."""

from __future__ import annotations

from flask import render_template, request
from flask_babel import gettext

from engine.casework.errors import NotAllowed
from engine.permissions import Act, may
from web.context import key_in, person, services

PAGE = 50


def documents() -> str:
    """List the documents of all cases, newest first."""
    page = services().records.documents(person(), before=request.args.get("before", type=key_in), limit=PAGE)
    return render_template("audit_documents.html", page=page)


def journal() -> str:
    """Check the hash chain of one case, given by number, or of everything; on a GET only ask which."""
    number = request.form.get("number", "").strip()
    asked = request.method == "POST"
    if not may(person(), Act.AUDIT):
        raise NotAllowed(gettext("只有审计和管理员可以校验流水。"))
    chains = services().records.verify(person(), number or None) if asked else ()
    broken = [chain for chain in chains if not chain.verification.intact]
    return render_template("audit_journal.html", asked=asked, number=number, chains=chains, broken=broken)
