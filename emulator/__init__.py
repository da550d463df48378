"""A stand-in for an ActiveCampaign account, written from what is published and recorded of the API.

    with Emulator(Account.demo(seed=1)) as emulator:
        requests.get(f"{emulator.url}/api/3/contacts", headers={"Api-Token": emulator.api_key})

`python -m emulator --help` says how to run it as a process. Its modules, each above those that it imports:

    server            a real HTTP server around all of it
    control           /_emulator: look in, change rows and settings from another process
    app               one request: recorded, paced, checked, hit by faults, answered
    headers           what every answer carries beside its body, cookies included
    endpoints/        the handlers of what is no plain list or row; a new module here is served at once
    reading           the handlers of what the table describes, on bodies, envelopes and query
    writing           what the handlers of writes share, on sent (what comes in)
    import_queue      imports that wait and are applied, on imports (what one row does)
    contacts          how a write changes a contact and what belongs to it
    writes, tracked   what was written, and when; events and visits
    routing, calls    method and path to a handler, and what it gets
    mutate            changes while somebody reads
    account           the rows, and the one way to change them
    generators/       what makes the values of fields, on expressions; odd_json: what most readers refuse
    store             the rows of one resource, generated when asked for
    table             resources.yaml, what there is
"""

from .account import Account
from .calls import Request
from .mutate import Plan
from .server import Emulator
from .settings import Fault, Settings

__all__ = ["Account", "Emulator", "Fault", "Plan", "Request", "Settings"]
