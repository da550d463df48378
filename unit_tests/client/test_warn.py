"""Warnings about data: each once, and without the data."""

import doctest
import logging
from concurrent.futures import ThreadPoolExecutor

from activecampaign_client import warn as module
from activecampaign_client.warn import Warn


def test_a_warning_is_given_once_per_field(caplog):
    warn = Warn("contacts")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            warn("misfit", "custom_size")
            warn("misfit", "custom_age")
            warn("gone", "7")
    assert [message.split(":")[0] for message in caplog.messages] == ["Stream contacts"] * 3
    assert sorted(
        part for message in caplog.messages for part in message.split() if part in {"custom_size", "custom_age", "7"}
    ) == [
        "7",
        "custom_age",
        "custom_size",
    ]


def test_given_many_threads_when_they_warn_of_the_same_then_one_warning(caplog):
    warn = Warn("contacts")
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: warn("gone", "7"), range(200)))
    assert len(caplog.messages) == 1


def test_the_sentence_takes_what_more_there_is_to_say(caplog):
    Warn("tags")("untyped", "cdate", "int")
    [message] = caplog.messages
    assert message.startswith("Stream tags: a value of the field cdate ")
    assert "(a JSON int)" in message


def test_the_examples_are_true():
    assert doctest.testmod(module).failed == 0
