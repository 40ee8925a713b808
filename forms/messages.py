"""What a person reads at a field: which one, what is wrong, what to do."""

from __future__ import annotations

from forms.components import MULTIPLE, SINGLE, Component

ENDINGS = "：:。.*＊ "
ASKING = "吗？?，,。"


def name(component: Component) -> str:
    """Return the label for a sentence, in quotation marks where it would read as part of the sentence."""
    label = component.label.strip(ENDINGS)
    if not label:
        return "此项"
    return f"“{label}”" if any(mark in label for mark in ASKING) or len(label) > 12 else label


def about(component: Component, objection: str) -> str:
    """Return `<label><objection>。`"""
    return f"{name(component)}{objection}。"


def required(component: Component) -> str:
    """Say that something must be entered."""
    if component.type in SINGLE | MULTIPLE:
        return f"请选择{name(component)}。"
    if component.type == "checkbox":
        label = component.label.strip(ENDINGS)
        return f"请勾选“{label}”。" if label else "请勾选此项。"
    if component.type == "filepicker":
        return f"请上传{name(component)}。"
    return f"请填写{name(component)}。"


def unreadable(component: Component) -> str:
    """Say that the value has no shape such a field could have."""
    return about(component, "的内容无法识别，请重新填写")


def not_a_moment(component: Component) -> str:
    """Say how a date or a time is written."""
    examples = {"time": "时间，例如 09:30", "datetime": "日期和时间，例如 2026-11-23T09:30"}
    subtype = str(component.attributes.get("subtype"))
    return about(component, f"不是有效的{examples.get(subtype, '日期，例如 2026-11-23')}")


def by_keyword(component: Component, keyword: str) -> str:
    """Return the sentence for a keyword of JSON Schema that a value does not satisfy."""
    if keyword == "pattern":
        return _pattern(component)
    if keyword == "const":
        return required(component)
    return about(component, OBJECTIONS.get(keyword, "的内容无法识别，请重新填写"))


OBJECTIONS = {
    "enum": "里没有所选的这一项，请重新选择",
    "uniqueItems": "里有一项选了两次，请移除一次",
    "maxItems": "的项数太多，请减少",
}


def _pattern(component: Component) -> str:
    if component.type == "datetime":
        return not_a_moment(component)
    own = component.validate.get("patternErrorMessage")
    return own if isinstance(own, str) and own.strip() else about(component, "的格式不对，请按说明填写")
