"""Entries in a locked case's journal by use cases that do not run the case on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from engine import store
from engine.journal import Chain
from engine.tables import AnyRow


def chain_of(case: AnyRow, *, at: datetime, by: str) -> Chain:
    return Chain(case.key, case.journal_seq, case.journal_hash, at, by)


def keep(tx: Connection, chain: Chain) -> None:
    """Write the entries and the case's new end of the chain."""
    chain.write(tx)
    store.update_case(tx, chain.stream, {"journal_seq": chain.seq, "journal_hash": chain.hash, "changed_at": chain.at})
