"""An imagined INVITE is judged like a live one."""

import pytest

from callgate.core.admission.capacity import Capacity
from callgate.core.admission.decide import decide
from callgate.core.admission.evaluate import evaluate, imagine
from callgate.entities.decision import Verdict
from tests.core.admission.rules import DOMAIN, IDS, SDP, VIDEO, config, policies


@pytest.mark.parametrize(
    ("to", "uri"),
    [
        ("+1555", f"sip:+1555@{DOMAIN}"),
        ("sip:a@b.example", "sip:a@b.example"),
        ("tel:+1", "tel:+1"),
        ("a@b.example", "sip:a@b.example"),
        ("zoë x", f"sip:zo%C3%AB%20x@{DOMAIN}"),
    ],
)
def test_a_user_alone_becomes_a_uri_of_the_account(to: str, uri: str) -> None:
    attempt = imagine(source_address="192.0.2.7", to=to, domain=DOMAIN)
    assert (attempt.to_uri, attempt.request_uri) == (uri, uri)


def test_evaluate_is_decide_with_words() -> None:
    rules = policies(config((0, "^\\+1555")))
    attempt = imagine(source_address="192.0.2.7", to="+1555", domain=DOMAIN, sdp=SDP.decode(), from_uri="bob")
    evaluation = evaluate(attempt, rules)
    assert evaluation.decision == decide(attempt, rules, Capacity())
    assert (evaluation.decision.verdict, evaluation.decision.agent_id) == (Verdict.ADMIT, IDS[0])
    assert len(evaluation.words) == len(evaluation.decision.trace)


def test_an_imagined_offer_is_judged_when_given() -> None:
    attempt = imagine(source_address="192.0.2.7", to="+1555", domain=DOMAIN, sdp=VIDEO.decode())
    assert evaluate(attempt, policies(config((0, ".")))).decision.status == 488
