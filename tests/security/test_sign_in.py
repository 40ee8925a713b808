"""Getting in: guessing, listening in, planting sessions, being sent elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from engine.identity import PersonRefused
from engine.passwords import weakness
from tests.security.conftest import office_settings, welcome
from tests.web.office import PASSWORD, Browser, Office, open_office, words


def attempt(office: Office, username: str, password: str, *, address: str = "10.0.0.1", browser: Any = None) -> int:
    """Try to sign in from an address; return the answer's status."""
    client = browser or Browser(office.app.test_client())
    client.client.environ_base["REMOTE_ADDR"] = address
    return int(client.sign_in(username, password).status_code)


def test_a_user_is_throttled_wherever_the_tries_come_from(office: Office) -> None:
    for number in range(8):
        assert attempt(office, "bob", "wrong", address=f"10.0.0.{number}") == 422
    assert attempt(office, "bob", PASSWORD, address="10.9.9.9") == 429
    assert attempt(office, "  Bob ", PASSWORD, address="10.9.9.9") == 429  # other spellings are the same user
    assert attempt(office, "ｂｏｂ", PASSWORD, address="10.9.9.9") == 429
    assert attempt(office, "anna", PASSWORD, address="10.9.9.9") == 303
    office.clock.advance(timedelta(minutes=9, seconds=59))
    assert attempt(office, "bob", PASSWORD, address="10.9.9.9") == 429
    office.clock.advance(timedelta(seconds=1))
    assert attempt(office, "bob", PASSWORD, address="10.9.9.9") == 303


def test_an_address_is_throttled_whoever_is_tried(office: Office) -> None:
    for number in range(40):
        assert attempt(office, f"user{number}", "wrong", address="10.0.0.5") == 422
    assert attempt(office, "anna", PASSWORD, address="10.0.0.5") == 429
    assert attempt(office, "anna", PASSWORD, address="10.0.0.6") == 303


def test_a_customer_of_ipv6_has_one_address(office: Office) -> None:
    for number in range(40):
        assert attempt(office, f"user{number}", "wrong", address=f"2001:db8:1:2:{number:x}::1") == 422
    assert attempt(office, "anna", PASSWORD, address="2001:db8:1:2:ffff::9") == 429
    assert attempt(office, "anna", PASSWORD, address="2001:db8:1:3::9") == 303


def test_a_stranger_cannot_lock_somebody_out_of_their_own_browser(office: Office) -> None:
    own = Browser(office.app.test_client())
    assert attempt(office, "bob", PASSWORD, browser=own) == 303
    own.post("/sign-out")
    for number in range(60):
        attempt(office, "bob", "wrong", address=f"10.1.0.{number}")
    assert attempt(office, "bob", PASSWORD, address="10.1.0.99") == 429
    assert attempt(office, "bob", PASSWORD, browser=own) == 303
    own.post("/sign-out")
    for _ in range(8):  # but its own tries are counted too
        assert attempt(office, "bob", "wrong", browser=own) == 422
    assert attempt(office, "bob", PASSWORD, browser=own) == 429
    assert attempt(office, "anna", PASSWORD, browser=own, address="10.7.7.7") == 303  # the mark is bob's alone


def test_a_mark_cannot_be_made_or_borrowed(office: Office) -> None:
    for number in range(8):
        attempt(office, "bob", "wrong", address=f"10.1.0.{number}")
    forger = Browser(office.app.test_client())
    for forged in ("bob", '["bob","x"]', "WyJib2IiLCJ4Il0.AAAA", "x" * 4000):
        forger.client.set_cookie("hejie_known", forged, path="/sign-in")
        assert attempt(office, "bob", PASSWORD, browser=forger) == 429
    other = Browser(office.app.test_client())
    assert attempt(office, "anna", PASSWORD, browser=other) == 303
    other.post("/sign-out")
    assert attempt(office, "bob", PASSWORD, browser=other) == 429


def test_memory_of_tries_is_bounded(office: Office) -> None:
    throttle = office.app.extensions["hejie"].throttle
    for number in range(12_000):
        throttle.failed("u" * 50 + str(number), f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(throttle._failures) <= 10_000
    assert all(len(key) <= 16 for key in throttle._failures)


class CountingHasher(PasswordHasher):
    """Remembers what it was asked to verify."""

    asked: list[str]

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        self.asked.append(str(hash))
        return super().verify(hash, password)


def test_who_exists_is_told_neither_by_words_nor_by_work(office: Office) -> None:
    """Every refusal costs one verification with the same parameters, and reads the same."""
    office.people.add("sso", "外部", None, by="system")
    office.people.change("charlie", active=False, by="system")
    hasher = CountingHasher(time_cost=1, memory_cost=8, parallelism=1)
    hasher.asked = []
    office.people._hasher = hasher
    pages, costs = set(), set()
    for username in ("bob", "nobody", "charlie", "sso", "system", "", "x" * 5000, "无名氏"):
        hasher.asked.clear()
        client = office.client()
        answer = client.sign_in(username, "wrong")
        assert answer.status_code == 422
        assert len(hasher.asked) == 1, username
        costs.add(hasher.asked[0].rpartition("$")[0].rpartition("$")[0])
        page = re.sub(r'nonce[-="\w]+|content="[^"]*"|value="[^"]*"', "", answer.text)
        pages.add(page)
    assert len(pages) == 1
    assert costs == {"$argon2id$v=19$m=8,t=1,p=1"}


def test_the_real_hash_is_argon2id_and_slow() -> None:
    """RFC 9106's second recommended option costs 64 MiB."""
    hashed = PasswordHasher().hash("x")
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,")
    with pytest.raises(VerificationError):
        PasswordHasher().verify(hashed, "y")


def test_a_planted_session_is_not_taken_over(office: Office) -> None:
    client = office.client()
    client.get("/sign-in")
    planted = client.client.get_cookie("hejie_session")
    token = client.get("/session").json["csrf_token"]
    client.sign_in("bob")
    assert planted is not None
    assert client.client.get_cookie("hejie_session").value != planted.value
    stranger = office.client()
    stranger.client.set_cookie("hejie_session", planted.value)
    assert stranger.get("/tasks").status_code == 302
    # The token from before is void after.
    assert client.client.post("/sign-out", data={"csrf_token": token}).status_code == 400


@pytest.mark.parametrize(
    "forged", ["", "x", "eyJ1c2VybmFtZSI6ImFkYW0ifQ.aR8.xxxx", "." * 3000, "eyJ1c2VybmFtZSI6ImFkYW0ifQ"]
)
def test_a_forged_session_is_nobodys(office: Office, forged: str) -> None:
    client = office.client()
    client.client.set_cookie("hejie_session", forged)
    assert client.get("/tasks").status_code == 302


def test_a_session_of_another_house_is_nobodys(office: Office) -> None:
    """Signed with another key."""
    other = office_settings(office.house.settings.data_dir / "other")
    with open_office(replace(other, secret_key="k" * 64)) as elsewhere:
        cookie = welcome(elsewhere).client("bob").client.get_cookie("hejie_session")
    client = office.client()
    assert cookie is not None
    client.client.set_cookie("hejie_session", cookie.value)
    assert client.get("/tasks").status_code == 302


def test_a_session_ends_unused(office: Office) -> None:
    lifetime = office.app.permanent_session_lifetime
    assert timedelta(hours=1) <= lifetime <= timedelta(days=14)
    cookie = office.client("bob").client.get_cookie("hejie_session")
    assert cookie is not None
    assert cookie.max_age is None or cookie.max_age <= lifetime.total_seconds()


@pytest.fixture(params=[False, True], ids=["plain", "https"])
def cookies(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[tuple[bool, list[str]]]:
    with open_office(replace(office_settings(tmp_path), https=request.param)) as office:
        client = Browser(office.app.test_client())
        base = "https://localhost" if request.param else "http://localhost"
        token = client.client.get("/session", base_url=base).json["csrf_token"]
        data = {"username": "bob", "password": PASSWORD, "csrf_token": token}
        headers = {"Referer": f"{base}/sign-in"}
        answer = client.client.post("/sign-in", data=data, base_url=base, headers=headers)
        assert answer.status_code == 303
        language = client.client.post(
            "/language",
            data={"language": "en", "csrf_token": client.client.get("/session", base_url=base).json["csrf_token"]},
            base_url=base,
            headers=headers,
        )
        yield request.param, answer.headers.getlist("Set-Cookie") + language.headers.getlist("Set-Cookie")


def test_every_cookie_is_out_of_reach(cookies: tuple[bool, list[str]]) -> None:
    https, found = cookies
    assert {cookie.partition("=")[0] for cookie in found} == {"hejie_session", "hejie_known", "hejie_language"}
    for cookie in found:
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert "httponly" in parts, cookie
        assert parts & {"samesite=lax", "samesite=strict"}, cookie
        assert ("secure" in parts) == https, cookie
        assert not any(part.startswith("domain=") for part in parts), cookie


ELSEWHERE = (
    "https://evil.example/",
    "http:evil.example",
    "//evil.example/",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nLocation: https://evil.example",
    "\t//evil.example",
    " //evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "evil.example",
    "./\\evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/%09/evil.example",
    "/%5Cevil.example",
    "/%2F/evil.example",
    "/\u2028/evil.example",
    "/\ufeff/evil.example",
    "https:/evil.example",
    "http://localhost@evil.example/",
    "//[::1]/",
    "/[",
    "//[",
    "?next=//evil.example",
    "#//evil.example",
    "",
)


@pytest.fixture(scope="module")
def signed_out(shared_office: Office) -> Browser:
    return shared_office.client()


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nobody_is_sent_to_another_host(shared_office: Office, target: str) -> None:
    client = shared_office.client()
    for answer in (
        client.post("/language", {"language": "zh", "next": target}),
        client.post("/sign-in", {"username": "bob", "password": PASSWORD, "next": target}),
    ):
        assert answer.status_code == 303
        assert stays_here(answer.location), answer.location
    assert stays_here(client.get("/sign-in", query_string={"next": target}).location)


def stays_here(location: str) -> bool:
    """Say whether a browser at http://here/ that follows `location` stays (WHATWG URL: \\ is /, C0 and blanks go)."""
    seen = re.sub(r"[\t\n\r]", "", location).strip("".join(map(chr, range(33)))).replace("\\", "/")
    return seen.startswith("/") and not seen.startswith("//") and "\n" not in location and "\r" not in location


def test_a_page_remembers_where_one_wanted_to_go_and_nothing_else(shared_office: Office) -> None:
    client = shared_office.client()
    assert client.get("/cases/7?steps=all").location == "/sign-in?next=/cases/7?steps%3Dall"
    posted = client.post("/cases", {"text": "林女士"})
    assert posted.location == "/sign-in"


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "1234567",
        "12345678",
        "87654321",
        "11111111",
        "abcdefgh",
        "qwertyui",
        "1qaz2wsx",
        "abababab",
        "password",
        "Password1!",
        "P@ssw0rd2026",
        "admin888",
        "woaini1314",
        "5201314520",
        "wang19900101",
        "19900101",
        "13812345678",
        "abcd1234",
        "a1234567",
        "bob",
        "bob12345",
        "BOBBOBBOB",
        "１２３４５６７８",
        "x" * 201,
        " " * 12,
    ],
)
def test_weak_passwords_are_refused_with_a_reason(shared_office: Office, password: str) -> None:
    with pytest.raises(PersonRefused, match="密码") as refused:
        shared_office.people.change("bob", password=password, by="system")
    assert password not in str(refused.value) or len(password) < 6


@pytest.mark.parametrize(
    "password", [PASSWORD, "hejie-demo-2026", "kTq93!vb", "猫在屋顶上晒太阳", "correct horse", "Wx#7-mpo"]
)
def test_others_are_taken(password: str) -> None:
    assert weakness(password, "bob") is None


def test_a_password_longer_than_any_is_no_burden(shared_office: Office) -> None:
    client = shared_office.client()
    assert client.sign_in("anna", "x" * 500_000).status_code == 422
    assert "用户名或密码不对" in words(client.sign_in("anna", "y"))
