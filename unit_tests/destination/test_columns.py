"""Which field a column is written to, and what is said where that is not clear."""

from collections.abc import Mapping, Sequence

import pytest

from activecampaign_client.custom_fields import Definition
from activecampaign_client.errors import ApiError
from destination_activecampaign.columns import Columns, form, value_in

CONTACT = ["id", "email", "firstName", "lastName", "phone", "tags"]
SIZE = Definition("3", "Shoe size", "number", "SHOE_SIZE")
COLOUR = Definition("7", "Fav Colour", "text", "COLOR")


def columns(
    *schema: str, mapping: Mapping[str, str] | None = None, fields: Sequence[Definition] = (SIZE, COLOUR)
) -> Columns:
    return Columns("people", CONTACT, fields, mapping, schema)


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("email", "email"),
        ("EMAIL", "email"),
        ("firstName", "firstName"),
        ("firstname", "firstName"),
        ("first_name", "firstName"),
        ("First Name", "firstName"),
        ("custom_shoe_size", "3"),
        ("CUSTOM_SHOE_SIZE", "3"),
        ("3", "3"),
        ("_3", "3"),
        ("SHOE_SIZE", "3"),
        ("%SHOE_SIZE%", "3"),
        ("Shoe size", "3"),
        ("fav_colour", "7"),
        ("color", "7"),
    ],
)
def test_a_column_finds_its_field_as_people_and_pyairbyte_spell_it(column: str, field: str) -> None:
    found = columns().field_of(column)
    assert found is not None
    assert found.name == field


def test_a_column_that_pyairbyte_rewrote_finds_a_title_that_is_not_latin() -> None:
    fields = [Definition("5", "年齢", "number", "AGE"), Definition("6", "名前", "text", "NAME")]
    found = columns(fields=fields).field_of("年齢")
    assert found is not None
    assert found.name == "5"
    with pytest.raises(ApiError, match="could be written to"):
        columns(fields=fields).field_of("__")


@pytest.mark.parametrize(
    ("column", "fields", "wins"),
    [
        ("phone", [Definition("8", "Phone", "text", "PHONE")], "phone"),
        ("9", [Definition("8", "9", "text", "9"), Definition("9", "x", "text", "X")], "9"),
        ("plan", [Definition("8", "plan", "text", "P"), Definition("9", "x", "text", "PLAN")], "9"),
        ("custom_a", [Definition("8", "x", "text", "A"), Definition("9", "custom_a", "text", "CUSTOM_A")], "8"),
    ],
)
def test_the_better_kind_of_name_wins(column: str, fields: list[Definition], wins: str) -> None:
    found = columns(fields=fields).field_of(column)
    assert found is not None
    assert found.name == wins


def test_a_column_that_matches_two_fields_alike_ends_the_sync_at_its_start() -> None:
    fields = [Definition("8", "Plan", "text", "P1"), Definition("9", "plan", "text", "P2")]
    with pytest.raises(ApiError) as refused:
        columns("email", "PLAN", fields=fields)
    assert refused.value.kind == "config"
    assert str(refused.value) == (
        'The column PLAN of the stream people could be written to the custom field "Plan" (id 8) or the custom field '
        '"plan" (id 9). Name its field by its id under Streams in the configuration.'
    )


def test_naming_the_field_of_an_ambiguous_column_by_its_id_is_enough() -> None:
    fields = [Definition("8", "Plan", "text", "P1"), Definition("9", "plan", "text", "P2")]
    found = columns("PLAN", fields=fields, mapping={"plan": "9"}).field_of("PLAN")
    assert found is not None
    assert found.name == "9"


def test_two_columns_of_one_field_end_the_sync_at_its_start() -> None:
    with pytest.raises(ApiError, match="firstName and first_name of the stream people are both written to firstName"):
        columns("firstName", "first_name")


def test_of_two_columns_of_one_field_the_better_match_is_written(caplog: pytest.LogCaptureFixture) -> None:
    found = columns("shoe size", "custom_shoe_size")
    assert found.field_of("shoe size") is None
    assert [field.name for field in found.read({"shoe size": 1, "custom_shoe_size": 2})] == ["3"]
    assert [record.message for record in caplog.records] == [
        "Stream people: the column shoe size is left out, as the column custom_shoe_size is written to the same field."
    ]


def test_what_the_user_named_wins() -> None:
    found = columns("shoe size", "b", mapping={"b": "SHOE_SIZE"})
    assert {field.name: value for field, value in found.read({"shoe size": 1, "b": 2}).items()} == {"3": 2}


def test_a_field_that_the_user_named_and_that_is_not_there_ends_the_sync() -> None:
    with pytest.raises(ApiError, match="is to be written to the field NOTHING, which the account does not have"):
        columns(mapping={"plan": "NOTHING"})


def left_out(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The names in each sentence about columns that are left out."""
    begin = "Stream people: columns that are left out, as no field has their name: "
    return [message.removeprefix(begin).split(". Call them")[0] for message in caplog.messages]


def test_columns_without_a_field_are_said_once_and_together(caplog: pytest.LogCaptureFixture) -> None:
    found = columns("email", "Plan", "Seats", "_airbyte_meta")
    assert found.field_of("Plan") is None
    for _ in range(2):
        assert found.read({"plan": 1, "email": "a@example.com", "_airbyte_raw_id": "x"}) == {
            found.field_of("email"): "a@example.com"
        }
    assert left_out(caplog) == ["Plan, Seats"]


def test_columns_that_only_rows_have_are_said_with_the_first_such_row(caplog: pytest.LogCaptureFixture) -> None:
    found = columns()
    for row in ({"email": "a@example.com"}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"c": 3}):
        found.read(row)
    assert left_out(caplog) == ["a, b", "c"]


def test_of_very_many_columns_without_a_field_the_rest_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    columns(*(f"x{number}" for number in range(1234)))
    [names] = left_out(caplog)
    assert names.startswith("x0, x1, ")
    assert names.endswith(", x49 and 1,184 more")


def test_a_column_that_the_user_leaves_out_is_not_said(caplog: pytest.LogCaptureFixture) -> None:
    found = columns("email", "phone", mapping={"phone": ""})
    assert found.field_of("phone") is None
    assert list(found.declared) == ["email"]
    assert caplog.records == []


def test_the_schema_tells_which_fields_a_stream_means_to_write() -> None:
    found = columns("Email", "color", "nothing", "_airbyte_meta", mapping={"Color": "SHOE_SIZE"})
    assert {column: field.name for column, field in found.declared.items()} == {"Email": "email", "color": "3"}


def test_a_value_is_found_however_the_row_spells_its_column() -> None:
    assert value_in({"updatedat": 1}, "updatedAt") == 1
    assert value_in({"A": 1, "a": 2}, "a") == 2
    assert value_in({}, "a") is None


def test_names_are_alike_in_the_form_that_pyairbyte_writes() -> None:
    assert {form(name) for name in ("Average Sales (%)", "average_sales____")} == {"average_sales____"}
    assert form("1b") == "_1b"
