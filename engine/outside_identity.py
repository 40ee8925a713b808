"""Persons who sign in through a provider outside, such as the company's single sign-on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select, update

from engine import identity, journal
from engine.database import Database
from engine.errors import EngineError
from engine.identity import SYSTEM, People, Person
from engine.ports import Clock
from engine.tables import AnyRow, person


class OutsiderRefused(EngineError):
    """您的统一登录帐号不能进入本系统，请联系管理员。"""


@dataclass(frozen=True)
class Outsider:
    """What the provider says of somebody."""

    issuer: str
    subject: str
    """Never given to anybody else by this issuer; names and addresses may be."""
    username: str
    display_name: str
    groups: frozenset[str] | None
    """Lane names and roles, translated from the provider's; None: the provider does not decide on groups."""

    @property
    def outside_id(self) -> str:
        return f"{self.issuer}|{self.subject}"


class Outsiders:
    """Lets them in. Thread-safe."""

    def __init__(self, database: Database, people: People, *, clock: Clock) -> None:
        self._database = database
        self._people = people
        self._clock = clock

    def enter(self, outsider: Outsider) -> Person:
        """Return the person behind an outside account that the provider has just vouched for.

        Known by issuer and subject; on the first time by the username of an account that was made for it, without a
        password. A password's owner is somebody else until an administrator says otherwise: the provider's usernames
        are not ours. Nobody known, but with a group: a new account. Groups and name are kept as the provider has them.
        Raise `OutsiderRefused` for everybody else and for the inactive.
        """
        try:
            outsider = replace(outsider, username=identity.fit_username(outsider.username))
        except identity.PersonRefused as error:
            raise OutsiderRefused(f"统一登录给出的用户名不能使用：{error.message}") from error
        with self._database.read() as tx:
            row = self._known(tx, outsider)
        if row is None:
            return self._make(outsider)
        if not row.active:
            raise OutsiderRefused("您的帐号已停用，请联系管理员。")
        return self._update(row, outsider)

    def _known(self, tx: Connection, outsider: Outsider) -> AnyRow | None:
        bound = tx.execute(select(person).where(person.c.outside_id == outsider.outside_id)).one_or_none()
        if bound is not None:
            return bound
        named = tx.execute(select(person).where(person.c.username == outsider.username)).one_or_none()
        if named is not None and (named.password_hash is not None or named.outside_id is not None):
            raise OutsiderRefused(
                f"用户名“{outsider.username}”在本系统中属于另一个帐号，不能用统一登录进入，请联系管理员。"
            )
        return named

    def _make(self, outsider: Outsider) -> Person:
        if not outsider.groups:
            raise OutsiderRefused
        try:
            self._people.add(outsider.username, outsider.display_name, None, outsider.groups, by=SYSTEM)
        except identity.PersonRefused as error:
            raise OutsiderRefused(f"无法建立帐号：{error.message}") from error
        with self._database.read() as tx:
            row = tx.execute(select(person).where(person.c.username == outsider.username)).one()
        return self._update(row, outsider)

    def _update(self, row: AnyRow, outsider: Outsider) -> Person:
        """Bind the account, and write what the provider says anew."""
        with self._database.begin() as tx:
            before = identity.load(tx, row.username)
            facts: dict[str, object] = {}
            if row.outside_id is None:
                facts["outside_id"] = outsider.outside_id
            if outsider.display_name and before is not None and before.display_name != outsider.display_name:
                facts["display_name"] = outsider.display_name
            if facts:
                tx.execute(update(person).where(person.c.key == row.key).values(facts))
            if outsider.groups is not None and before is not None and before.groups != outsider.groups:
                identity.set_groups(tx, row.key, outsider.groups)
                facts["groups"] = sorted(outsider.groups)
            if facts:
                facts = {"username": row.username, **facts}
                journal.record(tx, "person:changed", facts, by=SYSTEM, at=self._clock.now())
            found = identity.load(tx, row.username)
        if found is None:
            raise OutsiderRefused
        return found


def translate(claimed: Iterable[str], table: dict[str, list[str]]) -> frozenset[str]:
    """Return our groups for the provider's, by `table`; what it does not name gives nothing."""
    return frozenset(group for name in claimed for group in table.get(name, ()))
