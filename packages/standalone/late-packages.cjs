'use strict';
/**
 * Stands in for node:module in a program that carries its packages with it. What the program asks for late, since
 * most commands have no use for it, is part of the bundle here, and what is no JavaScript lies beside it: in the
 * executable as an asset, elsewhere as a file of the same folder.
 */
const fs = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');
const { fileURLToPath } = require('node:url');
const sea = require('node:sea');

/** The bytes of a file that is carried along. */
function carried(url, name) {
  return sea.isSea() ? Buffer.from(sea.getRawAsset(name)) : fs.readFileSync(carriedPath(url, name));
}

function carriedPath(url, name) {
  return join(dirname(fileURLToPath(url)), name);
}

/** A native module can be loaded from a file only: of the executable, one that nobody else can reach, and not for long. */
function loadNative(url, name) {
  const native = { exports: {} };
  if (!sea.isSea()) {
    process.dlopen(native, carriedPath(url, name));
    return native.exports;
  }
  const folder = fs.mkdtempSync(join(require('node:os').tmpdir(), 'xsplice-ts-'));
  try {
    const path = join(folder, name);
    fs.writeFileSync(path, carried(url, name), { flag: 'wx', mode: 0o700 });
    process.dlopen(native, path);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  return native.exports;
}

exports.carried = carried;
exports.createRequire = (url) => (name) => {
  if (name === 'iced-x86') return require('iced-x86');
  if (name === 'string-width') return require('string-width');
  if (name === 'koffi') return loadNative(url, 'koffi.node');
  return createRequire(url)(name);
};
