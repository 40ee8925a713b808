"""The fonts of documents: these and no others, so that a document looks the same on every machine.

Noto Serif SC and Noto Sans SC (npm packages) for text and tables, then HanaMin and BabelStone Han for rare
characters in names. Fontconfig is pointed at these folders alone through a file of our own.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from xml.sax.saxutils import escape

from fontTools.ttLib import TTFont  # type: ignore[import-untyped] # ships no types

from documents import characters
from documents.errors import FontsMissing, MissingGlyph

PACKAGES = Path("node_modules/@expo-google-fonts")
NOTO = (
    PACKAGES / "noto-serif-sc/400Regular/NotoSerifSC_400Regular.ttf",
    PACKAGES / "noto-serif-sc/700Bold/NotoSerifSC_700Bold.ttf",
    PACKAGES / "noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf",
    PACKAGES / "noto-sans-sc/700Bold/NotoSansSC_700Bold.ttf",
)
RARE = (
    Path("/usr/share/fonts/truetype/hanazono/HanaMinA.ttf"),
    Path("/usr/share/fonts/truetype/hanazono/HanaMinB.ttf"),
    Path("/usr/share/fonts/truetype/babelstone/BabelStoneHan.ttf"),
)

CONFIGURATION = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
{folders}
<cachedir>{cache}</cachedir>
<selectfont><rejectfont><glob>*</glob></rejectfont><acceptfont>{accepted}</acceptfont></selectfont>
</fontconfig>
"""


def standard_fonts(root: Path) -> tuple[Path, ...]:
    """Return the font files of a checkout at `root`, in the order in which they are tried."""
    return (*(root / path for path in NOTO), *RARE)


class Fonts:
    """A fixed list of font files. The first is the text's; characters are looked up in the order given."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Raise `FontsMissing` with the names of those that are not there."""
        missing = [path.name for path in files if not path.is_file()]
        if missing or not files:
            raise FontsMissing(missing="、".join(missing) or "没有指定任何字体")
        self.files = tuple(path.resolve() for path in files)
        self._known: set[int] = set(range(0x20, 0x7F)) | characters.INVISIBLE
        self._unread = list(self.files)

    def configuration(self, folder: Path) -> Path:
        """Write the fontconfig file into `folder` and return its path. Its cache is kept there too."""
        parents = sorted({one.parent for one in self.files})
        folders = "\n".join(f"<dir>{escape(str(path))}</dir>" for path in parents)
        accepted = "".join(f"<glob>{escape(str(path))}</glob>" for path in self.files)
        text = CONFIGURATION.format(folders=folders, cache=escape(str(folder / "cache")), accepted=accepted)
        path = folder / f"fonts-{hashlib.sha256(text.encode()).hexdigest()[:16]}.conf"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return path

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of the font files: documents are byte-identical only under the same one."""
        total = hashlib.sha256()
        for path in self.files:
            total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()[:16]

    def lacking(self, text: str) -> list[str]:
        """Return the characters of `text` that none of the fonts has, each once, sorted.

        The fonts for rare characters are opened only when the first ones do not suffice.
        """
        wanted = {ord(character) for character in text} - self._known
        while wanted and self._unread:
            with TTFont(self._unread.pop(0), lazy=True) as font:
                self._known.update(font.getBestCmap())
            wanted -= self._known
        return sorted(map(chr, wanted))

    def require(self, text: str, name: str) -> None:
        """Raise `MissingGlyph` for the first character of `text` (called `name`) that cannot be drawn."""
        for character in self.lacking(html.unescape(text)):
            raise MissingGlyph(name=name, character=character, code=characters.code(character))
