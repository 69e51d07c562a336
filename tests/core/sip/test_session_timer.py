import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.headers import Headers
from callgate.core.sip.message import Request, Response
from callgate.core.sip.session_timer import (
    ABSORBED,
    INTERVAL_S_MAX,
    TRANSITIONS,
    TRIES_MAX,
    Effect,
    ImpossibleInput,
    Input,
    SessionTimer,
    State,
    Terms,
    accepted,
    answer,
    read_wish,
    retry_after_s,
    too_small,
)

USUAL_S = 1_800
UNTHINKABLE = {
    State.ASLEEP: {Input.DUE, Input.REFUSED, Input.BUSY, Input.GONE},
    State.OURS: set(),
    State.SENT: set(),
    State.THEIRS: set(),
    State.OVER: set(),
}
LIVE = [state for state in State if state is not State.OVER]


def request(method: str = "INVITE", **headers: str) -> Request:
    items = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request(method, "sip:a@b", Headers(items))


def timer(state: State) -> SessionTimer:
    made = SessionTimer()
    made.state, made.interval_s = state, USUAL_S
    return made


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("input", list(Input))
def test_every_pair_is_a_move_absorbed_or_a_loud_bug(state: State, input: Input) -> None:
    if input in UNTHINKABLE[state]:
        with pytest.raises(ImpossibleInput, match=f"in {state.name}: {input.name}"):
            timer(state).take(input, 0)
    else:
        assert ((state, input) in TRANSITIONS) != ((state, input) in ABSORBED)
        timer(state).take(input, 0)


@pytest.mark.parametrize("state", LIVE)
def test_every_state_reaches_the_end(state: State) -> None:
    assert (state, Input.ENDED) in TRANSITIONS
    ended = timer(state)
    assert ended.take(Input.ENDED, 0) == ()
    assert (ended.state, ended.due()) == (State.OVER, None)


# ------------------------------------------------------------------------------------------------------------ on paper


@pytest.mark.rfc("4028", "9", "UAS Behavior")
@pytest.mark.parametrize(
    ("headers", "said", "we_refresh"),
    [
        ({}, "1800;refresher=uas", True),
        ({"Session_Expires": "600"}, "600;refresher=uas", True),  # a proxy's: the caller knows no timers
        ({"Session_Expires": "30"}, "90;refresher=uas", True),  # and could make nothing of a 422
        ({"Supported": "timer"}, "1800;refresher=uas", True),
        ({"Supported": "timer", "Session_Expires": "600"}, "600;refresher=uas", True),
        ({"Supported": "100rel,TIMER", "Session_Expires": "600;refresher=uac"}, "600;refresher=uac", False),
        ({"Supported": "timer", "Session_Expires": "600;Refresher=UAS"}, "600;refresher=uas", True),
        ({"Require": "timer", "Session_Expires": "90 ; refresher=uac"}, "90;refresher=uac", False),
        ({"Supported": "timer", "Session_Expires": "7200;refresher=uac"}, "1800;refresher=uac", False),
        ({"Supported": "timer", "Session_Expires": "7200", "Min_SE": "3600"}, "3600;refresher=uas", True),
        ({"Supported": "timer", "Min_SE": "3600"}, "3600;refresher=uas", True),
        ({"Supported": "timer", "Min_SE": "4000000000"}, f"{INTERVAL_S_MAX};refresher=uas", True),
        ({"Supported": "timer", "Session_Expires": "soon"}, "1800;refresher=uas", True),
        ({"Supported": "timer", "Session_Expires": "600;refresher=me"}, "600;refresher=uas", True),
        ({"Supported": "timer", "Session_Expires": "600;;x"}, "600;refresher=uas", True),
    ],
)
def test_what_our_answer_agrees_to(headers: dict[str, str], said: str, we_refresh: bool) -> None:
    asked = request(**headers)
    terms, ours = answer(asked, USUAL_S)
    assert dict(ours)["Session-Expires"] == said
    assert terms == Terms(int(said.partition(";")[0]), we_refresh)
    assert ("Require" in dict(ours)) == read_wish(asked).supported


@pytest.mark.rfc("4028", "9", "UAS Behavior")
@pytest.mark.parametrize("interval", ["0", "1", "89"])
def test_an_interval_below_90_seconds_is_refused_with_ours(interval: str) -> None:
    defect = too_small(request(Supported="timer", Session_Expires=interval))
    assert defect is not None
    assert (defect.status, defect.headers) == (422, (("Min-SE", "90"),))


@pytest.mark.parametrize(
    "asked",
    [
        request(Supported="timer", Session_Expires="90"),
        request(Session_Expires="30"),
        request(Supported="timer", Session_Expires="x"),
        request("BYE", Supported="timer", Session_Expires="30"),
        request(),
    ],
)
def test_nothing_else_is_refused_for_its_interval(asked: Request) -> None:
    assert too_small(asked) is None


@pytest.mark.rfc("4028", "7.2", "Processing a 2xx Response")
@pytest.mark.parametrize(
    ("header", "terms", "agreed"),
    [
        ("", None, None),
        ("", Terms(600, True), Terms(600, True)),
        ("400;refresher=uac", Terms(600, True), Terms(400, True)),
        ("400;refresher=uas", Terms(600, True), Terms(400, False)),
        ("400", Terms(600, True), Terms(400, True)),
        ("1800;refresher=uac", None, Terms(1_800, True)),
        ("1;refresher=uac", None, Terms(90, True)),
        ("9999999999", None, Terms(INTERVAL_S_MAX, True)),
    ],
)
def test_what_the_peers_answer_agrees_to(header: str, terms: Terms | None, agreed: Terms | None) -> None:
    response = Response(200, "OK", Headers([("Session-Expires", header)] if header else []))
    assert accepted(response, terms) == agreed


@pytest.mark.parametrize(
    ("value", "seconds"), [("5", 5), ("18000;duration=3600", 18_000), ("120 (a meeting)", 120), ("", None), ("x", None)]
)
def test_how_long_a_refusal_asks_us_to_wait(value: str, seconds: int | None) -> None:
    assert retry_after_s(Response(500, "No", Headers([("Retry-After", value)]))) == seconds


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_whatever_is_asked_the_answer_is_within_bounds(interval: str, minimum: str, supported: str) -> None:
    asked = Request("INVITE", "sip:a@b", Headers([("Session-Expires", interval), ("Min-SE", minimum)]))
    asked.headers.add("Supported", supported)
    terms, _ = answer(asked, USUAL_S)
    assert 90 <= terms.interval_s <= INTERVAL_S_MAX


# ------------------------------------------------------------------------------------------------------------- in time


def agreed(interval_s: int, *, we_refresh: bool, now: float = 0.0) -> SessionTimer:
    made = SessionTimer()
    made.agree(Terms(interval_s, we_refresh), now)
    return made


@pytest.mark.rfc("4028", "10", "Performing Refreshes")
def test_we_refresh_at_half_for_hours() -> None:
    made = agreed(USUAL_S, we_refresh=True)
    for number in range(1, 49):
        assert made.due() == number * 900
        assert made.wake(number * 900 - 1) == ()
        assert made.wake(number * 900) == (Effect.REFRESH,)
        made.agree(Terms(USUAL_S, we_refresh=True), number * 900)
    assert made.state is State.OURS


@pytest.mark.rfc("4028", "10", "Performing Refreshes")
@pytest.mark.parametrize(("interval_s", "end"), [(90, 60), (96, 64), (97, 65), (1_800, 1_768)])
def test_a_peer_that_does_not_refresh_is_given_up_before_the_end(interval_s: int, end: int) -> None:
    made = agreed(interval_s, we_refresh=False)
    assert made.due() == pytest.approx(end, abs=0.5)
    assert made.wake(made.due() or 0) == (Effect.END,)


def test_a_peer_that_refreshes_is_waited_for_again() -> None:
    made = agreed(90, we_refresh=False)
    made.agree(Terms(90, we_refresh=False), 45)
    assert made.due() == 45 + 60


def sent() -> SessionTimer:
    made = agreed(USUAL_S, we_refresh=True)
    assert made.wake(900) == (Effect.REFRESH,)
    return made


def test_only_no_answer_and_no_such_call_end_it() -> None:
    assert sent().take(Input.GONE, 901) == (Effect.END,)
    made = sent()
    assert made.take(Input.REFUSED, 901) == ()
    assert made.due() == 901 + 900


def test_a_busy_peer_is_tried_again_shortly_and_not_for_ever() -> None:
    made, now = sent(), 900.0
    for _ in range(TRIES_MAX - 1):
        assert made.take(Input.BUSY, now, 2.0) == ()
        now += 2.0
        assert made.due() == now
        assert made.wake(now) == (Effect.REFRESH,)
    assert made.take(Input.BUSY, now, 2.0) == ()
    assert made.due() == now + 900


def test_a_peer_that_says_trying_and_no_more_has_until_the_end_of_the_session() -> None:
    made = sent()
    assert made.wake(1_799) == ()
    assert made.wake(1_800) == (Effect.END,)


def test_the_peers_own_refresh_overtakes_ours() -> None:
    made = sent()
    made.agree(Terms(600, we_refresh=False), 905)
    assert made.take(Input.REFUSED, 906) == ()
    assert made.due() == 905 + 568
