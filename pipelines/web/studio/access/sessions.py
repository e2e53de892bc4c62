"""Sessions of the studio, in memory: who is logged in, and the token that opens one once."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pipelines.web.studio.access.accounts import Account

IDLE_S: Final = 8 * 3600.0
_MOST_SESSIONS: Final = 10_000


@dataclass
class Session:
    """One login: who, the token that its forms carry, and what it has made so far.

    `made` holds looks of one's own, by name; it goes with the session.
    """

    account: Account
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    made: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    used: float = 0.0


class Sessions:
    """All sessions, by the secret in their cookie; one that is idle for 8 hours has ended."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """No session; `clock` counts seconds."""
        self._clock = clock
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._token: str | None = None
        self._lock = threading.Lock()

    def make_token(self) -> str:
        """A new token that opens one session of an engineer, once; an older one is void."""
        self._token = secrets.token_urlsafe(24)
        return self._token

    def take_token(self, token: str) -> Account | None:
        """The account that `token` opens, and no second time; None where it opens nothing."""
        with self._lock:
            expected = self._token
            if expected is None or not hmac.compare_digest(expected.encode(), token.encode()):
                return None
            self._token = None
        return Account("engineer", "engineer")

    def open(self, account: Account) -> str:
        """The secret of a new session of `account`."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._open[secret] = Session(account, used=self._clock())
            if len(self._open) > _MOST_SESSIONS:
                self._open.popitem(last=False)
        return secret

    def find(self, secret: str | None) -> Session | None:
        """The session of a cookie's `secret`; None where there is none, or it has ended."""
        if secret is None:
            return None
        with self._lock:
            session = self._open.get(secret)
            if session is None:
                return None
            now = self._clock()
            if now - session.used > IDLE_S:
                del self._open[secret]
                return None
            session.used = now
            self._open.move_to_end(secret)
            return session

    def close(self, secret: str | None) -> None:
        """End the session of a cookie's `secret`."""
        with self._lock:
            self._open.pop(secret or "", None)
