"""What is said of a command line that cannot be followed; it never repeats what may be the key."""

import argparse
import io
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import NoReturn

# What is certainly no configuration, and no key.
_PATH = re.compile(r"[\w.~-]*[/.][\w./~-]*")


def parsed(
    parse: Callable[[list[str]], argparse.Namespace], arguments: Sequence[str], commands: Sequence[str]
) -> argparse.Namespace:
    """The arguments as `parse` reads them; `commands` are those that there are.

    Raises SystemExit with a sentence where they cannot be followed, or have no `command`.
    """
    choice = f"{', '.join(commands[:-1])} or {commands[-1]}"
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            found = parse(list(arguments))
    except SystemExit as end:
        if not end.code:
            raise
        _refuse(said.getvalue(), choice)
    if not found.command:
        sys.exit(f"Say what to do: {choice}. More with --help.")
    return found


def _refuse(said: str, choice: str) -> NoReturn:
    # argparse repeats what it was given, which may be the key, unless something is missing.
    _, _, sentence = said.strip().partition("error: ")
    if sentence.startswith("the following arguments are required") or sentence.endswith("expected one argument"):
        sys.exit(f"The command is not complete: {sentence}.")
    sys.exit(
        f"The arguments have something in them that the connector does not know. It takes {choice}, and all "
        "settings, the API key too, from the file that --config names. More with --help."
    )


def not_opened(error: OSError, files: Mapping[str, str]) -> str | None:
    """The sentence about a file of the command line that cannot be opened; None where the error is about another.

    `files` are the options with what was given to them.

    >>> not_opened(FileNotFoundError(2, "No such file or directory", "a.json"), {"config": "a.json"})
    'The file a.json cannot be opened: No such file or directory.'
    >>> not_opened(FileNotFoundError(2, "No such file or directory", '{"api_key": 1}'), {"config": '{"api_key": 1}'})
    '--config wants the name of a file, not what it holds (No such file or directory).'
    """
    option = next((name for name, path in files.items() if _is_about(error, path)), None)
    if option is None:
        return None
    if _PATH.fullmatch(files[option]):
        return f"The file {files[option]} cannot be opened: {error.strerror}."
    # What was given may have the key in it.
    return f"--{option} wants the name of a file, not what it holds ({error.strerror})."


def _is_about(error: OSError, path: str) -> bool:
    return isinstance(error.filename, str) and Path(error.filename) == Path(path)
