"""What steps hand to each other: documents without secrets."""

import pytest

from app.domain import outputs


def test_secrets_are_hidden_in_texts_keys_and_numbers():
    def hide(text):
        return text.replace("4711", "•••")

    document = {"4711": ["a 4711 b", 4711, 24711.5, 12, True, None, float("inf")]}
    assert outputs.clean(document, hide) == {"•••": ["a ••• b", "•••", "2•••.5", 12, True, None, None]}


def test_a_document_without_end_is_refused():
    document = []
    for _ in range(200):
        document = [document]
    with pytest.raises(ValueError, match="nested more than 100 deep"):
        outputs.clean(document, str)
