"""The lists of motifs belong together, and what is held out for the evaluation is never among what is trained."""

from __future__ import annotations

from collections import Counter

from training import lists


def test_every_motif_has_synonyms_and_no_word_means_two() -> None:
    # Given the three lists
    names, synonyms, more = lists.read_list(), lists.read_synonyms(), lists.read_synonyms(lists.MORE_SYNONYMS)

    # When all their words are counted
    words = Counter(word for label in names for word in [*{*names[label], *synonyms[label]}, *more[label]])

    # Then each stands once, and all lists speak of the same motifs
    assert names.keys() == synonyms.keys() == more.keys()
    assert [word for word, count in words.items() if count > 1] == []


def test_one_word_of_enough_is_held_out_the_same_one_whatever_the_order() -> None:
    words = ("kitty", "tabby", "tomcat")

    held = lists.hold_out("cat face", words, least=3)

    assert len(held) == 1
    assert lists.hold_out("cat face", words[::-1], least=3) == held
    assert set(lists.without(words, held)) | set(held) == set(words)
    assert held[0] not in lists.without(words, held)
    assert lists.hold_out("cat face", words, least=4) == ()


def test_words_written_together_or_the_other_way_round_are_the_same_word() -> None:
    assert lists.forms("step ladder") & lists.forms("stepladders")
    assert lists.forms("spade card") & lists.forms("card spade")
    assert not lists.forms("step ladder") & lists.forms("ladder")
