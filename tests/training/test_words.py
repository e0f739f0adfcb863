"""Which tokens stay when the vocabulary is cut."""

from __future__ import annotations

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from training import words

RARE = ("fox", "biplane", "treaty")


def test_what_texts_need_and_what_an_exported_model_knew_stays() -> None:
    # Given rare words, one of them in a text and another one in an exported model's vocabulary
    vocabulary = {token: index for index, token in enumerate(words.SPECIAL)}
    vocabulary |= {word: words.LAST_WORD + index for index, word in enumerate(RARE)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    # When the tokens are chosen
    chosen = words.choose_tokens(vocabulary, ["fox"], tokenizer, known=("biplane",))
    # Then both stay and the third goes
    assert chosen == [*words.SPECIAL, "fox", "biplane"]
