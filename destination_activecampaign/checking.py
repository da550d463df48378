"""What an account has to allow before anything is written to it."""

import time
from collections.abc import Sequence
from dataclasses import replace

from activecampaign_client.account import Account
from activecampaign_client.answers import CHECK, PROOF, Limits, Request
from activecampaign_client.errors import ApiError
from destination_activecampaign.catalog import ObjectType, ObjectTypes, is_no_object
from destination_activecampaign.config import Config
from destination_activecampaign.events.required import required_tracking
from destination_activecampaign.places import place_of


def check(config: Config, account: Account, objects: ObjectTypes) -> None:
    """Ask who the key belongs to, and whether it may see what the configured objects need.

    Whether it may write shows only when something is written. Rejected rows have to have their place, too. Raises
    ApiError with the sentence for the user, within half a minute, and another one where that place does not answer.
    """
    began = time.monotonic()

    def prove(request: Request) -> None:
        account.send(request, _what_is_left(began))

    prove(PROOF)
    for path in dict.fromkeys(path for one in configured_objects(config, objects) for path in one.reads):
        # Records of custom objects stand under another key than their path.
        prove(Request(path, {"limit": "1"}, record_key="" if "/" in path else path))
    named = [objects.named(settings.object or settings.stream) for settings in config.streams]
    if tracked := {one.name for one in named if one and one.is_tracked}:
        required_tracking(config, account, tracked, _what_is_left(began))
    if place := place_of(config.rejected_records):
        place.prove()


def _what_is_left(began: float) -> Limits:
    return replace(CHECK, total=max(1.0, CHECK.total - (time.monotonic() - began)))


def configured_objects(config: Config, objects: ObjectTypes) -> Sequence[ObjectType]:
    """The objects that the configuration speaks of; where it speaks of none, those that everybody may have.

    Raises ApiError where it names one that there is not.
    """
    found = []
    for settings in config.streams:
        one = objects.named(settings.object or settings.stream)
        if one is None and settings.object:
            raise ApiError(is_no_object(settings.stream, settings.object, objects), kind="config")
        found += [one] if one else []
    return found or objects.usual
