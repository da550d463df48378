"""The emulator as a server: in a thread of a test, or as long as the process lives."""

from __future__ import annotations

import json
import socket
import threading
from types import TracebackType
from typing import Any

import uvicorn

from .access import TrackingKeys
from .account import Account
from .app import Api, Receive, Scope, Send
from .calls import Request
from .control import CONTROL, Control
from .endpoints import all_routes
from .mutate import Mutator
from .settings import Settings
from .tracked import Tracked
from .writes import Write, Writes

_START_SECONDS = 30


class _Server(uvicorn.Server):
    """Says when it accepts connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self.greeting = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()
        if self.greeting:
            print(self.greeting, flush=True)


class Emulator:
    """A real HTTP server on 127.0.0.1 for one account. Use it as a context manager.

    `account` is the demo account unless given, `changes` are settings by name; port 0 takes a free one. The same
    through HTTP, for tests in another process: the control endpoints under /_emulator.
    """

    def __init__(
        self, account: Account | None = None, settings: Settings | None = None, port: int = 0, **changes: Any
    ) -> None:
        self.account = account or Account.demo()
        self.settings = settings or Settings()
        self.settings.patch(changes)
        self.api = Api(self.account, self.settings, all_routes())
        self.control = Control(self.api)
        # The protocol is named so that asyncio switches Nagle's algorithm off: else small answers take 40 ms.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._control_app = self.control.application()
        config = uvicorn.Config(
            self._serve,
            log_level="error",
            access_log=False,
            interface="asgi3",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
            http="h11",
            ws="none",
        )
        self.server = _Server(config)
        self._thread: threading.Thread | None = None

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(CONTROL):
            await self._control_app(scope, receive, send)
        else:
            await self.api(scope, receive, send)

    @property
    def api_key(self) -> str:
        """The key of an administrator, who sees everything."""
        return self.account.keys["full"]

    @property
    def keys(self) -> dict[str, str]:
        """Keys by rights: full, partial (one pipeline closed), none (all closed), nocrm."""
        return self.account.keys

    @property
    def tracking(self) -> TrackingKeys:
        """The keys of its tracking, whose host is at `url`, too."""
        return self.account.tracking

    @property
    def tracked(self) -> Tracked:
        """The events and visits that were taken so far."""
        return self.api.memory.of(Tracked)

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, in the order of arrival."""
        return self.api.requests

    @property
    def writes(self) -> list[Write]:
        """What the API wrote to contacts so far, in the order in which it was carried out."""
        return self.api.memory.of(Writes)

    @property
    def mutator(self) -> Mutator:
        return self.control.mutator

    def __enter__(self) -> Emulator:
        self.account.warm()
        self._thread = threading.Thread(target=self.server.run, args=([self._socket],), daemon=True, name="emulator")
        self._thread.start()
        if not self.server.ready.wait(_START_SECONDS):
            raise TimeoutError("the emulator did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.should_exit = True
        if self._thread is not None:
            self._thread.join(10)
        self._socket.close()

    def run(self) -> None:
        """Serve until the process is told to stop; prints one line of JSON when it accepts connections."""
        self.account.warm()
        self.server.greeting = json.dumps(
            {"url": self.url, "api_key": self.api_key, "keys": self.keys, "tracking": self.tracking._asdict()}
        )
        self.server.run([self._socket])
