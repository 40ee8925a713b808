"""The register of documents: frozen facts, number, check code, and the hash of the finished PDF."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from engine.clock import SHANGHAI
from engine.tables import AnyRow, canonical, document

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, so that a code read from paper cannot be mistyped as another."""

_CONFUSED = str.maketrans({"I": "1", "L": "1", "O": "0"})


@dataclass(frozen=True)
class Order:
    """What is known of a document when it is issued. `number` None: a draft."""

    case_key: int
    case_number: str
    item_key: int
    template: str
    template_hash: str
    title: str
    facts: Mapping[str, Any]
    number: str | None
    issued_by: str
    issued_at: datetime


def issue(tx: Connection, order: Order) -> dict[str, Any]:
    """Freeze the facts into a new document, in one statement.

    Return {"key", "template", "template_hash", "title", "number", "check_code", "facts_hash", "draft", "issued_at",
    "facts"}. `facts["document"]` is what the template may print of the document itself: {"number", "check_code",
    "issued_at" (in Asia/Shanghai), "case_number", "draft"}.
    """
    draft = order.number is None
    own = {
        "number": order.number or "",
        "issued_at": order.issued_at.astimezone(SHANGHAI).isoformat(),
        "case_number": order.case_number,
        "draft": draft,
    }
    # The code vouches for facts and number; it cannot cover itself.
    code = _check_code(order.item_key, canonical({**order.facts, "document": own}))
    text = canonical({**order.facts, "document": {**own, "check_code": code}})
    facts_hash = hashlib.sha256(text.encode()).hexdigest()
    values = {
        "case_key": order.case_key,
        "item_key": order.item_key,
        "template": order.template,
        "template_hash": order.template_hash,
        "title": order.title,
        "number": order.number,
        "check_code": code,
        "facts": text,
        "facts_hash": facts_hash,
        "draft": draft,
        "state": "PENDING",
        "issued_by": order.issued_by,
        "issued_at": order.issued_at,
    }
    key = tx.execute(insert(document).values(values).returning(document.c.key)).scalar_one()
    told = ("template", "template_hash", "title", "number", "check_code", "facts_hash", "draft")
    facts = {**order.facts, "document": {**own, "check_code": code}}
    return {
        "key": str(key),
        **{name: values[name] for name in told},
        "issued_at": order.issued_at.isoformat(),
        "facts": facts,
    }


def finish(tx: Connection, key: int, *, sha256: str, pages: int, size: int, at: datetime) -> None:
    values = {"state": "READY", "sha256": sha256, "pages": pages, "size": size, "ready_at": at}
    tx.execute(update(document).where(document.c.key == key, document.c.state == "PENDING").values(values))


def void(tx: Connection, key: int, reason: str) -> None:
    tx.execute(update(document).where(document.c.key == key).values(state="VOID", void_reason=reason))


def find(tx: Connection, key: int) -> AnyRow | None:
    return tx.execute(select(document).where(document.c.key == key)).one_or_none()


def normal_code(typed: str) -> str:
    """Return a check code as stored, from what a person typed: case, blanks, dashes and I L O do not matter."""
    kept = "".join(char for char in typed.upper() if char.isalnum()).translate(_CONFUSED)
    return "-".join(kept[i : i + 4] for i in range(0, len(kept), 4))


def _check_code(item_key: int, facts: str) -> str:
    """Return twelve characters (60 bits) in groups of four, e.g. 7K2M-9QXD-04TB."""
    bits = int.from_bytes(hashlib.sha256(f"{item_key}\n{facts}".encode()).digest()[:8]) >> 4
    letters = "".join(_ALPHABET[bits >> shift & 31] for shift in range(55, -1, -5))
    return normal_code(letters)
