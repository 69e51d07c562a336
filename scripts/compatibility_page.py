"""The page about the public surface: what is offered of it, what is not, and what differs."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

_TABLES = Path(__file__).parent.parent / "tests" / "compatibility"


def compatibility_page(generated: str) -> Iterator[str]:
    """Operation by operation, then property by property where something differs."""
    surface = json.loads((_TABLES / "public_surface.json").read_text())
    intentions = yaml.safe_load((_TABLES / "intentions.yaml").read_text())
    yield "# Compatibility"
    yield generated
    yield (
        f"What Callgate offers of the public API of Ultravox Realtime, as its schema of {surface['dated']} tells it "
        f"({len(surface['operations'])} operations). Made of two tables: `tests/compatibility/public_surface.json`, "
        "which `scripts/public_surface.py` makes of the public schema, and `tests/compatibility/intentions.yaml`, "
        "which people keep. Tests do every operation that is offered, send every property, see every property of the "
        "answers, hold every answer of all tests against the public schema, and ask for every operation that is not "
        "offered. What stands nowhere below is as in the public schema."
    )
    yield "## Operations"
    yield "Those that are not offered answer 404 in words."
    yield from _operations(surface["operations"], intentions["operations"])
    yield from _queries(intentions["parameters"])
    yield from _bodies(intentions["bodies"], intentions["properties"])
    yield from _answers(intentions["answers"])


def _operations(told: Mapping[str, Any], intended: Any) -> Iterator[str]:
    reasons = {name: group["because"] for group in intended["not_offered"] for name in group["operations"]}
    nouns: dict[str, list[str]] = {}
    for name in told:
        nouns.setdefault(name.split("/")[2], []).append(name)
    for noun, names in sorted(nouns.items()):
        yield f"### {noun}"
        yield _table(
            ("operation", "offered", "why not"),
            ((f"`{name}`", "no" if name in reasons else "yes", reasons.get(name, "")) for name in names),
        )


def _queries(parameters: Any) -> Iterator[str]:
    yield "## Queries"
    yield "A name without an operation holds for all that have it. What differs is told as *public → ours*."
    rows = [(f"`{name}`", "not offered", why) for name, why in parameters["not_offered"].items()]
    rows += [(f"`{name}`", "without effect", why) for name, why in parameters["without_effect"].items()]
    rows += [(f"`{name}`", _how(one["how"]), one["because"]) for name, one in parameters["differ"].items()]
    yield _table(("parameter", "what differs", "why"), rows)


def _bodies(bodies: Any, properties: Any) -> Iterator[str]:
    yield "## Bodies"
    yield (
        "Unknown keys are a 400 that names the one probably meant; properties for reading only may come back and are "
        f"ignored. In the messages `{properties['null_is_absent']}*` `null` means absent. `[]` stands for an entry."
    )
    rows = [(f"`{name}`", "not offered", why) for name, why in bodies["not_offered"].items()]
    rows += [(f"`{name}`", "has a body", why) for name, why in bodies["extra"].items()]
    for group in properties["differ"]:
        rows += [(_named(name), _how(group["how"]), group["because"]) for name in group["properties"]]
    yield _table(("property", "what differs", "why"), rows)
    yield "Taken in bodies and templates, but a call that needs one is refused with a 400 that says so:"
    yield _table(("property", "why"), ((_named(name), why) for name, why in properties["refused"].items()))
    yield "Taken, kept and shown where the public service shows them, but without effect:"
    yield _table(("property", "why"), ((_named(name), why) for name, why in properties["without_effect"].items()))


def _answers(answers: Any) -> Iterator[str]:
    yield "## Answers"
    rows = [(f"`{name}`", "never", why) for name, why in answers["not_offered"].items()]
    for kind, words in (("null", "may be `null`"), ("extra", "not of the public service"), ("never", "never there")):
        rows += [(_named(name), words, why) for name, why in answers[kind].items()]
    yield _table(("property", "what differs", "why"), rows)


def _named(name: str) -> str:
    return f"`{name.removeprefix('ultravox.v1.')}`"


def _how(words: str) -> str:
    return "`" + words.replace("x-bounds", "bounds").replace("|", "\\|") + "`" if ": " in words else words


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
