"""Ways out of the house for a notice: mail where a server is configured, else the case's own history."""

from __future__ import annotations

import logging
import smtplib
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

from engine.errors import EngineError
from engine.ports import Notifier
from web.settings import Settings

_log = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 20


class DeliveryFailed(EngineError):
    """通知暂时没有送达，稍后会自动重试。"""


class HistoryNotifier:
    """Sends nothing: the notice stands in the case's history, where its receivers see it."""

    def send(self, *, to: str, subject: str, body: str, idempotency_key: str) -> None:
        _log.info("notice %s stays in the case's history: no mail server is configured", idempotency_key)


class MailNotifier:
    """Sends mail. The key becomes the Message-ID, so that a mail server or reader can drop a repeated one."""

    def __init__(self, url: str) -> None:
        """`url` is `smtp://user:password@host:port?from=address` or `smtps://…` (TLS from the beginning)."""
        parts = urlsplit(url)
        self._tls = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (465 if self._tls else 25)
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = parse_qs(parts.query).get("from", [f"hejie@{self._host}"])[0]

    def send(self, *, to: str, subject: str, body: str, idempotency_key: str) -> None:
        """Hand the mail to the server. Receivers that are no address (groups) are left to the case's history.

        Raise `DeliveryFailed` when the server cannot be reached or refuses.
        """
        if "@" not in to:
            return
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._sender, to, subject
        mail["Message-ID"] = f"<{idempotency_key.replace('/', '.')}@{self._host}>"
        mail.set_content(body)
        try:
            kind = smtplib.SMTP_SSL if self._tls else smtplib.SMTP
            with kind(self._host, self._port, timeout=_TIMEOUT_SECONDS) as server:
                if self._user:
                    server.login(self._user, self._password)
                server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryFailed(f"邮件服务器没有接受通知（{type(error).__name__}），稍后会自动重试。") from error


def notifier(settings: Settings) -> Notifier:
    """Return how notices leave the house."""
    return MailNotifier(settings.mail_url) if settings.mail_url else HistoryNotifier()
