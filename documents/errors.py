"""One family of errors. The docstring is the message, with the facts filled in; the facts are fields too."""

from __future__ import annotations

import inspect
from typing import Any


class DocumentError(Exception):
    """文书没有生成。"""

    #: Trying again with the same facts and the same template cannot succeed.
    permanent = True

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(inspect.cleandoc(type(self).__doc__ or "").format(**facts))

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["facts"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def message(self) -> str:
        """The sentence for the reader, in Chinese."""
        return str(self)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` makes the same error of, in another process."""
        return {"error": type(self).__name__, "facts": self.facts}


class TemplateInvalid(DocumentError):
    """文书模板有错误：{file} {cause}。"""


class TemplateFails(DocumentError):
    """文书模板 {file} 第 {line} 行不能执行：{cause}。请修改模板或者补填事实。"""


class MissingFact(DocumentError):
    """缺少事实“{name}”（{path}），文书不能出具。请补填后再试。"""


class WrongFact(DocumentError):
    """事实“{name}”（{path}）不能用：{cause}。请更正后再试。"""


class AmountsDiffer(DocumentError):
    """金额不一致：{what}为 {stated} 元，按明细应为 {computed} 元。请核对后再试。"""


class PrivateUseCharacter(DocumentError):
    """“{name}”里有自造字（{code}），别的电脑上不能显示。请换成标准字或者用拼音注明。"""


class MissingGlyph(DocumentError):
    """“{name}”里的字符“{character}”（{code}）没有字体可以印出。请改用其他写法，或者请管理员安装字体。"""


class ForbiddenResource(DocumentError):
    """文书模板不得引用外部资源：{url}。图片请用 data: 写在模板里。"""


class DocumentTooLarge(DocumentError):
    """文书太大：{cause}。请把长的内容改作附件。"""


class TimeLimitReached(DocumentError):
    """文书在 {seconds} 秒内没有生成完毕，已经停止。请检查模板里的循环和过长的内容。"""


class RendererStopped(DocumentError):
    """生成文书的进程意外退出（{cause}）。请稍后重试；再次失败请告知管理员。"""

    permanent = False


class FontsMissing(DocumentError):
    """没有找到文书所用的字体：{missing}。请运行 make 安装字体。"""

    permanent = False


def from_json(answer: dict[str, Any]) -> DocumentError:
    """Return the error that `to_json` wrote down; `RendererStopped` for a name that is none of ours."""
    kind = globals().get(answer["error"])
    if isinstance(kind, type) and issubclass(kind, DocumentError):
        return kind(**answer["facts"])
    return RendererStopped(cause=str(answer["error"]))
