"""Files that are not what they say, that unfold into something enormous, or that are two things at once.

Each is judged in a process of its own, whose time and memory are measured: refused with a sentence, or taken for
what it is and then served so that no browser runs it.
"""

from __future__ import annotations

import gzip
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

import pytest
from PIL import Image

from engine.files import clean_name
from tests.security.conftest import picture
from tests.security.hostile.guard import Guarded
from tests.web.office import Browser, Office

HTML = b"<html><body><script>alert(1)</script></body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
PDF = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n"


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    with Guarded() as process:
        yield process


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, *, rows: int | None = None, mode: int = 0, depth: int = 1, extra: bytes = b""
) -> bytes:
    """A picture of one colour: small as a file, as large as one likes when it is unpacked."""
    channels = {0: 1, 2: 3, 6: 4}[mode]
    line = b"\0" + bytes((width * depth * channels + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(line) for _ in range(height if rows is None else rows)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, depth, mode, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg(width: int = 64, height: int = 64, **options: object) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(content, "JPEG", **options)
    return content.getvalue()


def as_large(content: bytes, width: int, height: int) -> bytes:
    """The JPEG with another size written into its frame header."""
    at = re.search(rb"\xff[\xc0\xc2]\x00\x11\x08", content)
    assert at is not None
    return content[: at.end()] + struct.pack(">HH", height, width) + content[at.end() + 4 :]


def office(entries: dict[str, bytes], *, main: str = "word/document.xml") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(main, "<w/>")
        for name, data in entries.items():
            archive.writestr(name, data)
    return content.getvalue()


def lying_office() -> bytes:
    """Hundreds of megabytes whose directory says they are few bytes."""
    content = bytearray(office({"word/huge.xml": bytes(400_000_000)}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        for found in re.finditer(re.escape(signature), bytes(content)):
            if struct.unpack_from("<I", content, found.start() + offset)[0] == 400_000_000:
                struct.pack_into("<I", content, found.start() + offset, 10)
    return bytes(content)


def animated(frames: int) -> bytes:
    content = io.BytesIO()
    pictures = [Image.new("RGB", (2_000, 2_000), (n * 9, 255 - n * 9, n)) for n in range(frames)]
    pictures[0].save(content, "WEBP", save_all=True, append_images=pictures[1:], lossless=True, method=0)
    return content.getvalue()


REFUSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "nothing": ("x.jpg", lambda: b""),
    "a page as a picture": ("x.jpg", lambda: HTML),
    "a page as text": ("x.txt", lambda: HTML),
    "a page after a mark": ("x.txt", lambda: b"\xef\xbb\xbf\n\n" + HTML),
    "a page in capitals": ("x.txt", HTML.upper),
    "a page after much text": ("x.txt", lambda: b"a" * 100_000 + HTML),
    "a page in UTF-16": ("x.txt", lambda: HTML.decode().encode("utf-16")),
    "a drawing": ("x.svg", lambda: SVG),
    "a drawing as a picture": ("x.png", lambda: SVG),
    "a drawing, packed": ("x.svgz", lambda: gzip.compress(SVG)),
    "a drawing with an entity": (
        "x.svg",
        lambda: b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + SVG,
    ),
    "a program": ("x.pdf", lambda: b"MZ" + bytes(1_000)),
    "a program of Linux": ("x.pdf", lambda: b"\x7fELF" + bytes(1_000)),
    "a class of Java": ("x.jpg", lambda: b"\xca\xfe\xba\xbe" + bytes(1_000)),
    "an archive": ("x.docx", lambda: office({}, main="readme.txt")),
    "an archive of another kind": ("x.docx", lambda: b"Rar!\x1a\x07\x00" + bytes(1_000)),
    "a picture of too many pixels": ("x.png", lambda: png(60_000, 60_000, rows=0)),
    "a picture that unfolds": ("x.png", lambda: png(20_000, 20_000)),
    "a photo that says it is enormous": ("x.jpg", lambda: as_large(jpeg(), 65_000, 65_000)),
    "an animation of many frames": ("x.webp", lambda: animated(25)),
    "a picture with a huge comment": (
        "x.png",
        lambda: png(9, 9, extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(60_000_000)))),
    ),
    "a picture cut off": ("x.png", lambda: png(64, 64)[:40]),
    "a picture of another kind": ("x.png", lambda: b"BM" + bytes(2_000)),
    "a photo with an archive behind": ("x.jpg", lambda: jpeg() + office({})),
    "a PDF with an archive behind": ("x.pdf", lambda: PDF + office({})),
    "a PDF with something before": ("x.pdf", lambda: HTML + PDF),
    "a document that unfolds": ("x.docx", lambda: office({"word/huge.xml": bytes(400_000_000)})),
    "a document of many parts": ("x.docx", lambda: office({f"word/{n}.xml": b"" for n in range(11_000)})),
    "a document with macros": ("x.docx", lambda: office({"word/vbaProject.bin": b"x"})),
    "a table with macros": ("x.xlsx", lambda: office({"xl/VBAPROJECT.BIN": b"x"}, main="xl/workbook.xml")),
    "a document cut off": ("x.docx", lambda: office({"word/a.xml": b"x" * 9_000})[:-30]),
    "characters of control": ("x.txt", lambda: b"abc\x1b[2Jdef"),
    "bytes of no encoding": ("x.txt", lambda: b"\x81\x8d\xff\xfe\xff" * 100),
}

TAKEN: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "a photo": ("x.jpg", picture, "image/jpeg"),
    "a photo named a page": ("x.html", picture, "image/jpeg"),
    "a photo with a script in its comment": ("x.jpg", lambda: jpeg(comment=HTML), "image/jpeg"),
    "a photo with a page behind": ("x.jpg", lambda: jpeg() + HTML, "image/jpeg"),
    "a PDF with a page in it": ("x.pdf", lambda: PDF + HTML, "application/pdf"),
    "a PDF with a script": (
        "x.pdf",
        lambda: PDF.replace(b"/Catalog", b"/Catalog/OpenAction<</S/JavaScript>>"),
        "application/pdf",
    ),
    "formulas": ("x.csv", lambda: b"=cmd|' /C calc'!A0,+1,-1,@SUM(1)\n" * 10, "text/plain"),
    "marks of direction": ("x.txt", "金额\u202e001\u202c元".encode, "text/plain"),
    "five megabytes of text": ("x.txt", lambda: "字".encode() * 1_700_000, "text/plain"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(guarded: Guarded, name: str) -> None:
    shown, make = REFUSED[name]
    cost = guarded.inspect(shown, make())
    assert cost.answer is None, cost.answer
    assert shown in cost.refusal
    assert re.search(r"[\u4e00-\u9fff]", cost.refusal)
    assert cost.megabytes < 100


@pytest.mark.parametrize("name", TAKEN)
def test_taken_for_what_it_is(guarded: Guarded, name: str) -> None:
    shown, make, kind = TAKEN[name]
    cost = guarded.inspect(shown, make())
    assert (cost.answer, cost.refusal) == (kind, "")
    assert cost.megabytes < 100


def test_a_document_that_lies_about_its_size_is_never_unpacked(guarded: Guarded) -> None:
    """Nothing here unpacks it; a reader at home has its own limits."""
    assert guarded.inspect("x.docx", lying_office()).megabytes < 50


PICTURES: dict[str, Callable[[], bytes]] = {
    "one colour, as many pixels as may be": lambda: png(8_900, 8_900, mode=2, depth=8),
    "with transparency": lambda: png(7_700, 7_700, mode=6, depth=8),
    "sixteen bits deep": lambda: png(7_000, 7_000, mode=2, depth=16),
    "very wide": lambda: png(1_000_000, 60, mode=2, depth=8),
    "a large photo": lambda: jpeg(8_000, 6_000),
    "a photo that says it is larger": lambda: as_large(jpeg(), 8_000, 7_000),
    "a photo in many passes": lambda: jpeg(6_000, 6_000, progressive=True),
    "a huge comment": REFUSED["a picture with a huge comment"][1],
}


@pytest.mark.parametrize("name", PICTURES)
def test_small_pictures_cost_little(guarded: Guarded, name: str) -> None:
    """A web process has 300 MB for everything."""
    cost = guarded.thumbnail(PICTURES[name]())
    assert cost.answer or cost.refusal
    assert cost.megabytes < 120, cost
    assert cost.cpu_seconds < 4


def test_a_photo_of_today_has_its_small_picture(guarded: Guarded) -> None:
    """Fifty million pixels, as telephones take them."""
    assert guarded.thumbnail(jpeg(8_160, 6_120)).answer


NAMES = {
    "../../../etc/passwd": "passwd",
    "..\\..\\windows\\system32\\x.jpg": "x.jpg",
    "a\0.jpg": "a.jpg",
    "伤口\u202egpj.exe": "伤口gpj.exe",
    'x".jpg\r\nSet-Cookie: a=b': 'x".jpgSet-Cookie: a=b',
    "....": "未命名",
    "": "未命名",
    "\x7f\x80\u200b\u2066": "未命名",
    "/": "未命名",
    "CON": "CON",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_only_shown(name: str) -> None:
    assert clean_name(name) == NAMES[name]
    assert len(clean_name(name * 500)) <= 120


@pytest.fixture(scope="module")
def stella(shared_office: Office) -> Browser:
    return shared_office.client("stella")


@pytest.mark.parametrize(
    "name", [*NAMES, "<img src=x onerror=alert(1)>.jpg", "%0d%0aX: y.jpg", "=cmd()|x.jpg", "字" * 300 + ".jpg"]
)
def test_a_name_does_nothing_to_the_answer(stella: Browser, name: str) -> None:
    stored = stella.post("/attachments", {"file": (io.BytesIO(picture()), name or "x")})
    assert stored.status_code == 201, stored.text
    answer = stella.get(f"/attachments/{stored.get_json()['key']}")
    assert re.fullmatch(
        r"inline; filename=\"file\"; filename\*=UTF-8''[\w.~%-]+", answer.headers["Content-Disposition"]
    )
    assert "X" not in answer.headers
    assert answer.headers.getlist("Set-Cookie") == [] or "a=b" not in str(answer.headers.getlist("Set-Cookie"))


@pytest.mark.parametrize("name", [name for name in TAKEN if name != "five megabytes of text"])
def test_what_is_taken_is_served_without_power(stella: Browser, name: str) -> None:
    shown, make, kind = TAKEN[name]
    stored = stella.post("/attachments", {"file": (io.BytesIO(make()), shown)})
    assert stored.status_code == 201, stored.text
    answer = stella.get(f"/attachments/{stored.get_json()['key']}")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.mimetype == (kind if kind != "text/plain" else "application/octet-stream")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "name", ["a page as a picture", "a drawing", "a photo with an archive behind", "a picture cut off"]
)
def test_what_is_refused_is_not_kept(stella: Browser, name: str) -> None:
    shown, make = REFUSED[name]
    script = {"Accept": "application/json"}
    answer = stella.post("/attachments", {"file": (io.BytesIO(make()), shown)}, headers=script)
    assert answer.status_code == 422
    assert shown in answer.get_json()["error"]
