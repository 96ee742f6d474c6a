#!/usr/bin/env node
/**
 * Starts the program that lies beside this file, as V8 compiled it when it was made (cli/bundle.mjs):
 * compiling is half of a start. A node of another version, or with other options, takes no such thing and
 * compiles the program itself; so does one that finds none.
 */
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { Script } = require('node:vm');

const filename = join(__dirname, 'program.js');

/** The program, not yet run. */
function programScript(cachedData) {
  // It is written in ASCII, which is read fastest as latin1.
  const text = readFileSync(filename, 'latin1');
  const wrapped = `(function (require, __filename) { 'use strict'; ${text}\n})`;
  return new Script(wrapped, { filename, cachedData });
}

/** Undefined where there is none. */
function compiledBefore() {
  try {
    return readFileSync(join(__dirname, 'program.cache'));
  } catch {
    return undefined;
  }
}

if (require.main === module) {
  programScript(compiledBefore()).runInThisContext()(createRequire(filename), filename);
} else {
  module.exports = { programScript };
}
