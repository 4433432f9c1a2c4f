"""pytorch_data.py: what `siren-rope train` trains on, for PyTorch: the packed data set, its windows, their order.

The columns are those of src/train/dataset.h, read from the cache file that siren-rope made (src/train/cache.h); windows are
made and shuffled as src/train/windows.c and run.c do it, so that both train on the same batches, in the same order.
"""
import struct
from dataclasses import dataclass

import numpy as np
import torch

from features import TABLES

HEADER = struct.Struct("<8sIIQQQQQIIddQQQQQQ")
ALIGNMENT = 64
MASK64 = (1 << 64) - 1


@dataclass
class Dataset:
    """n events, users one after the other, oldest first. `inputs`: of every list of the schema {field: floats (n, dim), rows (n), or
    rows (n, most) with -1 where there is none}."""

    user_first: np.ndarray  # (users + 1)
    time_s: torch.Tensor  # (n) float64
    request_back: np.ndarray  # (n): the event's request began that many events before
    label: torch.Tensor  # (n, T)
    inputs: dict
    validation_s: float


def read_dataset(path, schema):
    """A cache file -> Dataset. Nothing is checked: siren-rope does that whenever it opens one."""
    data = np.fromfile(path, dtype=np.uint8)
    magic, version, _, n, n_users, n_words, _, _, T, G, validation_s, *_ = HEADER.unpack(data[:HEADER.size].tobytes())
    assert magic == b"SROPEDAT" and version == 1, f"{path}: no cache of a version that this reads"
    at = HEADER.size

    def column(count, dtype):
        nonlocal at
        n_bytes = count * np.dtype(dtype).itemsize
        begin, at = at, at + -(-n_bytes // ALIGNMENT) * ALIGNMENT
        return data[begin:begin + n_bytes].view(dtype)

    user_first, time_s, request_back = column(n_users + 1, "<u8"), column(n, "<f8"), column(n, "<u4")
    column(n, "<f4")  # offsets from UTC: the log has none
    label, _ = column(n * T, "<f4").reshape(n, T), column(n * G, "<f4")
    word_first, words = column(n + 1, "<u8"), column(n_words, "<u4")
    return Dataset(user_first.astype(np.int64), torch.from_numpy(time_s.copy()), request_back.astype(np.int64),
                   torch.from_numpy(label.copy()), expand_words(schema, word_first, words), validation_s)


def expand_words(schema, word_first, words):
    """The words of events (src/features/words.h) -> {list: {field: columns}}"""
    at = word_first[:-1].astype(np.int64)
    inputs = {}
    for name in ("item", "action", "context"):
        inputs[name] = {}
        for f in schema[name]:
            if f["kind"] in TABLES:
                inputs[name][f["name"]], at = take_rows(words, at)
            else:
                dim = f.get("dim", 1)
                values = words.view("<f4")[at[:, None] + np.arange(dim)]
                inputs[name][f["name"]], at = torch.from_numpy(values), at + dim
    assert np.array_equal(at, word_first[1:].astype(np.int64)), "the data set is of another schema"
    return inputs


def take_rows(words, at):
    """The number of rows and the rows at each event's place -> rows (n) where all have one, else (n, most); the place after"""
    count = words[at].astype(np.int64)
    most = max(1, int(count.max(initial=0)))
    there = np.arange(most) < count[:, None]
    rows = np.full(there.shape, -1, dtype=np.int64)
    rows[there] = words[(at[:, None] + 1 + np.arange(most))[there]]
    return torch.from_numpy(rows[:, 0].copy() if most == 1 and there.all() else rows), at + 1 + count


@dataclass
class Windows:
    first: np.ndarray  # event
    length: np.ndarray
    score_from: np.ndarray  # the window's events from there on count; those before are history only


def training_windows(dataset, length, overlap):
    """Every training event once, in windows of at most `length`; those after a user's first begin `overlap` events early."""
    is_training = (dataset.time_s < dataset.validation_s).numpy()
    trained = np.r_[0, np.cumsum(is_training)]
    windows = []
    for begin, end in zip(dataset.user_first, dataset.user_first[1:]):
        end = begin + trained[end] - trained[begin]  # a user's times never decrease
        at = begin
        while at < end:
            first = max(begin, at - overlap)
            stop = min(end, first + length)
            windows.append((first, stop - first, at - first))
            at = stop
    return Windows(*np.array(windows, dtype=np.int64).reshape(-1, 3).T)


def shuffled(n, seed, epoch):
    """The order of n windows in an epoch (from 0): Fisher and Yates with src/base/rng.c's numbers (xoshiro256++)."""
    order, draw = list(range(n)), random_below(seed, epoch + 1)
    for i in range(n - 1, 0, -1):
        j = draw(i + 1)
        order[i], order[j] = order[j], order[i]
    return np.array(order, dtype=np.int64)


def random_below(seed, stream):
    def mix(x):
        x = (x + 0x9E3779B97F4A7C15) & MASK64
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK64
        return x ^ (x >> 31)

    mixed = mix((mix(seed) + stream) & MASK64)
    s = [mix((mixed + i * 0x9E3779B97F4A7C15) & MASK64) for i in range(4)]

    def rotate_left(x, k):
        return ((x << k) | (x >> (64 - k))) & MASK64

    def next_number():
        result = (rotate_left((s[0] + s[3]) & MASK64, 23) + s[0]) & MASK64
        shifted = (s[1] << 17) & MASK64
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = rotate_left(s[3], 45)
        return result

    def below(n):
        unfair = (2**32 - n) % n
        while True:
            product = (next_number() >> 32) * n
            if product & 0xFFFFFFFF >= unfair:
                return product >> 32

    return below
