"""The mail box: each mail once, an answer joins its case, machines are left alone. Against a small IMAP server."""

from __future__ import annotations

import io
import re
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from engine.casework.errors import UnknownProcess
from tests.web.office import ROOT, Office, open_office
from web import bundles, mailbox
from web.settings import Settings


@dataclass
class Mail:
    content: bytes
    flags: set[str] = field(default_factory=set)


class ImapServer(socketserver.ThreadingTCPServer):
    """As much of RFC 3501 as the mail box speaks."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[Mail] = []
        self.password = "geheim"

    @property
    def url(self) -> str:
        return f"imap://desk%40example.com:{self.password}@127.0.0.1:{self.server_address[1]}/INBOX"


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("* OK ready")
        for line in self.rfile:
            tag, _, command = line.decode().strip().partition(" ")
            if not self._answer(tag, command):
                return

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def _answer(self, tag: str, command: str) -> bool:
        server = cast("ImapServer", self.server)
        verb = command.upper()
        if verb.startswith("CAPABILITY"):
            self._say("* CAPABILITY IMAP4rev1")
        elif verb.startswith("LOGIN"):
            if not command.endswith(f'"{server.password}"'):
                self._say(f"{tag} NO wrong")
                return True
        elif verb.startswith("SELECT"):
            self._say(f"* {len(server.mails)} EXISTS")
        elif verb.startswith("UID SEARCH"):
            unread = [str(number) for number, mail in enumerate(server.mails, 1) if r"\Seen" not in mail.flags]
            self._say("* SEARCH " + " ".join(unread))
        elif found := re.match(r"UID FETCH (\d+) \((.*)\)", command):
            self._fetch(int(found[1]), found[2], server.mails[int(found[1]) - 1].content)
        elif found := re.match(r"UID STORE (\d+) \+FLAGS \((.*)\)", command):
            server.mails[int(found[1]) - 1].flags |= set(found[2].split())
        elif verb.startswith("LOGOUT"):
            self._say(f"* BYE\r\n{tag} OK")
            return False
        self._say(f"{tag} OK done")
        return True

    def _fetch(self, number: int, what: str, content: bytes) -> None:
        if what == "RFC822.SIZE":
            self._say(f"* {number} FETCH (UID {number} RFC822.SIZE {len(content)})")
        else:
            self.wfile.write(f"* {number} FETCH (UID {number} BODY[] {{{len(content)}}}\r\n".encode())
            self.wfile.write(content + b")\r\n")


@pytest.fixture
def server() -> Iterator[ImapServer]:
    with ImapServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("mailbox")
    with open_office(Settings.from_environ({"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(folder)})) as opened:
        files = {path: data for path, data in bundles.collect(ROOT, ()).items() if "/intake" in path}
        opened.house.casework.deploy(files, by="system", note="受理", check=lambda files: [])
        yield opened


def write(server: ImapServer, mail_id: str, **headers: str) -> EmailMessage:
    mail = EmailMessage()
    given = {"From": "林雨 <lin@example.com>", "Subject": "燃气灶打不着火", "Message-ID": f"<{mail_id}@example.com>"}
    for name, value in (given | {key.replace("_", "-"): value for key, value in headers.items()}).items():
        mail[name] = value
    mail.set_content("上周买的燃气灶打不着火，要求退货退款。\n")
    return mail


def poll(office: Office, server: ImapServer) -> int:
    with mailbox.ImapBox(server.url) as box:
        return mailbox.poll(office.house, box)


def case_of(office: Office, mail_id: str) -> Any:
    case = office.house.casework.taken_in(mailbox.ORIGIN, f"<{mail_id}@example.com>")
    auditor = office.house.identity.find("audra")
    assert case is not None
    assert auditor is not None
    return office.house.worklist.case(case.key, auditor)


def test_a_mail_becomes_a_case_once(office: Office, server: ImapServer) -> None:
    mail = write(server, "first")
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "JPEG")
    mail.add_attachment(picture.getvalue(), maintype="image", subtype="jpeg", filename="灶台.jpg")
    mail.add_attachment(b"MZ\x90", maintype="application", subtype="octet-stream", filename="virus.exe")
    server.mails.append(Mail(mail.as_bytes()))
    assert poll(office, server) == 1
    view = case_of(office, "first")
    assert view.case.complainant == "林雨"
    assert view.case.product == "燃气灶打不着火"
    assert [each.name for each in view.attachments] == ["灶台.jpg"]
    assert "virus.exe" in view.variables["description"]
    assert view.variables["channel"] == "email"
    assert [item.element_id for item in view.items if item.state == "CREATED"] == ["confirm"]
    assert server.mails[0].flags == {r"\Seen"}
    server.mails[0].flags.clear()  # the mark was lost: the Message-ID is not
    assert poll(office, server) == 0
    assert server.mails[0].flags == {r"\Seen"}


def test_an_answer_joins_its_case(office: Office, server: ImapServer) -> None:
    server.mails.append(Mail(write(server, "asked").as_bytes()))
    poll(office, server)
    number = case_of(office, "asked").case.number
    server.mails.append(Mail(write(server, "answer", Subject=f"Re: 您的来件 {number} 已收到").as_bytes()))
    assert poll(office, server) == 1
    view = case_of(office, "answer")
    assert view.case.number == number
    assert any("来信补充" in entry.facts.get("text", "") for entry in view.timeline)


@pytest.mark.parametrize("sender", ["Somebody <other@example.com>", "林雨 <lin@example.com.evil.example>"])
def test_a_strangers_mail_joins_nothing(office: Office, server: ImapServer, sender: str) -> None:
    server.mails.append(Mail(write(server, f"mine-{len(sender)}").as_bytes()))
    poll(office, server)
    number = case_of(office, f"mine-{len(sender)}").case.number
    server.mails.append(Mail(write(server, f"theirs-{len(sender)}", From=sender, Subject=f"Re: {number}").as_bytes()))
    poll(office, server)
    assert case_of(office, f"theirs-{len(sender)}").case.number != number


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"From": "MAILER-DAEMON@example.com"},
        {"From": "<>"},
    ],
)
def test_machines_are_left_alone(office: Office, server: ImapServer, headers: dict[str, str]) -> None:
    server.mails.append(Mail(write(server, f"machine-{headers}".replace(" ", ""), **headers).as_bytes()))
    assert poll(office, server) == 0
    assert server.mails[0].flags == {r"\Seen"}


def test_what_is_too_large_is_left_for_somebody(
    office: Office, server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "MOST_BYTES", 10)
    server.mails.append(Mail(write(server, "large").as_bytes()))
    assert poll(office, server) == 0
    assert server.mails[0].flags == {r"\Seen", r"\Flagged"}


def test_without_a_process_the_mail_waits_flagged(tmp_path: Path, server: ImapServer) -> None:
    with open_office(Settings.from_environ({"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(tmp_path)})) as bare:
        server.mails.append(Mail(write(server, "nowhere").as_bytes()))
        assert poll(bare, server) == 0
        assert server.mails[0].flags == {r"\Seen", r"\Flagged"}
        with pytest.raises(UnknownProcess):
            bare.house.casework.take_in("email", {}, by="system")


def test_a_wrong_password_is_an_error(server: ImapServer) -> None:
    url = server.url.replace("geheim", "falsch")
    with pytest.raises(Exception, match="wrong"):
        mailbox.ImapBox(url)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"Subject: =?utf-8?q?=ff=fe?=\nFrom: \xff\nDate: never\nContent-Type: text/plain; charset=none\n\n\xff",
        b"From: a@b.c\nContent-Type: text/html\n\n<p>Sehr &auml;rgerlich<script>1</script>",
        b"From: a@b.c\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n\n--x--",
    ],
)
def test_reading_never_fails(content: bytes) -> None:
    letter = mailbox.read(content)
    assert letter.reference
    assert "\0" not in letter.text + letter.subject


def test_html_is_read_as_words() -> None:
    content = "From: a@b.c\nContent-Type: text/html; charset=utf-8\n\n<p>打不着火，<b>要求退货</b>。</p>".encode()
    assert mailbox.read(content).text == "打不着火，要求退货。"
