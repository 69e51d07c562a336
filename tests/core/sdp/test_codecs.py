import pytest

from callgate.core.sdp.codecs import Choice, choose, encodings, names

EVENTS = ((101, "telephone-event/8000"), (110, "telephone-event/48000"))
OURS = ("PCMU", "PCMA", "G722", "OPUS")


@pytest.mark.rfc("3551", "6", "Payload Type Definitions")
def test_numbers_without_a_mapping_are_known_and_unknown_ones_left_out() -> None:
    assert encodings(("0", "9", "13", "97", "96", "x", "200"), ((96, "opus/48000/2"),)) == (
        (0, "pcmu/8000"),
        (9, "g722/8000"),
        (13, "cn/8000"),
        (96, "opus/48000/2"),
    )


def test_a_mapping_wins_over_the_usual_number() -> None:
    assert encodings(("0",), ((0, "pcma/8000"),)) == ((0, "pcma/8000"),)


def test_the_offerers_order_counts_among_ours() -> None:
    offered = encodings(("18", "9", "8", "0"), ())
    assert choose(offered, ("PCMU", "PCMA", "G722")) == Choice("G722", 9, 8_000)
    assert choose(offered, ("PCMU", "PCMA")) == Choice("PCMA", 8, 8_000)
    assert choose(offered, ("OPUS",)) is None
    assert choose((), OURS) is None


def test_our_order_counts_when_it_is_to() -> None:
    offered = encodings(("9", "8", "0"), ())
    assert choose(offered, ("PCMU", "G722"), True) == Choice("PCMU", 0, 8_000)
    assert choose(offered, ("G722", "PCMU"), True) == Choice("G722", 9, 8_000)


@pytest.mark.parametrize(
    ("events", "number", "clock_hz"),
    [(EVENTS, 110, 48_000), (EVENTS[:1], 101, 8_000), ((), None, 48_000)],
)
def test_digits_have_the_clock_of_the_codec_where_they_can(
    events: tuple[tuple[int, str], ...], number: int | None, clock_hz: int
) -> None:
    choice = choose(((96, "opus/48000/2"), *events), OURS)
    assert choice == Choice("OPUS", 96, 48_000, number, clock_hz)


def test_digits_of_another_clock_do_not_stand_among_telephone_sound() -> None:
    choice = choose(((0, "pcmu/8000"), EVENTS[1]), OURS)
    assert choice is not None
    assert choice.digits is None


def test_comfort_noise_has_the_clock_of_the_codec() -> None:
    for offered, number in ((((9, "g722/8000"), (13, "cn/8000")), 13), (((96, "opus/48000/2"), (13, "cn/8000")), None)):
        choice = choose(offered, OURS)
        assert choice is not None
        assert choice.comfort_noise == number


def test_uncompressed_sound_has_the_clock_that_is_offered() -> None:
    assert choose(((96, "l16/16000"),), ("L16",)) == Choice("L16", 96, 16_000, None, 16_000)
    assert choose(((96, "l16/8000"),), ("L16",)) == Choice("L16", 96, 8_000)
    assert choose(((96, "l16/44100/2"),), ("L16",)) is None


def test_only_codecs_are_named() -> None:
    assert names(((0, "pcmu/8000"), (13, "cn/8000"), *EVENTS, (96, "opus/48000/2"))) == ("PCMU", "OPUS")
