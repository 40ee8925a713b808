"""The facts of a document: checked against the schema in meta.yaml, named in Chinese where one is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import jsonschema_rs
from markupsafe import Markup, escape

from documents import amounts, characters, moments
from documents.errors import DocumentError, MissingFact, WrongFact

Schema = Mapping[str, Any]
TYPES = {
    "string": "文字",
    "number": "数字",
    "integer": "整数",
    "boolean": "是或否",
    "array": "清单",
    "object": "一组事实",
    "null": "空",
}


class Absent(dict[str, Any]):
    """An optional group of facts that was not given: false, and each of its facts is None."""

    def __bool__(self) -> bool:
        return False


class Missing(str):
    """Stands for a missing fact in a preview, where it is shown in red."""

    __slots__ = ()

    def __html__(self) -> str:
        return Markup('<strong class="missing">［缺少：{}］</strong>').format(escape(str(self)))


def plain(value: Any) -> Any:
    """Return facts as JSON values, without what was not filled in.

    Nothing (null) and an empty text are the same as a fact not given: forms send both.
    """
    if isinstance(value, Mapping):
        items = ((str(key), plain(inner)) for key, inner in value.items())
        return {key: inner for key, inner in items if inner is not None}
    if isinstance(value, (list, tuple)):
        return [inner for inner in map(plain, value) if inner is not None]
    if isinstance(value, str):
        return value if value.strip() else None
    return as_json(value)


def as_json(value: Any) -> Any:
    """Return facts as JSON values, complete: Decimals, dates and times become strings, tuples lists."""
    if isinstance(value, Mapping):
        return {str(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(inner) for inner in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


class FactSchema:
    """The `facts` of a meta.yaml with the shared definitions laid under it."""

    def __init__(self, schema: Schema, definitions: Mapping[str, Any]) -> None:
        """Raise ValueError, in Chinese, where the schema itself is wrong."""
        self.schema: Schema = {
            **schema,
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": {**definitions, **schema.get("$defs", {})},
        }
        self._defines(self.schema)
        try:
            self._validator = jsonschema_rs.validator_for(
                dict(self.schema),
                formats={"money": _is(amounts.amount), "moment": _is(moments.moment)},
                validate_formats=True,
                retriever=_never,
            )
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise ValueError(f"facts 不是正确的 JSON Schema：{error}") from error

    def _defines(self, node: Any) -> None:
        """Raise ValueError for a reference that leads nowhere or outside."""
        if isinstance(node, Mapping):
            if isinstance(node.get("$ref"), str):
                self.resolve(node)
            for keyword in ("$dynamicRef", "$recursiveRef", "$id", "$anchor", "$vocabulary"):
                if keyword in node:
                    raise ValueError(f"facts 不得使用 {keyword}")
            for inner in node.values():
                self._defines(inner)
        elif isinstance(node, list):
            for inner in node:
                self._defines(inner)

    def resolve(self, node: Schema) -> Schema:
        """Return the schema a reference stands for, keywords beside the reference winning."""
        for _ in range(32):
            reference = node.get("$ref")
            if reference is None:
                return node
            name = str(reference).removeprefix("#/$defs/")
            target = self.schema["$defs"].get(name)
            if not str(reference).startswith("#/$defs/") or not isinstance(target, Mapping):
                raise ValueError(f"facts 引用了没有定义的类型“{reference}”")
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        raise ValueError("facts 的 $ref 循环引用")

    def name(self, path: Sequence[object]) -> str:
        """Return what the fact at `path` is called, e.g. 赔偿明细第2项的金额."""
        node, said = self.schema, ""
        for key in path:
            node = self.resolve(node)
            if isinstance(key, int) or str(key).isdigit():
                node = node.get("items", {})
                said += f"第{int(str(key)) + 1}项"
                continue
            node = node.get("properties", {}).get(str(key), {})
            title = str(self.resolve(node).get("description", key)).split("（")[0].split("：")[0]
            said = f"{said}的{title}" if said.endswith("项") else title
        return said or "事实"

    def problems(self, facts: Mapping[str, Any]) -> Iterator[DocumentError]:
        """Yield an error for everything wrong with plain `facts`: characters, missing facts, the rest."""
        for path, text in characters.strings(facts):
            try:
                characters.refuse(text, self.name(path))
            except DocumentError as problem:
                yield problem
        found = list(self._validator.iter_errors(facts))
        for error in sorted(found, key=lambda one: one.kind.name not in ("required", "anyOf")):
            yield self._problem(error)

    def _problem(self, error: jsonschema_rs.ValidationError) -> DocumentError:
        path = [*error.instance_path]
        kind = error.kind
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
            path.append(kind.property)
            return MissingFact(name=self.name(path), path=".".join(map(str, path)))
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.AnyOf):
            wanted = [
                self.name([*path, one.kind.property])
                for alternative in kind.context
                for one in alternative
                if isinstance(one.kind, jsonschema_rs.ValidationErrorKind.Required)
            ]
            if wanted:
                return MissingFact(name="或".join(wanted), path=".".join(map(str, path)))
        return WrongFact(name=self.name(path), path=".".join(map(str, path)), cause=self._cause(error))

    def _cause(self, error: jsonschema_rs.ValidationError) -> str:
        kind = error.kind
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.Format):
            try:
                (amounts.amount if kind.format == "money" else moments.moment)(error.instance)
            except ValueError as cause:
                return str(cause)
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.Type):
            return f"应当是{'或'.join(TYPES.get(name, name) for name in kind.types)}"
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.Enum):
            return f"“{error.instance}”不在可选的值里（{'、'.join(map(str, kind.options))}）"
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.MinItems):
            return f"至少要有 {kind.limit} 项"
        return str(error.message)

    def complete(self, facts: Mapping[str, Any], *, preview: bool = False) -> dict[str, Any]:
        """Return plain `facts` with every optional fact the schema knows and that was not given as None.

        Groups not given are `Absent`, lists not given are empty. With `preview`, required facts not given
        become `Missing`.
        """
        return self._complete_group(self.schema, facts, False, preview)

    def _complete(self, node: Schema, value: Any, name: str, preview: bool) -> Any:
        node = self.resolve(node)
        kind = node.get("type")
        if value is None and name and preview and kind not in ("object", "array"):
            return Missing(name)
        if isinstance(value, list):
            return [self._complete(node.get("items", {}), inner, "", preview) for inner in value]
        if value is None and kind == "array":
            return []
        if kind == "object" or isinstance(value, dict):
            return self._complete_group(node, value, bool(name), preview)
        return value

    def _complete_group(
        self, node: Schema, value: Mapping[str, Any] | None, wanted: bool, preview: bool
    ) -> dict[str, Any]:
        required = node.get("required", ()) if value is not None or wanted else ()
        group: dict[str, Any] = Absent() if value is None and not (wanted and preview) else {}
        for key, inner in node.get("properties", {}).items():
            title = self.resolve(inner).get("description", key) if key in required else ""
            group[key] = self._complete(inner, (value or {}).get(key), str(title).split("（")[0], preview)
        for key, inner in (value or {}).items():
            group.setdefault(key, inner)
        return group


def _never(address: str) -> Any:
    """Fetch nothing: a schema refers to its own definitions only."""
    raise ValueError(f"facts 不得引用外部的 Schema“{address}”")


def _is(read: Any) -> Any:
    def valid(value: str) -> bool:
        try:
            read(value)
        except ValueError:
            return False
        return True

    return valid
