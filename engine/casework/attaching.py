"""Attachments and documents of a case."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from engine import documents_register, files, identity, numbering, permissions, store
from engine.casework.errors import Invalid, NotAllowed, NotFound
from engine.casework.house import UseCases, person, use_case
from engine.casework.log import chain_of, keep
from engine.casework.results import Attachment
from engine.casework.visibility import may_see, sees, standings
from engine.permissions import Act
from engine.tables import AnyRow, attachment, case, file


class Attachments(UseCases):
    def attach(
        self, *, by: str, name: str, content: bytes, case_key: int | None = None, item_key: int | None = None
    ) -> Attachment:
        """Store a file. Without a case it is its uploader's own until a start or a task's answers mention its key.

        Raise `files.FileRefused` for what may not be uploaded, `NotFound` for a case one may not see,
        `NotAllowed` for who only looks at it.
        """
        with self._house.database.read() as tx:
            self._refuse_strangers(tx, person(tx, by), case_key, item_key)
        found = files.inspect(name, content)
        # Before the commit: a file nobody mentions does no harm, a row without its file would.
        self._house.files.write(content)
        return self._register(found, by=by, case_key=case_key, item_key=item_key)

    @use_case
    def _register(self, found: files.Inspected, *, by: str, case_key: int | None, item_key: int | None) -> Attachment:
        now = self._house.clock.now()
        with self._house.database.begin() as tx:
            self._refuse_strangers(tx, person(tx, by), case_key, item_key)
            row = self._case(tx, case_key, item_key)
            tx.execute(
                store.upsert(tx, file)
                .values(sha256=found.sha256, size=found.size, content_type=found.content_type, stored_at=now)
                .on_conflict_do_nothing()
            )
            key = tx.execute(
                insert(attachment)
                .values(
                    # A file for a task is its uploader's own until the task is completed with it.
                    case_key=row.key if row is not None and item_key is None else None,
                    name=found.name,
                    sha256=found.sha256,
                    uploaded_by=by,
                    uploaded_at=now,
                )
                .returning(attachment.c.key)
            ).scalar_one()
            if row is not None and item_key is None:
                chain = chain_of(row, at=now, by=by)
                facts = {"key": str(key), "name": found.name, "sha256": found.sha256, "size": found.size}
                chain.append("attachment:added", facts)
                keep(tx, chain)
        return Attachment(key, found.name, found.content_type, found.size, found.sha256)

    def _case(self, tx: Connection, case_key: int | None, item_key: int | None) -> AnyRow | None:
        if case_key is not None:
            return store.lock_case(tx, case_key)
        return None if item_key is None else store.lock_case_of(tx, item_key)

    def _refuse_strangers(
        self, tx: Connection, who: identity.Person, case_key: int | None, item_key: int | None
    ) -> None:
        """Raise unless `who` may attach to the case, or to the case of the task, if one is named."""
        if case_key is None and item_key is not None:
            item = store.item(tx, item_key)
            case_key = item.case_key if item is not None else None
        elif case_key is None:
            return
        if case_key is None or tx.execute(select(case.c.key).where(case.c.key == case_key, sees(who))).first() is None:
            raise NotFound
        if not permissions.may(who, Act.ATTACH, *standings(tx, who, case_key)):
            raise NotAllowed("只有经办人员可以添加附件。")

    @use_case
    def void_document(self, document_key: int, reason: str, *, by: str) -> None:
        """Declare an issued document void. Its number stays taken, its PDF readable. Administrators only."""
        reason = reason.strip()
        if not reason:
            raise Invalid("请填写作废的原因。")
        with self._house.database.begin() as tx:
            who = person(tx, by)
            found = documents_register.find(tx, document_key)
            row = store.lock_case(tx, found.case_key) if found is not None else None
            if found is None or row is None or not may_see(tx, who, row.key):
                raise NotFound
            if not permissions.may(who, Act.CORRECT_CASE):
                raise NotAllowed("只有管理员可以作废文书。")
            if found.state == "VOID":
                return
            now = self._house.clock.now()
            documents_register.void(tx, document_key, reason)
            chain = chain_of(row, at=now, by=by)
            chain.append("document:voided", {"key": str(document_key), "number": found.number, "reason": reason})
            if found.number is not None:
                numbering.void(tx, found.number, reason, at=now)
                chain.append("number:voided", {"number": found.number, "reason": reason})
            keep(tx, chain)
