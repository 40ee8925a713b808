"""Every document with its sample and every variant, printed and read back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from documents import amounts, check
from documents.errors import AmountsDiffer
from documents.filters import ordinal
from documents.render import PlainRenderer

Files = Callable[[str], dict[str, bytes]]
TextOf = Callable[[bytes], str]


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_templates_have_nothing_wrong(template_name: str, files: Files) -> None:
    assert [one for one in check(files(template_name)) if one.severity == "error"] == []


def test_templates_say_who_signs_how_many_copies_and_how_sure_we_are(template_name: str, files: Files) -> None:
    assert check(files(template_name)) == []


def test_documents_say_what_they_must(  # noqa: PLR0917 - fixtures come by name
    template_name: str,
    facts: dict[str, Any],
    files: Files,
    renderer: PlainRenderer,
    issued_at: datetime,
    text_of: TextOf,
    tmp_path: Path,
) -> None:
    rendered = renderer.render(files(template_name), facts, issued_at=issued_at, draft=False)
    path = tmp_path / "a.pdf"
    path.write_bytes(rendered.pdf)
    checked = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    text = text_of(rendered.pdf)
    document = facts["document"]
    for wanted in (document["number"], f"校验码{document['check_code']}", facts["org"]["name"]):
        assert squeezed(wanted) in text
    for page in range(1, rendered.pages + 1):
        assert f"第{page}页共{rendered.pages}页" in text or f"—{page}—" in text
    assert "None" not in text
    assert "缺少" not in text
    assert "草稿" not in text
    with pikepdf.open(path) as pdf:
        assert len(pdf.pages) == rendered.pages
        _is_archivable(pdf, issued_at)
        assert json.loads(pdf.attachments["facts.json"].get_file().read_bytes()) == facts


def _is_archivable(pdf: pikepdf.Pdf, issued_at: datetime) -> None:
    """PDF/A-3a as far as the structure shows: identification, tags, language, output intent, attachment."""
    with pdf.open_metadata(update_docinfo=False) as metadata:
        assert metadata.pdfa_status == "3A"
    root = pdf.Root
    assert bool(root.MarkInfo.Marked)
    assert str(root.Lang) == "zh-CN"
    assert "/StructTreeRoot" in root
    assert str(root.OutputIntents[0].S) == "/GTS_PDFA1"
    assert str(root.AF[0].AFRelationship) == "/Data"
    assert "/JavaScript" not in root.get("/Names", {})
    created = issued_at.strftime("D:%Y%m%d%H%M%SZ")
    assert str(pdf.docinfo["/CreationDate"]) == created
    assert str(root.AF[0].EF.F.Params.ModDate) == created
    for page in pdf.pages:
        for font in page.Resources.Font.values():
            descendant = font.DescendantFonts[0]
            assert "/FontFile2" in descendant.FontDescriptor or "/FontFile3" in descendant.FontDescriptor
            assert "/ToUnicode" in font


def test_amounts_stand_in_figures_and_capitals(
    files: Files,
    renderer: PlainRenderer,
    sample: Callable[[str], dict[str, Any]],
    issued_at: datetime,
    text_of: TextOf,
) -> None:
    stated = {
        "settlement_agreement": lambda facts: facts["compensation"]["total"],
        "compensation_statement": lambda facts: facts["compensation"]["proposed"]["total"],
        "receipt": lambda facts: facts["amount"],
        "payment_freeze_notice": lambda facts: facts["amount"],
        "regulator_reply": lambda facts: facts["amount"],
        "concession_approval": lambda facts: facts["concession"]["cost"],
    }
    for name, amount_of in stated.items():
        facts = sample(name)
        text = text_of(renderer.render(files(name), facts, issued_at=issued_at, draft=False).pdf)
        assert amounts.capitals(amount_of(facts)) in text, name
        assert f"¥{amounts.figures(amount_of(facts))}" in text, name


def test_the_agreement_has_every_element(
    files: Files,
    renderer: PlainRenderer,
    sample: Callable[[str], dict[str, Any]],
    issued_at: datetime,
    text_of: TextOf,
) -> None:
    facts = sample("settlement_agreement")
    text = text_of(renderer.render(files("settlement_agreement"), facts, issued_at=issued_at, draft=False).pdf)
    titles = (
        *(
            "事由与经过",
            "责任",
            "赔偿项目与金额",
            "支付",
            "商品的处理",
            "后续治疗",
            "互不追究的范围",
            "违约责任",
        ),
        *("保密", "个人信息", "争议的解决", "生效与份数"),
    )
    for number, title in enumerate(titles, start=1):
        assert f"第{ordinal(number)}条" in text
        assert title in text
    for sentence in (
        "第五百零六条",
        "本协议第三条的总额不包括后续治疗费用",
        "不在互不追究的范围之内",
        "向市场监督管理等国家机关、消费者组织投诉、举报",
        "依法作证",
        "依法不得放弃的权利",
        "甲方（盖章）",
        "乙方（签名并按指印）",
        "一式两份",
        "账号：6222021202001234567",
    ):
        assert sentence in text


def test_parts_appear_only_with_their_facts(
    files: Files,
    renderer: PlainRenderer,
    sample: Callable[[str], dict[str, Any]],
    issued_at: datetime,
    text_of: TextOf,
) -> None:
    facts = sample("settlement_agreement")
    for group in ("injury", "property", "loaner", "gifts", "annexes", "remedy"):
        del facts[group]
    text = text_of(renderer.render(files("settlement_agreement"), facts, issued_at=issued_at, draft=False).pdf)
    for words in ("后续治疗", "受害人", "受损财物", "备用机", "附送", "附件：", "商品的处理", "交回的商品"):
        assert words not in text
    assert "前条约定" not in text


def test_an_agreement_whose_total_is_not_the_sum_is_not_printed(
    files: Files, renderer: PlainRenderer, sample: Callable[[str], dict[str, Any]], issued_at: datetime
) -> None:
    facts = sample("settlement_agreement")
    facts["compensation"]["total"] = "13545.61"
    with pytest.raises(AmountsDiffer, match=r"13,545\.61 元，按明细应为 13,545\.60 元"):
        renderer.render(files("settlement_agreement"), facts, issued_at=issued_at, draft=False)


def test_the_reply_to_an_authority_hides_the_complainants_name_and_phone(
    files: Files,
    renderer: PlainRenderer,
    sample: Callable[[str], dict[str, Any]],
    issued_at: datetime,
    text_of: TextOf,
) -> None:
    facts = sample("regulator_reply")
    text = text_of(renderer.render(files("regulator_reply"), facts, issued_at=issued_at, draft=False).pdf)
    assert facts["complainant"]["phone"] not in text
    assert facts["complainant"]["name"] not in text
    assert "周某" in text


def test_documents_are_small(
    template_name: str,
    files: Files,
    renderer: PlainRenderer,
    sample: Callable[[str], dict[str, Any]],
    issued_at: datetime,
) -> None:
    rendered = renderer.render(files(template_name), sample(template_name), issued_at=issued_at, draft=False)
    assert len(rendered.pdf) < (150_000 if rendered.pages <= 2 else 250_000)
