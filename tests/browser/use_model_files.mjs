// use_model_files.mjs: model files for the page, good ones and ones that are wrong in one way each.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const inCheckout = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
export const readModel = (path) => readFileSync(inCheckout(path));
const rhythm = readModel('models/planted-rhythm.safetensors');

/** The file with its header as `change(header)` makes it, and its numbers as `fill(data, header)` does. */
function changed(change, fill = () => {}) {
  const length = Number(rhythm.readBigUInt64LE(0));
  const header = JSON.parse(rhythm.subarray(8, 8 + length).toString());
  const data = Buffer.from(rhythm.subarray(8 + length));
  fill(data, header);
  const text = Buffer.from(JSON.stringify(change(header) ?? header));
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')]);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([size, padded, data]);
}

function withConfig(change) {
  return changed((header) => {
    header.__metadata__.siren_rope = change(JSON.parse(header.__metadata__.siren_rope));
  });
}

const hugeHeader = Buffer.from(rhythm);
hugeHeader.writeBigUInt64LE(2n ** 62n);

/** [what is wrong, bytes, the code, what the place or the message says] */
export const badFiles = [
  ['cut short', rhythm.subarray(0, rhythm.length - 1000), 'format', /./],
  ['cut short in its header', rhythm.subarray(0, 300), 'format', /./],
  ['no safetensors', Buffer.from('PK\x03\x04'.repeat(500)), 'format', /./],
  ['HTML', Buffer.from('<!doctype html><title>404</title><p>There is nothing here.</p>'), 'format', /./],
  ['empty', Buffer.alloc(0), 'format', /./],
  ['a header that says 2^62 bytes', hugeHeader, 'format', /./],
  ['of another network', changed((header) => { delete header.__metadata__; }), 'config', /siren_rope/],
  ['of an unknown variant', withConfig((config) => JSON.stringify({ ...config, variant: 'sundial' })), 'config', /variant/],
  ['with a configuration that is no JSON', withConfig(() => '{variant: siren}'), 'config', /siren_rope/],
  ['without a tensor', changed(({ 'seq_norm.weight': tensor, ...rest }) => ({ ...rest, 'seq_norm.height': tensor })), 'tensor', /seq_norm\.weight/],
  ['with a tensor of another shape', changed((header) => { header['rope.freq'].shape = [1, header['rope.freq'].shape[0]]; }), 'tensor', /rope\.freq/],
  ['with a NaN', changed(() => {}, (data, header) => data.writeFloatLE(NaN, header['seq_norm.bias'].data_offsets[0])), 'value', /seq_norm\.bias/],
];
