"""What is pushed can be opened by one browser alone: the example of RFC 8291, byte for byte."""

from app.infra import webpush
from app.infra.webpush import Browser, decoded, encoded

SENDER = decoded("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
BROWSER = Browser(
    "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
    decoded("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
    decoded("BTBZMqHH6r4Tts7J_aSIgg"),
)
SEALED = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_a_message_is_sealed_as_in_appendix_a_of_rfc_8291():
    text = b"When I grow up, I want to be a watermelon"
    assert encoded(webpush.sealed(text, BROWSER, SENDER, decoded("DGv6ra1nlYgDCS1FRnbzlw"))) == SEALED


def test_the_public_half_of_a_key_is_a_point_that_browsers_take():
    point = decoded(webpush.public_of(webpush.new_key()))
    assert webpush.is_public_key(point)
    assert not webpush.is_public_key(point[:-1])


def test_the_largest_message_is_still_taken_by_a_push_service():
    assert len(webpush.sealed(b"x" * webpush.MOST_BYTES, BROWSER)) == 4096
