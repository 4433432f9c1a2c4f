// A builder for ONNX graphs: names in, bytes of a .onnx file out. Shapes are fixed when the graph is built, so that the
// runtime can plan its memory. Knows nothing of SIREN-RoPE. Float32 values; int64 only as constants (shapes).
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const FLOAT = 1;
const INT64 = 7;
const ModelProto = new protobuf.Root()
  .loadSync(fileURLToPath(new URL('onnx.proto', import.meta.url)), { keepCase: true })
  .lookupType('onnx.ModelProto');

const valueInfo = (name, dims) => ({
  name,
  type: { tensor_type: { elem_type: FLOAT, shape: { dim: dims.map((dim_value) => ({ dim_value })) } } },
});

/** An attribute from a plain value: arrays are integers, whole numbers integers, `{ f }` a float. */
function attribute([name, value]) {
  if (Array.isArray(value)) return { name, type: 7, ints: value };
  return typeof value === 'object' ? { name, type: 1, f: value.f } : { name, type: 2, i: value };
}

export class Graph {
  #nodes = [];
  #initializers = [];
  #inputs = [];
  #outputs = [];

  input(name, dims) {
    this.#inputs.push(valueInfo(name, dims));
    return name;
  }

  output(value, name, dims) {
    this.#nodes.push({ op_type: 'Identity', input: [value], output: [name] });
    this.#outputs.push(valueInfo(name, dims));
  }

  /** data: Float32Array, or BigInt64Array for shapes. */
  constant(data, dims) {
    const name = `c${this.#initializers.length}`;
    const raw_data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#initializers.push({ name, dims, data_type: data instanceof BigInt64Array ? INT64 : FLOAT, raw_data });
    return name;
  }

  shape(...dims) {
    return this.constant(BigInt64Array.from(dims, BigInt), [dims.length]);
  }

  /** One node; returns its output's name, or the names of all where there are several. */
  op(op_type, input, attributes = {}, nOutputs = 1) {
    const output = Array.from({ length: nOutputs }, (_, i) => `v${this.#nodes.length}_${i}`);
    this.#nodes.push({ op_type, input, output, attribute: Object.entries(attributes).map(attribute) });
    return nOutputs === 1 ? output[0] : output;
  }

  encode(opset) {
    const graph = {
      name: 'siren-rope', node: this.#nodes, initializer: this.#initializers,
      input: this.#inputs, output: this.#outputs,
    };
    return ModelProto.encode(ModelProto.create({
      ir_version: 8, producer_name: 'siren-rope-bench', graph, opset_import: [{ domain: '', version: opset }],
    })).finish();
  }
}
