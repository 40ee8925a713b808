"""What `deploy/` says fits the program: files parse, commands and settings exist, versions are those of the lock."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from web import cli

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
UNITS = ("hejie-web@.service", "hejie-worker@.service", "hejie.target")
SETTINGS = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))


def unit(name: str) -> list[tuple[str, str]]:
    lines = (DEPLOY / "systemd" / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith(("#", "["))]
    return [(key, value) for key, value in pairs]


def known(setting: str) -> bool:
    return setting.removesuffix("_FILE") in SETTINGS or setting in {*SETTINGS, "XDG_CACHE_HOME"}


def must_be_a_command(arguments: list[str]) -> None:
    """Raise if `hejie` does not take these arguments."""
    command = cli.main.commands[arguments[0]]
    command.make_context(arguments[0], list(arguments[1:]))


@pytest.mark.parametrize("name", UNITS[:2])
def test_units_start_what_there_is(name: str) -> None:
    entries = unit(name)
    [start] = [value for key, value in entries if key == "ExecStart"]
    program, *arguments = start.split()
    assert program == "/opt/hejie/.venv/bin/hejie"
    must_be_a_command(arguments)
    settings = [value.split("=", 1)[0] for key, value in entries if key == "Environment"]
    assert [setting for setting in settings if not known(setting)] == []
    # systemd's own default would end the printing processes with the main one's work still in hand.
    assert ("KillMode", "mixed") in entries
    assert ("Type", "notify") in entries


def test_the_environment_names_settings_and_no_secret() -> None:
    text = (DEPLOY / "systemd" / "environment.example").read_text(encoding="utf-8")
    named = re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)
    assert len(named) > 6
    assert [name for name in named if name not in SETTINGS] == []
    assert {"HEJIE_SECRET_KEY", "HEJIE_DATABASE_URL", "HEJIE_OIDC_CLIENT_SECRET"} & set(named) == set()


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not installed here; the other tests read the units themselves")
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text(encoding="utf-8")
        # The program is not installed in its place on a machine that tests.
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
        (tmp_path / name.replace("@", "@8001")).write_text(text, encoding="utf-8")
    files = [str(path) for path in sorted(tmp_path.iterdir())]
    done = subprocess.run([verify, "verify", "--man=no", *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return found


def test_the_services_of_the_compose_file(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"database", "migrate", "web", "worker"}
    for name, service in services.items():
        assert ":" in service["image"], name
        assert not service["image"].endswith(":latest"), name
        for secret in service["secrets"]:
            assert secret in compose["secrets"], name
        for volume in service["volumes"]:
            assert volume.split(":")[0] in compose["volumes"], name
        assert set(service.get("depends_on", {})) <= set(services), name
    for name in ("migrate", "web", "worker"):
        must_be_a_command(services[name]["command"])
        assert [setting for setting in services[name]["environment"] if not known(setting)] == []
        assert services[name]["cap_drop"] == ["ALL"]
    assert services["web"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert (ROOT / services["web"]["build"]["dockerfile"]).is_file()


def test_no_secret_is_written_in_the_compose_file(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            if re.search("PASSWORD|SECRET|TOKEN|DATABASE_URL", name):
                assert value.startswith("/run/secrets/"), name
    for secret in compose["secrets"].values():
        assert secret["file"].startswith("./secrets/")
        assert not (DEPLOY / secret["file"]).exists()


def test_the_image_copies_what_there_is_and_pins_its_base() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert _sent(source), f"{source} is kept out by .dockerignore"
    for image in re.findall(r"^FROM (\S+)", text, re.MULTILINE):
        assert re.fullmatch(r"python:3\.\d+-slim-\w+", image)
    entry = yaml.safe_load(re.findall(r"^ENTRYPOINT (.+)$", text, re.MULTILINE)[0])
    assert entry == ["python", "-m", "web"]
    must_be_a_command(yaml.safe_load(re.findall(r"^CMD (.+)$", text, re.MULTILINE)[0]))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    packages = re.findall(r"^SYSTEM := (.+)$", makefile, re.MULTILINE)[0].split()
    assert [name for name in packages if name != "python3-venv" and name not in text] == []


def _sent(source: str) -> bool:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    return any(Path(source.rstrip("/")).match(rule[1:]) for rule in ignore if rule.startswith("!"))


def locked(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def test_what_the_image_installs_is_what_was_tested() -> None:
    whole, image = locked(ROOT / "requirements.txt"), locked(DEPLOY / "requirements.txt")
    assert len(image) > 30
    assert {name: version for name, version in image.items() if whole.get(name) != version} == {}
    assert {"pytest", "mypy", "playwright"} & set(image) == set()
    needed = re.findall(r"^    ([A-Za-z][\w.-]+)", _section("install_requires"), re.MULTILINE)
    assert [name for name in needed if name.lower().replace("_", "-") not in image] == []
    shared = locked(DEPLOY / "requirements-s3.txt")
    assert {name for name in shared if name in image and image[name] != shared[name]} == set()


def _section(name: str) -> str:
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    return re.findall(rf"^{name} =\n((?:    .*\n)+)", text, re.MULTILINE)[0]
