"""What every answer of the API carries beside its body: the marks of what it passed through, and cookies."""

from __future__ import annotations

import random
import time
import uuid

_GONE = "Thu, 01-Jan-1970 00:00:01 GMT"
_DAY = 86_400


class UsualHeaders:
    """The headers of answers as they were recorded in 2020 and 2021, in their order and with their repetitions.

    No answer repeats another one's cookies. Recorded beside these, but told by who answers: Date, Content-Type,
    Content-Length. Cloudflare's `__cfduid` is none of its cookies any more.

    >>> names = [name for name, _ in UsualHeaders("acme.api-us1.test", seed=1).next()]
    >>> names.count("Set-Cookie") in {5, 6}, names[-3:]
    (True, ['Expect-Ct', 'Server', 'Cf-Ray'])
    """

    def __init__(self, host: str, seed: int) -> None:
        self._host = host
        self._random = random.Random(seed)

    def next(self) -> list[tuple[str, str]]:
        """The headers of one more answer."""
        cookies = [("Set-Cookie", cookie) for cookie in self._cookies()]
        # One answer in a hundred was recorded with the other form.
        kept = "max-age=0" if self._random.random() < 0.01 else "no-cache"
        return [
            *cookies,
            ("Cache-Control", f"no-store, {kept}, must-revalidate"),
            ("Expires", "Thu, 19 Nov 1981 08:52:00 GMT"),
            ("Pragma", "no-cache"),
            ("X-Envoy-Upstream-Service-Time", str(self._random.randrange(70, 240))),
            ("X-Request-Id", self._uuid()),
            ("Cf-Cache-Status", "DYNAMIC"),
            ("Expect-Ct", 'max-age=604800, report-uri="https://report-uri.cloudflare.com/cdn-cgi/beacon/expect-ct"'),
            ("Server", "cloudflare"),
            ("Cf-Ray", f"{self._hex(16)}-TXL"),
        ]

    def _cookies(self) -> list[str]:
        """A session, Cloudflare's mark, and a log-in that is set once and deleted twice or three times over."""
        domain, now = f"path=/; domain=.{self._host}", int(time.time())
        month = time.strftime("%a, %d-%b-%y %H:%M:%S GMT", time.gmtime(now + 30 * _DAY))
        deleted = f"em_acp_globalauth_cookie=deleted; expires={_GONE}; Max-Age=0; {domain}"
        return [
            f"PHPSESSID={self._hex(32)}; path=/; HttpOnly",
            f"__cfduid=d{self._hex(32)}{now}; expires={month}; path=/; domain=.{self._host.partition('.')[2]}; "
            "HttpOnly; SameSite=Lax",
            f"em_acp_globalauth_cookie={self._uuid()}; {domain}; secure; httponly",
            *[deleted] * self._random.choice([2, 3]),
        ]

    def _hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
