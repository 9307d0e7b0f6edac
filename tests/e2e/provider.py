"""An OpenID Connect provider for tests: it signs in the user of the set claims, without a password."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "bench", "a secret between the two"


class Provider(ThreadingHTTPServer):
    """Answers discovery, authorize, token, keys and the end of a session. ``claims``: of the next user to sign in."""

    def __init__(self) -> None:
        super().__init__(("localhost", 0), _Handler)
        self.key = RSAKey.generate_key(2048, parameters={"kid": "one", "alg": "RS256", "use": "sig"})
        self.claims: dict[str, Any] = {}
        self.requests: dict[str, tuple[dict[str, Any], str]] = {}

    @property
    def address(self) -> str:
        return f"http://localhost:{self.server_port}"

    def token(self, code: str) -> dict[str, Any]:
        claims, nonce = self.requests.pop(code)
        now = int(time.time())
        about = {"iss": self.address, "aud": CLIENT, "sub": claims["email"], "iat": now, "exp": now + 600}
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, about | {"nonce": nonce} | claims, self.key)
        return {"access_token": "opaque", "token_type": "Bearer", "expires_in": 600, "id_token": signed}


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        path, parameters = urlsplit(self.path).path, {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
        if path == "/.well-known/openid-configuration":
            ends = ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint")
            self._json({"issuer": self.server.address} | {end: f"{self.server.address}/{end}" for end in ends})
        elif path == "/jwks_uri":
            self._json({"keys": [self.server.key.as_dict(private=False)]})
        elif path == "/authorization_endpoint":
            code = f"code-{len(self.server.requests)}-{time.time_ns()}"
            self.server.requests[code] = (self.server.claims, parameters["nonce"])
            self._redirect(f"{parameters['redirect_uri']}?{urlencode({'code': code, 'state': parameters['state']})}")
        elif path == "/end_session_endpoint":
            self._redirect(parameters["post_logout_redirect_uri"])
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        parameters = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._json(self.server.token(parameters["code"][0]))

    def _json(self, value: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def _redirect(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Suppress the log."""


@contextmanager
def run_provider() -> Iterator[Provider]:
    """Run a provider within the block."""
    provider = Provider()
    thread = threading.Thread(target=provider.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.shutdown()
        provider.server_close()
        thread.join()
