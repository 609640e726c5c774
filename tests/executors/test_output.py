import random
import re
import threading

import pytest

from common.executors.output import TaskOutput
from common.lab.until import until


def written(limit: int, *chunks: bytes) -> TaskOutput:
    output = TaskOutput(limit)
    for chunk in chunks:
        output.write(chunk)
    return output


def test_what_fits_is_kept_whole() -> None:
    output = written(1024, b"one\n", b"two\n")
    assert output.drain() == (0, "one\ntwo\n")
    assert output.finish() == (8, "")
    assert output.excerpt() == "one\ntwo\n"
    assert output.total == 8


def test_chunks_carry_their_offset_in_the_log() -> None:
    output = written(1024, "é".encode())
    assert output.drain() == (0, "é")
    assert output.drain() == (2, "")
    output.write(b"b")
    assert output.drain() == (2, "b")
    output.write(b"c")
    assert output.finish() == (3, "c")
    assert output.finish() == (3, "c")


def test_a_character_split_between_writes_is_one_character() -> None:
    first, second = "€".encode()[:1], "€".encode()[1:]
    output = written(1024, b"a" + first)
    assert output.drain() == (0, "a")
    output.write(second)
    assert output.drain() == (1, "€")


def test_a_character_that_never_ends_is_replaced_at_the_end() -> None:
    output = written(1024, b"a\xe2\x82")
    assert output.drain() == (0, "a")
    assert output.finish() == (1, "\N{REPLACEMENT CHARACTER}")


def test_nul_bytes_and_terminal_escapes_are_kept() -> None:
    assert written(1024, b"a\0b\x1b[31mred").finish() == (0, "a\0b\x1b[31mred")


def test_the_middle_is_cut_and_the_cut_marked() -> None:
    output = written(1024, b"a" * 512, b"b" * 1_234_567, b"c" * 512)
    assert output.drain() == (0, "a" * 512)
    assert output.finish() == (512, "\n… 1,234,567 bytes cut by dts …\n" + "c" * 512)


@pytest.mark.parametrize("size", [1, 7, 1024])
@pytest.mark.parametrize("text", ["x", "é", "€", "😀", "x€é😀"])
def test_output_as_long_as_the_limit_is_not_cut(text: str, size: int) -> None:
    data = (text * 1024).encode()[:1020]
    data = data.decode(errors="ignore").encode().ljust(1024, b".")
    output = written(1024, *(data[at : at + size] for at in range(0, 1024, size)))
    head = output.drain()[1]
    assert head + output.finish()[1] == data.decode()


def test_one_byte_more_than_the_limit_is_cut() -> None:
    assert "\n… 1 bytes cut by dts …\n" in written(1024, b"x" * 1025).finish()[1]


@pytest.mark.parametrize("seed", range(30))
def test_any_bytes_in_any_pieces_give_a_bounded_log_whose_ends_are_right(seed: int) -> None:
    rng = random.Random(seed)
    alphabet = rng.choice([list(range(256)), list("aé€😀\n".encode()), list(b"ab\n"), [0x80], [0xF0, 0x9F, 0x61]])
    data = bytes(rng.choices(alphabet, k=rng.randrange(6000)))
    limit = rng.randrange(1024, 4096)
    output, log, at = TaskOutput(limit), "", 0
    while at < len(data):
        size = rng.randrange(1, 700)
        output.write(data[at : at + size])
        at += size
        if rng.random() < 0.3:
            offset, text = output.drain()
            assert offset == len(log.encode())
            log += text
    offset, text = output.finish()
    assert offset == len(log.encode())
    log += text

    plain = data.decode(errors="replace")
    match = re.search(r"\n… ([\d,]+) bytes cut by dts …\n", log)
    if match is None:
        assert log == plain
        return
    head, tail = log[: match.start()], log[match.end() :]
    assert plain.startswith(head)
    assert plain.endswith(tail)
    assert limit - 2 * 12 < len((head + tail).encode()) <= limit
    cut = int(match[1].replace(",", ""))
    heads = [size for size in range(len(data)) if data[:size].decode(errors="replace") == head]
    assert any(data[size + cut :].decode(errors="replace") == tail for size in heads)


def test_the_count_and_both_ends_make_up_all_that_was_written() -> None:
    data = ("zażółć gęślą jaźń " * 500).encode()
    head, count, tail = re.split(r"\n… ([\d,]+) bytes cut by dts …\n", written(2048, data).finish()[1])
    assert len(head.encode()) + int(count.replace(",", "")) + len(tail.encode()) == len(data)


def test_the_excerpt_is_four_kib_of_a_longer_log() -> None:
    data = b"first" + b"." * 20_000 + b"last"
    excerpt = written(1_048_576, data).excerpt()
    assert excerpt.startswith("first.")
    assert excerpt.endswith(".last")
    assert "\n… 15,913 bytes cut by dts …\n" in excerpt
    assert len(excerpt.encode()) < 4096 + 64


def test_the_excerpt_of_a_log_that_was_cut_marks_one_cut() -> None:
    data = b"first" + b"." * 20_000 + b"last"
    for limit in (1024, 4096, 6000, 12_000):
        excerpt = written(limit, data).excerpt()
        assert excerpt.count("cut by dts") == 1
        head, count, tail = re.split(r"\n… ([\d,]+) bytes cut by dts …\n", excerpt)
        assert len(head) + int(count.replace(",", "")) + len(tail) == len(data)
        assert (head[:5], tail[-4:]) == ("first", "last")


def test_the_excerpt_never_splits_a_character() -> None:
    excerpt = written(1_048_576, ("€" * 5000).encode()).excerpt()
    assert set(re.sub(r"\n.*\n", "", excerpt)) == {"€"}


def test_an_empty_output_is_empty() -> None:
    output = TaskOutput(1024)
    assert output.drain() == (0, "")
    assert output.finish() == (0, "")
    assert output.excerpt() == ""
    assert output.total == 0


def test_one_thread_drains_what_another_writes() -> None:
    output = TaskOutput(64 * 1024)
    lines = [f"line {number} €\n".encode() for number in range(2000)]

    def write() -> None:
        for line in lines:
            output.write(line)

    writer = threading.Thread(target=write)
    writer.start()
    pieces: list[str] = []

    def all_drained() -> bool:
        offset, text = output.drain()
        assert offset == len("".join(pieces).encode())
        pieces.append(text)
        return not writer.is_alive()

    until(all_drained, every=0.0001)
    log = "".join(pieces) + output.finish()[1]
    assert log.encode() == b"".join(lines)
