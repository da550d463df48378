"""What the API answers beyond the lists and rows that the table describes: a module for each of its areas.

Every module here has a `routes`, and is served as soon as it is in this folder. A write, for example:

    routes = Routes()

    @routes.on("POST", "notes")
    def create(call: Call) -> Answer:
        note = orjson.loads(call.request.body)["note"]
        row_id = call.account.insert("notes", note=note["note"], relid=note["relid"])
        return json_answer({"note": {**note, "id": row_id}}, 201)

* Rows change through `call.account` alone (see Account); its lock is held while a handler runs.
* An error answer is a Refusal, raised; `answers.not_found` makes the usual one.
* What a handler has to remember, a queue or a rate limit of its own, it keeps in `call.memory`.
* Another host is another Site, see `tracking_host`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from ..reading import table_routes
from ..routing import API, Routes


def all_routes() -> list[Routes]:
    """Everything that the emulator serves, a Routes for each site. Raises ValueError where two handlers collide.

    A handler of this folder goes before one that the table would give.
    """
    sites = {API: Routes(API)}
    for module in iter_modules(__path__):
        routes: Routes = import_module(f"{__name__}.{module.name}").routes
        sites.setdefault(routes.site, Routes(routes.site)).include(routes)
    sites[API].fall_back_on(table_routes())
    return list(sites.values())
