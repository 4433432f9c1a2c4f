"""pytorch_epoch.py: an epoch of training in PyTorch: the peer of `siren-rope train` in the benchmark.

    pytorch_epoch.py --data CACHE [--layout padded|packed] [--threads 1] [--epochs 1] [--batches K] [--profile]

In: the packed data set that siren-rope made of a KuaiRand log with its built-in schema. Out: one JSON line, {"seconds" and
"cpu_seconds" (of each epoch), "loss" (of each: the mean over its labels), "tokens", "places", "tokens_per_s", ...}.

The model is that of examples/pytorch with its embedding tables: D = 64, L = 2, H = 4, A = P = 8, angle networks 64 wide,
feed-forward 256, head 512-256, C = 50, dropout 0.2; AdamW 1e-3, the gradient's norm clipped to 1. Windows, their overlap, batches
of 256 and their order are siren-rope's own (pytorch_data.py). Reading the file does not count, making batches of it does.

Layouts: `padded` is the usual form, a window a row, all padded to the longest of the batch. `packed` (layout.py) puts several short
windows into a row: the same batches and gradients, without most of the padding. Both are reported.

Made fast for PyTorch 1.13 on a CPU: angles, cos, sin and mask once a batch for all heads and layers; a rotation is one complex
product; mask and scale go into baddbmm; dropout from random bytes; AdamW and clipping by foreach; one-row features are plain
embeddings, only lists are bags. Tried without gain: q and k in one product, cos and sin on halves, malloc without trimming.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "pytorch"))
from features import Rows, width  # noqa: E402
from layout import lay_out, one_a_row, packed  # noqa: E402
from pytorch_data import read_dataset, shuffled, training_windows  # noqa: E402
from siren_rope import Batch, Config, Sizes, SirenRope, loss  # noqa: E402

LAYOUTS = {"padded": one_a_row, "packed": packed}
LABELS = ["click", "long_view", "like", "profile_enter"]
FEATURES = {
    "item": [{"name": "video_id", "kind": "hash", "buckets": 8192, "dim": 16},
             {"name": "author_id", "kind": "hash", "buckets": 4096, "dim": 16},
             {"name": "tag", "kind": "hash", "buckets": 128, "dim": 8},
             {"name": "tab", "kind": "index", "size": 16, "dim": 8},
             {"name": "duration_s", "kind": "number", "transform": "log1p", "scale": 0.2}],
    "action": [*({"name": name, "kind": "number"} for name in LABELS),
               {"name": "watch_ratio", "kind": "number", "clip": [0, 2]}],
    "context": [{"name": "tab", "kind": "index", "size": 16, "dim": 8, "table": "item.tab"}],
}
CONFIG = dict(variant="siren", num_heads=4, labels=LABELS, max_history=50, attn_scale=0.25, skip_scale=0.5,
              angle_features=["cos_day", "sin_day", "cos_week", "sin_week", "trend"], trend_center=1651300000,
              trend_scale=1000000, features=FEATURES)


def make_model(dropout):
    sizes = Sizes(X=width(FEATURES["item"]), Y=width(FEATURES["action"]), Z=width(FEATURES["context"]), T=len(LABELS))
    model = SirenRope(Config(**CONFIG), sizes, dropout)
    model.hold_gauge()
    return model.train()


def make_batch(model, dataset, windows, chosen, method):
    """The windows `chosen` (B) -> a batch, its labels (R, W, T), those of events that do not count NaN. The vectors are part of
    the graph."""
    first, length = windows.first[chosen], windows.length[chosen]
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    events = np.repeat(first, length) + within
    layout = lay_out(length, np.maximum(within - dataset.request_back[events], 0), method)
    index = layout.take(torch.from_numpy(events))
    counts = layout.take(torch.from_numpy(within >= np.repeat(windows.score_from[chosen], length)))
    flat = index.flatten()

    def vectors(name):
        taken = {field: values[flat] for field, values in dataset.inputs[name].items()}
        bags = {field: Rows.of_padded(rows) for field, rows in taken.items() if rows.dim() == 2 and not rows.is_floating_point()}
        return model.encoder(name, {**taken, **bags}).unflatten(0, index.shape)

    return Batch(
        item=vectors("item"), action=vectors("action"), context=vectors("context"), time_s=dataset.time_s[index],
        first=layout.first, start=layout.start, length=layout.length, is_token=layout.is_token,
    ), dataset.label[index].masked_fill(~counts.unsqueeze(2), torch.nan)


def clip(parameters, most):
    """Scales the gradients so that their common norm is at most `most`."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.stack(torch._foreach_norm(gradients)).norm()
    torch._foreach_mul_(gradients, min(1.0, most / norm.item()))


def run_epoch(model, optimizer, dataset, windows, order, options):
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    begins = range(0, len(order), options.batch_size)[:options.batches]
    error_sum, n_labels, tokens, places = 0.0, 0, 0, 0
    started, worked = time.perf_counter(), time.process_time()
    for begin in begins:
        batch, label = make_batch(model, dataset, windows, order[begin:begin + options.batch_size], LAYOUTS[options.layout])
        optimizer.zero_grad(set_to_none=True)
        error = loss(model(batch), label, batch.is_token)
        error.backward()
        clip(parameters, 1.0)
        optimizer.step()
        n = int((batch.is_token.unsqueeze(2) & ~label.isnan()).sum())
        error_sum, n_labels = error_sum + error.item() * n, n_labels + n
        tokens, places = tokens + int(batch.is_token.sum()), places + batch.is_token.numel()
    return {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - worked,
            "loss": error_sum / n_labels, "batches": len(begins), "tokens": tokens, "places": places}


def read_options():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", required=True)
    options.add_argument("--layout", choices=LAYOUTS, default="padded")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--epochs", type=int, default=1)
    options.add_argument("--batches", type=int)
    options.add_argument("--batch-size", type=int, default=256)
    options.add_argument("--overlap", type=float, default=0.5, help="part of C that windows share")
    options.add_argument("--dropout", type=float, default=0.2)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--profile", action="store_true")
    return options.parse_args()


def main():
    options = read_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    dataset = read_dataset(options.data, FEATURES)
    C = CONFIG["max_history"]
    windows = training_windows(dataset, C, int(C * options.overlap))
    model = make_model(options.dropout)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3, foreach=True)

    def run(epoch):
        return run_epoch(model, optimizer, dataset, windows, shuffled(len(windows.first), options.seed, epoch), options)

    if options.profile:
        with torch.profiler.profile() as profile:
            run(0)
        print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=40, max_name_column_width=50))
        return
    epochs = [run(epoch) for epoch in range(options.epochs)]
    print(json.dumps({
        "peer": f"PyTorch {torch.__version__}", "layout": options.layout, "threads": options.threads,
        **{name: [round(epoch[name], 6) for epoch in epochs] for name in ("seconds", "cpu_seconds", "loss")},
        "windows": len(windows.first), **{name: epochs[0][name] for name in ("batches", "tokens", "places")},
        "tokens_per_s": round(epochs[0]["tokens"] / min(epoch["seconds"] for epoch in epochs))}))


if __name__ == "__main__":
    main()
