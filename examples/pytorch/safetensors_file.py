"""safetensors_file.py: .safetensors files in plain Python, for whoever has no `safetensors` package.

A file is: 8 bytes, the length n of the header (little-endian); n bytes of JSON, `{name: {dtype, shape, data_offsets}}` with
the strings of `__metadata__` beside the tensors; then the tensors' bytes, row-major, offsets counted from the header's end.

    tensors, metadata = read("model.safetensors")     # {name: torch.Tensor}, {key: text}
    write("model.safetensors", model.state_dict(), {"siren_rope": json.dumps(config)})

F64, F32, F16, BF16 and I64. It trusts what it reads; the C loader is the one that does not.
"""
import json
import struct

import torch

DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def read(path):
    """path -> ({name: tensor}, {metadata key: text})"""
    with open(path, "rb") as file:
        (n_header,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(n_header))
        data = bytearray(file.read())
    metadata = header.pop("__metadata__", {})
    return {name: _tensor(data, **entry) for name, entry in header.items()}, metadata


def _tensor(data, dtype, shape, data_offsets):
    begin, end = data_offsets
    if begin == end:
        return torch.empty(shape, dtype=DTYPES[dtype])
    # A copy of its own: the offset need not suit the dtype, and a tensor should not keep a whole file alive.
    return torch.frombuffer(data[begin:end], dtype=DTYPES[dtype]).reshape(shape)


def write(path, tensors, metadata=None):
    """{name: tensor}, {key: text} -> path. Largest elements first, so that every tensor is aligned."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header, at = {"__metadata__": metadata or {}}, 0
    for name in names:
        tensor = tensors[name]
        end = at + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name in names:
            file.write(_bytes(tensors[name]))


def _bytes(tensor):
    if tensor.dtype == torch.bfloat16:  # numpy has none
        tensor = tensor.view(torch.int16)
    return tensor.numpy().tobytes()
