"""siren_rope.py: the SIREN-RoPE ranker as PyTorch modules whose state_dict() is a siren-rope model file.

Letters: R rows of a batch, W places in a row, S tokens of a sequence, D model width, H heads, K = D/H, P = K/2 rotation
pairs, A angles a network emits (A divides P), F angle features, L layers, T tasks, X item numbers, Y actions, Z context
numbers, G signals. The mathematics is that of src/README.md:

    x       = LayerNorm(ReLU(item · Wp + bp))
    a       = ReLU(W4 · SiLU(W2 · SiLU(W0 · action)))
    for l in 0..L-1:
        x  += skip · Attn_l( q = LN1(x), k = LN1(x), v = LN1(x + a), Θ )
        x  += skip · W2 · SiLU(W0 · LN2(x))
    u       = Attn_action( q = x, k = x, v = a, Θa )
    logits  = W4 · SiLU(W2 · SiLU(W0 · [x ; u ; context]))

A token attends to the tokens of its sequence before its own *request* (events of one instant do not see each other) and
stands, as a query, at its request's first position. Everything is batched; the angles, their cos and sin, and the mask are
computed once for all heads and layers.

Not here: named values and embedding tables (features.py), files (safetensors_file.py), training (train.py).
"""
import json
import math
from dataclasses import asdict, dataclass, field

import torch
from torch import nn
from torch.nn import functional as F

from features import Encoder
from safetensors_file import read, write

DAY_S, WEEK_S, YEAR_S = 86400, 604800, 31536000
MASKED = -1e9  # in place of -infinity, which would make the row of a token that sees nothing NaN


# ------------------------------------------------------------------ configuration and sizes


@dataclass
class Config:
    """What the metadata key `siren_rope` of a model file says, with the same defaults."""

    variant: str  # siren, ordinal or torope
    num_heads: int
    labels: list
    max_history: int = 1024
    attn_scale: float = 0.025
    skip_scale: float = 0.1
    rope_base: float = None
    time_scale: float = 0.01
    omega_0: float = 10
    angle_features: list = field(
        default_factory=lambda: ["order", "year", "sin_day", "cos_day", "sin_week", "cos_week"])
    angle_signals: list = field(default_factory=list)
    trend_center: float = 0
    trend_scale: float = 1
    utc_offset_minutes: float = 0
    features: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.rope_base is None:
            self.rope_base = 10000 if self.variant == "torope" else 100000

    @classmethod
    def from_json(cls, text):
        """Keys that are not ours are left out."""
        return cls(**{key: value for key, value in json.loads(text).items() if key in cls.__dataclass_fields__})

    def to_json(self):
        return json.dumps(asdict(self))


@dataclass
class Sizes:
    """What the shapes of a model file say."""

    X: int
    Y: int
    Z: int
    T: int
    D: int = 64
    L: int = 2
    A: int = 8
    action: tuple = (64, 64)
    ffwd: int = 256
    head: tuple = (512, 256)
    sine: tuple = (64, 64, 64)
    relu: tuple = (64, 64, 64)

    @classmethod
    def of(cls, tensors):
        def rows(name, numbers, suffix=""):  # the widths of the hidden layers name.number
            names = [f"{name}.{i}{suffix}.weight" for i in numbers]
            return tuple(tensors[n].shape[0] for n in names if n in tensors)

        D, X = tensors["seq_projection.0.weight"].shape
        return cls(
            X=X, D=D, Y=tensors["action_embedding.0.weight"].shape[1], T=tensors["head.4.weight"].shape[0],
            Z=tensors["head.0.weight"].shape[1] - 2 * D,
            L=len({name.split(".")[1] for name in tensors if name.startswith("transformer_layers.")}),
            A=len(tensors.get("rope.freq", ())),
            action=rows("action_embedding", (0, 2)), head=rows("head", (0, 2)),
            ffwd=tensors["transformer_layers.0.ffwd.0.weight"].shape[0],
            sine=rows("angle_nn.net", range(16), ".linear"),
            relu=rows("angle_nn.residual", range(0, 16, 2))[:-1])


# ------------------------------------------------------------------ a batch


@dataclass
class Batch:
    """Sequences in the rows of one rectangle: one a row, or several after another (layout.py).

    Of every place: its vectors; `first`, the place in its row where its sequence begins; `start`, where its request does;
    `length`, how many tokens S its sequence counts; `is_token`, False for what only fills the row.
    """

    item: torch.Tensor  # (R, W, X)
    action: torch.Tensor  # (R, W, Y)
    context: torch.Tensor  # (R, W, Z)
    time_s: torch.Tensor  # (R, W) float64
    first: torch.Tensor  # (R, W) int64
    start: torch.Tensor  # (R, W) int64
    length: torch.Tensor  # (R, W) int64
    is_token: torch.Tensor  # (R, W) bool
    signal: torch.Tensor = None  # (R, W, G)
    utc_offset_minutes: torch.Tensor = None  # (R, W); None = the configuration's

    def visible(self):
        """(R, W, W) bool: whether a token (second axis) sees another (third)."""
        place = torch.arange(self.first.shape[1])
        return (place >= self.first.unsqueeze(2)) & (place < self.start.unsqueeze(2))


# ------------------------------------------------------------------ rotation


class Sine(nn.Module):
    """sin(ω0 · (W h + b)): the bias is scaled, too."""

    def __init__(self, n_in, n_out, omega_0, is_first):
        super().__init__()
        self.omega_0 = omega_0
        self.linear = nn.Linear(n_in, n_out)
        bound = 1 / n_in if is_first else math.sqrt(6 / n_in) / omega_0
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, h):
        return torch.sin(self.omega_0 * self.linear(h))


class AngleNetwork(nn.Module):
    """f: angle features (..., F) -> angles (..., A), a sine branch plus a ReLU branch."""

    def __init__(self, F_, sizes, omega_0):
        super().__init__()
        widths = [F_, *sizes.sine]
        sines = [Sine(n, m, omega_0, i == 0) for i, (n, m) in enumerate(zip(widths, widths[1:]))]
        self.net = nn.Sequential(*sines, nn.Linear(widths[-1], sizes.A))
        self.residual = mlp([F_, *sizes.relu, sizes.A], nn.ReLU)

    def forward(self, features):
        return self.net(features) + self.residual(features)

    def gauge(self):
        """The biases that only add a constant to every token's angle: their gradient is zero but for rounding noise, which
        Adam would make a random walk of."""
        return [self.net[-1].bias, self.residual[-1].bias]


class Rope(nn.Module):
    """Where tokens stand -> angles (R, W, P). Learned only in the siren variant."""

    def __init__(self, config, sizes):
        super().__init__()
        self.config = config
        K = sizes.D // config.num_heads
        inverse = float(config.rope_base) ** (-2 * torch.arange(K // 2, dtype=torch.float64) / K)
        self.register_buffer("inverse", inverse, persistent=False)  # (P) float64
        if config.variant == "siren":
            self.freq = nn.Parameter(torch.full((sizes.A,), math.pi))
            self.order_scale = nn.Parameter(torch.tensor(1.0))

    def ordinal(self, pos, dtype):
        """pos (R, W) -> pos · inv (R, W, P)"""
        return (pos.double().unsqueeze(2) * self.inverse).to(dtype)

    def siren(self, f, pos):
        """f (R, W, A), pos (R, W) -> (R, W, P); an angle serves P/A neighbouring pairs."""
        P, A = len(self.inverse), len(self.freq)
        learned = f * self.freq
        if A < P:
            learned = learned.repeat_interleave(P // A, dim=2)
        return learned + self.ordinal(pos, f.dtype) * self.order_scale

    def torope(self, batch, place, dtype):
        """place - first, plus scaled days since the sequence's oldest event"""
        days = (batch.time_s - batch.time_s.gather(1, batch.first)) / DAY_S
        return self.ordinal((place - batch.first) + self.config.time_scale * days, dtype)

    def features(self, batch, pos, dtype):
        """Angle features (R, W, F). Times are float64 until here."""
        config, t = self.config, batch.time_s
        minutes = config.utc_offset_minutes if batch.utc_offset_minutes is None else batch.utc_offset_minutes
        local = t + 60 * minutes

        def turn(period):
            return 2 * math.pi * torch.frac(local / period)

        columns = {
            "order": lambda: pos / batch.length.double(),
            "year": lambda: t / YEAR_S - 55,
            "trend": lambda: (t - config.trend_center) / config.trend_scale,
            "sin_day": lambda: torch.sin(turn(DAY_S)), "cos_day": lambda: torch.cos(turn(DAY_S)),
            "sin_week": lambda: torch.sin(turn(WEEK_S)), "cos_week": lambda: torch.cos(turn(WEEK_S)),
        }
        features = torch.stack([columns[name]() for name in config.angle_features], dim=2).to(dtype)
        return torch.cat([features, batch.signal], dim=2) if config.angle_signals else features


@dataclass
class Rotation:
    """e^(iθ) of queries and keys, (R, W, 1, P) complex: one factor turns a pair (2j, 2j+1) of every head."""

    query: torch.Tensor
    key: torch.Tensor

    @classmethod
    def of(cls, query_angle, key_angle):
        def factor(angle):
            return torch.complex(torch.cos(angle), torch.sin(angle)).unsqueeze(2)

        key = factor(key_angle)
        return cls(key if query_angle is key_angle else factor(query_angle), key)


def rotate(x, factor):
    """x (R, W, H, K), factor (R, W, 1, P): (e, o) -> (e·cos − o·sin, e·sin + o·cos) on elements 2j, 2j+1."""
    pairs = torch.view_as_complex(x.unflatten(3, (-1, 2)))
    return torch.view_as_real(pairs * factor).flatten(3)


# ------------------------------------------------------------------ the network


def dropout(x, p, training):
    """F.dropout with p rounded to 1/256. That one draws a Bernoulli number per element, one after the other, on a CPU: a
    seventh of a training step; random bytes cost a fifth of it."""
    threshold = round(256 * p)
    if not training or threshold == 0:
        return x
    words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-2**63, None)
    keep = words.view(torch.uint8)[:x.numel()].view(x.shape) >= threshold
    return x * keep.to(x.dtype).mul_(256 / (256 - threshold))


class Activation(nn.Module):
    """SiLU and dropout as one module, so that a linear layer's number does not depend on dropout."""

    def __init__(self, dropout):
        super().__init__()
        self.dropout = dropout

    def forward(self, x):
        return dropout(F.silu(x), self.dropout, self.training)


def mlp(widths, activation, *arguments):
    """Linear layers with an activation between: layer i is number 2i."""
    modules = []
    for n_in, n_out in zip(widths, widths[1:]):
        modules += [nn.Linear(n_in, n_out), activation(*arguments)]
    return nn.Sequential(*modules[:-1])


class Attention(nn.Module):
    """Softmax attention to what is visible; `padding_embedding` in place of the output where nothing is."""

    def __init__(self, D, H, scale):
        super().__init__()
        self.H, self.scale = H, scale
        self.W_q, self.W_k, self.W_v, self.W_o = (nn.Linear(D, D, bias=False) for _ in range(4))
        self.padding_embedding = nn.Parameter(0.02 * torch.randn(D))

    def forward(self, x, v, rotation, bias, sees_nothing):
        """x, v (R, W, D): queries and keys come from x, values from v. bias (R·H, W, W): 0 or MASKED. -> (R, W, D)"""
        R, W, D = x.shape
        q = self.by_head(rotate(self.W_q(x).unflatten(2, (self.H, -1)), rotation.query))
        k = self.by_head(rotate(self.W_k(x).unflatten(2, (self.H, -1)), rotation.key))
        v = self.by_head(self.W_v(v).unflatten(2, (self.H, -1)))
        weight = torch.baddbmm(bias, q, k.transpose(1, 2), alpha=self.scale).softmax(dim=2)
        o = torch.bmm(weight, v).view(R, self.H, W, -1).transpose(1, 2).reshape(R, W, D)
        return self.W_o(torch.where(sees_nothing, self.padding_embedding, o))

    @staticmethod
    def by_head(x):
        """(R, W, H, K) -> (R·H, W, K)"""
        return x.transpose(1, 2).flatten(0, 1)


class Layer(nn.Module):
    def __init__(self, D, H, ffwd, attn_scale, skip_scale, dropout):
        super().__init__()
        self.skip_scale, self.dropout = skip_scale, dropout
        self.prenorm_1 = nn.LayerNorm(D)
        self.mha = Attention(D, H, attn_scale)
        self.prenorm_2 = nn.LayerNorm(D)
        self.ffwd = mlp([D, ffwd, D], nn.SiLU)

    def forward(self, x, a, *attention):
        x = self.add(x, self.mha(self.prenorm_1(x), self.prenorm_1(x + a), *attention))
        return self.add(x, self.ffwd(self.prenorm_2(x)))

    def add(self, x, y):
        return torch.add(x, dropout(y, self.dropout, self.training), alpha=self.skip_scale)


class SirenRope(nn.Module):
    def __init__(self, config, sizes, dropout=0.0):
        super().__init__()
        D, H = sizes.D, config.num_heads
        self.config, self.sizes, self.dropout = config, sizes, dropout
        if config.features:
            self.encoder = Encoder(config.features)
        self.seq_projection = nn.Sequential(nn.Linear(sizes.X, D), nn.ReLU())
        self.seq_norm = nn.LayerNorm(D)
        self.action_embedding = nn.Sequential(*mlp([sizes.Y, *sizes.action, D], nn.SiLU), nn.ReLU())
        self.rope = Rope(config, sizes)
        if config.variant == "siren":
            n_features = len(config.angle_features) + len(config.angle_signals)
            self.angle_nn = AngleNetwork(n_features, sizes, config.omega_0)
            self.action_angle_nn = AngleNetwork(n_features, sizes, config.omega_0)
        self.transformer_layers = nn.ModuleList(
            Layer(D, H, sizes.ffwd, config.attn_scale, config.skip_scale, dropout) for _ in range(sizes.L))
        self.action_attention = Attention(D, H, config.attn_scale)
        self.head = mlp([2 * D + sizes.Z, *sizes.head, sizes.T], Activation, dropout)

    @classmethod
    def load(cls, path, dropout=0.0):
        """A model file -> a model, in float32. Every tensor of the file must have its place and the reverse."""
        tensors, metadata = read(path)
        model = cls(Config.from_json(metadata["siren_rope"]), Sizes.of(tensors), dropout)
        model.load_state_dict(tensors, strict=True)
        return model.eval()

    def save(self, path):
        write(path, self.state_dict(), {"format": "pt", "siren_rope": self.config.to_json()})

    def hold_gauge(self):
        """Keeps the biases that do nothing from moving. Call it before making an optimizer."""
        if self.config.variant == "siren":
            for bias in self.angle_nn.gauge() + self.action_angle_nn.gauge():
                bias.requires_grad_(False)

    def rotations(self, batch, dtype):
        """The rotations of the layers and of the action attention. A query stands where its request starts, a key where
        it is itself; they differ only where a request has several events."""
        place = torch.arange(batch.first.shape[1]).expand_as(batch.first)
        has_requests = bool((batch.is_token & (batch.start != place)).any())
        newest = batch.first + batch.length - 1
        key_pos, query_pos = newest - place, newest - batch.start
        if self.config.variant == "siren":
            return self.siren_rotations(batch, key_pos, query_pos if has_requests else key_pos, dtype)
        if self.config.variant == "torope":
            key = self.rope.torope(batch, place, dtype)
            query = self.rope.torope(batch, batch.start, dtype) if has_requests else key
        else:
            key = self.rope.ordinal(key_pos, dtype)
            query = self.rope.ordinal(query_pos, dtype) if has_requests else key
        rotation = Rotation.of(query, key)
        return rotation, rotation

    def siren_rotations(self, batch, key_pos, query_pos, dtype):
        """Without the feature `order` a token's f does not depend on where it stands."""
        key_features = query_features = self.rope.features(batch, key_pos, dtype)
        if query_pos is not key_pos and "order" in self.config.angle_features:
            query_features = self.rope.features(batch, query_pos, dtype)
        rotations = []
        for network in (self.angle_nn, self.action_angle_nn):
            key_f = network(key_features)
            key = self.rope.siren(key_f, key_pos)
            query_f = key_f if query_features is key_features else network(query_features)
            query = key if query_pos is key_pos else self.rope.siren(query_f, query_pos)
            rotations.append(Rotation.of(query, key))
        return rotations

    def forward(self, batch):
        """-> logits (R, W, T)"""
        x = self.seq_norm(self.seq_projection(batch.item))
        x = dropout(x, self.dropout, self.training)
        a = self.action_embedding(batch.action)
        rotation, action_rotation = self.rotations(batch, x.dtype)
        visible = batch.visible()
        R, W, _ = visible.shape
        bias = torch.zeros(visible.shape, dtype=x.dtype).masked_fill_(~visible, MASKED)
        bias = bias.unsqueeze(1).expand(R, self.config.num_heads, W, W).reshape(-1, W, W)
        sees_nothing = (batch.start <= batch.first).unsqueeze(2)
        for layer in self.transformer_layers:
            x = layer(x, a, rotation, bias, sees_nothing)
        u = self.action_attention(x, a, action_rotation, bias, sees_nothing)
        return self.head(torch.cat([x, u, batch.context], dim=2))


def loss(logits, label, is_token):
    """Binary cross-entropy per (token, task), the mean over all that have a label (NaN = none). (R, W, T) both."""
    known = is_token.unsqueeze(2) & ~label.isnan()
    each = F.binary_cross_entropy_with_logits(logits, label.masked_fill(~known, 0), known.to(logits.dtype), reduction="sum")
    return each / known.sum()
