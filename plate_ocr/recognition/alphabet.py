"""The ordered characters a reader can write. Class 0 is the CTC blank, so character i is class i + 1."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

BLANK = 0

LONGEST = 16
"""Characters of the longest text that a reader is trained on."""

LATIN = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Use syllables: private cars (one vowel of ㅏㅓㅗㅜ), commercial (바사아자), parcel vans (배), hired cars (하허호).
KOREAN_USE = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자배하허호"
# The armed forces and diplomatic corps.
KOREAN_SERVICE = "국합육해공외교영준대표협정기"
KOREAN_PROVINCES = (
    *("서울", "부산", "대구", "인천", "광주", "대전", "울산", "세종", "경기", "강원"),
    *("충북", "충남", "전북", "전남", "경북", "경남", "제주"),
)
CHINESE_PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
CHINESE_SERVICE = "港澳学警领使挂"


class AlphabetError(ValueError):
    """A text holds a character that the alphabet lacks."""


@dataclass(frozen=True)
class Alphabet:
    """Ordered, distinct, NFC-normalised characters.

    Raises ValueError when empty, when a character repeats or when an entry is not one character.
    """

    characters: str
    _index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = {character: i + 1 for i, character in enumerate(self.characters)}
        if not index or len(index) != len(self.characters):
            raise ValueError("an alphabet needs at least one character and none twice")
        object.__setattr__(self, "_index", index)

    @classmethod
    def default(cls) -> Alphabet:
        """Digits, Latin capitals, the syllables of Korean plates and the characters of Chinese ones."""
        everything = (
            LATIN + KOREAN_USE + KOREAN_SERVICE + "".join(KOREAN_PROVINCES) + CHINESE_PROVINCES + CHINESE_SERVICE
        )
        return cls("".join(dict.fromkeys(everything)))

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> Alphabet:
        """The sorted characters that occur in `texts`."""
        return cls("".join(sorted({character for text in texts for character in normalize(text)})))

    @property
    def classes(self) -> int:
        """Number of classes, the blank included."""
        return len(self.characters) + 1

    def unknown(self, text: str) -> str:
        """The characters of `text` that the alphabet lacks, each once, in order."""
        return "".join(dict.fromkeys(c for c in text if c not in self._index))

    def encode(self, text: str) -> NDArray[np.int32]:
        """Class numbers of `text`, shape (len(text),). Raises AlphabetError naming what is unknown."""
        if unknown := self.unknown(text):
            raise AlphabetError(f"{text!r} holds {unknown!r}, which the alphabet lacks")
        return np.array([self._index[c] for c in text], dtype=np.int32)

    def decode(self, classes: Iterable[int]) -> str:
        """The text of class numbers; blanks are left out."""
        return "".join(self.characters[int(c) - 1] for c in classes if int(c) != BLANK)


def normalize(text: str) -> str:
    """A label as the reader writes it: NFC (Hangul composed), capitals, without spaces and separators."""
    composed = unicodedata.normalize("NFC", text).upper()
    kept = "".join(c for c in composed if not (c.isspace() or c in "-·.•:_"))
    # What a separator held apart, and what capitals took apart, is composed anew.
    return unicodedata.normalize("NFC", kept)


def steps_needed(text: str) -> int:
    """Time steps CTC needs for `text`: one a character, and a blank between equal neighbours."""
    return len(text) + sum(a == b for a, b in pairwise(text))
