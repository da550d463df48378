"""docs/messages.md has every message that a user can see, and none that nobody can."""

import doctest
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import airbyte_cdk
import pytest

from unit_tests import listed_messages as list_module
from unit_tests import texts_in_code as code_module
from unit_tests.listed_messages import ANOTHER, PAGE, PART, Listed, listed_messages, match, pattern_of, unlisted
from unit_tests.texts_in_code import FILLED_IN, LEVELS, NOT_SHOWN, PACKAGES, Text, texts_in, texts_of

# Those that the page explains at its top.
KINDS = set(re.findall(r"^\| ([a-z ]+) \| [A-Z]", PAGE.read_text().partition("\n## ")[0], re.MULTILINE))
OF_AIRBYTE = "Airbyte's own"
OURS = [one for one in listed_messages() if one.group != OF_AIRBYTE]
THEIRS = [one for one in listed_messages() if one.group == OF_AIRBYTE]
TEXTS = texts_of()


def what_to_do(problem: str, found: list[str]) -> str:
    return "\n  ".join([f"{problem}:", *found])


# --- the list and the code ---------------------------------------------------------------------------------------


def missing(texts: list[Text], listed: list[Listed]) -> list[str]:
    """The texts of the code that are neither in the list nor excused, each with its place."""
    known = {one.template for one in listed}.union(*NOT_SHOWN.values())
    return [f"{text.place}: {text.template}" for text in texts if text.template not in known]


def test_every_message_of_the_code_is_in_the_list() -> None:
    found = missing(TEXTS, OURS)
    assert not found, what_to_do(
        "docs/messages.md lacks these. Add each as it stands here to the table of its area, with its kind and what to "
        "do about it (a part of a message as a part, under Parts). What no user can see belongs into NOT_SHOWN of "
        "unit_tests/texts_in_code.py, under the reason why",
        found,
    )


def test_every_message_of_the_list_is_in_the_code() -> None:
    templates = {text.template for text in TEXTS}
    found = [one.message for one in OURS if one.template not in templates]
    assert not found, what_to_do("No code says these messages of docs/messages.md. Correct or remove them", found)


def test_every_exception_is_in_the_code_and_not_in_the_list() -> None:
    excused = set[str]().union(*NOT_SHOWN.values())
    assert excused - {text.template for text in TEXTS} == set()
    assert excused & {one.template for one in OURS} == set()


def test_what_is_logged_has_the_kind_that_it_is_logged_with() -> None:
    expected = {"info": "information", "warning": "warning"}
    listed = {one.template: one.kind for one in OURS}
    logged = {text.template: expected[text.level] for text in TEXTS if text.level in expected}
    assert {name: listed[name] for name in logged} == logged
    assert set(logged.values()) == set(expected.values())


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_has_texts(package: str) -> None:
    assert any(text.place.startswith(f"{package}/") for text in TEXTS)


def test_the_list_is_complete_in_itself() -> None:
    messages = [one.message for one in listed_messages()]
    assert sorted(set(messages)) == sorted(messages)
    assert {one.kind for one in listed_messages()} == KINDS
    assert [one.message for one in listed_messages() if not one.advice] == []
    # Every table of the page was understood as a part of the list.
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    tables = sum(line == "| Message | Kind | What to do |" for line in rows)
    cells = {(one.kind, one.advice, one.group) for one in listed_messages()}
    assert len(rows) - tables >= len(cells) > 40


def test_what_airbyte_says_is_in_its_code() -> None:
    folder = Path(inspect.getfile(airbyte_cdk)).parent
    modules = ["entrypoint.py", "exception_handler.py", "utils/memory_monitor.py"]
    modules += [f"sources/concurrent_source/{name}.py" for name in ("concurrent_source", "concurrent_read_processor")]
    said = {text.template for name in modules for text in texts_in((folder / name).read_text(), name)}
    assert [one.message for one in THEIRS if one.template not in said and one.kind != PART] == []


# --- what is found in code ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "templates"),
    [
        ('say("No rows came.")', ["No rows came."]),
        ('say("No rows " "came.")', ["No rows came."]),
        ('say("No rows" + " came to " + name)', ["No rows came to ..."]),
        ('say("%s: %d of %.1f rows" % (a, b, c))', ["...: ... of ... rows"]),
        ('say(f"{name!r}: {count:,} of {total:.0f} rows, {one}")', ["...: ... of ... rows, ..."]),
        ('say(f"{name}{more} rows {one} {two}.")', ["... rows ..."]),
        ("say(f\"No {'rows' if rows else 'one'} came.\")", ["No rows came.", "No one came."]),
        ('A = "an answer"\nsay(f"No {A} of {name} came.")', ["No an answer of ... came."]),
        ('A = "An answer came."\nsay(A)', ["An answer came."]),
        ('A = "An answer came."\nsay(A)\nsay(f"{A} No.")', ["An answer came.", "An answer came. No."]),
        ('A = "An answer came."', ["An answer came."]),
        ("say(f\"No {what or 'such thing'} came.\")", ["No ... came.", "such thing"]),
        ('SAID = {"gone": "Stream %s: rows are gone."}', ["Stream ...: rows are gone."]),
        ('def why():\n    return "an empty body"', ["an empty body"]),
        ('LOGGER.info("Done")', ["Done"]),
        ('sys.exit("Done")', ["Done"]),
        ('raise KeyError("Done")', ["Done"]),
        ('Verdict(Action.FAIL, "Done", "config")', ["Done"]),
        ('Status(message="Done")', ["Done"]),
        ('LOGGER.info("Done: %s", "deals")', ["Done: ..."]),
        ('"""No text, but a docstring."""\ndef f(a: "A | B") -> "A | B":\n    """Nor this."""', []),
        ('re.compile("a pattern")\nonce("a name for it", f)\nApiError(e, detail="for us")', []),
        ('Schema({"description": "Rows of it.", "type": "string"})', []),
        ('", ".join(names)\nname = "deals"\nname[" :>9"]', []),
    ],
)
def test_what_is_found(source: str, templates: list[str]) -> None:
    assert sorted(text.template for text in texts_in(source)) == sorted(templates)


def test_where_it_is_found_and_how_it_is_logged() -> None:
    source = 'LOGGER.warning(\n    "Rows are left out."\n)\nLOGGER.info(f"{name} ends.")\nreturned = "No rows came."'
    assert texts_in(source, "a.py") == [
        Text("Rows are left out.", "a.py:2", "warning"),
        Text("... ends.", "a.py:4", "info"),
        Text("No rows came.", "a.py:5", ""),
    ]
    assert {"info", "warning"} <= LEVELS


@pytest.mark.parametrize(
    "new", ['raise ApiError("Ouch.", kind="system")', 'LOGGER.warning("Ouch.")', 'def f():\n    return "It hurts."']
)
def test_given_a_new_message_then_it_is_missing(new: str) -> None:
    assert missing(texts_in(new, "new.py"), OURS) != []


# --- which message a printed text is -----------------------------------------------------------------------------


def examples(one: Listed) -> Iterator[str]:
    """Texts that a message becomes: with nothing filled in, with something, with what regular expressions mean."""
    for filled in ("contacts", "5.0 (a|b) [c]* \\d+ {x} ^$", ""):
        yield one.message.replace(ANOTHER, "The API URL has no host name.").replace(FILLED_IN, filled)


@pytest.mark.parametrize("one", [one for one in listed_messages() if one.kind != PART], ids=lambda one: one.message)
def test_a_message_is_recognised_by_itself_alone(one: Listed) -> None:
    for text in examples(one):
        assert pattern_of(one.message).fullmatch(text)
    assert pattern_of(one.message).fullmatch(f"KeyError\n{one.message}") is None
    words = re.sub(r"\[?\.{3}\]?", " ", one.message)
    assert len(re.findall(r"\w+", words)) >= 2, "this would be nearly any text"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("Stream tags: 5 records in 1 requests, 0.4 s", ["Stream ...: ... records in ... requests, ... s"]),
        (
            "https://acme.api-us1.com/api/3/tags answered with HTTP 503. It is asked again in 4 s.",
            ["[...] It is asked again in ... s.", ".../api/3/... answered with HTTP ..."],
        ),
        (
            "ActiveCampaign has answered nothing for 10 minutes. The last attempt: https://acme.api-us1.com/api/3/tags "
            "did not answer in time. Check the API URL if this persists. Run the sync again later: it goes on from the "
            "last state.",
            [
                "ActiveCampaign has answered nothing for ... minutes. The last attempt: [...] Run the sync again "
                "later: it goes on from the last state.",
                "... did not answer in time. Check the API URL if this persists.",
            ],
        ),
        (
            "Stream contacts: its state cannot be used (there is no date under 'udate'), so the stream is read anew.",
            [
                "Stream ...: its state cannot be used ([...]), so the stream is read anew.",
                "there is no date under ...",
            ],
        ),
        (
            'The custom field "Fee" (FEE) has || between choices, and the value\'s could not be told apart.',
            [
                "[...] has || between choices, and the value's could not be told apart.",
                'The custom field "..." (...)',
            ],
        ),
        (
            "The API URL has no host name. Copy it from Settings > Developer in ActiveCampaign; it looks like "
            'https://youraccount.api-us1.com.\nTraceback (most recent call last):\n  File "source.py", line 7',
            [
                "The API URL has no host name. Copy it from Settings > Developer in ActiveCampaign; it looks like "
                "https://youraccount.api-us1.com."
            ],
        ),
        (
            "During the sync, the following streams did not sync successfully: deals: AirbyteTracedException('No.')\n"
            "tags: AirbyteTracedException('No.')",
            [
                "During the sync, the following streams did not sync successfully: ...",
                "...: AirbyteTracedException(...)",
            ],
        ),
        # A message of no list, beside one that is listed, within one, before or behind one; a part alone; nothing.
        ("'NoneType' object has no attribute 'get'", []),
        ("Check failed\n'NoneType' object has no attribute 'get'", []),
        ("'NoneType' object has no attribute 'get' It is asked again in 4 s.", []),
        ("No custom fields are read from deals: KeyError: 'id'", []),
        ("Oh. Check failed", []),
        ("Check failed. Oh.", []),
        ("an empty body", []),
        ("", []),
    ],
)
def test_which_messages_a_text_is(text: str, messages: list[str]) -> None:
    assert [one.message for one in match(text)] == messages


def test_what_a_run_says_that_is_not_listed() -> None:
    run = [
        {"type": "LOG", "log": {"level": "INFO", "message": "Check failed"}},
        {"type": "LOG", "log": {"level": "INFO", "message": "Unlisted log"}},
        {"type": "TRACE", "trace": {"type": "ERROR", "error": {"message": "Unlisted error"}}},
        {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "stream_status": {"status": "COMPLETE"}}},
        {"type": "CONNECTION_STATUS", "connectionStatus": {"status": "FAILED", "message": "Unlisted refusal"}},
        {"type": "CONNECTION_STATUS", "connectionStatus": {"status": "SUCCEEDED"}},
        {"type": "RECORD", "record": {"stream": "tags", "data": {"message": "a row"}}},
    ]
    assert unlisted(run) == ["Unlisted log", "Unlisted error", "Unlisted refusal"]


@pytest.mark.parametrize("module", [list_module, code_module])
def test_examples(module: ModuleType) -> None:
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed
