"""Prose breaks where its language allows it."""

from rich.cells import cell_len

from common.cli.prose import paragraphs
from common.cli.values import aligned, shown
from common.lab.stages import stage
from common.lab.texts import load


def test_words_stay_whole_and_lines_fit() -> None:
    assert paragraphs("one two three four", 9) == ["one two", "three", "four"]


def test_line_ends_in_a_catalogue_mean_nothing_and_blank_lines_part_paragraphs() -> None:
    assert paragraphs("one\ntwo\n\nthree", 80) == ["one two", "three"]


def test_chinese_breaks_between_characters_and_joins_without_a_blank() -> None:
    assert paragraphs("任务就是\n一段文字", 80) == ["任务就是一段文字"]
    assert paragraphs("任务就是一段文字", 8) == ["任务就是", "一段文字"]


def test_punctuation_neither_begins_a_line_nor_is_left_at_its_end() -> None:
    assert paragraphs("任务就是。文字", 8) == ["任务就", "是。文字"]
    assert paragraphs("任务就（是）", 8) == ["任务就", "（是）"]


def test_a_latin_word_within_chinese_stays_whole() -> None:
    assert paragraphs("推进 Redis 的列表", 10) == ["推进 Redis", "的列表"]


def test_no_word_of_a_lesson_gets_lost() -> None:
    scenario = stage("1").scenario
    assert scenario
    for language in ("en", "zh-CN"):
        for text in dict(load(scenario().texts, language).items()).values():
            lines = paragraphs(text, 40)
            assert "".join("".join(lines).split()) == "".join(text.split())
            assert all(cell_len(line) <= 42 for line in lines)


def test_values_are_one_harmless_line() -> None:
    assert shown({"status": "FAILED", "result": "a\x1b[2Jb\n"}) == r"status=FAILED  result='a\x1b[2Jb\n'"
    assert shown(["PENDING", "RUNNING"]) == "PENDING → RUNNING"
    assert shown([]) == "–"
    assert shown(True) == "yes"
    assert len(shown("x" * 10_000)) < 500


def test_labels_are_as_wide_as_the_widest() -> None:
    assert aligned("expected", "got") == ["expected", "got     "]
    assert aligned("应当", "got") == ["应当", "got "]
