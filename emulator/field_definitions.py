"""The custom fields that a generated account has, of contacts, deals and accounts.

Types as published: https://developers.activecampaign.com/reference/retrieve-fields for contacts,
https://developers.activecampaign.com/reference/retrieve-all-custom-deal-field-meta for deals and accounts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """A custom field: its label, personalization tag ("" for none), type, and options where the type has some."""

    title: str
    tag: str
    type: str
    options: tuple[str, ...] = ()


CONTACT_FIELDS = [
    Definition("Favourite mineral", "FAVOURITE_MINERAL", "text"),
    Definition("Remarks", "REMARKS", "textarea"),
    Definition("Date of first visit", "DATE_OF_FIRST_VISIT", "date"),
    Definition("Next appointment", "NEXT_APPOINTMENT", "datetime"),
    Definition(
        "Preferred time", "PREFERRED_TIME", "dropdown", ("Early morning", "Mid-day", "Evening", "Weekend & holidays")
    ),
    Definition("Interests", "INTERESTS", "listbox", ("Hiking", "Pottery", "Chess", "Rowing || sailing")),
    Definition("Size", "SIZE", "radio", ("S", "M", "L")),
    Definition("Topics", "TOPICS", "checkbox", ("News", "Offers", "Events")),
    Definition("Lead source", "LEAD_SOURCE", "hidden"),
    Definition("Number of seats", "NUMBER_OF_SEATS", "number"),
    Definition("Untyped note", "UNTYPED_NOTE", ""),
    Definition("Prénom préféré", "PRNOM_PRFR", "text"),
]
ENTITY_FIELDS = [
    Definition("Contract reference", "CONTRACT_REFERENCE", "text"),
    Definition("Scope of work", "SCOPE_OF_WORK", "textarea"),
    Definition("Kick-off", "KICKOFF", "date"),
    Definition("Go-live", "GOLIVE", "datetime"),
    Definition("Region", "REGION", "dropdown", ("North", "South", "East", "West")),
    Definition("Modules", "MODULES", "multiselect", ("Base", "Reporting", "Mobile")),
    Definition("Priority", "PRIORITY", "radio", ("Low", "High")),
    Definition("Needs", "NEEDS", "checkbox", ("Training", "Migration")),
    Definition("Origin", "ORIGIN", "hidden"),
    Definition("Set-up fee", "SETUP_FEE", "currency"),
    Definition("Licences", "LICENCES", "number"),
    # No personalization tag: its label is all there is, and reads like the tag of another field.
    Definition("{prefix} region", "", "text"),
]
DEFINITIONS = {
    "fields": CONTACT_FIELDS,
    "dealCustomFieldMeta": ENTITY_FIELDS,
    "accountCustomFieldMeta": ENTITY_FIELDS,
}


def definition(resource: str, index: int) -> Definition:
    """The definition of a field by its position; accounts with more fields repeat the list, numbered.

    >>> definition("fields", 6).title, definition("fields", 18).title
    ('Size', 'Size 2')
    """
    known = DEFINITIONS[resource]
    found = known[index % len(known)]
    if index < len(known):
        return found
    turn = index // len(known) + 1
    return Definition(f"{found.title} {turn}", found.tag and f"{found.tag}_{turn}", found.type, found.options)
