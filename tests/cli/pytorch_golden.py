"""pytorch_golden.py FOLDER...: the modules of examples/pytorch against golden folders, in float64. Prints a JSON line for each:
{"folder", "kind", "compared", "worst": {tensor or group: worst absolute difference}}. pytorch.test.mjs judges.

A folder with io.safetensors is scored and its layers and angles are compared; one with train.safetensors is trained as its
metadata says, and losses, gradients and trained parameters are compared, those over the gradient's largest number.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "pytorch"))
from layout import lay_out, one_a_row, packed, request_starts  # noqa: E402
from safetensors_file import read  # noqa: E402
from score import make_batch, rank_batch, read_io, score, sequence_batch  # noqa: E402
from siren_rope import SirenRope, loss  # noqa: E402

torch.set_num_threads(1)


class Worst:
    def __init__(self):
        self.compared, self.worst = 0, {}

    def add(self, name, found, expected, scale=1.0):
        assert found.shape == expected.shape, f"{name}: {found.shape} and {expected.shape}"
        difference = (found.double() - expected.double()).abs().max().item() / scale if found.numel() else 0.0
        assert difference == difference, name
        self.worst[name] = max(difference, self.worst.get(name, 0.0))
        self.compared += found.numel()


def watched(model, batch):
    """Runs a batch -> (logits, {layer.l, action_attention, angle, action_angle})"""
    seen, handles = {}, []

    def watch(module, name):
        def keep(_, __, out):  # of several calls the first, which is that for keys
            seen.setdefault(name, out[0])

        handles.append(module.register_forward_hook(keep))

    for i, layer in enumerate(model.transformer_layers):
        watch(layer, f"layer.{i}")
    watch(model.action_attention, "action_attention")
    if model.config.variant == "siren":
        watch(model.angle_nn, "angle")
        watch(model.action_angle_nn, "action_angle")
    with torch.no_grad():
        logits = model(batch)[0]
    for handle in handles:
        handle.remove()
    return logits, seen


def check_io(folder, worst):
    model = SirenRope.load(folder / "model.safetensors").double()
    expected, _ = read(folder / "io.safetensors")
    history, candidates, now_s = read_io(model, folder / "io.safetensors")
    for name, found in score(model, history, candidates, now_s, torch.float64).items():
        worst.add(name, found, expected[name])
    _, seen = watched(model, sequence_batch(history, torch.float64))
    for name, found in seen.items():
        if f"sequence.{name}" in expected:
            worst.add(f"sequence.{name}", found, expected[f"sequence.{name}"])
    _, seen = watched(model, rank_batch(history, candidates, now_s, torch.float64))
    C = len(history["time_s"])
    if "rank.x" in expected:
        worst.add("rank.x", seen[f"layer.{model.sizes.L - 1}"][C:], expected["rank.x"])
    for name in ("angle", "action_angle"):
        if f"rank.{name}" in expected:
            worst.add(f"rank.{name}", seen[name][:C + 1], expected[f"rank.{name}"])


def train_batch(tensors, method):
    """The sequences b.{item,...} -> a batch and its labels (R, W, T)"""
    n = len({name.split(".")[0] for name in tensors if name.split(".")[0].isdigit()})
    lengths = np.array([len(tensors[f"{b}.timestamp"]) for b in range(n)])
    events = {name: torch.cat([tensors[f"{b}.{name}"] for b in range(n)])
              for name in ("item", "action", "context", "timestamp", "label")}
    events["time_s"] = events.pop("timestamp").double()
    layout = lay_out(lengths, request_starts(events["time_s"].numpy(), lengths), method)
    return make_batch(events, layout, torch.float64), layout.take(events["label"]).double()


def check_train(folder, worst, method):
    tensors, metadata = read(folder / "train.safetensors")
    chosen = json.loads(metadata["optimizer"])
    assert chosen["name"] == "AdamW"
    model = SirenRope.load(folder / "model.safetensors").double().train()
    batch, label = train_batch(tensors, method)
    optimizer = torch.optim.AdamW(model.parameters(), lr=chosen["lr"], betas=chosen["betas"], eps=chosen["eps"],
                                  weight_decay=chosen["weight_decay"])
    gauge = (".net.3.bias", ".residual.6.bias")
    losses = []
    for step in range(chosen["steps"] + 1):
        optimizer.zero_grad()
        error = loss(model(batch), label, batch.is_token)
        losses.append(error.item())
        if step == chosen["steps"]:
            break
        error.backward()
        if step == 0:
            for name, parameter in model.named_parameters():
                expected = tensors[f"grad.{name}"]
                worst.add("grad", parameter.grad, expected, max(1e-3, expected.abs().max().item()))
        optimizer.step()
    worst.add("loss", torch.tensor(losses), tensors["loss"])
    for name, parameter in model.named_parameters():
        if not name.endswith(gauge):
            worst.add("after", parameter.detach(), tensors[f"after.{name}"])
    names = {name[5:] for name in tensors if name.startswith("grad.")}
    assert names == {name for name, _ in model.named_parameters()}


for argument in sys.argv[1:]:
    folder = Path(argument)
    if (folder / "io.safetensors").exists():
        runs = {"io": lambda worst: check_io(folder, worst)}
    else:
        runs = {"train, padded": lambda worst: check_train(folder, worst, one_a_row),
                "train, packed": lambda worst: check_train(folder, worst, packed)}
    for kind, check in runs.items():
        worst = Worst()
        check(worst)
        print(json.dumps({"folder": folder.name, "kind": kind, "compared": worst.compared, "worst": worst.worst}))
