"""score.py: what `siren-rope score` and `siren-rope rank` compute, computed by PyTorch from the same files.

    score.py --model M --io IN.safetensors --out OUT.safetensors   tensors in, logits out, names as in `siren-rope score --help`
    score.py --model M --requests REQUESTS.ndjson                  requests of `siren-rope rank --help` in; out, a line each:
                                                                   {"id", "logits": [(T) of every candidate, in order]}

Candidates are one request after the history: they see all of it and not each other. So a history and its candidates go
through the model as one sequence. `now` and times are Unix milliseconds in requests, seconds in tensors.
"""
import argparse
import json

import numpy as np
import torch

from features import look_up
from layout import lay_out, request_starts
from safetensors_file import read, write
from siren_rope import Batch, SirenRope

LISTS = ("item", "action", "context")


def sequence_batch(events, dtype=torch.float32):
    """A logged sequence. events: {item (S, X), action (S, Y), time_s (S), context (S, Z)[, signal, request, utc_offset_minutes]}
    as tensors -> a batch of one row."""
    S = len(events["time_s"])
    request = events["request"].numpy() if "request" in events else None
    layout = lay_out([S], request_starts(events["time_s"].numpy(), np.array([S]), request))
    return make_batch(events, layout, dtype)


def rank_batch(history, candidates, now_s, dtype=torch.float32):
    """History (C), candidates {item (N, X), context (N, Z)[, signal, utc_offset_minutes]} -> a batch of one row, C + N places.
    Every candidate is a sequence of C + 1 tokens to itself."""
    C, N = len(history["time_s"]), len(candidates["item"])
    candidates = {**candidates, "time_s": torch.full((N,), now_s, dtype=torch.float64),
                  "action": torch.zeros(N, history["action"].shape[1])}
    names = [name for name in history if name in candidates]
    both = {name: torch.cat([history[name], candidates[name].to(history[name].dtype)]) for name in names}
    request = history["request"].numpy() if "request" in history else None
    starts = request_starts(history["time_s"].numpy(), np.array([C]), request)
    layout = lay_out([C + N], np.r_[starts, np.full(N, C)])
    layout.length.fill_(C + 1)
    return make_batch(both, layout, dtype)


def make_batch(events, layout, dtype):
    def floats(name):
        return layout.take(events[name]).to(dtype) if name in events else None

    offset = events.get("utc_offset_minutes")
    return Batch(
        item=floats("item"), action=floats("action"), context=floats("context"), signal=floats("signal"),
        time_s=layout.take(events["time_s"]), utc_offset_minutes=None if offset is None else layout.take(offset),
        first=layout.first, start=layout.start, length=layout.length, is_token=layout.is_token)


@torch.no_grad()
def score(model, history, candidates, now_s, dtype=torch.float32):
    """-> {rank.logits (N, T), sequence.logits (C, T), cold.logits (N, T)}"""
    C = len(history["time_s"])
    nothing = {name: values[:0] for name, values in history.items()}
    return {
        "rank.logits": model(rank_batch(history, candidates, now_s, dtype))[0, C:],
        "sequence.logits": model(sequence_batch(history, dtype))[0] if C else torch.empty(0, model.sizes.T),
        "cold.logits": model(rank_batch(nothing, candidates, now_s, dtype))[0],
    }


def read_io(model, path, dtype=torch.float32):
    """A file of `siren-rope score --io` -> history, candidates, now"""
    tensors, _ = read(path)
    history = {name[8:]: tensor for name, tensor in tensors.items() if name.startswith("history.")}
    candidates = {name[10:]: tensor for name, tensor in tensors.items() if name.startswith("candidate.")}
    history["time_s"] = history.pop("timestamp").double()
    C, N = len(history["time_s"]), len(candidates["item"])
    G = len(model.config.angle_signals)
    for events, n in ((history, C), (candidates, N)):
        events.setdefault("context", torch.zeros(n, model.sizes.Z))
        events.setdefault("signal", torch.zeros(n, G))
    if "utc_offset_minutes" in tensors and "utc_offset_minutes" in history:
        candidates["utc_offset_minutes"] = tensors["utc_offset_minutes"].expand(N)
    return history, candidates, float(tensors["now"])


@torch.no_grad()
def read_request(model, request):
    """A request of named values -> id, history, candidates, now in seconds"""
    history, candidates = request.get("history", []), request["candidates"]
    schema = model.config.features

    def encode(name, entries):
        return model.encoder(name, look_up(schema[name], [entry.get(name) or {} for entry in entries]))

    def signal(entries):
        names = model.config.angle_signals
        rows = [[(entry.get("signal") or {}).get(name, 0) for name in names] for entry in entries]
        return torch.tensor(rows, dtype=torch.float32).reshape(len(entries), len(names))

    return request.get("id"), {
        **{name: encode(name, history) for name in LISTS}, "signal": signal(history),
        "time_s": torch.tensor([event["time"] / 1000 for event in history], dtype=torch.float64),
    }, {"item": encode("item", candidates), "context": encode("context", candidates), "signal": signal(candidates),
        }, request["now"] / 1000


def print_requests(model, path):
    """path of NDJSON -> a JSON line each on standard output"""
    with open(path) as lines:
        for line in lines:
            name, *request = read_request(model, json.loads(line))
            print(json.dumps({"id": name, "logits": score(model, *request)["rank.logits"].tolist()}))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", required=True)
    options.add_argument("--io")
    options.add_argument("--out")
    options.add_argument("--requests")
    chosen = options.parse_args()
    model = SirenRope.load(chosen.model)
    if chosen.requests:
        print_requests(model, chosen.requests)
    elif chosen.io and chosen.out:
        write(chosen.out, score(model, *read_io(model, chosen.io)))
    else:
        options.error("give --io and --out, or --requests")


if __name__ == "__main__":
    main()
