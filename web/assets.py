"""Style sheets, scripts and fonts: our own, the bundled packages', and a Chinese font for who has none."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, abort, g, send_from_directory, url_for

from web.settings import Settings

_FONTS = {"400": "400Regular/NotoSansSC_400Regular.ttf", "600": "600SemiBold/NotoSansSC_600SemiBold.ttf"}
_TYPES = {".mjs": "text/javascript", ".map": "application/json"}
_YEAR = 365 * 24 * 3600


class Assets:
    """Finds files by name and gives them addresses that change with their content."""

    def __init__(self, settings: Settings) -> None:
        self._folders = {
            "asset": settings.root / "bundles" / "static",
            "static_file": settings.root / "web" / "static",
        }
        self._fonts = settings.root / "node_modules" / "@expo-google-fonts" / "noto-sans-sc"

    def url(self, name: str) -> str:
        """Return the address of `name`, looked for among our own files first; each file once a request."""
        known: dict[str, str] = g.setdefault("asset_urls", {})
        if name not in known:
            known[name] = self._url(name)
        return known[name]

    def _url(self, name: str) -> str:
        for endpoint in ("static_file", "asset"):
            file = self._folders[endpoint] / name
            if file.is_file():
                stat = file.stat()
                return url_for(endpoint, name=name, v=f"{stat.st_mtime_ns:x}{stat.st_size:x}")
        return url_for("asset", name=name)

    def send(self, endpoint: str, name: str) -> Response:
        response = send_from_directory(self._folders[endpoint], name, mimetype=_TYPES.get(Path(name).suffix))
        return _cached(response)

    def font(self, weight: str) -> Response:
        if weight not in _FONTS:
            abort(404)
        return _cached(send_from_directory(self._fonts, _FONTS[weight], mimetype="font/ttf"))


def _cached(response: Response) -> Response:
    response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    return response


def install(app: Flask, settings: Settings) -> None:
    """Add the three addresses, and `asset()` for the templates."""
    assets = Assets(settings)
    app.add_url_rule("/assets/<path:name>", "asset", lambda name: assets.send("asset", name))
    app.add_url_rule("/static/<path:name>", "static_file", lambda name: assets.send("static_file", name))
    app.add_url_rule("/fonts/<weight>.ttf", "font", assets.font)
    app.jinja_env.globals["asset"] = assets.url
