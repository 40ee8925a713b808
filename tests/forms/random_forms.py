"""Random forms with data, to compare the server's reading with form-js's."""

from __future__ import annotations

from random import Random
from typing import Any

OPTIONS = [{"label": label, "value": label.lower()} for label in ("Y", "Q", "Z")]
CONDITIONS = (
    '=a = "y"',
    "=b > 3",
    '=not(a = "y")',
    "=c",
    "=d = null",
    "=x != null",
    '="y"',
    "=count(l) > 1",
    "=a = null",
    '=g.e = "z"',
    '=some r in l satisfies r.p = "q"',
    "=-",
    "=true",
    "=false",
    "=>3",
    '=a = ""',
    '=a = "y" or b > 3',
    '=list contains(["y", "q"], a)',
)
ROW_CONDITIONS = (
    '=this.p = "q"',
    "=i[1] = 2",
    '=parent.a = "y"',
    "=this.n > 2",
    "=_this_.p = null",
    '=a = "y"',
    '=parent.this.a = "y"',
)
TYPES = (
    "textfield",
    "textarea",
    "number",
    "number",
    "checkbox",
    "radio",
    "select",
    "checklist",
    "datetime",
    "taglist",
    "expression",
)
MOMENTS = {"date": "2026-02-03", "time": "10:30", "datetime": "2026-02-03T10:30"}
VALUES: dict[str, tuple[Any, ...]] = {
    "checklist": (None, [], ["y"], ["y", "q"], ["w"]),
    "taglist": (None, [], ["y"], ["y", "q"], ["w"]),
    "number": (None, 1, 4, 7.25, "7.5", "12", ""),
    "expression": (None, 1),
    "radio": (None, "y", "q", "w", ""),
    "select": (None, "y", "q", "w", ""),
    "datetime": (None, *MOMENTS.values()),
    "checkbox": (None, True, False, "y"),
    "textfield": ("y", "q", "", None, 4, "abc", "toolongtext", "a@b.cn", "两 字", " y "),
}


class RandomForm:
    """One form: `components` and `data`."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a test's examples, not a secret
        self.types: dict[str, Any] = {}
        self.components = [self.field(key) for key in ("a", "b", "c", "d", "g.e", "x") if self.chance(0.75)]
        if self.chance(0.5):
            self.components.append(self.group())
        if self.chance(0.6):
            self.components.append(self.rows())
        self.unchain(self.components)
        self.data = self.variables()

    def unchain(self, components: list[dict[str, Any]]) -> None:
        """Let no computed field depend on another: form-js may stop before the second follows the first."""
        for component in components:
            self.unchain(component.get("components", []))
            text = component.get("expression", "")
            if any(self.types.get(key) == "expression" and key in text for key in ("a", "b", "c")):
                component["expression"] = "=sum([1, 2])"

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def field(self, key: str, within: str = "", row: bool = False) -> dict[str, Any]:
        kind = self.random.choice(TYPES)
        validate: dict[str, Any] = {}
        component: dict[str, Any] = {"type": kind, "key": key, "label": key, "validate": validate}
        self.types[within + key] = kind
        {"number": self.number, "expression": self.expression, "datetime": self.moment}.get(
            kind, self.choice if kind in ("radio", "select", "checklist", "taglist") else self.text
        )(component, validate)
        if self.chance(0.4):
            validate["required"] = True
        if kind != "expression" and self.chance(0.15):
            component["readonly"] = self.random.choice([True, '=a = "y"', "=b > 3"])
        # In a row the server keeps what the case has, where form-js would lose it.
        if kind != "expression" and not row and self.chance(0.07):
            component["disabled"] = True
        if kind != "expression" and self.chance(0.15):
            component["defaultValue"] = self.default(component)
        return self.hidden(component, row)

    def hidden(self, component: dict[str, Any], row: bool = False) -> dict[str, Any]:
        if self.chance(0.45):
            component["conditional"] = {"hide": self.random.choice(ROW_CONDITIONS if row else CONDITIONS)}
        return component

    def number(self, component: dict[str, Any], validate: dict[str, Any]) -> None:
        if self.chance(0.5):
            component["serializeToString"] = True
        if self.chance(0.5):
            component["decimalDigits"] = self.random.choice([0, 2])
        if self.chance(0.4):
            validate |= {"min": self.random.choice([1, "=count(l)"]), "max": self.random.choice([5, "9"])}
        if self.chance(0.2):
            component["increment"] = self.random.choice([0.5, 2])

    def expression(self, component: dict[str, Any], validate: dict[str, Any]) -> None:
        texts = ("=b", "=a", '=if b > 2 then "q" else "y"', "=sum([1, 2])", "=c")
        component["expression"] = self.random.choice(texts)
        component["computeOn"] = self.random.choice(["change", "presubmit"])

    def moment(self, component: dict[str, Any], validate: dict[str, Any]) -> None:
        component["subtype"] = self.random.choice(list(MOMENTS))

    def choice(self, component: dict[str, Any], validate: dict[str, Any]) -> None:
        sources = ({"values": OPTIONS}, {"values": OPTIONS}, {"valuesKey": "o"}, {"valuesExpression": "=o"})
        component |= self.random.choice(sources)

    def text(self, component: dict[str, Any], validate: dict[str, Any]) -> None:
        if component["type"] == "checkbox":
            return
        limits = {"minLength": 2, "maxLength": 3, "pattern": "^[a-z]+$", "validationType": "email"}
        validate |= {name: limit for name, limit in limits.items() if self.chance(0.2)}

    def default(self, component: dict[str, Any]) -> Any:
        if component["type"] == "datetime":
            return MOMENTS[component["subtype"]]
        known = {"number": 4, "checkbox": True, "checklist": ["y"], "taglist": ["q"]}
        return known.get(component["type"], "y")

    def group(self) -> dict[str, Any]:
        path = self.random.choice(["", "h"])
        within = f"{path}." if path else ""
        components = [self.field("k1", within), self.field("k2.z", within)]
        return self.hidden({"type": "group", "label": "G", "path": path, "components": components})

    def rows(self) -> dict[str, Any]:
        components = [self.field("p", "l.", True), self.field("n", "l.", True)]
        repetitions = self.random.choice([0, 1, 2])
        rows = {"type": "dynamiclist", "label": "L", "path": "l", "components": components}
        return self.hidden(rows | {"defaultRepetitions": repetitions, "isRepeating": True, "allowAddRemove": True})

    def value(self, key: str) -> Any:
        kind = self.types.get(key, "textfield")
        return self.random.choice(VALUES.get(kind, VALUES["textfield"]))

    def variables(self) -> dict[str, Any]:
        data: dict[str, Any] = {key: self.value(key) for key in ("a", "b", "c", "d", "x", "k1") if self.chance(0.7)}
        for holder, key in (("g", "e"), ("h", "k1")):
            if self.chance(0.5):
                data[holder] = {key: self.value(f"{holder}.{key}")}
        if self.chance(0.5):
            count = self.random.randint(0, 3)
            data["l"] = [{key: self.value(f"l.{key}") for key in "pn" if self.chance(0.8)} for _ in range(count)]
        data["o"] = self.random.choice([["y", "q"], [{"label": "A", "value": "y"}], None])
        if "expression" in self.types.values():
            # form-js drops a choice that is no option after computing with it, and may not compute again.
            data["o"] = ["y", "q", "w"]
        return data
