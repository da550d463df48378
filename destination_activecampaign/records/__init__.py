"""Writes company accounts, deals and records of custom objects: one request for each that differs."""
