"""Every sentence of the pages has its English."""

from __future__ import annotations

import re
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

WEB = Path(__file__).resolve().parents[2] / "web"


def test_every_sentence_has_its_english() -> None:
    with (WEB / "translations/en/LC_MESSAGES/messages.po").open("rb") as file:
        english = {(m.id if isinstance(m.id, str) else m.id[0]): m.string for m in read_po(file) if m.id}
    found = extract_from_dir(
        str(WEB),
        method_map=[("**.py", "python"), ("templates/**.html", "jinja2")],
        keywords={"_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)},
    )
    said = {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}
    assert said - {text for text, translated in english.items() if translated} == set()
    assert set(english) - said == set()


def test_placeholders_are_the_same_in_both_languages() -> None:
    with (WEB / "translations/en/LC_MESSAGES/messages.po").open("rb") as file:
        for message in read_po(file):
            if isinstance(message.id, str) and message.id:
                names = re.findall(r"%\((\w+)\)", message.id)
                assert sorted(names) == sorted(re.findall(r"%\((\w+)\)", str(message.string))), message.id


def test_words_of_the_behaviours_have_their_english() -> None:
    table = (WEB / "browser/lib/words.mjs").read_text(encoding="utf-8")
    known = set(re.findall(r"^  '([^']+)':", table, flags=re.MULTILINE))
    said = set()
    for module in WEB.glob("browser/**/*.mjs"):
        said |= set(re.findall(r"\bt\('([^']+)'", module.read_text(encoding="utf-8")))
    assert said - known == set()
    assert known - said == set()
