"""Merging duplicates, taking finished cases up again, and finding cases that are alike."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from engine.casework import errors
from engine.journal import verify
from tests.engine.conftest import House
from tests.engine.procedures import chain, end, file, headers, lanes, process, properties, start, user

DESK = file(
    process(
        "desk",
        lanes(第一接待人="s take e"),
        start(),
        user("take", name="核对", ext=headers(similar_cases="yes")),
        end(),
        chain("s take e"),
        ext=properties(
            case_title="=product",
            case_complainant="=customer.name",
            case_phone="=customer.phone",
            case_product="=product",
            case_summary="=story",
            case_carried="customer, product, story, photos",
        ),
        name="受理",
    ),
    process(
        "back_office",
        lanes(客服部="s2 check e2"),
        start("s2"),
        user("check", name="复核", ext=headers(similar_cases="yes")),
        end("e2"),
        chain("s2 check e2"),
        ext=properties(case_complainant="=customer.name", case_phone="=customer.phone", case_summary="=story"),
        name="复核",
    ),
    name="desk",
)
STORY = "昨天在贵店买的燃气灶打不着火，打电话没有人接，要求退货退款。"
TOLD_AGAIN = "前天在贵店买的燃气灶打不着火，打了几次电话都没人接，要求退货退款！"
OTHER = "三楼卫生间的地面很滑，请放一块提示牌，谢谢。"


@pytest.fixture
def desk(house: House) -> House:
    house.deploy(DESK)
    return house


def complain(house: House, *, process: str = "desk", by: str = "alice", **facts: Any) -> int:
    given = {"customer": {"name": "林雨", "phone": "13812345678"}, "product": "燃气灶", "story": STORY, "photos": None}
    return house.casework.start_case(process, given | facts, by=by).key


def number(house: House, key: int) -> str:
    return house.worklist.case(key, house.person("root")).case.number


def photo(house: House, case_key: int) -> dict[str, Any]:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    return house.casework.attach(by="alice", name="灶台.png", content=out.getvalue(), case_key=case_key).as_answer()


def found(house: House, key: int, by: str = "alice") -> dict[int | None, Any]:
    [item] = house.open(key).values()
    return {other.key: other for other in house.worklist.similar(item, house.person(by))}


class TestSimilar:
    def test_the_same_matter_told_again_by_somebody_else(self, desk: House) -> None:
        first = complain(desk)
        again = complain(desk, customer={"name": "林先生", "phone": "13900001111"}, story=TOLD_AGAIN)
        other = found(desk, again)[first]
        assert other.probably_same
        assert [reason.partition("（")[0] for reason in other.reasons] == ["事项相近", "经过相近"]

    def test_the_same_persons_other_matter(self, desk: House) -> None:
        first = complain(desk)
        later = complain(desk, product="提示牌", story=OTHER)
        other = found(desk, later)[first]
        assert not other.probably_same
        assert other.reasons == ("电话相同", "姓名相同")

    def test_an_ended_case_is_never_the_same_matter(self, desk: House) -> None:
        first = complain(desk)
        [item] = desk.open(first).values()
        desk.casework.complete_task(item, {}, by="alice")
        assert not found(desk, complain(desk))[first].probably_same

    def test_what_only_chance_brings_together_is_not_shown(self, desk: House) -> None:
        complain(desk)
        assert found(desk, complain(desk, customer={"name": "王敏", "phone": "13700002222"}, story=OTHER)) == {}

    def test_nobodys_name_is_no_reason(self, desk: House) -> None:
        nobody = {"name": "未具名", "phone": ""}
        complain(desk, customer=nobody, product="燃气灶")
        assert found(desk, complain(desk, customer=nobody, product="燃气灶", story=OTHER)) == {}

    def test_others_cases_are_masked(self, desk: House) -> None:
        mine = complain(desk)
        theirs = complain(desk, process="back_office", by="carol")
        [other] = found(desk, mine).values()
        assert (other.key, other.title, other.complainant) == (None, "", "林*")
        assert other.number == number(desk, theirs)

    def test_only_who_may_do_the_task_is_told(self, desk: House) -> None:
        key = complain(desk)
        [item] = desk.open(key).values()
        with pytest.raises(errors.NotAllowed):
            desk.worklist.similar(item, desk.person("auditor"))
        with pytest.raises(errors.NotFound):
            desk.worklist.similar(item, desk.person("charlie"))

    def test_what_is_being_typed_counts(self, desk: House) -> None:
        first = complain(desk)
        empty = complain(desk, customer=None, product=None, story=None)
        [item] = desk.open(empty).values()
        assert found(desk, empty) == {}
        desk.casework.save_draft(item, {"customer": {"name": "林雨", "phone": "138 1234 5678"}}, by="alice")
        assert set(found(desk, empty)) == {first}


class TestMerging:
    def test_the_duplicate_ends_and_points_to_the_other(self, desk: House) -> None:
        main, duplicate = complain(desk), complain(desk)
        file = photo(desk, duplicate)
        assert desk.casework.merge_case(duplicate, number(desk, main).lower(), "同一件事", by="bob") == main
        view = desk.worklist.case(duplicate, desk.person("alice"))
        assert view.case.state == "CANCELED"
        assert [(link.kind, link.key) for link in view.links] == [("merged_into", main)]
        assert not view.may_reopen
        [link] = desk.worklist.case(main, desk.person("alice")).links
        assert (link.kind, link.number, link.made_by_name) == ("took_in", number(desk, duplicate), "王博")
        assert [str(one.key) for one in link.attachments] == [file["key"]]
        assert "case:merged" in desk.events(duplicate)
        assert "case:took_in" in desk.events(main)
        for key in (main, duplicate):
            assert verify(desk.database, key).intact

    def test_the_others_people_open_the_duplicates_files(self, desk: House) -> None:
        main = complain(desk, process="back_office", by="carol")
        duplicate = complain(desk)
        file = photo(desk, duplicate)
        carol = desk.person("carol")
        with pytest.raises(errors.NotFound):
            desk.worklist.attachment(int(file["key"]), carol)
        desk.casework.merge_case(duplicate, number(desk, main), "同一件事", by="root")
        assert desk.worklist.attachment(int(file["key"]), carol).name == "灶台.png"
        with pytest.raises(errors.NotFound):
            desk.worklist.attachment(int(file["key"]), desk.person("charlie"))

    @pytest.mark.parametrize(
        ("by", "refusal"),
        [("charlie", errors.NotFound), ("carol", errors.NotFound), ("auditor", errors.NotAllowed)],
    )
    def test_not_by_everybody(self, desk: House, by: str, refusal: type[Exception]) -> None:
        main, duplicate = complain(desk), complain(desk)
        with pytest.raises(refusal):
            desk.casework.merge_case(duplicate, number(desk, main), "同一件事", by=by)

    def test_only_into_a_case_one_may_see(self, desk: House) -> None:
        hidden = complain(desk, process="back_office", by="carol")
        with pytest.raises(errors.NotFound):
            desk.casework.merge_case(complain(desk), number(desk, hidden), "同一件事", by="alice")

    def test_what_cannot_be_merged(self, desk: House) -> None:
        main, duplicate = complain(desk), complain(desk)
        with pytest.raises(errors.Invalid):
            desk.casework.merge_case(main, number(desk, main), "同一件事", by="alice")
        with pytest.raises(errors.Invalid):
            desk.casework.merge_case(duplicate, number(desk, main), "  ", by="alice")
        with pytest.raises(errors.NotFound):
            desk.casework.merge_case(duplicate, "HJ-NOTHING", "同一件事", by="alice")
        desk.casework.merge_case(duplicate, number(desk, main), "同一件事", by="alice")
        with pytest.raises(errors.CaseEnded):
            desk.casework.merge_case(duplicate, number(desk, main), "同一件事", by="alice")
        with pytest.raises(errors.Invalid):
            desk.casework.merge_case(main, number(desk, duplicate), "同一件事", by="alice")


class TestReopening:
    def finished(self, desk: House, **facts: Any) -> int:
        key = complain(desk, **facts)
        [item] = desk.open(key).values()
        file = photo(desk, key)
        desk.casework.complete_task(item, {"photos": [file], "verdict": "已退货"}, by="alice")
        return key

    def test_a_new_case_takes_it_up(self, desk: House) -> None:
        old = self.finished(desk)
        new = desk.casework.reopen_case(old, "顾客又来电，问题没有解决", by="bob")
        view = desk.worklist.case(new.key, desk.person("alice"))
        assert view.variables["customer"] == {"name": "林雨", "phone": "13812345678"}
        assert view.variables["reopened"] == {"number": number(desk, old), "reason": "顾客又来电，问题没有解决"}
        assert "verdict" not in view.variables  # what the old one decided is its own
        [copy] = view.attachments
        assert view.variables["photos"][0]["key"] == str(copy.key)
        [item] = desk.open(new.key).values()
        desk.casework.complete_task(item, {"photos": view.variables["photos"]}, by="bob")  # and may be answered again
        assert [(link.kind, link.key) for link in view.links] == [("follows", old)]
        ended = desk.worklist.case(old, desk.person("alice"))
        assert [(link.kind, link.key) for link in ended.links] == [("reopened_as", new.key)]
        assert not ended.may_reopen
        assert "case:reopened" in desk.events(old)

    def test_once_only_and_only_what_has_ended(self, desk: House) -> None:
        running = complain(desk)
        with pytest.raises(errors.Conflict):
            desk.casework.reopen_case(running, "再办", by="alice")
        old = self.finished(desk)
        desk.casework.reopen_case(old, "再办", by="alice")
        with pytest.raises(errors.Conflict):
            desk.casework.reopen_case(old, "再办", by="alice")

    def test_a_duplicate_is_not_reopened(self, desk: House) -> None:
        main, duplicate = complain(desk), complain(desk)
        desk.casework.merge_case(duplicate, number(desk, main), "同一件事", by="alice")
        with pytest.raises(errors.Conflict):
            desk.casework.reopen_case(duplicate, "再办", by="alice")

    @pytest.mark.parametrize(("by", "refusal"), [("charlie", errors.NotFound), ("auditor", errors.NotAllowed)])
    def test_not_by_everybody(self, desk: House, by: str, refusal: type[Exception]) -> None:
        with pytest.raises(refusal):
            desk.casework.reopen_case(self.finished(desk), "再办", by=by)
