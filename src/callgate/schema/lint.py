"""`GET /api/sip/lint`, and the same in a header."""

from collections.abc import Sequence
from typing import Final

from callgate.core.admission.lint import FINDINGS_MAX, Finding, counts
from callgate.entities.json import JsonObject

LINT_PATH: Final = "/api/sip/lint"


def render_findings(config_version: int, findings: Sequence[Finding]) -> JsonObject:
    """What is odd about a version of the rules."""
    return {
        "configVersion": config_version,
        "counts": dict(counts(findings)),
        "findings": [
            {
                "slug": finding.slug.value,
                "severity": finding.severity.value,
                "where": finding.where,
                "words": finding.words,
                "example": finding.example,
            }
            for finding in findings[:FINDINGS_MAX]
        ],
        "further": max(0, len(findings) - FINDINGS_MAX),
    }


def header_of(findings: Sequence[Finding], whole: bool) -> str:
    """How many of what, as a dictionary of RFC 9651 section 3.2 (Dictionaries); ASCII, under 400 characters.

    Args:
        findings: what is known.
        whole: whether that is all.
    """
    members = [f"findings={len(findings)}", *(f"{slug}={count}" for slug, count in counts(findings).items())]
    return ", ".join([*members, *([] if whole else ["unfinished"]), f'see="{LINT_PATH}"'])
