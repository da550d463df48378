"""Custom field values on the disk."""

import doctest
import threading

from hypothesis import given
from hypothesis import strategies as st

from activecampaign_client import stored_values
from activecampaign_client.custom_fields import by_owner
from activecampaign_client.stored_values import StoredValues

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "contact": st.integers(1, 9).map(str),
            "field": st.integers(1, 3).map(str),
            "value": st.one_of(st.none(), st.text(max_size=5), st.integers(), st.lists(st.text(max_size=3))),
        }
    )
)


def test_the_examples_are_true() -> None:
    failed, tried = doctest.testmod(stored_values)
    assert (failed, tried > 0) == (0, True)


@given(ROWS, st.sets(st.integers(1, 12).map(str)))
def test_each_owner_gets_its_own_values_in_their_order(rows: list[dict[str, object]], owners: set[str]) -> None:
    expected = {owner: values for owner, values in by_owner(rows).items() if owner in owners}
    assert StoredValues(rows).of(sorted(owners)) == expected


def test_several_threads_may_ask() -> None:
    rows = [{"contact": str(number), "field": "1", "value": str(number)} for number in range(2000)]
    values, found, errors = StoredValues(rows), [], []

    def ask(start: int) -> None:
        try:
            for number in range(start, 2000, 8):
                found.extend(value.raw for value in values.of([str(number)])[str(number)])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert sorted(found, key=int) == [str(number) for number in range(2000)]
