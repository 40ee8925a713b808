"""Uploads are judged by their content; files are stored by its hash; attachments belong to their case."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from engine import files
from engine.casework import errors
from engine.files import FileDamaged, FileMissing, FileRefused, FileStore
from tests.engine import procedures
from tests.engine.conftest import House

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


def image(kind: str = "JPEG", size: tuple[int, int] = (8, 8)) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, "red").save(target, kind)
    return target.getvalue()


def archive(*names: str, content: bytes = b"x") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in names:
            packed.writestr(name, content)
    return target.getvalue()


DOCX = archive("[Content_Types].xml", "word/document.xml")
XLSX = archive("[Content_Types].xml", "xl/workbook.xml")


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("照片.jpg", image(), "image/jpeg"),
        ("照片.exe", image("PNG"), "image/png"),  # the content decides, not the name
        ("a.webp", image("WEBP"), "image/webp"),
        ("小票.pdf", PDF, "application/pdf"),
        ("说明.txt", "客户说：水壶漏电".encode(), "text/plain"),
        ("旧.txt", "客户说：水壶漏电".encode("gb18030"), "text/plain"),
        ("录音.mp3", b"ID3\x03\x00\x00\x00\x00\x00\x00" + bytes(64), "audio/mpeg"),
        ("录像.mp4", b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(64), "video/mp4"),
        ("报告.docx", DOCX, files._WORD),
        ("清单.xlsx", XLSX, files._EXCEL),
    ],
)
def test_what_may_be_uploaded(name: str, content: bytes, content_type: str) -> None:
    found = files.inspect(name, content)
    assert (found.content_type, found.name) == (content_type, name)
    assert (found.size, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("空.txt", b"", "空的"),
        ("a.zip", archive("a.txt"), "类型"),
        ("a.exe", b"MZ\x90\x00" + bytes(100), "类型"),
        ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', "网页代码"),
        ("a.html", b"<!DOCTYPE html><p>x", "网页代码"),
        ("a.txt", b"hello <script>alert(1)</script>", "网页代码"),
        ("a.jpg", image()[:200], "损坏"),
        ("a.png", image("PNG", (20_000, 20_000)), "像素"),
        ("a.pdf", b"GIF89a" + PDF, "类型"),
        ("late.pdf", b"\n" + PDF + b"\x00", "类型"),
        ("a.jpg", image() + archive("a.txt"), "压缩包"),
        ("a.pdf", PDF + archive("a.txt"), "压缩包"),
        ("宏.docx", archive("word/document.xml", "word/vbaProject.bin"), "宏"),
        ("炸弹.docx", archive("word/document.xml", "word/a", content=bytes(200 * 1024 * 1024)), "解压"),
        ("大.txt", "长".encode() * 2_000_000, "太大"),
        ("毒.txt", b"a\x1b[31mred", "类型"),
    ],
)
def test_what_may_not(name: str, content: bytes, cause: str) -> None:
    with pytest.raises(FileRefused, match=cause):
        files.inspect(name, content)


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\用户\\照片.jpg", "照片.jpg"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("a\r\nb.txt", "ab.txt"),
        (" . ", "未命名"),
        ("长" * 200 + ".pdf", "长" * 110 + ".pdf"),
    ],
)
def test_names_are_shown_clean(name: str, clean: str) -> None:
    assert files.clean_name(name) == clean


class TestStore:
    def test_the_same_content_is_stored_once(self, tmp_path: Path) -> None:
        store = FileStore(tmp_path / "files")
        digest = store.write(b"abc")
        assert store.write(b"abc") == digest == hashlib.sha256(b"abc").hexdigest()
        assert store.read(digest) == b"abc"
        assert store.has(digest)
        assert [path.name for path in (tmp_path / "files").rglob("*") if path.is_file()] == [digest]

    def test_missing_damaged_and_strange(self, tmp_path: Path) -> None:
        store = FileStore(tmp_path / "files")
        digest = store.write(b"abc")
        (tmp_path / "files" / digest[:2] / digest).write_bytes(b"abd")
        with pytest.raises(FileDamaged):
            store.read(digest)
        for address in ("0" * 64, "../../etc/passwd"):
            with pytest.raises(FileMissing):
                store.read(address)

    def test_any_storage_fsspec_knows(self) -> None:
        store = FileStore("memory://files")
        digest = store.write(b"abc")
        store.write(b"abc")
        assert store.read(digest) == b"abc"


class TestAttachments:
    @pytest.fixture
    def complaint(self, house: House) -> House:
        house.deploy(procedures.COMPLAINT)
        return house

    def test_a_photo_belongs_to_the_case_once_an_answer_mentions_it(self, complaint: House) -> None:
        ref = complaint.casework.start_case("complaint", by="alice")
        [register] = ref.next_item_keys
        photo = complaint.casework.attach(by="alice", name="壶.jpg", content=image(), item_key=register)
        assert complaint.files.read(photo.sha256) == image()
        assert complaint.worklist.attachment(photo.key, complaint.person("alice")).name == "壶.jpg"
        with pytest.raises(errors.NotFound):
            complaint.worklist.attachment(photo.key, complaint.person("bob"))
        claimed = {**photo.as_answer(), "name": "别的.jpg", "size": 1}  # what the browser says is not believed
        complaint.casework.complete_task(register, {"photos": [claimed]}, by="alice")
        view = complaint.worklist.case(ref.key, complaint.person("bob"))
        assert [found.key for found in view.attachments] == [photo.key]
        assert view.variables["photos"] == [photo.as_answer()]
        with pytest.raises(errors.NotFound):
            complaint.worklist.attachment(photo.key, complaint.person("charlie"))

    def test_a_strange_attachment_is_refused(self, complaint: House) -> None:
        [register] = complaint.casework.start_case("complaint", by="alice").next_item_keys
        bobs = complaint.casework.attach(by="bob", name="a.pdf", content=PDF)
        for answer in (bobs.as_answer(), {**bobs.as_answer(), "key": "999999"}):
            with pytest.raises(errors.Invalid, match="附件"):
                complaint.casework.complete_task(register, {"nested": {"files": [answer]}}, by="alice")

    def test_straight_to_a_case(self, complaint: House) -> None:
        ref = complaint.casework.start_case("complaint", by="alice")
        complaint.casework.attach(by="alice", name="小票.pdf", content=PDF, case_key=ref.key)
        assert "attachment:added" in complaint.events(ref.key)
        with pytest.raises(errors.NotFound):
            complaint.casework.attach(by="charlie", name="小票.pdf", content=PDF, case_key=ref.key)

    def test_with_the_start(self, complaint: House) -> None:
        receipt = complaint.casework.attach(by="alice", name="小票.pdf", content=PDF)
        ref = complaint.casework.start_case("complaint", by="alice", attachments=[receipt.key])
        assert len(complaint.worklist.case(ref.key, complaint.person("bob")).attachments) == 1

    def test_refused_content_is_not_stored(self, complaint: House) -> None:
        with pytest.raises(FileRefused):
            complaint.casework.attach(by="alice", name="a.exe", content=b"MZ\x90\x00" + bytes(100))
