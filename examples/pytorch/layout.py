"""layout.py: sequences of different lengths -> the rows of one rectangle.

`one_a_row` pads every sequence to the longest. `packed` puts sequences after one another into rows as long as the longest
one, first fit, longest first: as no token sees another sequence's, the results are the same, without most of the padding
(for feeds with a median of 6 events in windows of 50, a sixth of the places).

Tokens are given as they lie, one sequence after the other; n tokens, B sequences, R rows of W places.
"""
from dataclasses import dataclass

import numpy as np
import torch


@dataclass
class Layout:
    index: torch.Tensor  # (R, W) int64: which token lies there; 0 where none does
    is_token: torch.Tensor  # (R, W) bool
    first: torch.Tensor  # (R, W) int64: see siren_rope.Batch
    start: torch.Tensor  # (R, W) int64
    length: torch.Tensor  # (R, W) int64
    row: np.ndarray  # (n): where each token lies
    place: np.ndarray  # (n)

    def take(self, values):
        """values (n, ...) of the tokens -> (R, W, ...)"""
        return values[self.index]


def one_a_row(lengths):
    return np.arange(len(lengths)), np.zeros(len(lengths), dtype=np.int64)


def packed(lengths):
    """lengths (B) -> each sequence's row and first place (B)"""
    row, first = np.empty((2, len(lengths)), dtype=np.int64)
    used = np.zeros(len(lengths), dtype=np.int64)  # places, of every row there could be
    width = lengths.max(initial=0)
    for sequence in np.argsort(-lengths, kind="stable"):
        length = lengths[sequence]
        r = np.argmax(used <= width - length)  # the first that has room
        row[sequence], first[sequence] = r, used[r]
        used[r] += length
    return row, first


def request_starts(time_s, lengths, request=None):
    """(n) int64: within its sequence, where each token's request begins. Events of one name, else of one instant, are one
    request; they are neighbours."""
    name = time_s if request is None else request
    begins = np.r_[True, name[1:] != name[:-1]] if len(name) else np.zeros(0, bool)
    ends = np.cumsum(lengths)
    begins[(ends - lengths)[lengths > 0]] = True
    at = np.maximum.accumulate(np.where(begins, np.arange(len(name)), 0))
    return at - np.repeat(ends - lengths, lengths)


def lay_out(lengths, starts, method=packed):
    """lengths (B) of the sequences; starts (n): within its sequence, where each token's request begins -> Layout"""
    lengths = np.asarray(lengths, dtype=np.int64)
    row_of, first_of = method(lengths)
    R, W = (row_of.max() + 1, lengths.max()) if len(lengths) else (0, 0)
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    token = np.arange(len(sequence))
    row, first = row_of[sequence], first_of[sequence]
    place = first + token - (np.cumsum(lengths) - lengths)[sequence]

    def spread(values, filler):
        whole = np.broadcast_to(filler, (R, W)).astype(np.asarray(values).dtype)
        whole[row, place] = values
        return torch.from_numpy(whole)

    own_place = np.arange(W)  # what only fills a row sees nothing and is a sequence of its own
    return Layout(
        index=spread(token, 0), is_token=spread(np.ones(len(token), bool), False), first=spread(first, own_place),
        start=spread(first + starts, own_place), length=spread(lengths[sequence], 1), row=row, place=place)
