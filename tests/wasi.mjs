// node tests/wasi.mjs PROGRAM.wasm ARGUMENTS...: runs what clang --target=wasm32-wasi made, in this folder.
import { WASI } from 'node:wasi';
import { readFileSync } from 'node:fs';

const args = process.argv.slice(2);
const wasi = new WASI({ version: 'preview1', args, preopens: { '.': '.' }, returnOnExit: true });
const program = await WebAssembly.compile(readFileSync(args[0]));
const instance = await WebAssembly.instantiate(program, { wasi_snapshot_preview1: wasi.wasiImport });
process.exitCode = wasi.start(instance);
