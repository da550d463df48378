"""Every text of the connectors' code that a user may see, with `...` where a value is filled in.

A text is found by what it is, not by who shows it: every string of the code that has a space in it. Nobody has to
remember to declare a sentence, and one that is passed around before it is shown is found where it is written. A string
without a space is found where it is given to something that speaks to users (`SPEAKING`), or raised.

What no user sees is left out by where it stands, if that is certain: docstrings, annotations, `UNSEEN`. All else is
either in the list of `docs/messages.md`, or in `NOT_SHOWN` with the reason.

Not found: a text of one word that is given a name first, and words that the code joins itself.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent

# The packages that speak to users, each a line.
PACKAGES = (
    "activecampaign_client",
    "source_activecampaign",
    "destination_activecampaign",
)

FILLED_IN = "..."

# What speaks to users, and which of its arguments is the text.
SPEAKING: Mapping[str, int] = {
    "info": 0,
    "warning": 0,
    "error": 0,
    "exception": 0,
    "exit": 0,
    "ApiError": 0,
    "UnstableOrder": 0,
    "Verdict": 1,
    "refusal": 0,
    "Refused": 0,
}
LEVELS = frozenset({"info", "warning", "error", "exception"})
SPEAKING_KEYWORDS = frozenset({"message"})

# What no user sees: arguments of these calls and of these names, and what these keys of a dictionary stand for.
UNSEEN: Mapping[str, str] = {
    "compile": "a pattern",
    "fullmatch": "a pattern",
    "match": "a pattern",
    "search": "a pattern",
    "sub": "a pattern",
    "startswith": "looked for in a text",
    "endswith": "looked for in a text",
    "execute": "SQL",
    "executemany": "SQL",
    "once": "the name under which something is kept",
    "detail": "for the maintainers, behind the sentence of an ApiError",
    "internal_message": "for the maintainers, as the protocol says",
    "description": "of a column in the catalog",
}

# Every other text that is no message, by the reason why.
NOT_SHOWN: Mapping[str, frozenset[str]] = {
    "the name of something that a listed message is about": frozenset(
        {
            "API URL",
            "API Key",
            "the Deals permission",
            "access to it",
            "contact ...",
            "... contacts (...)",
            "and others",
            "... or ...",
            "... of about ...",
            "... /api/3/...",
            "line ..., column ...",
            "the Contacts permission",
            "access to the tracking settings",
            "Create What Is Missing",
            "Key of ...",
            "Mode (stream ...)",
            'the custom field "..." (id ...)',
            "the log, by stream and number",
            "HTTP ...",
            "without a slug",
            "its schema has no id",
            "its schema has the id of another one",
            "its stream would have the name of another one",
            "a JSON object with api_url and api_key",
            "a JSON object with streams",
            "the states of an earlier sync",
        }
    ),
    "caught by the code that called, which says something else": frozenset(
        {
            "nested too deeply",
            "more digits than a JSON number is sure to keep",
            "The answer did not come whole in time.",
        }
    ),
    "a mistake in the code or the manifest, which a developer sees": frozenset(
        {
            "requests and seconds must be greater than 0",
            "module ... has no attribute ...",
            "...: records are taken out of their envelope by an EnvelopeExtractor",
        }
    ),
    "the description of a column in the catalog": frozenset(
        {
            ". Options: ...",
            "... Options: ...",
            ". In cents of the currency in the column beside it",
            ", in ... unless the record says otherwise",
            "subscribe or unsubscribe (1, 2, true and false are understood, too).",
        }
    ),
    "why a private name of the CDK is touched": frozenset(
        {
            "what is handed to every component: ours instead of a budget made of the manifest's",
            "the records that wait for a slow reader, of which there are fewer here",
            "checks the manifest against its schema at every start; a test does it, once for all",
        }
    ),
    "the title of an answer that the Connector Builder shows": frozenset({"Stream '...' request"}),
    "what --help says of the command line": frozenset(
        {
            "print what can be configured",
            "find out whether the configuration works",
            "print what can be written",
            "write the records that come on stdin",
            "path to the JSON file of the ...",
        }
    ),
    "the name under which something is kept": frozenset({"tags by id", "... by id"}),
    "a type": frozenset({"Outcome | Rejection"}),
    "a value of an enumeration": frozenset({"to try", "not yet"}),
    "a template of the manifest": frozenset({"{{ parameters['endpoint'] }}"}),
}


class Text(NamedTuple):
    """A text of the code: where it stands, and with which level it is logged, where it is written into the call."""

    template: str
    place: str = ""
    level: str = ""


def texts_of(packages: Sequence[str] = PACKAGES) -> list[Text]:
    """The texts of all modules of these packages."""
    paths = sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))
    return [text for path in paths for text in texts_in(path.read_text(), str(path.relative_to(ROOT)))]


def texts_in(source: str, name: str = "") -> list[Text]:
    """The texts of one module; `name` is what its places are called by.

    >>> texts_in('WHERE = "in Settings"; LOGGER.info(f"No key for {user} {WHERE}.")', "a.py")
    [Text(template='No key for ... in Settings.', place='a.py:1', level='info')]
    """
    module = ast.parse(source)
    finder = _Finder(module, name)
    finder.visit(module)
    return finder.texts()


def normal(template: str) -> str:
    """A template in the one form in which templates are compared.

    Spaces are single. A variable part takes in the one beside it, and the full stop that follows it: `....` is hard to
    read.

    >>> normal("Stream %s:  %d of %s ..., ... %s.")
    'Stream ...: ... of ..., ...'
    """
    template = re.sub(r"%(\.\d+)?[sdgfr]", FILLED_IN, template).replace("%%", "%")
    return re.sub(r"\.{3}(\.? ?\.{3})*\.?", FILLED_IN, " ".join(template.split()))


def _is_text(node: ast.AST | None) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, (ast.Add, ast.Mod)) and (_is_text(node.left) or _is_text(node.right))
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _name_of(call: ast.Call) -> str:
    return getattr(call.func, "attr", "") or getattr(call.func, "id", "")


class _Finder(ast.NodeVisitor):
    def __init__(self, module: ast.Module, name: str) -> None:
        self._name = name
        self._found: list[Text] = []
        # What was found already, as a part of a text perhaps, or is not to be.
        self._done: set[ast.AST] = set()
        # Texts that the module gives a name of their own, by this name, and the names by where they were met.
        self._named = {
            node.targets[0].id: node.value
            for node in module.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_text(node.value)
        }
        self._inside, self._alone = set[str](), set[str]()

    def texts(self) -> list[Text]:
        """What was found; a text with a name stands for itself unless it is only ever a part of others."""
        for name in self._named.keys() - (self._inside - self._alone):
            self._done.discard(self._named[name])
            self._find(self._named[name])
        return sorted(self._found, key=lambda text: int(text.place.rpartition(":")[2]))

    def visit(self, node: ast.AST) -> None:
        if node in self._done:
            return
        if _is_text(node):
            self._find(node)
        super().visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if node.value not in self._named.values():
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self._alone.add(node.id)

    def visit_Call(self, node: ast.Call) -> None:
        name = _name_of(node)
        if name in UNSEEN:
            self._done.update(argument for argument in node.args if _is_text(argument))
        elif name in SPEAKING and len(node.args) > SPEAKING[name] and _is_text(node.args[SPEAKING[name]]):
            self._find(node.args[SPEAKING[name]], name if name in LEVELS else "", shown=True)
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        if isinstance(node.exc, ast.Call) and node.exc.args and _is_text(node.exc.args[0]):
            self._find(node.exc.args[0], shown=True)
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg in UNSEEN:
            return
        if node.arg in SPEAKING_KEYWORDS and _is_text(node.value):
            self._find(node.value, shown=True)
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in UNSEEN:
                self._done.add(value)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        """What an annotation says is not shown."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for part in (*node.decorator_list, node.args, *node.body):
            self.visit(part)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> None:
        self.visit(node.value)

    def _find(self, node: ast.AST, level: str = "", *, shown: bool = False) -> None:
        if node in self._done:
            return
        for template in dict.fromkeys(map(normal, self._variants(node))):
            words = template.replace(FILLED_IN, "")
            if re.search(r"[^\W\d_]", words) and (shown or " " in template):
                self._found.append(Text(template, f"{self._name}:{getattr(node, 'lineno', 0)}", level))

    def _variants(self, node: ast.AST) -> list[str]:
        """Every way in which a text can come out: a choice between two texts inside of it makes two."""
        if isinstance(node, ast.FormattedValue):
            return self._variants(node.value)
        if isinstance(node, ast.IfExp):
            return [*self._variants(node.body), *self._variants(node.orelse)]
        if isinstance(node, ast.Name) and node.id in self._named:
            self._done.add(node)
            self._inside.add(node.id)
            return self._variants(self._named[node.id])
        if not _is_text(node):
            return [FILLED_IN]
        self._done.add(node)
        if isinstance(node, ast.Constant):
            return [str(node.value)]
        if isinstance(node, ast.JoinedStr):
            return self._joined(node.values)
        assert isinstance(node, ast.BinOp)
        return self._variants(node.left) if isinstance(node.op, ast.Mod) else self._joined([node.left, node.right])

    def _joined(self, parts: Sequence[ast.AST]) -> list[str]:
        return ["".join(texts) for texts in product(*map(self._variants, parts))]
