"""What makes a password too easy to guess. Length counts most; there are no rules about kinds of characters.

After NIST SP 800-63B, 5.1.1.2: at least eight characters, none of those that everybody tries, nothing made of the
user's own name, no mere run or repetition.
"""

from __future__ import annotations

import re
import unicodedata

SHORTEST = 8
LONGEST = 200
"""Characters. Longer ones would only keep the hashing busy."""

_FEWEST_DIFFERENT = 4
_FEWEST_BESIDE_NAME = 5

_RUNS = (
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "147258369",
    "789456123",
)
_WORDS = (
    "password passwort passwd motdepasse contrasena mima wodemima administrator admin root user guest test default "
    "changeme letmein welcome hello login master superman batman dragon monkey shadow sunshine princess football "
    "baseball iloveyou loveyou love woaini woaini5201314 5201314 1314520 520520 woaiwojia wang zhang liming "
    "xiaoming zhongguo beijing shanghai china computer internet server oracle mysql secret private trustno freedom "
    "whatever summer winter spring autumn monday friday qwe asd zxc abc abcabc aaa qaz wsx qazwsx zaqxsw xsw hejie "
    "tousu kefu "
)
"""What people begin with before they add digits and marks."""
_COMMON = frozenset(_WORDS.split())

_LOOKALIKES = str.maketrans("@4031$57", "aaoeisst")
_LETTER = re.compile(r"[^\W\d_]")
_SHORT = 2
_SHORT_NUMBER = 4
_DATE = re.compile(r"(?:19|20)\d\d(?:0?[1-9]|1[0-2])(?:0?[1-9]|[12]\d|3[01])|(?:19|20)?\d\d(?:0[1-9]|1[0-2])\d\d")


def weakness(password: str, username: str) -> str | None:
    """Return what is wrong with a password in Chinese, None if nothing is."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"密码至少要有{SHORTEST}个字符，最多{LONGEST}个。"
    plain = unicodedata.normalize("NFKC", password).casefold()
    if len(set(plain)) < _FEWEST_DIFFERENT or _is_run(plain):
        return "这个密码太容易猜到：不要只用几个字符重复，也不要用连续的数字、字母或键盘顺序。"
    name = unicodedata.normalize("NFKC", username).casefold()
    if name and name in plain:
        beside = plain.replace(name, "")
        if len(beside) < _FEWEST_BESIDE_NAME or (not _LETTER.search(beside) and _is_common(beside)):
            return "这个密码太容易猜到：不要用用户名作密码，也不要只在用户名前后加几个字符。"
    if _is_common(plain) or _is_common(plain.translate(_LOOKALIKES)):
        return "这个密码太常见，很容易猜到，请换一个，例如几个不相干的词连起来。"
    return None


def _is_common(text: str) -> bool:
    """Say whether the text is at most one well-known word or run of letters, with guessable digits and marks."""
    words = [word for word in re.findall(r"[^\W\d_]+", text) if len(word) > _SHORT]
    numbers = re.findall(r"\d+", text)
    guessable = all(len(number) <= _SHORT_NUMBER or _DATE.fullmatch(number) or _is_run(number) for number in numbers)
    if not words:
        return guessable or text.isdigit()
    return guessable and len(words) == 1 and (words[0] in _COMMON or _is_run(words[0]))


def _is_run(text: str) -> bool:
    """Say whether the text is a stretch of one of the runs, forwards or backwards, or a few characters repeated."""
    if any(text in direction * 2 for run in _RUNS for direction in (run, run[::-1])):
        return True
    return any(text[:size] * (len(text) // size) == text for size in range(1, 5) if len(text) > size)
