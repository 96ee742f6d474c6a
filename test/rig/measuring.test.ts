import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Machines, type Pausable } from '../../rig/measuring.js';

/** Machines that only know whether they stand still. */
function three() {
  const standing = new Set<string>();
  const machine = (name: string): Pausable => ({
    pause: () => void standing.add(name),
    resume: () => void standing.delete(name),
  });
  const [a, b, c] = [machine('a'), machine('b'), machine('c')];
  const machines = new Machines();
  machines.add(a);
  machines.add(b);
  return { a, b, c, machines, standing: () => [...standing].sort().join('') };
}

test('while one machine measures the others stand still, and one that is added', () => {
  const { a, b, c, machines, standing } = three();
  machines.begin(b);
  assert.equal(standing(), 'a');
  machines.add(c);
  assert.equal(standing(), 'ac');
  machines.remove(a);
  machines.end(b);
  assert.equal(standing(), 'a', 'a is gone: nobody resumes it');
  machines.end(b);
  assert.equal(standing(), 'a');
});

test('two machines that measure do it one after the other', () => {
  const { a, b, c, machines, standing } = three();
  machines.add(c);
  machines.begin(a);
  machines.begin(b);
  assert.equal(standing(), 'bc');
  machines.end(a);
  assert.equal(standing(), 'ac');
  machines.end(b);
  assert.equal(standing(), '');
});

test('a machine that ends while it measures, or waits to, keeps nobody waiting', () => {
  const { a, b, c, machines, standing } = three();
  machines.add(c);
  machines.begin(a);
  machines.begin(b);
  machines.begin(c);
  machines.remove(b);
  machines.remove(a);
  assert.equal(standing(), 'b', 'b ended while it stood still, and c measures');
  machines.remove(c);
  assert.equal(standing(), 'b');
});
