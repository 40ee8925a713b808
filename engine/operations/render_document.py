"""Render a document: facts and number are frozen in the step that reaches the task, the PDF follows.

The job's inputs are the facts. Headers: `template` names the folder under documents/templates/; `draft` = "true"
gives a watermarked draft without a number; `series` overrides the number pattern of the template's meta.yaml;
`result_variable` (default: the template's name) receives {"key", "number", "title", "check_code"}.

An input `org` says who issues where that is not the house itself: it is laid over the house's own facts, and its `code`
stands for {org} in the number.

A template whose meta.yaml names the fact `deadlines` finds the case's deadlines there (see `case_deadlines`).

The template finds its own particulars in the fact `document`: {"number", "check_code", "issued_at", "case_number",
"draft"}.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml

from engine.errors import EngineError
from engine.files import FileStore
from engine.operations import (
    Job,
    Operation,
    OperationFailed,
    OperationTransaction,
    Parameter,
    result_variable,
)
from engine.ports import Renderer

_FOLDER = "documents/templates/"


class RenderDocument(Operation):
    type = "render_document"
    label = "生成文书"
    headers = (
        Parameter("template", "文书模板", required=True, description="documents/templates/ 下的文件夹名"),
        Parameter("draft", "仅为草稿", default="false", description="true：加水印，不编号"),
        Parameter("series", "编号格式", description="不填则用模板 meta.yaml 的 series"),
        Parameter("result_variable", "结果变量", description="不填则用模板名"),
    )

    def __init__(self, renderer: Renderer, file_store: FileStore, *, org: Mapping[str, str]) -> None:
        """`org`: who issues, the facts every template finds under `org` (a task's own `org` input adds to them)."""
        self._renderer = renderer
        self._files = file_store
        self._org = dict(org)

    def prepare(self, tx: OperationTransaction, job: Job) -> dict[str, Any]:
        template = _template(job)
        meta = _meta(job, template)
        draft = _is_draft(job)
        series = job.headers.get("series", "").strip() or str(meta.get("series") or "").strip()
        if not draft and not series:
            raise OperationFailed(f"文书模板“{template}”没有编号格式：请在 meta.yaml 填写 series。", permanent=True)
        issuer = _mapping(job.inputs.get("org"))
        issued = tx.issue_document(
            job,
            template=template,
            title=str(meta.get("title") or template),
            facts={**job.inputs, "org": {**self._org, **issuer}, **_system_facts(tx, job, meta)},
            series=None if draft else _numbered_by(issuer, series),
        )
        return dict(issued)

    def perform(self, job: Job) -> dict[str, Any]:
        document = job.prepared
        try:
            rendered = self._renderer.render(
                _files(job, document["template"]),
                document["facts"],
                issued_at=datetime.fromisoformat(document["issued_at"]),
                draft=bool(document["draft"]),
            )
        except EngineError:
            raise
        except Exception as error:
            # The documents room has its own errors, with a sentence for the reader, and is not known here.
            sentence = getattr(error, "message", None)
            if not isinstance(sentence, str):
                raise
            permanent = bool(getattr(error, "permanent", False))
            raise OperationFailed(sentence, permanent=permanent) from error
        sha256 = self._files.write(rendered.pdf)
        return {"sha256": sha256, "pages": rendered.pages, "size": len(rendered.pdf)}

    def complete(self, tx: OperationTransaction, job: Job, result: dict[str, Any]) -> dict[str, Any]:
        document = job.prepared
        tx.finish_document(int(document["key"]), sha256=result["sha256"], pages=result["pages"], size=result["size"])
        told = {name: document[name] for name in ("key", "number", "title", "check_code")}
        return {result_variable(job, _template(job)): told}


def _numbered_by(issuer: Mapping[str, Any], series: str) -> str:
    """Return the pattern with {org} filled in by the `code` of the task's own `org`, where it gives one."""
    code = str(issuer.get("code") or "")
    return series.replace("{org}", code) if code and not set(code) & set("{}") else series


def _system_facts(tx: OperationTransaction, job: Job, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the case's deadlines for a template whose meta.yaml names the fact `deadlines`."""
    wanted = _mapping(_mapping(meta.get("facts")).get("properties"))
    asked = "deadlines" in wanted and "deadlines" not in job.inputs
    return {"deadlines": tx.case_deadlines(job)} if asked else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _template(job: Job) -> str:
    name = job.headers.get("template", "").strip()
    if not name or "/" in name:
        raise OperationFailed("任务没有写明文书模板：请填写 template。", permanent=True)
    return name


def _files(job: Job, template: str) -> Mapping[str, bytes]:
    """Return the template's own files by their names, and what templates share as `_shared/<file>`."""
    own, shared = f"{_FOLDER}{template}/", f"{_FOLDER}_shared/"
    return {path.removeprefix(own): data for path, data in job.files.items() if path.startswith(own)} | {
        path.removeprefix(_FOLDER): data for path, data in job.files.items() if path.startswith(shared)
    }


def _meta(job: Job, template: str) -> Mapping[str, Any]:
    files = _files(job, template)
    if "meta.yaml" not in files:
        raise OperationFailed(f"没有文书模板“{template}”（缺少 meta.yaml）。", permanent=True)
    try:
        meta = yaml.safe_load(files["meta.yaml"])
    except yaml.YAMLError as error:
        raise OperationFailed(f"文书模板“{template}”的 meta.yaml 无法读取。", permanent=True) from error
    return meta if isinstance(meta, dict) else {}


def _is_draft(job: Job) -> bool:
    return job.headers.get("draft", "").strip().lower() == "true"
