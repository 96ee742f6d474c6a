import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createStyle } from '../../cli/terminal/style.js';
import { renderBranches } from '../../cli/views/branches.js';
import type { ChainMember } from '../../core/payload/index.js';
import { checkChain } from '../../core/stack/index.js';
import { cpuMs } from '../support/cpu-time.js';
import { idOf, payloadFile, XEN_ID } from '../support/stack-builders.js';

const style = createStyle({ isTTY: false }, false, {});

/** What is drawn of these payloads: what leads them, and their names. */
function drawn(members: readonly ChainMember[]): readonly string[] {
  const { chain } = checkChain(members, XEN_ID);
  const text = renderBranches({ members, chain, buildId: XEN_ID }, () => ({ text: '' }), style);
  return text === '' ? [] : text.split('\n').map((line) => line.replace(/ {2,}\S+ {2}\S+$/, ''));
}

describe('what has no place in the chain', () => {
  it('is nothing where the chain has all', () => {
    assert.deepEqual(drawn([payloadFile('a', null), payloadFile('b', 'a')]), []);
  });

  it('is shown as branches where the chain forks (D9), and where a branch does', () => {
    const members = [
      payloadFile('a', null),
      payloadFile('b', 'a'),
      payloadFile('c', 'b'),
      payloadFile('d', 'a'),
      payloadFile('e', 'd'),
      payloadFile('f', 'd'),
      payloadFile('g', 'f'),
    ];
    assert.deepEqual(drawn(members), [
      'Not in the chain: 2 branches on a',
      '  ├─ d',
      '  │  ├─ f',
      '  │  │  g',
      '  │  └─ e',
      '  └─ b',
      '     c',
    ]);
  });

  it('is shown on the hypervisor where several could be the first', () => {
    assert.deepEqual(drawn([payloadFile('a', null), payloadFile('b', null)]), [
      'Not in the chain: 2 branches on the hypervisor',
      '  ├─ a',
      '  └─ b',
    ]);
  });

  it('is shown on what is missing, on another hypervisor, and as a circle', () => {
    const foreign = {
      ...payloadFile('x', null),
      xenDepends: idOf('other'),
      depends: idOf('other'),
    };
    const members = [
      payloadFile('a', null),
      payloadFile('c', 'b'),
      payloadFile('d', 'c'),
      foreign,
      payloadFile('l', 'm'),
      payloadFile('m', 'l'),
    ];
    const shortOf = (name: string) => idOf(name).slice(0, 12);
    assert.deepEqual(drawn(members), [
      `Not in the chain: on ${shortOf('b')}, which is not among the files`,
      '  c',
      '  d',
      `Not in the chain: on another hypervisor, ${shortOf('other')}`,
      '  x',
      'Not in the chain: building on each other in a circle',
      '  l',
      '  m',
    ]);
  });

  it('takes linear time, and no more room than it needs, where each branch forks again', () => {
    const forks = (count: number) =>
      Array.from({ length: count }, (_, index) => {
        const below = index === 0 ? null : `s${index - 1}`;
        return [payloadFile(`s${index}`, below), payloadFile(`t${index}`, below)];
      }).flat();
    const [few, many] = [forks(500), forks(5000)];
    drawn(few);
    const spent = (members: readonly ChainMember[]) => {
      const before = cpuMs();
      drawn(members);
      return cpuMs() - before;
    };
    assert.ok(spent(many) < 60 * Math.max(spent(few), 5));
    const widest = Math.max(...drawn(many).map((line) => line.length));
    assert.ok(widest < 60, `${widest} columns`);
  });
});
