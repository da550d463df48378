"""Contacts with their custom fields, tags, lists and account: the objects contacts, contact_tags and contact_lists."""
