"""The page on this machine's loopback, for whoever knows its token."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sparkpipe.errors import first_line
from sparkpipe.html.page import as_json, page_of

_logger = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_TOKEN_BYTES = 24


class PageServer(ThreadingHTTPServer):
    """Serves a page on loopback, below a token that nobody can guess.

    Args:
        read: Returns the document at present.
        follows: Whether the page asks for it again.
        port: The port; 0 for any that is free.

    Raises:
        OSError: The port is taken.
    """

    daemon_threads = True

    def __init__(
        self, read: Callable[[], Mapping[str, Any]], *, follows: bool = False, port: int = 0
    ) -> None:
        self._read = read
        self._follows = follows
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)
        super().__init__((_HOST, port), _Handler)

    @property
    def address(self) -> str:
        """Where a browser finds the page."""
        return f"http://{_HOST}:{self.server_port}/{self._token}/"

    def answer(self, path: str, host: str) -> tuple[int, str, str]:
        """Return status, type and text for what is asked.

        Args:
            path: The path that was asked for.
            host: The name under which the server was asked; another one than its own is that of a
                page elsewhere which has itself resolved to this machine.
        """
        own = {f"{name}:{self.server_port}" for name in (_HOST, "localhost")}
        _, token, *rest = [*path.partition("?")[0].split("/"), ""]
        is_known = secrets.compare_digest(token.encode(), self._token.encode())
        if not is_known or host not in own:
            return 404, "text/plain", "There is nothing here."
        if rest[:1] == ["document"]:
            return 200, "application/json", as_json(self._read())
        if rest[:1] == [""]:
            follow = "document" if self._follows else ""
            return 200, "text/html", page_of(self._read(), follow)
        return 404, "text/plain", "There is nothing here."


class _Handler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        try:
            answer = self.server.answer(self.path, self.headers.get("Host", ""))
        except Exception as exc:  # of a journal that cannot be read just now
            _logger.warning("The run cannot be read: %s", first_line(str(exc)))
            answer = 503, "text/plain", "The run cannot be read now."
        status, kind, text = answer
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: a log would have the token in it."""
