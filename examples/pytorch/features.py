"""features.py: the schema of a model file (`features` in its configuration) in PyTorch: named values -> vectors.

Two steps, so that training looks a value up once and expands it often. `look_up` turns named values into numbers and table
rows by the rules of src/features/README.md; `Encoder`, whose tensors are the file's `encoder.<list>.<name>.weight`, turns
those into the vectors (n, X), (n, Y), (n, Z).

Values are taken to be of the right type: here a wrong one is whatever Python makes of it, there it is an error.
"""
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

TABLES = ("hash", "index", "vocab")


@dataclass
class Rows:
    """The table rows of n values: value i has rows[offsets[i] : offsets[i + 1]], and is their mean; none gives zeros."""

    rows: torch.Tensor  # int64
    offsets: torch.Tensor  # (n) int64

    @classmethod
    def of(cls, lists):
        counts = torch.tensor([len(rows) for rows in lists], dtype=torch.int64)
        return cls(torch.tensor([row for rows in lists for row in rows], dtype=torch.int64), counts.cumsum(0) - counts)

    @classmethod
    def of_padded(cls, rows):
        """rows (n, most) with -1 where there is none"""
        there = rows >= 0
        counts = there.sum(1)
        return cls(rows[there], counts.cumsum(0) - counts)


class Encoder(nn.Module):
    """Three lists of fields, each with the tables that its fields own."""

    def __init__(self, schema):
        super().__init__()
        self.schema = schema
        for name, fields in schema.items():
            tables = {f["name"]: nn.Embedding(rows_of(f), f["dim"])
                      for f in fields if f["kind"] in TABLES and "table" not in f}
            if tables:
                self.add_module(name, nn.ModuleDict(tables))
        for table in self.parameters():
            nn.init.normal_(table, std=0.1)

    def forward(self, name, values):
        """values: by field of the list `name`, float (n, dim), Rows, or an int64 tensor (n) of one row each -> (n, dim)"""
        return torch.cat([self.expand(name, f, values[f["name"]]) for f in self.schema[name]], dim=1)

    def expand(self, name, f, value):
        if f["kind"] not in TABLES:
            return value
        owner, table = f.get("table", f"{name}.{f['name']}").split(".", 1)
        weight = getattr(self, owner)[table].weight
        if isinstance(value, Rows):
            return F.embedding_bag(value.rows, weight, value.offsets, mode="mean")
        return F.embedding(value, weight)


def rows_of(f):
    return {"hash": lambda: f["buckets"], "index": lambda: f["size"], "vocab": lambda: len(f["words"])}[f["kind"]]()


def width(fields):
    """Numbers that a list of fields gives."""
    return sum(f.get("dim", 1) for f in fields)


def look_up(fields, records, dtype=torch.float32):
    """records: n objects of named values -> {field: what Encoder.forward takes}"""
    values = {}
    for f in fields:
        column = [record.get(f["name"]) for record in records]
        if f["kind"] in TABLES:
            values[f["name"]] = Rows.of([list(find_rows(f, value)) for value in column])
        else:
            numbers = [number(f, v) if f["kind"] == "number" else vector(f, v) for v in column]
            values[f["name"]] = torch.tensor(numbers, dtype=torch.float64).reshape(len(records), f.get("dim", 1)).to(dtype)
    return values


def is_missing(value):
    return value is None or value == "" or value == []


def number(f, value):
    if is_missing(value):
        return 0.0
    v = float(value)
    if f.get("transform") == "log1p":
        v = math.log1p(max(v, 0.0))
    low, high = f.get("clip", (-math.inf, math.inf))
    return (min(max(v, low), high) - f.get("shift", 0)) * f.get("scale", 1)


def vector(f, value):
    return [0.0] * f["dim"] if is_missing(value) else value


def find_rows(f, value):
    """Rows of a value or of a list's elements; what is missing or not listed has none."""
    for element in value if isinstance(value, list) else [value]:
        if is_missing(element):
            continue
        if f["kind"] == "hash":
            yield fnv32(element if isinstance(element, str) else str(int(element))) % f["buckets"]
        elif f["kind"] == "index":
            yield int(element)
        elif element in f["words"]:
            yield f["words"].index(element)


def fnv32(text):
    """FNV-1a, 32 bits, of the UTF-8 text"""
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value
