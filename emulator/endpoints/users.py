"""Users beyond their list."""

from __future__ import annotations

from functools import partial

from ..answers import Answer, Refusal
from ..calls import Call
from ..routing import Routes

routes = Routes()


@routes.on("GET", "users/me")
def me(call: Call) -> Answer:
    """The user whom the key belongs to: the cheapest check of a key."""
    users = call.account.store("users")
    position = list(call.account.keys).index(call.key) % users.base
    return Answer(200, b'{"user":' + users.encoded(position) + b"}")


def user_with(call: Call, field: str) -> Answer:
    """The user with an email or a username."""
    users, wanted = call.account.store("users"), call.parts["value"]
    found = users.rows_with(field, wanted)
    if not found:
        raise Refusal(404, {"message": f"No Result found for User with {field} {wanted}"})
    return Answer(200, b'{"user":' + users.encoded(found[0]) + b"}")


for _field in ("email", "username"):
    routes.add("GET", f"users/{_field}/{{value}}", partial(user_with, field=_field))
