"""A provider of OpenID Connect on this machine: enough of one to be trusted, and to be caught lying."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from werkzeug.wrappers import Response as AnyResponse

from web.server import Server, in_background

CLIENT_ID, SECRET = "hejie", "a-secret-of-the-provider"


@dataclass
class Provider:
    """Whoever is sent there is signed in at once, as `claims` say. The other fields make it misbehave."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    lies: dict[str, Any] = field(default_factory=dict)
    """Claims put into the token over the true ones; a value of None leaves one out."""
    calls_itself: str | None = None
    algorithm: str = "RS256"
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    foreign_key: bool = False
    codes: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    def app(self) -> Flask:
        app = Flask("provider")
        for path, view in (
            ("/.well-known/openid-configuration", self.configuration),
            ("/authorize", self.authorize),
            ("/jwks", self.jwks),
            ("/userinfo", self.tell),
        ):
            app.add_url_rule(path, view.__name__, view)
        app.add_url_rule("/token", "token", self.token, methods=["POST"])
        return app

    def configuration(self) -> Response:
        known = {
            "issuer": self.calls_itself or self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }
        if self.userinfo is not None:
            known["userinfo_endpoint"] = f"{self.issuer}/userinfo"
        return jsonify(known)

    def authorize(self) -> AnyResponse:
        asked = request.args.to_dict()
        self.asked.append(asked)
        code = secrets.token_hex(8)
        self.codes[code] = asked
        return redirect(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    def token(self) -> AnyResponse:
        asked = self.codes.pop(request.form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(request.form["code_verifier"].encode()).digest())
        sound = (
            asked is not None
            and request.authorization is not None
            and (request.authorization.username, request.authorization.password) == (CLIENT_ID, SECRET)
            and asked["code_challenge_method"] == "S256"
            and asked["code_challenge"] == challenge.decode().rstrip("=")
            and asked["redirect_uri"] == request.form["redirect_uri"]
        )
        if asked is None or not sound:
            return Response('{"error": "invalid_grant"}', 400, mimetype="application/json")
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims |= self.claims | self.lies
        claims = {name: value for name, value in claims.items() if value is not None}
        key: Any = self.key
        if self.foreign_key:
            key = RSAKey.generate_key(2048, {"kid": "one"})
        if self.algorithm == "HS256":
            key = OctKey.import_key(SECRET.ljust(32, "x"))
        signed = jwt.encode({"alg": self.algorithm, "kid": "one"}, claims, key, algorithms=[self.algorithm])
        return jsonify({"access_token": "for-nothing", "token_type": "Bearer", "id_token": signed})

    def jwks(self) -> Response:
        return jsonify({"keys": [self.key.as_dict(private=False)]})

    def tell(self) -> Response:
        return jsonify(self.userinfo)


@contextmanager
def open_provider() -> Iterator[Provider]:
    provider = Provider()
    server = Server(provider.app(), host="127.0.0.1", port=0, threads=2)
    provider.issuer = f"http://127.0.0.1:{server.port}"
    with in_background(server):
        yield provider
