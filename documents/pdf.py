"""Facts and a template to a PDF, in this process. `documents.render` does the same behind limits."""

from __future__ import annotations

import io
import json
import os
import re
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from documents import characters
from documents.errors import DocumentTooLarge, ForbiddenResource, MissingFact, TemplateFails
from documents.facts import as_json, plain
from documents.fonts import Fonts
from documents.moments import pdf_date
from documents.template import Template, digest

HTML_LIMIT = 2_000_000
PAGE_LIMIT = 200
TEMPLATES_KEPT = 64
FACTS_FILE = "facts.json"
WATERMARK = """
html::before {{
  content: "{words}" !important; display: block !important; visibility: visible !important;
  position: fixed !important;
  top: 95mm !important; left: 0 !important; width: 100% !important; text-align: center !important;
  font: bold 110pt "Noto Sans SC", sans-serif !important; color: #ececec !important; opacity: 1 !important;
  transform: rotate(-32deg) !important; z-index: -1 !important;
}}
"""


@dataclass(frozen=True)
class Rendered:
    """A finished document; `pages` counts its pages."""

    pdf: bytes
    pages: int


class Press:
    """Fonts, parsed templates and style sheets, kept between documents. One thread at a time."""

    def __init__(self, fonts: Fonts, cache: Path) -> None:
        """Point fontconfig, for this whole process, at `fonts`; `cache` is a folder we may write to."""
        os.environ["FONTCONFIG_FILE"] = str(fonts.configuration(cache))
        # Imported late: it reads fontconfig's file when imported, and only the process that prints needs it.
        from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415

        self._fonts = fonts
        self._font_config = FontConfiguration()
        self._templates: OrderedDict[str, Template] = OrderedDict()
        self._styles: dict[bytes, Any] = {}

    def render(
        self, files: Mapping[str, bytes], facts: Mapping[str, Any], *, issued_at: datetime, draft: bool
    ) -> Rendered:
        """Return the PDF of `facts`. Raise one of `documents.errors`."""
        template = self._template(files)
        given = plain(facts)
        for problem in template.schema.problems(given):
            raise problem
        if not draft and not _group(given, "document").get("number"):
            raise MissingFact(name="文书编号", path="document.number")
        for path, text in characters.strings(given):
            self._fonts.require(text, template.schema.name(path))
        page = template.html(self._visible(template, given, issued_at=issued_at, draft=draft))
        watermark = template.meta.watermark if draft else ""
        return self._print(template, page, as_json(facts), issued_at, watermark)

    def preview(self, files: Mapping[str, bytes], facts: Mapping[str, Any], *, issued_at: datetime) -> Rendered:
        """Return the PDF of incomplete facts, the missing ones in red. Wrong facts raise as in `render`."""
        template = self._template(files)
        given = plain(facts)
        for problem in template.schema.problems(given):
            if not isinstance(problem, MissingFact):
                raise problem
        page = template.html(self._visible(template, given, issued_at=issued_at, draft=True, preview=True))
        return self._print(template, page, as_json(facts), issued_at, "预览")

    def _template(self, files: Mapping[str, bytes]) -> Template:
        key = digest(files)
        if key not in self._templates:
            self._templates[key] = Template.read(files)
            while len(self._templates) > TEMPLATES_KEPT:
                self._templates.popitem(last=False)
        self._templates.move_to_end(key)
        return self._templates[key]

    def _visible(
        self,
        template: Template,
        given: Mapping[str, Any],
        *,
        issued_at: datetime,
        draft: bool,
        preview: bool = False,
    ) -> dict[str, Any]:
        """Return what the page sees: the facts completed, and the document's own with the draft mark."""
        facts = template.schema.complete(given, preview=preview)
        own = {"number": None, "check_code": None, **(facts.get("document") or {})}
        own["draft"] = draft
        if not _group(given, "document").get("issued_at"):
            own["issued_at"] = issued_at.isoformat()
        return {**facts, "document": own}

    def _print(
        self, template: Template, page: str, facts: Mapping[str, Any], issued_at: datetime, watermark: str
    ) -> Rendered:
        if len(page) > HTML_LIMIT:
            raise DocumentTooLarge(cause=f"正文超过 {HTML_LIMIT} 个字符")
        self._fonts.require(page, "文书正文")
        import weasyprint  # noqa: PLC0415 - see __init__
        from weasyprint.urls import FatalURLFetchingError  # noqa: PLC0415

        sheets = list(template.stylesheets())
        if watermark:
            words = re.sub(r'["\\\n<>]', "", watermark)
            sheets.append(WATERMARK.format(words=words).encode())
        fetcher = _fetcher()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                html = weasyprint.HTML(string=page, url_fetcher=fetcher)
                laid = html.render(
                    font_config=self._font_config,
                    stylesheets=[self._style(template, one) for one in sheets],
                    pdf_variant="pdf/a-3a",
                )
                self._describe(laid.metadata, template, facts, issued_at)
                if len(laid.pages) > PAGE_LIMIT:
                    raise DocumentTooLarge(cause=f"超过 {PAGE_LIMIT} 页")
                pdf = laid.write_pdf(
                    pdf_variant="pdf/a-3a", attachments=[_facts_attachment(weasyprint, facts, issued_at)]
                )
        except FatalURLFetchingError as error:
            raise ForbiddenResource(url=str(error)) from error
        except RecursionError as error:
            raise TemplateFails(file="template.html", line=0, cause="元素嵌套太深") from error
        if fetcher.refused:
            raise ForbiddenResource(url=fetcher.refused)
        return Rendered(pdf, len(laid.pages))

    def _style(self, template: Template, content: bytes) -> Any:
        """Return the parsed style sheet, parsed once in this process."""
        import weasyprint  # noqa: PLC0415 - see __init__

        if content not in self._styles:
            if len(self._styles) > 4 * TEMPLATES_KEPT:
                self._styles.clear()
            text = content.decode("utf-8", errors="replace")
            self._fonts.require(text, "样式表")
            self._styles[content] = weasyprint.CSS(string=text, font_config=self._font_config, url_fetcher=_fetcher())
        return self._styles[content]

    def _describe(self, metadata: Any, template: Template, facts: Mapping[str, Any], issued_at: datetime) -> None:
        """Set the metadata from the facts; nothing of the template's own HTML gets in."""
        given = plain(facts)
        number, org = _group(given, "document").get("number"), _group(given, "org").get("name")
        metadata.title = f"{template.meta.title} {number}" if number else template.meta.title
        metadata.authors = [str(org)] if org else []
        metadata.description = None
        metadata.keywords = []
        metadata.generator = "Hejie"
        metadata.lang = "zh-CN"
        metadata.created = metadata.modified = pdf_date(issued_at)
        metadata.attachments = []
        metadata.custom = {}


def _group(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a group of facts, empty where a template's schema lets it be missing or something else."""
    group = facts.get(name)
    return group if isinstance(group, Mapping) else {}


def facts_json(facts: Mapping[str, Any]) -> bytes:
    """Return the facts as they are attached: UTF-8 JSON, keys sorted."""
    return json.dumps(facts, ensure_ascii=False, sort_keys=True, indent=1).encode()


def _facts_attachment(weasyprint: Any, facts: Mapping[str, Any], issued_at: datetime) -> Any:
    when = issued_at.astimezone(UTC)
    return weasyprint.Attachment(
        file_obj=io.BytesIO(facts_json(facts)),
        name=FACTS_FILE,
        description="生成本文书所用的事实",
        created=when,
        modified=when,
        relationship="Data",
    )


def _fetcher() -> Any:
    from weasyprint.urls import FatalURLFetchingError, URLFetcher  # noqa: PLC0415 - see __init__

    class DataOnly(URLFetcher):  # type: ignore[misc] # the library ships no types
        """Reads data: addresses; anything else ends the document.

        The error is not an Exception, so that the library cannot go on without what it refused. Drawing SVG
        it does so nevertheless: therefore `refused` keeps the address.
        """

        refused = ""

        def fetch(self, url: str, headers: Any = None) -> Any:
            if not url.lower().startswith("data:"):
                self.refused = url[:200]
                raise FatalURLFetchingError(self.refused)
            return super().fetch(url, headers)

    return DataOnly(allowed_protocols=("data",), allow_redirects=False)


__all__ = ["FACTS_FILE", "Press", "Rendered", "facts_json"]
