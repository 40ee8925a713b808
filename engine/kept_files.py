"""Whether every file that the database speaks of is in the store as it was stored: after a restore, or now and then."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select, union

from engine.database import Database
from engine.files import FileDamaged, FileMissing, FileStore
from engine.tables import document, file


def check(database: Database, files: FileStore) -> Iterator[tuple[str, str | None]]:
    """Yield the SHA-256 of every attachment and finished document, and what is wrong with it in Chinese, or None.

    Each file is read in full.
    """
    spoken_of = union(select(file.c.sha256), select(document.c.sha256).where(document.c.sha256.is_not(None)))
    with database.read() as tx:
        digests = sorted(tx.execute(spoken_of).scalars())
    for digest in digests:
        try:
            files.read(digest)
        except (FileMissing, FileDamaged) as error:
            yield digest, error.message
        else:
            yield digest, None
