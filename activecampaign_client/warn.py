"""Warnings about the data of an account, each said once."""

import logging
import threading

LOGGER = logging.getLogger(__name__)


class Warn:
    """Says once per field what was wrong with its values; safe to share between threads.

    `what` is one of the keys below, `which` the field, `more` what else the sentence takes. The values themselves are
    the users' data, and data does not belong into logs.

    >>> warn = Warn("contacts")
    >>> warn("misfit", "custom_size")
    >>> warn("misfit", "custom_size")  # said already
    """

    _SENTENCES = {
        "untyped": "Stream %s: a value of the field %s does not fit its type in the schema and is passed on as it came "
        "(a JSON %s). Further ones in this field are not reported.",
        "digits": "Stream %s: a number in the field %s is passed on as text, since it has more digits than a JSON "
        "number is sure to keep, or is not finite. Further ones in this field are not reported.",
        "mended": "Stream %s: the text of the field %s has something in it that is no character, for which U+FFFD is "
        "passed on. Further ones in this field are not reported.",
        "map": "Stream %s: the API sends the records as a map under '%s', and not as a list; the values of the map are "
        "read.",
        "gone": "Stream %s: values of the custom field with the id %s are left out, as that field no longer exists.",
        "listed": "Stream %s: the API sent no custom field values beside the records, so all of %s are read instead.",
        "misfit": "Stream %s: a value of the custom field %s does not fit the field's type and is passed on as it "
        "came. Further ones in this field are not reported.",
    }

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._said: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def __call__(self, what: str, which: str, *more: str) -> None:
        with self._lock:
            if (what, which) in self._said:
                return
            self._said.add((what, which))
        LOGGER.warning(self._SENTENCES[what], self._stream, which, *more)
