from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from flask import Flask
from flask_babel import Babel

from engine.deployments import Bundle
from web.pages.deploy_paths import PlaceError, bundle_path

LATEST = Bundle.of(
    {
        "workflows/refund.bpmn": b"",
        "forms/refund/register.form": b"",
        "forms/other/approve.form": b"",
        "forms/refund/approve.form": b"",
        "documents/templates/receipt/style.css": b"",
    }
)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("refund.bpmn", "workflows/refund.bpmn"),
        ("new.dmn", "workflows/new.dmn"),
        ("register.form", "forms/refund/register.form"),
        ("refund/approve.form", "forms/refund/approve.form"),
        ("new_procedure/first.form", "forms/new_procedure/first.form"),
        ("checkout/forms/new/first.form", "forms/new/first.form"),
        ("receipt/style.css", "documents/templates/receipt/style.css"),
        ("/home/owner/documents/templates/receipt/meta.yaml", "documents/templates/receipt/meta.yaml"),
        ("../../workflows/refund.bpmn", "workflows/refund.bpmn"),
    ],
)
def test_where_a_file_belongs(name: str, path: str) -> None:
    assert bundle_path(PurePosixPath(name), LATEST) == path


@pytest.mark.parametrize(
    ("name", "words"), [("approve.form", "多个文件"), ("new.form", "不知该放在哪里"), ("meta.yaml", "不知")]
)
def test_what_nobody_can_tell(name: str, words: str) -> None:
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context(), pytest.raises(PlaceError, match=words):
        bundle_path(PurePosixPath(name), LATEST)
