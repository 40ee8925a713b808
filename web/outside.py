"""Signing in through a provider of OpenID Connect: the company's single sign-on.

Authorization code flow with PKCE, state and nonce; Authlib speaks the protocol. What the provider asserts becomes an
`Outsider`; who that is here, the engine decides.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import requests
from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, session
from joserfc.errors import JoseError
from werkzeug.wrappers import Response

from engine.errors import EngineError
from engine.outside_identity import Outsider, translate
from web.settings import OutsideProvider

_log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures by a key that only the provider has: never "none", never one by the shared secret."""


class ProviderFailed(EngineError):
    """统一登录没有成功，请重试；仍不行请联系管理员。"""


class OutsideSignIn:
    """One provider, for one application. Nothing is asked of it before somebody signs in."""

    def __init__(self, app: Flask, provider: OutsideProvider) -> None:
        self._provider = provider
        self._client = OAuth(app).register(
            "outside",
            client_id=provider.client_id,
            client_secret=provider.client_secret,
            server_metadata_url=f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": provider.scope,
                "code_challenge_method": "S256",
                "default_timeout": TIMEOUT_SECONDS,
            },
        )

    def begin(self, back: str) -> Response:
        """Return the way to the provider, who sends the person on to the address `back`. Raise `ProviderFailed`."""
        # What earlier tries left behind would fill the cookie; only the last one counts.
        for name in [name for name in session if name.startswith("_state_outside_")]:
            session.pop(name)
        try:
            self._prepare()
            response: Response = self._client.authorize_redirect(back)
        except _FAILURES as error:
            raise self._failed(error) from error
        return response

    def enter(self) -> Outsider:
        """Return whom the provider has vouched for in the present request. Raise `ProviderFailed`."""
        try:
            metadata = self._prepare()
            token = self._client.authorize_access_token(
                claims_options={
                    "iss": {"essential": True, "values": [self._provider.issuer]},
                    "aud": {"essential": True, "values": [self._provider.client_id]},
                }
            )
            claims = dict(token["userinfo"])
            if "userinfo_endpoint" in metadata:
                more = dict(self._client.userinfo(token=token))
                if more.get("sub") == claims["sub"]:  # anything else may be another person's
                    claims = more | claims
            return self._outsider(claims)
        except _FAILURES as error:
            raise self._failed(error) from error

    def _prepare(self) -> Mapping[str, Any]:
        """Load what the provider says of itself, and hold it to our settings."""
        metadata: dict[str, Any] = self._client.load_server_metadata()
        if metadata.get("issuer") != self._provider.issuer:
            raise ValueError("the provider calls itself otherwise than HEJIE_OIDC_ISSUER")
        metadata["id_token_signing_alg_values_supported"] = [
            name for name in metadata.get("id_token_signing_alg_values_supported", ["RS256"]) if name in _ALGORITHMS
        ]
        return metadata

    def _outsider(self, claims: Mapping[str, Any]) -> Outsider:
        username = str(claims[self._provider.username_claim])
        groups = None
        if self._provider.groups is not None:
            groups = translate(_claimed(claims, self._provider.group_claim), self._provider.groups)
        return Outsider(
            issuer=self._provider.issuer,
            subject=str(claims["sub"]),
            username=username,
            display_name=str(claims.get("name") or username),
            groups=groups,
        )

    def _failed(self, error: Exception) -> ProviderFailed:
        _log.warning("the provider outside did not vouch", exc_info=error)
        return ProviderFailed()


_FAILURES = (OAuthError, JoseError, requests.RequestException, ValueError, KeyError, TypeError, RuntimeError)
"""What Authlib and the provider's answers may raise."""


def _claimed(claims: Mapping[str, Any], name: str) -> list[str]:
    """Return the values of a claim, `name` or a path with dots; [] if it is missing or no list of texts."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return [found]
    return [entry for entry in found if isinstance(entry, str)] if isinstance(found, list) else []
