"""What another app shares is taken apart, and its most likely meaning found."""

import pytest

from app.domain.shares import kind, read


@pytest.mark.parametrize(
    ("given", "title", "text", "url"),
    [
        (("", "", "https://a.example/x"), "", "", "https://a.example/x"),
        (("A page", "https://a.example/x", ""), "A page", "", "https://a.example/x"),
        (("", "A page worth reading https://a.example/x", ""), "A page worth reading", "", "https://a.example/x"),
        (("A page", "A page", "https://a.example/x"), "A page", "", "https://a.example/x"),
        (("", "Look at https://a.example and at https://b.example", ""), "", "Look at https://a.example and at https://b.example", ""),
        (("", "buy milk", "javascript:alert(1)"), "", "buy milk", ""),
        (("  a \n b ", "", ""), "a b", "", ""),
    ],
)  # fmt: skip
def test_the_link_is_found_wherever_an_app_writes_it(given, title, text, url):
    found = read(*given)
    assert (found.title, found.text, found.url) == (title, text, url)


def test_a_conversation_becomes_a_thread_a_link_a_request_and_all_else_a_prompt():
    assert kind(read("", "You: hi\nChatGPT: hello", ""), is_conversation=True) == "thread"
    assert kind(read("", "https://chatgpt.com/share/67", ""), is_conversation=False) == "thread"
    assert kind(read("", "https://chatgpt.com/", ""), is_conversation=False) == "link"
    assert kind(read("", "Check the prices every morning", ""), is_conversation=False) == "prompt"


def test_what_was_shared_can_be_asked_for_again():
    assert read("A & B", "", "https://a.example/x").address == "/share?title=A+%26+B&url=https%3A%2F%2Fa.example%2Fx"
    assert read("", "", "").address == "/share"
