"""A search in a column chunk in its file layout finds what Python finds in the texts."""

from __future__ import annotations

import dataclasses
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tidemark.index.reading import page_search
from tidemark.index.reading.page_search import Chunk, Needle, look_for

# Lengths are bytes of the page, too: 65 is an A, 97 an a, 256 a NUL and a 1, 0x4141 is AA.
LENGTHS = st.integers(1, 4) | st.sampled_from([65, 66, 97, 98, 255, 256, 257, 353, 512, 0x4141, 0x6101])
LETTERS = st.sampled_from("ABab\1\2é") | st.characters(exclude_characters="\0", codec="utf-8")
TEXTS = (
    st.text(LETTERS, min_size=1, max_size=6)
    | st.builds(lambda letter, length: letter * length, st.sampled_from("Aab\1"), LENGTHS)
    | st.builds(
        lambda start, length: start.ljust(length, "A"), st.text(LETTERS, min_size=1, max_size=3), LENGTHS
    )
)


def chunk_of(texts: list[str], page_rows: int = 2) -> Chunk:
    """Return a plain column chunk of several pages, as parts have them."""
    file = io.BytesIO()
    table = pa.table({"name": texts}, schema=pa.schema([pa.field("name", pa.string(), nullable=False)]))
    pq.write_table(
        table,
        file,
        compression="zstd",
        use_dictionary=False,
        data_page_size=1,
        write_batch_size=page_rows,
        write_page_checksum=True,
    )
    column = pq.read_metadata(file).row_group(0).column(0)
    body = file.getvalue()[column.data_page_offset :][: column.total_compressed_size]
    return Chunk(body, column.total_uncompressed_size, len(texts))


@settings(deadline=None, max_examples=200)
@given(texts=st.lists(TEXTS, min_size=1, max_size=12), needle=TEXTS | LETTERS, page_rows=st.integers(1, 4))
@example(texts=["b" * 65, "bA", "bb"], needle="bA", page_rows=4)
@example(texts=["x" * 3, "y" * 256, "z"], needle="x", page_rows=4)
@example(texts=["x", "y" * 257, "z"], needle="x\1", page_rows=4)
@example(texts=["x", "y" * 257, "z"], needle="\1", page_rows=4)
def test_rows_and_texts_that_contain_a_needle_are_found(texts, needle, page_rows):
    found = look_for(Needle(needle.encode()), chunk_of(texts, page_rows), [range(len(texts))])

    expected = [number for number, text in enumerate(texts) if needle in text]
    assert list(found.rows()) == expected
    assert [text.decode() for text in found.texts()] == [texts[number] for number in expected]
    assert len(found) == len(expected)


@settings(deadline=None, max_examples=200)
@given(
    texts=st.lists(
        TEXTS | st.text(st.sampled_from("Kk\u212a\u0130ISsßﬁ"), min_size=1), min_size=1, max_size=8
    ),
    needle=st.text(st.sampled_from("abkis\1"), min_size=1, max_size=3),
)
@example(texts=["\u212a"], needle="k")
@example(texts=["\u0130"], needle="i")
@example(texts=["ß"], needle="ss")
def test_a_search_regardless_of_case_folds_as_unicode_does_or_declines(texts, needle):
    found = look_for(Needle(needle.encode(), ignore_case=True), chunk_of(texts), [range(len(texts))])

    expected = [number for number, text in enumerate(texts) if needle in text.casefold()]
    if found is None:
        odd = {"k": "\u212a", "i": "\u0130ﬁ", "s": "ß"}
        assert any(other in text for text in texts for letter in needle for other in odd.get(letter, ""))
    else:
        assert list(found.rows()) == expected
        assert [text.decode() for text in found.texts()] == [texts[number] for number in expected]


@settings(deadline=None, max_examples=200)
@given(
    texts=st.lists(TEXTS | st.text(st.sampled_from("ab"), min_size=1), min_size=1, max_size=12),
    needle=st.text(st.sampled_from("abA"), min_size=1, max_size=3),
    ignore_case=st.booleans(),
)
@example(texts=["xab", "abx", "abxab", "ab"], needle="ab", ignore_case=False)
def test_prefixes_and_suffixes_are_found(texts, needle, ignore_case):
    wanted = needle.lower() if ignore_case else needle
    looked_at = [text.casefold() for text in texts] if ignore_case else texts
    for field, test in (("at_start", str.startswith), ("at_end", str.endswith)):
        sought = Needle(wanted.encode(), ignore_case, **{field: True})
        found = look_for(sought, chunk_of(texts), [range(len(texts))])
        assert list(found.rows()) == [number for number, text in enumerate(looked_at) if test(text, wanted)]


@settings(deadline=None)
@given(
    texts=st.lists(TEXTS, min_size=12, max_size=12),
    ends=st.lists(st.integers(0, 12), min_size=2, max_size=4, unique=True).map(sorted),
)
def test_pages_without_requested_rows_are_not_searched(texts, ends):
    spans = [range(*pair) for pair in zip(ends[::2], ends[1::2], strict=False)]
    page_rows = 3
    found = look_for(Needle(b"A"), chunk_of(texts, page_rows), spans)

    looked_at = {row // page_rows for span in spans for row in span}
    expected = [
        number for number, text in enumerate(texts) if "A" in text and number // page_rows in looked_at
    ]
    assert list(found.rows()) == expected


def test_with_many_matches_the_search_declines(monkeypatch):
    monkeypatch.setattr(page_search, "_FEW_AT_FIRST", 4)
    texts = ["ab", *["b"] * 15]
    assert look_for(Needle(b"a"), chunk_of(texts), [range(16)]) is not None
    assert look_for(Needle(b"b"), chunk_of(texts), [range(16)]) is None


CHUNK = chunk_of(["report", "invoice", "a" * 300, "übersicht"])


def altered(at: int, rest: bytes) -> Chunk:
    return dataclasses.replace(CHUNK, body=CHUNK.body[:at] + rest)


@settings(deadline=None, max_examples=300)
@given(at=st.integers(0, len(CHUNK.body) - 1), value=st.integers(0, 255), cut=st.booleans())
def test_an_altered_chunk_is_detected_or_has_the_same_texts(at, value, cut):
    chunk = altered(at, b"" if cut else bytes([value]) + CHUNK.body[at + 1 :])
    try:
        found = look_for(Needle(b"o"), chunk, [range(4)])
    except (ValueError, LookupError, TypeError, OverflowError, OSError):
        return  # the reader of a part turns these into IndexDamaged
    assert not cut
    assert list(found.texts()) == [b"report", b"invoice"]
    assert list(found.rows()) == [0, 1]


def test_pages_that_are_not_plain_are_refused():
    with pytest.raises(ValueError, match="not of plain texts"):
        look_for(Needle(b"o"), altered(1, b"\4" + CHUNK.body[2:]), [range(4)])
