"""train.py: trains a SIREN-RoPE model in PyTorch and saves it as a file that siren-rope loads.

    train.py --out model.safetensors [--variant siren|ordinal|torope] [--steps 30] [--seed 1]
             [--requests REQUESTS.ndjson | --io IN.safetensors --scores OUT.safetensors]

The data is made here: users who watch what they like in the mornings and something else at night, with several impressions a
request. Progress goes to standard error. With --requests it prints its logits for them, with --io it writes them, as score.py
does; `siren-rope rank` and `siren-rope score` must say the same of the saved file.
"""
import argparse
import sys

import numpy as np
import torch

from features import look_up, width
from layout import lay_out, packed, request_starts
from safetensors_file import write
from score import print_requests, read_io, score
from siren_rope import Batch, Config, Sizes, SirenRope, loss

LABELS = ["click", "like"]
FEATURES = {
    "item": [{"name": "video", "kind": "hash", "buckets": 256, "dim": 8},
             {"name": "tag", "kind": "hash", "buckets": 32, "dim": 4},  # a list: the mean of the rows
             {"name": "place", "kind": "vocab", "words": ["home", "search"], "dim": 3},
             {"name": "tab", "kind": "index", "size": 4, "dim": 3},
             {"name": "duration_s", "kind": "number", "transform": "log1p", "scale": 0.2}],
    "action": [{"name": "click", "kind": "number"}, {"name": "like", "kind": "number"},
               {"name": "watch_ratio", "kind": "number", "clip": [0, 2]}],
    "context": [{"name": "tab", "kind": "index", "size": 4, "dim": 3, "table": "item.tab"}],
}
NOW_S = 1_700_000_000


def make_user(rng, most):
    """A user's events, oldest first: [{time (ms), item, action, context}]"""
    events, time_ms = [], 1000 * (NOW_S - int(rng.integers(10, 20)) * 86400)
    likes = int(rng.integers(8))
    for _ in range(int(rng.integers(1, most + 1))):
        if rng.random() < 0.7:  # else one more impression of the same request
            time_ms += int(rng.exponential(6 * 3600 * 1000)) + 1
        tag, tab = int(rng.integers(8)), int(rng.integers(4))
        is_morning = time_ms // 3_600_000 % 24 < 12
        click = float(rng.random() < (0.8 if (tag == likes) == is_morning else 0.15))
        events.append({
            "time": time_ms, "context": {"tab": tab},
            "item": {"video": int(rng.integers(1000)), "tag": [tag, "all"], "tab": tab, "duration_s": float(rng.integers(5, 90)),
                     "place": ["home", "search", "else"][int(rng.integers(3))]},
            "action": {"click": click, "like": click * float(rng.random() < 0.2), "watch_ratio": click * float(rng.random())},
        })
    return events


def make_columns(users):
    """Named values are looked up once, for all events: -> {list: values}, {time_s, label}, lengths (B)"""
    events = [event for user in users for event in user]
    values = {name: look_up(FEATURES[name], [event[name] for event in events]) for name in FEATURES}
    return values, {
        "time_s": torch.tensor([event["time"] / 1000 for event in events], dtype=torch.float64),
        "label": torch.tensor([[event["action"][label] for label in LABELS] for event in events]),
    }, np.array([len(user) for user in users])


def make_batch(model, values, columns, lengths):
    """-> a batch of all the events, its labels (R, W, T). The vectors are part of the graph: tables learn."""
    layout = lay_out(lengths, request_starts(columns["time_s"].numpy(), lengths), packed)
    item, action, context = (layout.take(model.encoder(name, values[name])) for name in ("item", "action", "context"))
    return Batch(item=item, action=action, context=context, time_s=layout.take(columns["time_s"]), first=layout.first,
                 start=layout.start, length=layout.length, is_token=layout.is_token), layout.take(columns["label"])


def make_model(variant, dropout=0.1):
    config = Config(variant=variant, num_heads=4, labels=LABELS, max_history=50, attn_scale=0.35, skip_scale=0.5,
                    angle_features=["cos_day", "sin_day", "cos_week", "sin_week", "trend"], trend_center=NOW_S,
                    trend_scale=1_000_000, utc_offset_minutes=60, features=FEATURES)
    sizes = Sizes(X=width(FEATURES["item"]), Y=width(FEATURES["action"]), Z=width(FEATURES["context"]), T=len(LABELS),
                  D=32, A=2, action=(32, 32), ffwd=64, head=(64, 32), sine=(16, 16, 16), relu=(16, 16, 16))
    return SirenRope(config, sizes, dropout)


def train(model, steps, rng):
    model.hold_gauge()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    model.train()
    for step in range(steps):
        values, columns, lengths = make_columns([make_user(rng, 50) for _ in range(32)])
        batch, label = make_batch(model, values, columns, lengths)
        optimizer.zero_grad()
        error = loss(model(batch), label, batch.is_token)
        error.backward()
        optimizer.step()
        if step % 10 == 0 or step + 1 == steps:
            print(f"step {step}: loss {error.item():.4f}", file=sys.stderr)
    return model.eval()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", required=True)
    options.add_argument("--variant", choices=("siren", "ordinal", "torope"), default="siren")
    options.add_argument("--steps", type=int, default=30)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--requests")
    options.add_argument("--io")
    options.add_argument("--scores")
    chosen = options.parse_args()
    torch.manual_seed(chosen.seed)
    model = train(make_model(chosen.variant), chosen.steps, np.random.default_rng(chosen.seed))
    model.save(chosen.out)
    if chosen.requests:
        print_requests(model, chosen.requests)
    if chosen.io:
        write(chosen.scores, score(model, *read_io(model, chosen.io)))


if __name__ == "__main__":
    main()
