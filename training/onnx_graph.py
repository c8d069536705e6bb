"""A small builder of ONNX graphs whose weights stay in a .safetensors file as external data."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20


class Graph:
    """Collects nodes, inputs and outputs; weights are read by their PyTorch names from `tensors`."""

    def __init__(self, name, tensors, spans, location, width, heads):
        """`spans` are the byte ranges returned by save_safetensors and `location` that file's name."""
        self.name, self.tensors, self.spans, self.location = name, tensors, spans, location
        self.width, self.heads = width, heads
        self.nodes, self.inputs, self.outputs, self.initialisers = [], [], [], []
        self.made, self.shapes, self.count = {}, {}, 0

    def input(self, name, shape, dtype=TensorProto.FLOAT):
        """Declare an input; strings in the shape are dynamic dimensions."""
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        self.shapes[name] = shape
        return name

    def output(self, value, name, shape):
        """Give a value its public name."""
        self.nodes.append(helper.make_node("Identity", [value], [name], name=f"out:{name}"))
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def op(self, kind, *inputs, outputs=1, **attributes):
        """Add a node; returns its value's name, or a list of names for several outputs."""
        self.count += 1
        names = [f"{kind.lower()}_{self.count}" + (f".{i}" if outputs > 1 else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=names[0], **attributes))
        return names if outputs > 1 else names[0]

    def constant(self, array):
        """A small constant stored in the graph itself."""
        array = np.asarray(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.made:
            self.made[key] = f"const_{len(self.made)}"
            self.initialisers.append(numpy_helper.from_array(array, self.made[key]))
        return self.made[key]

    def ints(self, *values):
        """A constant int64 vector, as shapes and axes want it."""
        return self.constant(np.array(values, np.int64))

    def weight(self, name):
        """A named weight as F32; its bytes stay in the .safetensors file."""
        if name not in self.made:
            array = self.tensors[name]
            half = array.dtype == np.float16
            tensor = TensorProto(name=name, data_type=TensorProto.FLOAT16 if half else TensorProto.FLOAT)
            tensor.dims.extend(array.shape)
            tensor.data_location = TensorProto.EXTERNAL
            offset, length = self.spans[name]
            for key, value in (("location", self.location), ("offset", offset), ("length", length)):
                tensor.external_data.add(key=key, value=str(value))
            self.initialisers.append(tensor)
            self.made[name] = self.op("Cast", name, to=TensorProto.FLOAT) if half else name
        return self.made[name]

    def linear(self, x, path):
        """x [.., C] @ weight[O, C]ᵀ, + bias where there is one."""
        key = f"{path}.weight transposed"
        if key not in self.made:
            self.made[key] = self.op("Transpose", self.weight(f"{path}.weight"), perm=[1, 0])
        product = self.op("MatMul", x, self.made[key])
        return self.op("Add", product, self.weight(f"{path}.bias")) if f"{path}.bias" in self.tensors else product

    def layernorm(self, x, path):
        """LayerNorm over the last axis, eps 1e-5."""
        gain, bias = self.weight(f"{path}.weight"), self.weight(f"{path}.bias")
        return self.op("LayerNormalization", x, gain, bias, axis=-1, epsilon=1e-5)

    def gelu(self, x):
        """GELU in its tanh approximation."""
        return self.op("Gelu", x, approximate="tanh")

    def slice(self, x, axis, start, end):
        """x[start:end] along one axis."""
        return self.op("Slice", x, self.ints(start), self.ints(end), self.ints(axis))

    def attention(self, qkv, ring, bias, prefix=None, prefix_tokens=5, own=None):
        """T new tokens (one block) against [prefix | ring | themselves].

        qkv [R, T, 3C]; ring [R, W, 2C] (k‖v, any slot order); bias added to the ring's scores: an input [H, W], or
        [H, T, W] where the block's tokens stand at different moments; prefix [R, P, 2C] gets bias 0; `own` is the
        array [H, T, T] of the block's bias for itself (one token: 0). Returns (out [R, T, C], kv [R, T, 2C]).
        """
        width = self.width
        depth = width // self.heads
        q = self.slice(qkv, 2, 0, width)
        kv = self.slice(qkv, 2, width, 3 * width)
        past = [prefix, ring] if prefix else [ring]
        k, v = self.op("Split", self.op("Concat", *past, kv, axis=1), outputs=2, axis=2, num_outputs=2)
        per_head = self.ints(0, -1, self.heads, depth)
        q = self.op("Transpose", self.op("Reshape", q, per_head), perm=[0, 2, 1, 3])
        k = self.op("Transpose", self.op("Reshape", k, per_head), perm=[0, 2, 3, 1])
        v = self.op("Transpose", self.op("Reshape", v, per_head), perm=[0, 2, 1, 3])
        q = self.op("Mul", q, self.constant(np.float32(1 / np.sqrt(depth))))
        scores = self.op("Add", self.op("MatMul", q, k), self.padded_bias(bias, prefix_tokens if prefix else 0, own))
        mixed = self.op("MatMul", self.op("Softmax", scores, axis=-1), v)
        out = self.op("Reshape", self.op("Transpose", mixed, perm=[0, 2, 1, 3]), self.ints(0, -1, width))
        return out, kv

    def padded_bias(self, bias, prefix, own=None):
        """The ring's bias [H, W] or [H, T, W], zeros for the prefix before it and `own` after it: [1, H, T, keys]."""
        own = np.zeros((self.heads, 1, 1), np.float32) if own is None else np.asarray(own, np.float32)
        tokens = own.shape[1]
        key = f"{bias} padded {prefix} {own.tobytes().hex()}"
        if key not in self.made:
            if tokens == 1:
                parts = [bias, self.constant(own[:, 0])]
                if prefix:
                    parts.insert(0, self.constant(np.zeros((self.heads, prefix), np.float32)))
                self.made[key] = self.op("Unsqueeze", self.op("Concat", *parts, axis=1), self.ints(0, 2))
                return self.made[key]
            shape = self.shapes[bias]
            if len(shape) == 2:
                size = self.ints(self.heads, tokens, shape[-1])
                bias = self.op("Expand", self.op("Unsqueeze", bias, self.ints(1)), size)
            parts = [bias, self.constant(own)]
            if prefix:
                parts.insert(0, self.constant(np.zeros((self.heads, tokens, prefix), np.float32)))
            self.made[key] = self.op("Unsqueeze", self.op("Concat", *parts, axis=2), self.ints(0))
        return self.made[key]

    def layer(self, h, path, ring, bias, **attention):
        """One pre-norm transformer layer over h [R, T, C]; returns (h, kv [R, T, 2C])."""
        qkv = self.linear(self.layernorm(h, f"{path}.norm1"), f"{path}.attn.qkv")
        mixed, kv = self.attention(qkv, ring, bias, **attention)
        h = self.op("Add", h, self.linear(mixed, f"{path}.attn.out"))
        up = self.gelu(self.linear(self.layernorm(h, f"{path}.norm2"), f"{path}.ff.up"))
        return self.op("Add", h, self.linear(up, f"{path}.ff.down")), kv

    def save(self, path):
        """Check the graph and write it; the weights' file must stand beside it."""
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initialisers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="duologue")
        model.ir_version = 10
        onnx.save_model(model, path)
        onnx.checker.check_model(str(path))
