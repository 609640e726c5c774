"""What a task prints, within a budget of bytes: the head and the tail are kept, the middle is counted.

The kept output is the attempt's log: the head, which is streamed while the task runs; then, known only
at the end, a line that marks the cut; then the tail. It is always valid UTF-8: bytes that are not UTF-8
become U+FFFD. NUL bytes and terminal escapes stay as they are; whoever shows a log escapes them.
"""

import codecs
import threading

EXCERPT_HEAD = 1024
EXCERPT_TAIL = 3072

_WIDEST = 3
"""Bytes that one undecodable byte takes once it is replaced: U+FFFD in UTF-8."""


class TaskOutput:
    """A contracts.Output for one attempt. One thread writes, another may drain; nothing here blocks.

    `limit` bounds the log as stored, in bytes of UTF-8: half for the head, the rest for the tail; the line
    that marks the cut comes on top. Memory stays below about `limit`, however much is written, and once
    both ends are full, writing costs one copy into a ring.

    While the task runs, call `drain()` now and then and publish what it returns; after the executor has
    returned, publish `finish()`. Laid end to end, these pieces are the log.
    """

    def __init__(self, limit: int) -> None:
        self._lock = threading.Lock()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._limit = limit
        self._head = bytearray()
        """UTF-8 that ends on a whole character."""
        self._drained = 0
        self._tail: _Ring | None = None
        """Made when the head is full."""
        self._total = 0

    @property
    def total(self) -> int:
        """Bytes written so far, kept or not."""
        return self._total

    def write(self, data: bytes) -> None:
        with self._lock:
            self._total += len(data)
            if self._tail is None:
                data = self._fill_head(data)
            if self._tail is not None:
                self._tail.write(data)

    def drain(self) -> tuple[int, str]:
        """What has come to the head since the last call: its byte offset in the log, and the text (maybe empty)."""
        with self._lock:
            offset, self._drained = self._drained, len(self._head)
            return offset, self._head[offset:].decode()

    def finish(self) -> tuple[int, str]:
        """The rest of the log after all that `drain` has returned, as offset and text. May be repeated."""
        with self._lock:
            cut, tail = self._ending()
            mark = _cut_mark(cut) if cut else ""
            return self._drained, self._head[self._drained :].decode() + mark + tail.decode()

    def excerpt(self) -> str:
        """The log in about 4 KiB, for the task's hash: its first KiB and its last three, the cut marked."""
        with self._lock:
            cut, tail = self._ending()
            head = bytes(self._head)
        if not cut:
            head = tail = head + tail
            if len(head) <= EXCERPT_HEAD + EXCERPT_TAIL:
                return head.decode()
        first = head[:EXCERPT_HEAD].decode(errors="ignore")
        last = tail[-EXCERPT_TAIL:].decode(errors="ignore")
        size = len(head) + cut + len(tail) if cut else len(head)
        return first + _cut_mark(size - len(first.encode()) - len(last.encode())) + last

    def _fill_head(self, data: bytes) -> bytes:
        """Decode into the head what fits; returns the rest, which belongs to the tail."""
        while data:
            pending, _ = self._decoder.getstate()
            room = self._limit // 2 - len(self._head) - (_WIDEST if pending else 0)
            # Plain ASCII stays as long as it is; of anything else only a third is sure to fit.
            fits = max(room, 0) if data[: max(room, 0)].isascii() else room // _WIDEST
            if fits == 0:
                self._decoder.reset()
                self._tail = _Ring(self._limit - len(self._head))
                return pending + data
            self._head += self._decoder.decode(data[:fits]).encode()
            data = data[fits:]
        return b""

    def _ending(self) -> tuple[int, bytes]:
        """How many bytes are cut, and the tail as UTF-8 within its budget."""
        if self._tail is None:
            return 0, _utf8(self._decoder.getstate()[0])
        raw = self._tail.content()
        kept = _last_that_fit(raw, self._tail.size)
        if self._tail.lost or len(kept) < len(raw):
            kept = _from_whole_character(kept)
        return self._tail.lost + len(raw) - len(kept), _utf8(kept)


class _Ring:
    """The last `size` bytes of what is written, and a count of those before them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.lost = 0
        self._bytes = bytearray()
        self._next = 0
        """Where the next byte goes, once the ring is full."""

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        if room := self.size - len(self._bytes):
            self._bytes += view[:room]
            view = view[room:]
        self.lost += len(view)
        view = view[-self.size :]
        before_end = min(self.size - self._next, len(view))
        with memoryview(self._bytes) as ring:
            ring[self._next : self._next + before_end] = view[:before_end]
            ring[: len(view) - before_end] = view[before_end:]
        self._next = (self._next + len(view)) % self.size

    def content(self) -> bytes:
        return bytes(self._bytes[self._next :] + self._bytes[: self._next])


def _utf8(raw: bytes) -> bytes:
    return raw.decode(errors="replace").encode()


def _last_that_fit(raw: bytes, size: int) -> bytes:
    """The end of `raw` that takes at most `size` bytes once it is decoded with replacement."""
    while (excess := len(_utf8(raw)) - size) > 0:
        raw = raw[excess // _WIDEST + 1 :]
    return raw


def _from_whole_character(raw: bytes) -> bytes:
    """Without the at most three bytes that continue a character whose beginning was cut off."""
    start = 0
    while raw[start : start + 1] and start < _WIDEST and raw[start] & 0b1100_0000 == 0b1000_0000:
        start += 1
    return raw[start:]


def _cut_mark(count: int) -> str:
    return f"\n… {count:,} bytes cut by dts …\n"
