"""Who works here: persons, their groups and their passwords. Sessions belong to the web room."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, bindparam, delete, insert, select, union, update
from sqlalchemy.exc import IntegrityError

from engine import journal, passwords, permissions
from engine.bulk import insert_rows
from engine.database import Database
from engine.errors import EngineError
from engine.ports import Clock
from engine.tables import AnyRow, membership, person, stand_in

SYSTEM = "system"
"""The actor of everything nobody clicked for: timers, jobs, start-up. Not a person; nobody can sign in as it."""

PUBLIC = "public"
"""Whoever brings something to the front door without an account. Not a person either; nobody can sign in as it."""

AUDITORS = "审计"
ADMINISTRATORS = "管理员"
PROCESS_OWNERS = "流程负责人"

MINIMUM_PASSWORD = passwords.SHORTEST
"""Characters."""


class WrongPassword(EngineError):
    """用户名或密码不正确。"""


class UnknownPerson(EngineError):
    """没有这个用户。"""


class PersonRefused(EngineError):
    """用户信息有误。"""


class MayNotAdminister(EngineError):
    """只有管理员可以管理用户。"""


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in. `groups` are lane names (第一接待人, 客服部 …) and the three roles above."""

    username: str
    display_name: str
    groups: frozenset[str] = frozenset()
    active: bool = True
    session_stamp: str = field(default="", repr=False, compare=False)
    """A session that began under another stamp is over."""
    others: tuple[Person, ...] = field(default=(), compare=False)
    """For whom they stand in: they see and may take these persons' tasks. Theirs alone: nobody stands in onward."""

    @property
    def lanes(self) -> frozenset[str]:
        """Their groups without the three roles, which nobody can stand in for."""
        return self.groups - {AUDITORS, ADMINISTRATORS, PROCESS_OWNERS}

    @property
    def is_auditor(self) -> bool:
        return AUDITORS in self.groups

    @property
    def is_administrator(self) -> bool:
        return ADMINISTRATORS in self.groups

    @property
    def is_process_owner(self) -> bool:
        return PROCESS_OWNERS in self.groups

    @property
    def is_system(self) -> bool:
        return self.username == SYSTEM


SYSTEM_PERSON = Person(SYSTEM, "系统")
PUBLIC_PERSON = Person(PUBLIC, "公众")
_NO_PERSONS = {SYSTEM: SYSTEM_PERSON, PUBLIC: PUBLIC_PERSON}


class People:
    """The register of persons. `hasher` is for tests that cannot wait."""

    def __init__(self, database: Database, *, clock: Clock, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher or PasswordHasher()

    def add(
        self, username: str, display_name: str, password: str | None, groups: Iterable[str] = (), *, by: str
    ) -> Person:
        """Register a person; without a password they can only sign in through an outside provider.

        Raise `PersonRefused` for a taken or unfit username, an empty name or a weak password, `MayNotAdminister` if
        `by` is neither the system nor an administrator.
        """
        username = fit_username(username)
        display_name = _display_name(display_name)
        groups = _groups(groups)
        now = self._clock.now()
        password_hash = self._hash(password, username) if password is not None else None
        stamp = _stamp()
        try:
            with self._database.begin() as tx:
                _must_administer(tx, by)
                key = tx.execute(
                    insert(person)
                    .values(
                        username=username,
                        display_name=display_name,
                        password_hash=password_hash,
                        active=True,
                        created_at=now,
                        session_stamp=stamp,
                    )
                    .returning(person.c.key)
                ).scalar_one()
                set_groups(tx, key, groups)
                facts = {"username": username, "display_name": display_name, "groups": sorted(groups)}
                journal.record(tx, "person:added", facts, by=by, at=now)
        except IntegrityError as error:
            raise PersonRefused(f"用户名“{username}”已有人使用。") from error
        return Person(username, display_name, frozenset(groups), session_stamp=stamp)

    def change(
        self,
        username: str,
        *,
        display_name: str | None = None,
        groups: Iterable[str] | None = None,
        active: bool | None = None,
        password: str | None = None,
        stands_in_for: Iterable[str] | None = None,
        by: str,
    ) -> Person:
        """Change what is given; None leaves it. `stands_in_for` are usernames.

        A new password and `active=False` end the person's sessions. Raise `UnknownPerson`, `PersonRefused` (also for
        administrators about to lock themselves out) or `MayNotAdminister`.
        """
        values: dict[str, object] = {}
        if display_name is not None:
            values["display_name"] = _display_name(display_name)
        if active is not None:
            values["active"] = active
        facts = {"username": username, **values}
        if password is not None:
            values["password_hash"] = self._hash(password, username)
            facts["password_changed"] = True
        if password is not None or active is False:
            values["session_stamp"] = _stamp()
        wanted = _groups(groups) if groups is not None else None
        if by == username and (active is False or (wanted is not None and ADMINISTRATORS not in wanted)):
            raise PersonRefused("不能停用自己或取消自己的管理员身份，请另一位管理员办理。")
        with self._database.begin() as tx:
            _must_administer(tx, by)
            key = _key_of(tx, username)
            if values:
                tx.execute(update(person).where(person.c.key == key).values(values))
            if wanted is not None:
                set_groups(tx, key, wanted)
                facts["groups"] = sorted(wanted)
            if stands_in_for is not None:
                facts["stands_in_for"] = _set_others(tx, key, username, stands_in_for)
            journal.record(tx, "person:changed", facts, by=by, at=self._clock.now())
            changed = load(tx, username)
        assert changed is not None  # noqa: S101 - it was found above, in the same transaction
        return changed

    def verify(self, username: str, password: str) -> Person:
        """Return who signs in. Raise `WrongPassword`, the same for unknown, inactive and mistyped."""
        with self._database.read() as tx:
            stored = tx.execute(
                select(person.c.password_hash).where(person.c.username == username)
            ).scalar_one_or_none()
            found = load(tx, username)
        try:
            # An unknown name costs as much time as a wrong password, so that names cannot be guessed by the clock.
            self._hasher.verify(stored or self._decoy, password)
        except (VerificationError, InvalidHashError) as error:
            raise WrongPassword from error
        if stored is None or found is None or not found.active:
            raise WrongPassword
        if self._hasher.check_needs_rehash(stored):
            with self._database.begin() as tx:
                tx.execute(
                    update(person)
                    .where(person.c.username == username)
                    .values(password_hash=self._hasher.hash(password))
                )
        return found

    def change_password(self, username: str, old: str, new: str) -> Person:
        """Give somebody the password they chose, and end their sessions.

        Raise `WrongPassword` if `old` is not theirs, `PersonRefused` for a weak one.
        """
        self.verify(username, old)
        if new == old:
            raise PersonRefused("新密码不能与原密码相同。")
        values = {"password_hash": self._hash(new, username), "session_stamp": _stamp()}
        return self._renew(username, values, {"password_changed": True}, by=username)

    def sign_out_everywhere(self, username: str, *, by: str) -> Person:
        """End all sessions of a person. Raise `UnknownPerson`, and `MayNotAdminister` for somebody else's."""
        return self._renew(username, {"session_stamp": _stamp()}, {"signed_out_everywhere": True}, by=by)

    def _renew(self, username: str, values: dict[str, str], facts: dict[str, object], *, by: str) -> Person:
        with self._database.begin() as tx:
            if by != username:
                _must_administer(tx, by)
            key = _key_of(tx, username)
            tx.execute(update(person).where(person.c.key == key).values(values))
            journal.record(tx, "person:changed", {"username": username, **facts}, by=by, at=self._clock.now())
            [changed] = _persons(tx.execute(_PERSONS.where(person.c.key == key)).all())
        return changed

    def find(self, username: str) -> Person | None:
        """Return the person; None for an unknown name. Inactive persons are found too."""
        with self._database.read() as tx:
            return load(tx, username)

    def everyone(self) -> tuple[Person, ...]:
        """Return all persons, by username."""
        with self._database.read() as tx:
            return _persons(tx.execute(_PERSONS.order_by(person.c.username)).all())

    def members(self, group: str) -> tuple[Person, ...]:
        """Return the active persons of a group, by username."""
        keys = select(membership.c.person_key).where(membership.c.group_name == group)
        query = _PERSONS.where(person.c.key.in_(keys), person.c.active).order_by(person.c.username)
        with self._database.read() as tx:
            return _persons(tx.execute(query).all())

    def _hash(self, password: str, username: str) -> str:
        if (found := passwords.weakness(password, username)) is not None:
            raise PersonRefused(found)
        return self._hasher.hash(password)

    @cached_property
    def _decoy(self) -> str:
        return self._hasher.hash("nobody has this password")


_PERSONS = select(
    person.c.username, person.c.display_name, person.c.active, person.c.session_stamp, membership.c.group_name
).outerjoin_from(person, membership)
_PERSON = _PERSONS.where(
    person.c.key.in_(
        union(
            select(person.c.key).where(person.c.username == bindparam("username")),
            select(stand_in.c.for_key)
            .join(person, person.c.key == stand_in.c.person_key)
            .where(person.c.username == bindparam("username")),
        )
    )
)
"""The person, and whom they stand in for."""


def load(tx: Connection, username: str) -> Person | None:
    """Return the person as the transaction sees them, also the system and the public; None if unknown."""
    if username in _NO_PERSONS:
        return _NO_PERSONS[username]
    found = _persons(tx.execute(_PERSON, {"username": username}))
    themselves = next((one for one in found if one.username == username), None)
    if themselves is None or len(found) == 1:
        return themselves
    others = sorted((one for one in found if one is not themselves), key=lambda one: one.username)
    return replace(themselves, others=tuple(others))


_DISPLAY_NAMES = select(person.c.username, person.c.display_name).where(
    person.c.username.in_(bindparam("usernames", expanding=True))
)


def display_names(tx: Connection, usernames: Iterable[str | None]) -> dict[str, str]:
    """Return username -> display name; a name nobody bears any more stands for itself."""
    wanted = {name for name in usernames if name}
    names = {name: name for name in wanted}
    if wanted:
        rows = tx.execute(_DISPLAY_NAMES, {"usernames": sorted(wanted)})
        names.update({row.username: row.display_name for row in rows})
    names.update({name: _NO_PERSONS[name].display_name for name in wanted & _NO_PERSONS.keys()})
    return names


def members_and_stand_ins(tx: Connection, groups: Iterable[str]) -> list[str]:
    """Return the usernames of the active members of the groups and of whoever stands in for one, each once."""
    wanted = sorted(set(groups))
    if not wanted:
        return []
    members = select(membership.c.person_key).where(membership.c.group_name.in_(wanted))
    others = select(stand_in.c.person_key).where(stand_in.c.for_key.in_(members))
    query = select(person.c.username).where(person.c.active, person.c.key.in_(union(members, others)))
    return list(tx.execute(query.order_by(person.c.username)).scalars())


def stand_ins(tx: Connection, usernames: Iterable[str]) -> list[str]:
    """Return the usernames of the active persons who stand in for any of these, each once."""
    wanted = sorted(set(usernames))
    if not wanted:
        return []
    keys = select(person.c.key).where(person.c.username.in_(wanted))
    theirs = select(stand_in.c.person_key).where(stand_in.c.for_key.in_(keys))
    query = select(person.c.username).where(person.c.active, person.c.key.in_(theirs))
    return [name for name in tx.execute(query.order_by(person.c.username)).scalars() if name not in wanted]


def mask_name(name: str) -> str:
    """Return a name for a list: 王小明 -> 王**."""
    return name[:1] + "*" * min(len(name) - 1, 2) if len(name) > 1 else name


def mask_number(number: str) -> str:
    """Return a phone or identity number for a list: 13812345678 -> 138****5678; short ones keep their last two."""
    if len(number) >= 15:
        return number[:4] + "*" * (len(number) - 8) + number[-4:]
    if len(number) >= 8:
        return number[:3] + "*" * (len(number) - 7) + number[-4:]
    return "*" * max(len(number) - 2, 0) + number[-2:]


def _persons(rows: Iterable[AnyRow]) -> tuple[Person, ...]:
    found: dict[str, tuple[str, bool, str, set[str]]] = {}
    for username, display_name, active, stamp, group in rows:
        entry = found.setdefault(username, (display_name, active, stamp, set()))
        if group is not None:
            entry[3].add(group)
    return tuple(
        Person(name, shown, frozenset(groups), active, stamp) for name, (shown, active, stamp, groups) in found.items()
    )


def _stamp() -> str:
    return secrets.token_hex(16)


def _key_of(tx: Connection, username: str) -> int:
    key = tx.execute(select(person.c.key).where(person.c.username == username)).scalar_one_or_none()
    if key is None:
        raise UnknownPerson(f"没有用户“{username}”。")
    return int(key)


def _must_administer(tx: Connection, by: str) -> None:
    who = load(tx, by)
    if who is None or not who.active or not permissions.may(who, permissions.Act.ADMINISTER):
        raise MayNotAdminister


def _set_others(tx: Connection, key: int, username: str, others: Iterable[str]) -> list[str]:
    """Let a person stand in for exactly these, and return them. Raise `PersonRefused` for an unknown one or oneself."""
    wanted = sorted({name.strip() for name in others if name.strip()})
    if username in wanted:
        raise PersonRefused("不能给自己代办。")
    rows = tx.execute(select(person.c.key, person.c.username).where(person.c.username.in_(wanted))).all()
    unknown = sorted(set(wanted) - {row.username for row in rows})
    if unknown:
        raise PersonRefused(f"没有用户“{'、'.join(unknown)}”，不能设为代办对象。")
    tx.execute(delete(stand_in).where(stand_in.c.person_key == key))
    insert_rows(tx, stand_in, [{"person_key": key, "for_key": row.key} for row in rows])
    return wanted


def set_groups(tx: Connection, key: int, groups: Iterable[str]) -> None:
    """Put a person into exactly these groups."""
    tx.execute(delete(membership).where(membership.c.person_key == key))
    rows = [{"person_key": key, "group_name": group} for group in sorted(groups)]
    insert_rows(tx, membership, rows)


def fit_username(username: str) -> str:
    """Return a username as it is kept. Raise `PersonRefused` for one that cannot be."""
    username = unicodedata.normalize("NFKC", username).strip()
    if not re.fullmatch(r"[\w.@+-]{1,100}", username):
        raise PersonRefused("用户名只能由文字、数字和 . _ @ + - 组成，最多100个字符。")
    if username in _NO_PERSONS:
        raise PersonRefused(f"用户名“{username}”留给系统使用，请换一个。")
    return username


def _display_name(display_name: str) -> str:
    display_name = display_name.strip()
    if not display_name:
        raise PersonRefused("请填写姓名。")
    return display_name


def _groups(groups: Iterable[str]) -> set[str]:
    wanted = {group.strip() for group in groups}
    if "" in wanted or "*" in wanted:
        raise PersonRefused("组名不能为空，也不能是“*”。")
    return wanted
