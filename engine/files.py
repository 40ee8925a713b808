"""Files by the hash of their content: attachments and finished PDFs, on any storage fsspec knows.

What somebody uploads is judged by its content alone (`inspect`); its name is only shown. Nothing here makes a file
safe to open: pages serve it as a download or with `nosniff` and a sandbox.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import unicodedata
import uuid
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filetype
import fsspec
from PIL import Image, UnidentifiedImageError

from engine.errors import EngineError

_MB = 1024 * 1024
_MAX_PIXELS = 80_000_000
_MAX_UNPACKED = 300 * _MB

_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TEXT = "text/plain"

ALLOWED: dict[str, tuple[str, int]] = {
    "image/jpeg": ("JPEG 照片", 20 * _MB),
    "image/png": ("PNG 图片", 20 * _MB),
    "image/webp": ("WebP 图片", 20 * _MB),
    "image/heic": ("HEIC 照片", 20 * _MB),
    "application/pdf": ("PDF", 30 * _MB),
    _WORD: ("Word 文档 docx", 30 * _MB),
    _EXCEL: ("Excel 表格 xlsx", 30 * _MB),
    "audio/mpeg": ("录音 mp3", 50 * _MB),
    "audio/mp4": ("录音 m4a", 50 * _MB),
    "audio/x-wav": ("录音 wav", 50 * _MB),
    "video/mp4": ("录像 mp4", 100 * _MB),
    "video/quicktime": ("录像 mov", 100 * _MB),
    TEXT: ("纯文本 txt", 5 * _MB),
}
"""Content type -> Chinese name and the most bytes."""

_PILLOW = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
_ALIASES = {"video/x-m4v": "video/mp4", "image/heif": "image/heic"}
_MARKUP = re.compile(rb"<\s*(?:!doctype|html|script|svg|iframe|body|\?xml)", re.IGNORECASE)
_PROBE = b"probe"
_ZIP_END = b"PK\x05\x06"


class FileRefused(EngineError):
    """文件不能上传。"""


class FileMissing(EngineError):
    """文件不在存储中。"""


class FileDamaged(EngineError):
    """存储中的文件与登记的校验值不符，可能已损坏。"""


class StoreUnusable(EngineError):
    """文件存储无法写入或读回。"""


@dataclass(frozen=True)
class Inspected:
    """What a file is, found from its content."""

    name: str
    """Without folders and control characters, at most 120 characters."""
    content_type: str
    size: int
    sha256: str


def inspect(name: str, content: bytes) -> Inspected:
    """Judge an upload. Raise `FileRefused` with the reason and what to do."""
    shown = clean_name(name)
    if not content:
        raise FileRefused(f"文件“{shown}”是空的，请重新选择。")
    content_type = _content_type(content)
    if content_type not in ALLOWED:
        kinds = "、".join(label for label, _ in ALLOWED.values())
        raise FileRefused(f"文件“{shown}”的类型不能上传。可以上传：{kinds}。")
    label, limit = ALLOWED[content_type]
    if len(content) > limit:
        raise FileRefused(f"文件“{shown}”太大：{label}最多{limit // _MB}MB，请压缩后再上传。")
    if content_type in _PILLOW:
        _check_image(shown, content, content_type)
    elif content_type in (_WORD, _EXCEL):
        _check_office(shown, content)
    elif content_type == TEXT and _MARKUP.search(content):
        raise FileRefused(f"文件“{shown}”含有网页代码，不能作为文本上传。")
    if content_type not in (_WORD, _EXCEL) and _ZIP_END in content[-66_000:]:
        raise FileRefused(f"文件“{shown}”里夹带了压缩包，请另存后再上传。")
    return Inspected(shown, content_type, len(content), hashlib.sha256(content).hexdigest())


def clean_name(name: str) -> str:
    """Return the last part of a path without control and direction characters; 未命名 if nothing is left."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join(char for char in last if unicodedata.category(char)[0] != "C").strip(" .")
    if len(kept) > 120:
        stem, dot, extension = kept.rpartition(".")
        kept = f"{stem[:110]}{dot}{extension[:9]}" if dot else kept[:120]
    return kept or "未命名"


def _content_type(content: bytes) -> str | None:
    guessed = filetype.guess_mime(content)
    if guessed is not None:
        found = _ALIASES.get(guessed, guessed)
        if found == "application/zip":
            return _office_type(content)
        # A PDF must begin as one: readers also find the header later, which is how two files hide in one.
        return None if found == "application/pdf" and not content.startswith(b"%PDF-") else str(found)
    return TEXT if _is_text(content) else None


def _is_text(content: bytes) -> bool:
    if b"\0" in content:
        return False
    for encoding in ("utf-8", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return not any(char < " " and char not in "\t\r\n\f" for char in text)
    return False


def _office_type(content: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError):
        return None
    if "word/document.xml" in names:
        return _WORD
    return _EXCEL if "xl/workbook.xml" in names else None


def _check_image(shown: str, content: bytes, content_type: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is stricter
            with Image.open(io.BytesIO(content), formats=[_PILLOW[content_type]]) as image:
                width, height = image.size
                if width * height * getattr(image, "n_frames", 1) > _MAX_PIXELS:
                    raise FileRefused(f"图片“{shown}”有{width}×{height}像素，太大，请缩小后再上传。")
                image.verify()
    except Image.DecompressionBombError as error:
        raise FileRefused(f"图片“{shown}”像素太多，请缩小后再上传。") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise FileRefused(f"图片“{shown}”已损坏，无法读取，请重新导出或拍摄。") from error


def _check_office(shown: str, content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError) as error:
        raise FileRefused(f"文件“{shown}”已损坏，无法读取。") from error
    if len(entries) > 10_000 or sum(entry.file_size for entry in entries) > _MAX_UNPACKED:
        raise FileRefused(f"文件“{shown}”解压后过大，不能上传。")
    if any("vbaproject" in entry.filename.lower() for entry in entries):
        raise FileRefused(f"文件“{shown}”含有宏，请另存为不含宏的格式再上传。")


class FileStore:
    """Files by SHA-256 under a folder or URL (`/var/lib/hejie/files`, `s3://bucket/files`). Thread-safe.

    Writing the same content again changes nothing, so a retry is harmless and a file can be stored before the
    transaction that mentions it commits.
    """

    def __init__(self, url: str | Path, **options: Any) -> None:
        self._files, self._root = fsspec.core.url_to_fs(str(url), **options)
        self._local = "file" in (
            (self._files.protocol,) if isinstance(self._files.protocol, str) else self._files.protocol
        )

    def write(self, content: bytes) -> str:
        """Store the content durably and return its SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        if self._local:
            _write_durably(Path(path), content)
        elif not self._files.exists(path):
            self._files.pipe_file(path, content)
        return digest

    def read(self, sha256: str) -> bytes:
        """Return the content. Raise `FileMissing`, or `FileDamaged` if it is not what was stored."""
        try:
            content: bytes = self._files.cat_file(self._path(sha256))
        except FileNotFoundError as error:
            raise FileMissing(f"文件{sha256[:12]}…不在存储中。") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise FileDamaged
        return content

    def has(self, sha256: str) -> bool:
        return bool(self._files.exists(self._path(sha256)))

    def probe(self) -> None:
        """Write a file of a few bytes, read it back and remove it. Raise `StoreUnusable` if that cannot be done."""
        path = f"{self._root}/.probe-{uuid.uuid4().hex}"
        try:
            if self._local:
                Path(self._root).mkdir(parents=True, exist_ok=True)
            self._files.pipe_file(path, _PROBE)
            kept = self._files.cat_file(path)
            self._files.rm_file(path)
        except Exception as error:  # every kind of storage has its own errors
            raise StoreUnusable from error
        if kept != _PROBE:
            raise StoreUnusable

    def _path(self, sha256: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise FileMissing("文件地址有误。")
        return f"{self._root}/{sha256[:2]}/{sha256}"


def _write_durably(path: Path, content: bytes) -> None:
    """Write beside and rename: a reader sees all of the file or none, also after a power cut."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with beside.open("xb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
