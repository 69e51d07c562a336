"""What code and tests say of RFCs. A section carries its title, so that a wrong number reads wrong."""

from pathlib import Path

from scripts.rfc import CODE, Mention, cited, mentions, titles


def test_a_section_is_called_the_same_wherever_it_is_cited() -> None:
    several = {section: sorted(names) for section, names in titles().items() if len(names) > 1}
    assert several == {}, [mention for mention in mentions() if (mention.rfc, mention.section) in several]


def test_a_section_has_a_title_at_one_mention_at_least() -> None:
    untitled = {section for section, names in titles().items() if not names}
    assert untitled == set(), [mention for mention in mentions() if (mention.rfc, mention.section) in untitled]


def test_what_code_cites_of_sip_is_mostly_shown_by_tests() -> None:
    core = {(mention.rfc, mention.section) for mention in mentions() if "/core/sip/" in mention.path}
    shown = {(mention.rfc, mention.section) for mention in mentions() if mention.test}
    assert len(core & shown) > len(core) / 2


def test_citations_are_found_however_they_are_written(tmp_path: Path) -> None:
    file = CODE / "core" / "sip" / "made_up.py"
    text = '''"""RFC 3261 section 8.2 (UAS Behavior) and 8.1.3.3 (Vias)."""

# A comment about RFC 3550 section 6.1 (RTCP Packet
# Format) and appendix A.1 (RTP Data Header Validity Checks), over two lines.


class One:
    """See RFC 3264 (An Offer/Answer Model), sections 5 (Generating the Initial Offer), 6 (Generating the Answer).

    (RFC 3711 section 3.3.1, Packet Index Determination, and ROC, s_l Update)
    """

    def two(self) -> None:
        """RFC 4475 section 3.1.2.8 (Malformed SIP Request-URI (embedded LWS)): the RFC 2543 way."""
'''
    made_up = tmp_path / file.relative_to(CODE.parent.parent)
    made_up.parent.mkdir(parents=True)
    made_up.write_text(text)
    found = list(cited(made_up, tmp_path))
    assert [(mention.rfc, mention.section, mention.title) for mention in found] == [
        ("3261", "8.2", "UAS Behavior"),
        ("3261", "8.1.3.3", "Vias"),
        ("3550", "6.1", "RTCP Packet Format"),
        ("3550", "A.1", "RTP Data Header Validity Checks"),
        ("3264", "5", "Generating the Initial Offer"),
        ("3264", "6", "Generating the Answer"),
        ("3711", "3.3.1", "Packet Index Determination, and ROC, s_l Update"),
        ("4475", "3.1.2.8", "Malformed SIP Request-URI (embedded LWS)"),
    ]
    assert [mention.name for mention in found] == ["", "", "", "", "One", "One", "One", "One.two"]
    assert found[-1] == Mention(
        "4475",
        "3.1.2.8",
        "Malformed SIP Request-URI (embedded LWS)",
        "src/callgate/core/sip/made_up.py",
        14,
        "One.two",
        test=False,
    )
