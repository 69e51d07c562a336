"""A decision for people: the verdict, and every step that led to it, from the top."""

from typing import Any, Final

from callgate.cli.show import NOTHING, Cell, Row, Show, local, value

_MARKS: Final = {
    "passed": Cell("✓", "green"),
    "matched": Cell("✓", "bold green"),
    "missed": Cell("✗", "yellow"),
    "refused": Cell("✗", "bold red"),
    "asked": Cell("?", "cyan"),
    "skipped": Cell("–", "dim"),
}
_VERDICTS: Final = {"admit": "green", "ask": "cyan", "refuse": "red", "ignore": "dim"}


def verdict(decision: dict[str, Any]) -> Cell:
    """What was decided, in its colour."""
    found = str(decision["verdict"])
    return Cell(found, _VERDICTS.get(found, ""))


def show_decision(show: Show, decision: dict[str, Any]) -> None:
    """Who called whom and when, the steps, and the end of it."""
    show.facts(
        [
            ("decision", decision["decisionId"]),
            ("at", local(decision["at"])),
            ("from", f"{decision['sourceAddress']} port {decision['sourcePort']}, {decision['transport']}"),
            ("caller", value(decision["fromUri"])),
            ("to", value(decision["toUri"])),
            ("request URI", value(decision["requestUri"])),
            ("Call-ID", value(decision["sipCallId"])),
            ("rules", f"version {value(decision['configVersion'])}"),
            ("call", value(decision["callId"])),
            *([("attempts", str(decision["count"]))] if decision["count"] > 1 else []),
        ]
    )
    show.say("")
    show_trace(show, decision)


def show_trace(show: Show, decision: dict[str, Any]) -> None:
    """The steps from the top, and what came of them."""
    show.pairs(_step(entry) for entry in decision["trace"])
    show.say(Cell("=", "bold"), Cell(decision["summary"], verdict(decision).style))


def _step(entry: dict[str, Any]) -> Row:
    result = str(entry["result"])
    return _MARKS.get(result, Cell(result)), Cell(str(entry["step"]), "dim"), str(entry["words"])


def dialled(decision: dict[str, Any]) -> str:
    """The user that was dialled, as far as a line has room for: that of To."""
    uri = str(decision["toUri"] or decision["requestUri"] or "")
    _, colon, rest = uri.partition(":")
    user, sign, _ = (rest if colon else uri).partition("@")
    return (user if sign else rest or uri) or NOTHING
