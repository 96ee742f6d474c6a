import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/cli.js';
import { repositoryRoot } from '../support/repository.js';
import { makeDocuments } from './scenario.js';

const GOLDENS = join(repositoryRoot(), 'test', 'formats', 'golden', 'documents-1');

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

function typeOf(value: Json | undefined): string {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeOf(value) === 'object';
}

/** Places where a document lacks what its golden has, or has it with another type. */
function missing(golden: Json, made: Json | undefined, place: string): readonly string[] {
  if (typeOf(golden) !== typeOf(made)) {
    return [`${place}: ${typeOf(made)}, was ${typeOf(golden)}`];
  }
  if (Array.isArray(golden) && Array.isArray(made)) {
    return golden.flatMap((item, index) => missing(item, made[index], `${place}[${index}]`));
  }
  if (!isObject(golden) || !isObject(made)) return [];
  return Object.entries(golden).flatMap(([key, value]) =>
    missing(value, made[key], `${place}.${key}`),
  );
}

test('a document of format 1 has every field that it ever had', async (t) => {
  const made = await makeDocuments(temporaryFolder(t));
  const names = readdirSync(GOLDENS).sort();
  assert.deepEqual(made.map(({ name }) => `${name}.json`).sort(), names);
  for (const { name, document } of made) {
    const golden: Json = JSON.parse(readFileSync(join(GOLDENS, `${name}.json`), 'utf8'));
    assert.deepEqual(missing(golden, document as Json, name), []);
  }
});

test('a field that is gone, or of another type, is found', () => {
  const golden = { a: [{ b: 1 }], c: null };
  assert.deepEqual(missing(golden, { a: [{ b: 1, more: 2 }], c: null }, 'x'), []);
  assert.deepEqual(missing(golden, { a: [{ b: '1' }] }, 'x'), [
    'x.a[0].b: string, was number',
    'x.c: absent, was null',
  ]);
  assert.deepEqual(missing(golden, { a: [], c: null }, 'x'), ['x.a[0]: absent, was object']);
});
