"""Everything that can be set from outside, read once at the start. README, "Settings", lists the names."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

import fsspec
import yaml

from engine.office_hours import OfficeHours, OfficeHoursInvalid

# The only place that derives a path from where the code lies; everything else is told.
_CHECKOUT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting is missing or unusable. The message is a Chinese sentence that names the setting."""


@dataclass(frozen=True)
class Organization:
    """Who runs this house. All but the code are facts of every document."""

    code: str
    name: str
    address: str
    phone: str
    uscc: str
    legal_representative: str
    office_hours: OfficeHours = field(default_factory=OfficeHours)
    """When people are told of what can wait; on working days."""

    def facts(self) -> dict[str, str]:
        """Return what documents may print, as the `org` facts of their templates."""
        return {name: value for name, value in asdict(self).items() if name not in ("code", "office_hours")}


@dataclass(frozen=True)
class OutsideProvider:
    """A provider of OpenID Connect, through whom persons sign in."""

    issuer: str  # its address, exactly as it calls itself  (HEJIE_OIDC_ISSUER)
    client_id: str  # (HEJIE_OIDC_CLIENT_ID)
    client_secret: str = field(repr=False)  # (HEJIE_OIDC_CLIENT_SECRET)
    label: str  # on the button, "": 统一登录  (HEJIE_OIDC_LABEL)
    scope: str  # (HEJIE_OIDC_SCOPE)
    username_claim: str  # (HEJIE_OIDC_USERNAME_CLAIM)
    group_claim: str  # a name, or a path with dots  (HEJIE_OIDC_GROUP_CLAIM)
    groups: dict[str, list[str]] | None  # its groups -> ours; None: groups are ours alone  (HEJIE_OIDC_GROUPS_FILE)


@dataclass(frozen=True)
class Settings:
    """The settings of one process."""

    root: Path  # the folder with workflows/, forms/, documents/ and bundles/  (HEJIE_ROOT)
    data_dir: Path  # attachments, documents and the embedded database  (HEJIE_DATA_DIR)
    database_url: str  # SQLAlchemy URL  (HEJIE_DATABASE_URL)
    files_url: str = field(repr=False)  # any URL of fsspec; "": a folder in data_dir  (HEJIE_FILES_URL)
    secret_key: str = field(repr=False)  # signs sessions  (HEJIE_SECRET_KEY)
    organization: Organization  # who we are, from a YAML file  (HEJIE_ORG_FILE)
    host: str  # the address to listen on  (HEJIE_HOST)
    port: int  # (PORT)
    threads: int  # requests answered at once by one `serve`  (HEJIE_THREADS)
    stop_patience: timedelta  # how long a stopping `serve` finishes what it has in hand  (HEJIE_STOP_SECONDS)
    demo: bool  # show the demo people and their password on the sign-in page  (HEJIE_DEMO)
    public: bool  # the public may complain and ask about their case without an account  (HEJIE_PUBLIC)
    https: bool  # cookies only over TLS, HSTS  (HEJIE_HTTPS)
    trusted_proxies: int  # reverse proxies whose X-Forwarded-* headers count  (HEJIE_TRUSTED_PROXIES)
    session_length: timedelta  # signed out after so long without a request  (HEJIE_SESSION_HOURS)
    upload_limit_bytes: int  # one attachment; a type may have a lower limit of its own  (HEJIE_UPLOAD_MB)
    metrics_token: str = field(repr=False)  # who sends it may read /metrics  (HEJIE_METRICS_TOKEN)
    metrics_port: int  # where `hejie worker` answers /healthz, /readyz, /metrics; 0: nowhere  (HEJIE_METRICS_PORT)
    log_level: str  # debug, info, warning or error  (HEJIE_LOG_LEVEL)
    outside: OutsideProvider | None  # None: passwords only; see HEJIE_OIDC_…
    imap_url: str = field(repr=False)  # imap[s]://user:password@host:port/folder, "": none  (HEJIE_IMAP_URL)
    mail_url: str = field(repr=False)  # smtp[s]://user:password@host:port?from=…, "": none  (HEJIE_MAIL_URL)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings; create the data folder and, for the embedded database, the session key in it.

        Raise `SettingsError` for a value that cannot be used, and for a missing HEJIE_SECRET_KEY when the
        database is not the embedded one (several processes must then share the key).
        """
        root = Path(environ.get("HEJIE_ROOT") or _CHECKOUT)
        data_dir = Path(environ.get("HEJIE_DATA_DIR") or root / "var")
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"HEJIE_DATA_DIR：无法建立目录 {data_dir}（{error.strerror}）。") from error
        database_url = _secret(environ, "HEJIE_DATABASE_URL") or f"sqlite:///{data_dir / 'hejie.sqlite3'}"
        return cls(
            root=root,
            data_dir=data_dir,
            database_url=database_url,
            files_url=_files_url(environ),
            secret_key=_secret_key(environ, data_dir, embedded=database_url.startswith("sqlite")),
            organization=_organization(Path(environ.get("HEJIE_ORG_FILE") or root / "organization.yaml")),
            host=environ.get("HEJIE_HOST") or "127.0.0.1",
            port=_whole_number(environ, "PORT", 8000, lowest=1, highest=65535),
            threads=_whole_number(environ, "HEJIE_THREADS", 8, lowest=1, highest=64),
            stop_patience=timedelta(seconds=_whole_number(environ, "HEJIE_STOP_SECONDS", 25, lowest=0, highest=600)),
            demo=_yes_or_no(environ, "HEJIE_DEMO"),
            public=_yes_or_no(environ, "HEJIE_PUBLIC"),
            https=_yes_or_no(environ, "HEJIE_HTTPS"),
            trusted_proxies=_whole_number(environ, "HEJIE_TRUSTED_PROXIES", 0, lowest=0, highest=9),
            session_length=timedelta(
                hours=_whole_number(environ, "HEJIE_SESSION_HOURS", 10, lowest=1, highest=24 * 14)
            ),
            upload_limit_bytes=_whole_number(environ, "HEJIE_UPLOAD_MB", 100, lowest=1, highest=500) * 1024**2,
            metrics_token=_secret(environ, "HEJIE_METRICS_TOKEN") or "",
            metrics_port=_whole_number(environ, "HEJIE_METRICS_PORT", 0, lowest=0, highest=65535),
            log_level=_choice(environ, "HEJIE_LOG_LEVEL", ("info", "debug", "warning", "error")),
            outside=_outside(environ),
            imap_url=_imap_url(environ),
            mail_url=_mail_url(environ),
        )

    @property
    def file_store(self) -> str:
        """Where attachments and documents lie: a folder, or a URL that fsspec opens."""
        return self.files_url or str(self.data_dir / "files")


def _organization(path: Path) -> Organization:
    wanted = [entry.name for entry in fields(Organization) if entry.name != "office_hours"]
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = {name: str(content[name]).strip() for name in wanted}
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise SettingsError(f"HEJIE_ORG_FILE：{path} 读不出本单位资料（须有 {'、'.join(wanted)}）：{error}") from error
    if empty := [name for name, value in found.items() if not value]:
        raise SettingsError(f"HEJIE_ORG_FILE：{path} 的 {'、'.join(empty)} 不能为空。")
    try:
        hours = OfficeHours.parse(str(content.get("office_hours") or "08:30-18:00"))
    except OfficeHoursInvalid as error:
        raise SettingsError(f"HEJIE_ORG_FILE：{path} 的 office_hours：{error.message}") from error
    return Organization(**found, office_hours=hours)


def _secret(environ: Mapping[str, str], name: str) -> str | None:
    """Return the value of `name`, or the content of the file that `<name>_FILE` points to, or None."""
    file = environ.get(f"{name}_FILE")
    if environ.get(name) and file:
        raise SettingsError(f"{name} 与 {name}_FILE 只能设置一个。")
    if not file:
        return environ.get(name) or None
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{name}_FILE：无法读取 {file}（{error.strerror}）。") from error


def _files_url(environ: Mapping[str, str]) -> str:
    url = _secret(environ, "HEJIE_FILES_URL") or ""
    scheme = url.partition("://")[0] if "://" in url else "file"
    try:
        fsspec.get_filesystem_class(scheme)
    except ValueError as error:
        raise SettingsError(f"HEJIE_FILES_URL：不认识“{scheme}://”，请写目录，或 fsspec 支持的地址。") from error
    except ImportError as error:
        raise SettingsError(
            f"HEJIE_FILES_URL：使用“{scheme}://”须另装软件包（{error}）；见 docs/operations.md。"
        ) from error
    return url


def _outside(environ: Mapping[str, str]) -> OutsideProvider | None:
    issuer = environ.get("HEJIE_OIDC_ISSUER") or ""
    if not issuer:
        return None
    address = urlsplit(issuer)
    if address.scheme != "https" and address.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise SettingsError("HEJIE_OIDC_ISSUER 应以 https:// 开头。")
    client_id, secret = environ.get("HEJIE_OIDC_CLIENT_ID") or "", _secret(environ, "HEJIE_OIDC_CLIENT_SECRET") or ""
    if not client_id or not secret:
        raise SettingsError("设置了 HEJIE_OIDC_ISSUER，还须设置 HEJIE_OIDC_CLIENT_ID 和 HEJIE_OIDC_CLIENT_SECRET。")
    table = environ.get("HEJIE_OIDC_GROUPS_FILE")
    return OutsideProvider(
        issuer=issuer,
        client_id=client_id,
        client_secret=secret,
        label=environ.get("HEJIE_OIDC_LABEL") or "",
        scope=environ.get("HEJIE_OIDC_SCOPE") or "openid profile",
        username_claim=environ.get("HEJIE_OIDC_USERNAME_CLAIM") or "preferred_username",
        group_claim=environ.get("HEJIE_OIDC_GROUP_CLAIM") or "groups",
        groups=_group_table(Path(table)) if table else None,
    )


def _group_table(path: Path) -> dict[str, list[str]]:
    """Read `provider's group: [our groups]`, or one group without the list."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {
            str(name): [str(group) for group in (groups if isinstance(groups, list) else [groups])]
            for name, groups in content.items()
        }
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise SettingsError(
            f"HEJIE_OIDC_GROUPS_FILE：{path} 读不出岗位对照表（对方的组: [我们的岗位]）：{error}"
        ) from error


def _mail_url(environ: Mapping[str, str]) -> str:
    url = _secret(environ, "HEJIE_MAIL_URL") or ""
    if url and not url.startswith(("smtp://", "smtps://")):
        raise SettingsError("HEJIE_MAIL_URL 应以 smtp:// 或 smtps:// 开头；不发邮件则不设置。")
    return url


def _imap_url(environ: Mapping[str, str]) -> str:
    url = _secret(environ, "HEJIE_IMAP_URL") or ""
    if url and not url.startswith(("imap://", "imaps://")):
        raise SettingsError("HEJIE_IMAP_URL 应以 imap:// 或 imaps:// 开头；不收邮件则不设置。")
    return url


def _secret_key(environ: Mapping[str, str], data_dir: Path, *, embedded: bool) -> str:
    key = _secret(environ, "HEJIE_SECRET_KEY")
    if key is None and not embedded:
        raise SettingsError("缺少 HEJIE_SECRET_KEY：使用外部数据库时，各进程须共用同一个会话密钥；见 README“设置”。")
    if key is None:
        key = _kept_key(data_dir / "secret_key")
    if len(key) < 32:
        raise SettingsError("HEJIE_SECRET_KEY 至少需要 32 个字符，例如 openssl rand -hex 32 的输出。")
    return key


def _kept_key(path: Path) -> str:
    """Return the key kept in `path`, made on first use and readable by its owner only."""
    if not path.exists():
        with NamedTemporaryFile("w", encoding="ascii", dir=path.parent) as file:  # its owner's only from the start
            file.write(secrets.token_hex(32))
            file.flush()
            # Of several processes that start at once, the first one's is everybody's.
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text(encoding="ascii").strip()


def _whole_number(environ: Mapping[str, str], name: str, default: int, *, lowest: int, highest: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
        raise SettingsError(f"{name} 应为 {lowest} 到 {highest} 之间的整数，现为“{text}”。")
    return int(text)


def _choice(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """Return what is chosen, in small letters; the first of `choices` if nothing is."""
    text = (environ.get(name) or choices[0]).lower()
    if text not in choices:
        raise SettingsError(f"{name} 应为 {'、'.join(choices)} 之一，现为“{text}”。")
    return text


def _yes_or_no(environ: Mapping[str, str], name: str) -> bool:
    text = (environ.get(name) or "0").lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise SettingsError(f"{name} 应为 1 或 0，现为“{text}”。")
