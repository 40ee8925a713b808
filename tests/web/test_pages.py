"""Every page against the real engine: what is on it, where a press leads, what goes wrong in plain words."""

from __future__ import annotations

import html
import io
import json
from datetime import timedelta

from tests.web.office import FILLED, REFUND, Office, words


def test_work_list_shows_task_deadline_and_who(office: Office) -> None:
    office.register()
    page = words(office.client("bob").get("/tasks"))
    assert "对照票据" in page
    assert "退款 嵌入式燃气灶" in page
    assert "客服部" in page
    assert "领取" in page


def test_overdue_is_said_in_words_and_stands_first(office: Office) -> None:
    client = office.client("anna")
    client.post("/start/refund")
    office.clock.advance(timedelta(hours=5))
    client.post("/start/refund")
    page = words(client.get("/tasks"))
    assert page.index("已超期 1小时") < page.index("剩 4小时")
    assert "已超期 1" in words(client.get("/tasks?urgency=overdue"))


def test_text_filter_is_posted_and_kept(office: Office) -> None:
    office.register()
    office.register(product={"name": "空调"})
    client = office.client("bob")
    page = words(client.post("/tasks", {"text": "空调"}))
    assert "退款 空调" in page
    assert "退款 嵌入式燃气灶" not in page
    assert "没有符合条件的任务" in words(client.post("/tasks", {"text": "洗衣机"}))


def test_group_filter_never_shows_more_than_ones_own(office: Office) -> None:
    office.register()
    assert "对照票据" in words(office.client("anna").get("/tasks?group=客服部"))
    assert "对照票据" not in words(office.client("anna").get("/tasks?group=第一接待人"))
    assert "对照票据" not in words(office.client("charlie").get("/tasks?group=客服部"))


def test_claim_release_and_back_to_the_list(office: Office) -> None:
    task = office.open_tasks(office.register())["compare"]
    client = office.client("bob")
    back = client.post(f"/tasks/{task}/claim", {"next": "/tasks?scope=groups"})
    assert (back.status_code, back.location) == (303, "/tasks?scope=groups")
    assert "我在办" in words(client.get(f"/tasks/{task}"))
    taken = office.client("anna").post(f"/tasks/{task}/claim")
    assert taken.status_code == 409
    assert "鲍勃" in words(taken)
    assert client.post(f"/tasks/{task}/release").status_code == 303
    assert "领取任务" in words(client.get(f"/tasks/{task}"))


def test_assign_to_a_colleague(office: Office) -> None:
    task = office.open_tasks(office.register())["compare"]
    assert office.client("bob").post(f"/tasks/{task}/assign", {"to": "anna"}).status_code == 303
    assert "我在办" in words(office.client("anna").get(f"/tasks/{task}"))


def test_start_lists_what_one_may_start_with_the_diagrams_words(office: Office) -> None:
    page = words(office.client("anna").get("/start"))
    assert "小额退款" in page
    assert "登记、核对、审批，出具交接单" in page
    assert "核对票据" not in page  # a called procedure is not started by hand
    assert "没有可以发起的流程" in words(office.client("charlie").get("/start"))
    assert office.client("charlie").post("/start/refund").status_code == 403
    assert office.client("charlie").post("/start/no_such_thing").status_code == 404


def test_start_leads_to_the_first_task(office: Office) -> None:
    client = office.client("anna")
    response = client.post("/start/refund")
    assert response.status_code == 303
    page = words(client.get(response.location))
    assert "案件 HJ-TK-202611-0001 已建立。" in page
    assert "登记退款" in page
    assert "公司规定第二条" in page  # the rule that set the deadline


def test_completing_leads_on_to_the_next_task_of_the_case(office: Office) -> None:
    client = office.client("anna")
    first = client.post("/start/refund").location
    onward = client.post(f"{first}/complete", {"answers": json.dumps(FILLED)})
    assert onward.status_code == 303
    page = words(client.get(onward.location))
    assert "“登记退款”已完成，接着办下一项。" in page
    assert "对照票据" in page


def test_wrong_answers_come_back_with_every_word_and_a_sentence_at_the_field(office: Office) -> None:
    client = office.client("anna")
    first = client.post("/start/refund").location
    typed = FILLED | {"amount": "900", "description": "坏了", "receipt": "yes"}
    page = client.post(f"{first}/complete", {"answers": json.dumps(typed)})
    assert page.status_code == 422
    form = json.loads(page.text.split('id="task-form-data">')[1].split("</script>")[0])
    assert form["data"]["complainant"] == {"name": "林女士", "phone": "13812345678"}
    assert form["data"]["description"] == "坏了"
    assert set(form["errors"]) == {"amount", "description", "receipt_no"}
    assert "有 3 处需要更正" in words(page)


def test_a_script_gets_the_same_refusal_as_json(office: Office) -> None:
    client = office.client("anna")
    first = client.post("/start/refund").location
    page = client.post(f"{first}/complete", {"answers": "{}"}, headers={"Accept": "application/json"})
    assert page.status_code == 422
    assert page.json["errors"]["complainant.name"]
    done = client.post(f"{first}/complete", {"answers": json.dumps(FILLED)}, headers={"Accept": "application/json"})
    assert done.json["location"].startswith("/tasks/")


def test_answers_that_are_no_json_are_refused_in_words(office: Office) -> None:
    client = office.client("anna")
    first = client.post("/start/refund").location
    for broken in ("{", "[]", '{"amount": NaN}', "[" * 100_000):
        assert client.post(f"{first}/complete", {"answers": broken}).status_code == 400


def test_draft_is_kept_and_given_back(office: Office) -> None:
    client = office.client("anna")
    first = client.post("/start/refund").location
    kept = client.post(f"{first}/draft", {"answers": json.dumps({"description": "写到一半"})})
    assert kept.json["saved_at"].startswith("2026-11-23T01:00")
    page = office.client("anna").get(first)
    assert "写到一半" in page.text
    assert "草稿保存于" in words(page)
    assert "有草稿" in words(client.get("/tasks"))


def test_a_task_done_by_somebody_else_says_who_and_when(office: Office) -> None:
    task = office.open_tasks(office.register())["compare"]
    assert office.client("bob").post(f"/tasks/{task}/complete", {"answers": '{"matches": true}'}).status_code == 303
    late = office.client("anna").post(f"/tasks/{task}/complete", {"answers": '{"matches": true}'})
    assert late.status_code == 409
    assert "任务已由鲍勃于2026年11月23日09:00办结" in words(late)
    assert "已完成 鲍勃" in words(office.client("anna").get(f"/tasks/{task}"))


def test_case_page_tells_the_history_in_the_forms_words(office: Office) -> None:
    case = office.register()
    page = words(office.client("bob").get(f"/cases/{case}"))
    for expected in (
        "林女士",
        "13812345678",
        "办结“登记退款”",
        "退款金额（元） 128.50",
        "有票据吗 没有",
        "对照票据",
    ):
        assert expected in page
    steps = words(office.client("bob").get(f"/cases/{case}?steps=all"))
    assert "到达“登记退款”" in steps or "通过“登记退款”" in steps


def test_diagrams_of_the_case_are_the_cases_own(office: Office) -> None:
    case = office.register()
    client = office.client("bob")
    page = client.get(f"/cases/{case}")
    diagrams = json.loads(page.text.split('id="diagram-data">')[1].split("</script>")[0])
    assert [diagram["process_id"] for diagram in diagrams] == ["refund", "refund_check"]
    assert "register" in diagrams[0]["finished"]
    assert diagrams[0]["current"] == ["check"]
    assert diagrams[1]["current"] == ["compare"]
    assert b"bpmn:definitions" in client.get(diagrams[1]["url"]).data
    assert client.get(f"/cases/{case}/diagrams/retail_major").status_code == 404


def test_comment_stands_in_the_history(office: Office) -> None:
    case = office.register()
    client = office.client("bob")
    assert client.post(f"/cases/{case}/comments", {"text": "顾客三点后方便接电话。"}).status_code == 303
    assert "顾客三点后方便接电话。" in words(client.get(f"/cases/{case}"))
    client.post(f"/cases/{case}/comments", {"text": "  "})
    assert "留言是空的，没有保存。" in words(client.get(f"/cases/{case}"))


def test_cancel_needs_a_reason_and_an_administrator(office: Office) -> None:
    case = office.register()
    assert office.client("bob").post(f"/cases/{case}/cancel", {"reason": "重复"}).status_code == 403
    admin = office.client("adam")
    admin.post(f"/cases/{case}/cancel", {"reason": " "})
    assert "请写明取消的原因" in words(admin.get(f"/cases/{case}"))
    admin.post(f"/cases/{case}/cancel", {"reason": "与 0002 重复登记"})
    page = words(admin.get(f"/cases/{case}"))
    assert "已取消" in page
    assert "与 0002 重复登记" in page


def test_search_finds_by_number_name_phone_and_product_without_an_address(office: Office) -> None:
    case = office.register()
    client = office.client("bob")
    for text in ("林女士", "13812345678", "燃气灶"):
        assert "HJ-TK-202611-0001" in words(client.post("/cases", {"text": text})), text
    assert client.post("/cases", {"text": "HJ-TK-202611-0001"}).location == f"/cases/{case}"
    assert "没有找到含“洗衣机”的案件" in words(client.post("/cases", {"text": "洗衣机"}))


def test_an_incident_is_named_with_its_cause_and_retried(office: Office) -> None:
    case = office.register()
    bob = office.client("bob")
    bob.post(f"/tasks/{office.open_tasks(case)['compare']}/complete", {"answers": '{"matches": true}'})
    bob.post(f"/tasks/{office.open_tasks(case)['approve']}/complete", {"answers": '{"agreed": "no"}'})
    page = words(office.client("adam").get("/incidents"))
    assert "同意?" in page
    assert "HJ-TK-202611-0001" in page
    admin = office.client("adam")
    shown = admin.get(f"/cases/{case}")
    assert "异常：同意?" in words(shown)
    retry = shown.text.split("/retry")[0].rpartition("/incidents/")[2]
    assert admin.post(f"/incidents/{retry}/retry").status_code == 303
    assert bob.post(f"/incidents/{retry}/retry").status_code == 403
    assert "没有异常" in words(office.client("charlie").get("/incidents"))


def test_deployments_are_listed_and_files_deployed(office: Office) -> None:
    owner = office.client("olga")
    assert "试验" in words(owner.get("/deployments"))
    assert office.client("bob").get("/deployments").status_code == 403


def test_auditor_checks_the_journal(office: Office) -> None:
    office.register()
    auditor = office.client("audra")
    assert "全部相符" in words(auditor.post("/audit/journal", {"number": "HJ-TK-202611-0001"}))
    assert "全部相符" in words(auditor.post("/audit/journal"))
    assert auditor.post("/audit/journal", {"number": "HJ-TK-202611-9999"}).status_code == 404
    assert office.client("bob").post("/audit/journal").status_code == 403


def test_calendar_says_which_days_differ_and_whose_word_that_is(office: Office) -> None:
    client = office.client("adam")
    page = words(client.get("/calendar?year=2026"))
    assert "2026-10-01" in page
    assert "chinesecalendar" in page
    assert "尚未公布" in words(client.get("/calendar?year=2029"))


def test_a_year_is_entered_as_the_notice_reads(office: Office) -> None:
    client = office.client("adam")
    year = {"year": "2029", "source": "国务院办公厅关于2029年部分节假日安排的通知"}
    typed = "1月1日 休息 元旦\n2月31日 休息 春节\n10月1日至10月3日 休息 国庆节\n10月6日 上班 国庆节调休"
    refused = client.post("/calendar", year | {"days": typed})
    assert refused.status_code == 422
    assert "第2行“2月31日 休息 春节”读不懂" in words(refused)
    assert typed in html.unescape(refused.text)  # nothing typed is lost
    assert "尚未公布" in words(client.get("/calendar?year=2029"))

    assert client.post("/calendar", year | {"days": typed.replace("2月31日", "2029-2-13")}).status_code == 303
    page = client.get("/calendar?year=2029")
    assert "2029-10-06 六 上班 国庆节调休 国务院办公厅关于2029年部分节假日安排的通知" in words(page)
    assert "10月1日至10月3日 休息 国庆节" in page.text  # as it can be entered again

    assert client.post("/calendar/drop", {"year": "2029"}).status_code == 303
    assert "尚未公布" in words(client.get("/calendar?year=2029"))


def test_english_pages(office: Office) -> None:
    client = office.client("bob")
    response = client.post("/language", {"language": "en", "next": "/tasks"})
    assert response.location == "/tasks"
    page = words(client.get("/tasks"))
    assert "My work" in page
    assert "Nothing to do right now." in page
    assert '<html lang="en">' in client.get("/tasks").text
    assert "待办" in words(office.client("bob").get("/tasks"))


def test_a_document_arrives_when_rendered_and_is_shown_in_place(office: Office) -> None:
    case = office.register()
    bob = office.client("bob")
    bob.post(f"/tasks/{office.open_tasks(case)['compare']}/complete", {"answers": '{"matches": true}'})
    bob.post(f"/tasks/{office.open_tasks(case)['approve']}/complete", {"answers": '{"agreed": "yes"}'})
    waiting = bob.get(f"/cases/{case}/documents")
    assert "生成中" in words(waiting)
    assert f'hx-get="/cases/{case}/documents"' in waiting.text
    assert bob.get("/documents/1/pdf").status_code == 409
    office.work()
    ready = bob.get(f"/cases/{case}/documents")
    assert "可查看" in words(ready)
    assert "hx-get" not in ready.text
    pdf = bob.get("/documents/1/pdf")
    assert pdf.data.startswith(b"%PDF-")
    assert pdf.headers["Content-Disposition"].startswith("inline")
    assert "frame-ancestors 'self'" in pdf.headers["Content-Security-Policy"]
    assert pdf.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert bob.get("/documents/1/pdf?save=1").headers["Content-Disposition"].startswith("attachment")
    proof = words(bob.get("/documents/1"))
    for expected in ("HJ-JJ-202611-0001", "校验码", "SHA-256", "林女士"):
        assert expected in proof
    register = words(office.client("audra").get("/audit/documents"))
    assert "投诉转办交接单" in register
    assert "HJ-TK-202611-0001" in register


def test_a_task_without_a_form_is_done_at_a_press(office: Office) -> None:
    case = office.register()
    bob = office.client("bob")
    bob.post(f"/tasks/{office.open_tasks(case)['compare']}/complete", {"answers": '{"matches": true}'})
    bob.post(f"/tasks/{office.open_tasks(case)['approve']}/complete", {"answers": '{"agreed": "yes"}'})
    office.work()
    pay = office.open_tasks(case)["pay"]
    page = bob.get(f"/tasks/{pay}")
    assert "这一步没有要填写的内容" in words(page)
    assert "task-form.mjs" not in page.text
    done = bob.post(f"/tasks/{pay}/complete")
    assert done.location == "/tasks"
    assert "案件 HJ-TK-202611-0001 办结。" in words(bob.get("/tasks"))
    assert "已办结" in words(bob.get(f"/cases/{case}"))


def upload(name: str, content: bytes) -> tuple[io.BytesIO, str]:
    return io.BytesIO(content), name


def test_an_owner_deploys_a_changed_diagram_and_running_cases_stay(office: Office) -> None:
    case = office.register()
    changed = (REFUND / "workflows/refund.bpmn").read_bytes().replace("登记退款".encode(), "登记退款申请".encode())
    owner = office.client("olga")
    done = owner.post("/deployments", {"files": upload("refund.bpmn", changed), "note": "改了任务名"})
    assert done.status_code == 303, words(done)
    page = words(owner.get("/deployments"))
    assert "改了任务名" in page
    assert "小额退款 第 2 版" in page
    assert "第 1 版" in words(office.client("bob").get(f"/cases/{case}"))
    anna = office.client("anna")
    assert "登记退款申请" in words(anna.get(anna.post("/start/refund").location))
    same = owner.post("/deployments", {"files": upload("refund.bpmn", changed)})
    assert same.status_code == 303
    assert "没有产生新版本" in words(owner.get("/deployments"))


def test_a_faulty_file_is_refused_by_name_and_element(office: Office) -> None:
    broken = (REFUND / "workflows/refund.bpmn").read_bytes().replace(b"refund.register", b"refund.registre")
    owner = office.client("olga")
    refused = owner.post("/deployments", {"files": upload("refund.bpmn", broken), "note": "试"})
    assert refused.status_code == 422
    page = words(refused)
    assert "没有部署" in page
    assert "workflows/refund.bpmn register" in page
    assert ">试</textarea>" in refused.text
    nowhere = owner.post("/deployments", {"files": upload("neu.form", b"{}")})
    assert "不知该放在哪里" in words(nowhere)
    assert "请先选择要部署的文件" in words(owner.post("/deployments", {"note": "x"}))
    assert office.client("bob").post("/deployments", {"files": upload("refund.bpmn", broken)}).status_code in {403, 422}
