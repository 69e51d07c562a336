"""Which section of which RFC stands where in the code, and which test shows it.

Code cites: ``RFC 3261 section 17.2.1 (INVITE Server Transaction)``, the title at one mention at least. Tests are
marked: ``@pytest.mark.rfc("3261", "17.2.1", "INVITE Server Transaction")``.
"""

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
CODE = ROOT / "src" / "callgate"
TESTS = ROOT / "tests"

_NUMBER = r"(?:[0-9]{1,2}|[A-Z])(?:\.[0-9]+)*"
_TITLE = r"[A-Z0-9](?:[^()]|\([^()]*\))*"
_FIRST = re.compile(rf"RFC (?P<rfc>\d{{3,4}})(?: \([^()]*\))?,? (?:sections?|appendix) (?P<section>{_NUMBER})")
_NEXT = re.compile(rf"(?:,| and|, and| to) (?:(?:section|appendix) )?(?P<section>{_NUMBER})(?![0-9A-Za-z])")
_BEHIND = re.compile(rf" \((?P<title>{_TITLE})\)|, (?P<inside>[A-Z][^()]*)(?=\))")
# A line's end and what begins the next one, of prose, of a comment, of a text in pieces.
_LINE_END = re.compile(r"\"\n\s*f?\"|\n\s*#?:? *")

TITLES = {
    "1035": "Domain Names - Implementation and Specification",
    "2617": "HTTP Authentication: Basic and Digest Access Authentication",
    "3261": "SIP: Session Initiation Protocol",
    "3262": "Reliability of Provisional Responses in the Session Initiation Protocol (SIP)",
    "3263": "Session Initiation Protocol (SIP): Locating SIP Servers",
    "3264": "An Offer/Answer Model with the Session Description Protocol (SDP)",
    "3311": "The Session Initiation Protocol (SIP) UPDATE Method",
    "3323": "A Privacy Mechanism for the Session Initiation Protocol (SIP)",
    "3325": "Private Extensions to the Session Initiation Protocol (SIP) for Asserted Identity within Trusted Networks",
    "3326": "The Reason Header Field for the Session Initiation Protocol (SIP)",
    "3389": "Real-time Transport Protocol (RTP) Payload for Comfort Noise (CN)",
    "3515": "The Session Initiation Protocol (SIP) Refer Method",
    "3550": "RTP: A Transport Protocol for Real-Time Applications",
    "3551": "RTP Profile for Audio and Video Conferences with Minimal Control",
    "3581": "An Extension to the Session Initiation Protocol (SIP) for Symmetric Response Routing",
    "3605": "Real Time Control Protocol (RTCP) attribute in Session Description Protocol (SDP)",
    "3711": "The Secure Real-time Transport Protocol (SRTP)",
    "3891": 'The Session Initiation Protocol (SIP) "Replaces" Header',
    "3892": "The Session Initiation Protocol (SIP) Referred-By Mechanism",
    "3986": "Uniform Resource Identifier (URI): Generic Syntax",
    "4028": "Session Timers in the Session Initiation Protocol (SIP)",
    "4291": "IP Version 6 Addressing Architecture",
    "4475": "Session Initiation Protocol (SIP) Torture Test Messages",
    "4568": "Session Description Protocol (SDP) Security Descriptions for Media Streams",
    "4585": "Extended RTP Profile for Real-time Transport Control Protocol (RTCP)-Based Feedback (RTP/AVPF)",
    "4733": "RTP Payload for DTMF Digits, Telephony Tones, and Telephony Signals",
    "5118": "Session Initiation Protocol (SIP) Torture Test Messages for Internet Protocol Version 6 (IPv6)",
    "5589": "Session Initiation Protocol (SIP) Call Control - Transfer",
    "5626": "Managing Client-Initiated Connections in the Session Initiation Protocol (SIP)",
    "5761": "Multiplexing RTP Data and Control Packets on a Single Port",
    "5763": "Framework for Establishing a Secure Real-time Transport Protocol (SRTP) Security Context Using DTLS",
    "5922": "Domain Certificates in the Session Initiation Protocol (SIP)",
    "6026": "Correct Transaction Handling for 2xx Responses to Session Initiation Protocol (SIP) INVITE Requests",
    "6052": "IPv6 Addressing of IPv4/IPv6 Translators",
    "6141": "Re-INVITE and Target-Refresh Request Handling in the Session Initiation Protocol (SIP)",
    "6455": "The WebSocket Protocol",
    "6665": "SIP-Specific Event Notification",
    "6716": "Definition of the Opus Audio Codec",
    "7587": "RTP Payload Format for the Opus Speech and Audio Codec",
    "7616": "HTTP Digest Access Authentication",
    "7617": "The 'Basic' HTTP Authentication Scheme",
    "7714": "AES-GCM Authenticated Encryption in the Secure Real-time Transport Protocol (SRTP)",
    "8489": "Session Traversal Utilities for NAT (STUN)",
    "8760": "The Session Initiation Protocol (SIP) Digest Access Authentication Scheme",
    "8866": "SDP: Session Description Protocol",
    "9110": "HTTP Semantics",
    "9562": "Universally Unique IDentifiers (UUIDs)",
}
"""Of the RFCs themselves, for headings; one that is missing has its number alone."""


@dataclass(frozen=True)
class Mention:
    """A section, cited in code or shown by a test.

    Attributes:
        rfc: its number.
        section: of the RFC; appendices by their letters.
        title: of the section; empty where it is not said.
        path: of the file, from the root.
        line: there.
        name: of the function or class there; empty outside.
        test: whether a test shows it.
    """

    rfc: str
    section: str
    title: str
    path: str
    line: int
    name: str
    test: bool


@cache
def mentions() -> tuple[Mention, ...]:
    """Every one of them."""
    found = [mention for file in sorted(CODE.rglob("*.py")) for mention in cited(file)]
    found += [mention for file in sorted(TESTS.rglob("test_*.py")) for mention in marked(file)]
    found += tortured()
    return tuple(found)


def tortured() -> Iterator[Mention]:
    """The sections of the torture messages, each shown by its message."""
    spec = importlib.util.spec_from_file_location("manifest", TESTS / "torture" / "manifest.py")
    assert spec is not None
    assert spec.loader is not None
    manifest = importlib.util.module_from_spec(spec)
    sys.modules["manifest"] = manifest
    spec.loader.exec_module(manifest)
    for vector in manifest.VECTORS:
        path = f"tests/torture/{vector.path}"
        yield Mention(vector.rfc, vector.section, vector.title, path, 1, Path(path).stem, test=True)


def cited(file: Path, root: Path = ROOT) -> Iterator[Mention]:
    """What a source file cites."""
    text = file.read_text()
    joined, lines = _joined(text)
    owners = _owners(ast.parse(text))
    path = str(file.relative_to(root))
    for first in _FIRST.finditer(joined):
        rfc = first["rfc"]
        found: re.Match[str] | None = first
        while found is not None:
            behind = _BEHIND.match(joined, found.end())
            title = ((behind["title"] or behind["inside"]) if behind else "").strip()
            line = lines[found.start("section")]
            yield Mention(rfc, found["section"], title, path, line, _owner(owners, line), test=False)
            found = _NEXT.match(joined, behind.end() if behind and behind["title"] else found.end())


def marked(file: Path) -> Iterator[Mention]:
    """What the tests of a file are marked with."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.rfc":
                    rfc, section, title = (ast.literal_eval(argument) for argument in mark.args)
                    path = str(file.relative_to(ROOT))
                    yield Mention(rfc, section, title, path, node.lineno, node.name, test=True)


def titles() -> dict[tuple[str, str], set[str]]:
    """What each section is called; one that is called two names is cited wrongly somewhere."""
    called: dict[tuple[str, str], set[str]] = {}
    for mention in mentions():
        called.setdefault((mention.rfc, mention.section), set()).update({mention.title} - {""})
    return called


def rfc_page(generated: str) -> Iterator[str]:
    """The page: section, code, tests."""
    yield "# RFCs: section, code, test"
    yield generated
    yield (
        "Drawn from what the code cites and from the marks of tests (`@pytest.mark.rfc`). A test stands here when it "
        "shows the rule; a section without one is followed, and shown by nothing that says so."
    )
    called = titles()
    for rfc in sorted({mention.rfc for mention in mentions()}, key=int):
        yield f"## RFC {rfc}{f', {TITLES[rfc]}' if rfc in TITLES else ''}"
        rows = ["| section | title | code | tests |", "|---|---|---|---|"]
        for section in sorted({mention.section for mention in mentions() if mention.rfc == rfc}, key=_order):
            here = [mention for mention in mentions() if (mention.rfc, mention.section) == (rfc, section)]
            title = "; ".join(sorted(called[rfc, section]))
            code = dict.fromkeys(_code(mention) for mention in here if not mention.test)
            tests = dict.fromkeys(_test(mention) for mention in here if mention.test)
            rows.append(f"| {section} | {title} | {'<br>'.join(code)} | {'<br>'.join(tests)} |")
        yield "\n".join(rows)


def _code(mention: Mention) -> str:
    path = mention.path.removeprefix("src/callgate/")
    return f"`{path}`{f' {mention.name}' if mention.name else ''}"


def _test(mention: Mention) -> str:
    words = mention.name.removeprefix("test_").replace("_", " ")
    return f"[{words}](../{mention.path})"


def _joined(text: str) -> tuple[str, list[int]]:
    """The text as if it were one line; and the line of each place in it."""
    pieces, lines, at, line = [], [], 0, 1
    for found in _LINE_END.finditer(text):
        before = text[at : found.start()] + ("" if found.group().startswith('"') else " ")
        pieces.append(before)
        lines += [line] * len(before)
        line += found.group().count("\n")
        at = found.end()
    pieces.append(text[at:])
    lines += [line] * (len(text) - at)
    return "".join(pieces), lines


def _owners(tree: ast.Module) -> list[tuple[int, int, str]]:
    """First line, last line and name of everything that is defined, outer ones first."""
    found: list[tuple[int, int, str]] = []

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                found.append((child.lineno, child.end_lineno or child.lineno, name))
                walk(child, f"{name}.")
            else:
                walk(child, prefix)

    walk(tree, "")
    return found


def _owner(owners: list[tuple[int, int, str]], line: int) -> str:
    return next((name for first, last, name in reversed(owners) if first <= line <= last), "")


def _order(section: str) -> tuple[tuple[int, int, str], ...]:
    """Numbers before letters, each by size."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in section.split("."))
