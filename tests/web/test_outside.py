"""Signing in through a provider of OpenID Connect that runs on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from werkzeug.test import TestResponse

from tests.web.office import PASSWORD, ROOT, Browser, Office, open_office, words
from tests.web.provider import CLIENT_ID, SECRET, Provider, open_provider
from web.settings import Settings, SettingsError

WANG = {
    "sub": "248289761001",
    "preferred_username": "wangbo",
    "name": "王博",
    "groups": ["customer-service", "canteen"],
}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with open_provider() as provider:
        provider.claims = dict(WANG)
        yield provider


@pytest.fixture
def environ(provider: Provider, tmp_path: Path) -> dict[str, str]:
    table = tmp_path / "groups.yaml"
    table.write_text("customer-service: [客服部]\nauditors: 审计\n", encoding="utf-8")
    return {
        "HEJIE_ROOT": str(ROOT),
        "HEJIE_DATA_DIR": str(tmp_path / "data"),
        "HEJIE_OIDC_ISSUER": provider.issuer,
        "HEJIE_OIDC_CLIENT_ID": CLIENT_ID,
        "HEJIE_OIDC_CLIENT_SECRET": SECRET,
        "HEJIE_OIDC_GROUPS_FILE": str(table),
    }


@pytest.fixture
def office(environ: dict[str, str]) -> Iterator[Office]:
    with open_office(Settings.from_environ(environ)) as opened:
        yield opened


def go(browser: Browser, next_page: str = "") -> str:
    """Press the button, sign in at the provider, and return the address it sends back to."""
    begun = browser.get(f"/sign-in/outside?next={next_page}")
    assert begun.status_code == 302, words(begun)
    answer = requests.get(begun.location, allow_redirects=False, timeout=10)
    address = urlsplit(answer.headers["Location"])
    return f"{address.path}?{address.query}"


def come_in(browser: Browser, next_page: str = "") -> TestResponse:
    return browser.get(go(browser, next_page))


def test_somebody_new_comes_in_and_has_the_groups_of_the_table(office: Office, provider: Provider) -> None:
    browser = office.client()
    entered = come_in(browser, "/cases")
    assert (entered.status_code, entered.location) == (303, "/cases")
    assert browser.get("/tasks").status_code == 200
    wang = office.people.find("wangbo")
    assert wang is not None
    assert (wang.display_name, wang.groups) == ("王博", {"客服部"})
    [asked] = provider.asked
    assert asked["redirect_uri"] == "http://localhost/sign-in/outside/back"
    assert asked["scope"] == "openid profile"
    assert "统一登录进入，密码在那里修改" in words(browser.get("/account"))

    provider.claims["groups"] = ["auditors"]
    come_in(office.client())
    assert office.people.find("wangbo").is_auditor  # type: ignore[union-attr]
    office.client("adam").post("/people/sign-out", {"username": "wangbo"})
    assert browser.get("/tasks").status_code == 302


def test_the_button_is_there_only_when_configured(office: Office, tmp_path: Path) -> None:
    assert "统一登录" in words(office.client().get("/sign-in"))
    plain = Settings.from_environ({"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(tmp_path / "plain")})
    with open_office(plain) as without:
        assert "统一登录" not in words(without.client().get("/sign-in"))
        assert without.client().get("/sign-in/outside").status_code == 404
        assert without.client().get("/sign-in/outside/back?code=x&state=y").status_code == 404


def test_passwords_still_work_beside_it(office: Office) -> None:
    assert office.client().sign_in("anna", PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"groups": ["canteen"]}, "不能进入本系统"),
        ({"groups": "管理员"}, "不能进入本系统"),  # the provider's words are not ours
        ({"preferred_username": "anna"}, "属于另一个帐号"),
        ({"preferred_username": "system"}, "不能使用"),
        ({"preferred_username": "x' OR 1=1"}, "不能使用"),
    ],
)
def test_who_may_not_come_in_is_told_why(office: Office, provider: Provider, claims: dict[str, str], said: str) -> None:
    provider.claims |= claims
    browser = office.client()
    refused = come_in(browser)
    assert refused.status_code == 403
    assert said in words(refused)
    assert browser.get("/tasks").status_code == 302


@pytest.mark.parametrize(
    "lies",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-client"},
        {"aud": ["another-client", "yet-another"], "azp": "hejie"},
        {"exp": 1_000_000_000},
        {"nonce": "replayed"},
        {"nonce": None},
        {"sub": None},
        {"preferred_username": None},
    ],
)
def test_a_token_that_is_not_for_us_lets_nobody_in(office: Office, provider: Provider, lies: dict[str, object]) -> None:
    provider.lies = lies
    browser = office.client()
    assert come_in(browser).status_code == 422
    assert browser.get("/tasks").status_code == 302
    assert office.people.find("wangbo") is None


def test_a_foreign_signature_lets_nobody_in(office: Office, provider: Provider) -> None:
    provider.foreign_key = True
    assert come_in(office.client()).status_code == 422
    provider.foreign_key, provider.algorithm = False, "HS256"
    assert come_in(office.client()).status_code == 422
    assert office.people.find("wangbo") is None


def test_the_answer_belongs_to_the_browser_that_asked(office: Office) -> None:
    asked, other = office.client(), office.client()
    back = go(asked)
    assert other.get(back).status_code == 422
    assert other.get("/tasks").status_code == 302
    assert asked.get(back).status_code in {303, 422}  # the code may be used up
    assert asked.get("/sign-in/outside/back?error=access_denied&state=x").status_code == 422


def test_a_code_works_once(office: Office) -> None:
    browser = office.client()
    back = go(browser)
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 422


def test_nobody_is_sent_to_another_host_afterwards(office: Office) -> None:
    assert come_in(office.client(), "https://evil.example/").location == "/tasks"


def test_groups_may_come_from_the_userinfo_endpoint(office: Office, provider: Provider) -> None:
    provider.claims.pop("groups")
    provider.userinfo = {"sub": "another-person", "groups": ["auditors"]}
    assert come_in(office.client()).status_code == 403
    provider.userinfo = {"sub": WANG["sub"], "groups": ["customer-service"]}
    assert come_in(office.client()).status_code == 303
    assert office.people.find("wangbo").groups == {"客服部"}  # type: ignore[union-attr]


def test_without_a_table_groups_are_ours(environ: dict[str, str]) -> None:
    del environ["HEJIE_OIDC_GROUPS_FILE"]
    with open_office(Settings.from_environ(environ)) as office:
        assert come_in(office.client()).status_code == 403
        office.people.add("wangbo", "王博", None, ["采购部"], by="system")
        assert come_in(office.client()).status_code == 303
        assert office.people.find("wangbo").groups == {"采购部"}  # type: ignore[union-attr]


def test_a_provider_that_is_away_or_another_is_said_in_a_sentence(office: Office, environ: dict[str, str]) -> None:
    environ["HEJIE_OIDC_ISSUER"] = "http://127.0.0.1:1"
    with open_office(Settings.from_environ({**environ, "HEJIE_DATA_DIR": environ["HEJIE_DATA_DIR"] + "2"})) as away:
        refused = away.client().get("/sign-in/outside")
        assert refused.status_code == 502
        assert "统一登录没有成功" in words(refused)


def test_a_provider_that_calls_itself_otherwise_is_not_asked(office: Office, provider: Provider) -> None:
    provider.calls_itself = "https://elsewhere.example"
    assert office.client().get("/sign-in/outside").status_code == 502


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"HEJIE_OIDC_CLIENT_SECRET": ""}, "HEJIE_OIDC_CLIENT_SECRET"),
        ({"HEJIE_OIDC_ISSUER": "http://login.example"}, "https://"),
        ({"HEJIE_OIDC_GROUPS_FILE": "/nowhere.yaml"}, "HEJIE_OIDC_GROUPS_FILE"),
    ],
)
def test_half_a_configuration_ends_the_start(environ: dict[str, str], change: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.from_environ({**environ, **change})
