import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SYSCTL_INTERFACE_VERSIONS } from '../../../core/abi/sysctl.js';
import { XspliceError } from '../../../core/findings/index.js';
import { XenHandle } from '../../../core/hypervisor/xen/handle/handle.js';
import { localHypercalls } from '../../../core/hypervisor/xen/handle/local.js';
import { negotiate } from '../../../core/hypervisor/xen/negotiate.js';
import { XenPort } from '../../../core/hypervisor/xen/port.js';
import { FakeXen, type Sysctl } from './fake-xen.js';

const OPTIONS = { timeoutNs: 0, nodeps: false };
const ID = { a: '0a'.repeat(20), b: '0b'.repeat(20), c: '0c'.repeat(20) };

async function portTo(xen: FakeXen): Promise<XenPort> {
  const handle = await XenHandle.open(localHypercalls(xen));
  return new XenPort(await negotiate(handle));
}

function hasCode(code: string, ...words: readonly string[]): (error: unknown) => boolean {
  return (error) =>
    error instanceof XspliceError &&
    error.code === code &&
    words.every((word) => error.message.includes(word));
}

/** `ID<PARENT`, which is a payload for the imitation. */
function payload(own: string, parent: string): Uint8Array {
  return Buffer.from(`${own}<${parent}`, 'latin1');
}

describe('negotiation', () => {
  for (const interfaceVersion of SYSCTL_INTERFACE_VERSIONS) {
    it(`finds 0x${interfaceVersion.toString(16)}`, async () => {
      const { version } = await negotiate(
        await XenHandle.open(localHypercalls(new FakeXen({ interfaceVersion }))),
      );
      assert.equal(version, interfaceVersion);
    });
  }
  it('names the release and what it knows when it knows none', async () => {
    await assert.rejects(
      async () =>
        negotiate(await XenHandle.open(localHypercalls(new FakeXen({ interfaceVersion: 0x17 })))),
      hasCode('xen-unknown-interface', 'Xen 4.17.7', '0x16 (Xen 4.21 and 4.22)', '0x12'),
    );
  });
  it('says both causes and the way out where everything is answered with EACCES', async () => {
    const xen = new FakeXen({ interfaceVersion: 0x17 });
    await assert.rejects(
      async () => negotiate(await XenHandle.open(localHypercalls(xen))),
      (error: unknown) =>
        error instanceof XspliceError &&
        /a newer one, or its XSM policy/.test(error.message) &&
        /xen-livepatch revert NAME/.test(error.hint),
    );
  });
  it('tells a policy of XSM by a sysctl that is no live patching', async () => {
    const xen = new FakeXen({ errnoOf: (what) => (what === 'physinfo' ? 0 : 13) });
    await assert.rejects(
      async () => negotiate(await XenHandle.open(localHypercalls(xen))),
      hasCode('xen-not-permitted', '4.17.7', 'XSM policy does not allow'),
    );
  });
  const refusals: readonly (readonly [errno: number, code: string])[] = [
    [38, 'xen-no-livepatch'],
    [95, 'xen-no-livepatch'],
    [1, 'xen-not-permitted'],
    [12, 'xen-probe-failed'],
  ];
  for (const [errno, code] of refusals) {
    it(`errno ${errno} is ${code}`, async () => {
      const xen = new FakeXen({ errnoOf: () => errno });
      await assert.rejects(
        async () => negotiate(await XenHandle.open(localHypercalls(xen))),
        hasCode(code, '4.17.7'),
      );
    });
  }
});

describe('observe', () => {
  for (const interfaceVersion of SYSCTL_INTERFACE_VERSIONS) {
    it(`300 payloads in pages, interface 0x${interfaceVersion.toString(16)}`, async () => {
      const xen = new FakeXen({ interfaceVersion, listLimit: 100, ringBytes: 1 << 20 });
      for (let index = 0; index < 300; index++) {
        const own = index.toString(16).padStart(40, '0');
        const parent = index === 0 ? xen.buildId : (index - 1).toString(16).padStart(40, '0');
        xen.add(`payload ${index}`, own, parent, `number=${index}\0`).state = 2;
      }
      const { payloads, hypervisor } = await (await portTo(xen)).observe();
      assert.equal(hypervisor.version, '4.17.7');
      assert.equal(hypervisor.buildId, xen.buildId);
      assert.deepEqual(
        payloads.map((p) => [p.name, p.position, p.metadata.length]),
        xen.payloads.map((p, index) => [p.name, index + 1, interfaceVersion >= 0x13 ? 1 : 0]),
      );
      assert.deepEqual(
        payloads.map((p) => p.buildId),
        xen.payloads.map((p) => p.buildId),
      );
    });
  }

  it('what another tool does after the hypervisor was found is seen', async () => {
    const xen = new FakeXen();
    const [early, late] = [await portTo(xen), await portTo(xen)];
    xen.add('p', ID.a, xen.buildId);
    const names = async (port: XenPort) => (await port.observe()).payloads.map(({ name }) => name);
    assert.deepEqual(await names(early), ['p']);
    const third = await portTo(xen);
    xen.add('q', ID.b, ID.a);
    xen.remove('p');
    assert.deepEqual([await names(late), await names(third)], [['q'], ['q']]);
  });

  it('reads the list again when it changes between two pages', async () => {
    let lists = 0;
    const xen = new FakeXen({
      listLimit: 2,
      before: (self, what) => {
        lists += what === 'list' ? 1 : 0;
        if (what === 'list' && lists === 3) self.payloads.splice(0, 1, self.add('new', ID.c, ID.b));
        if (what === 'list' && lists === 3) self.payloads.pop();
      },
    });
    for (const name of ['one', 'two', 'three', 'four']) xen.add(name, ID.a, ID.b);
    const names = (await (await portTo(xen)).observe()).payloads.map((p) => p.name);
    assert.deepEqual(names, ['new', 'two', 'three', 'four']);
  });

  it('gives up in words when the list never stands still', async () => {
    const xen = new FakeXen({ before: (self) => void self.stamp++ });
    xen.add('one', ID.a, ID.b);
    await assert.rejects((await portTo(xen)).observe(), hasCode('xen-list-changing'));
  });

  it('reads the list again when it becomes shorter than the page that is asked for', async () => {
    let lists = 0;
    const xen = new FakeXen({
      listLimit: 2,
      before: (self, what) => {
        lists += what === 'list' ? 1 : 0;
        if (what === 'list' && lists === 3) self.remove('one', 'two', 'three');
      },
    });
    for (const name of ['one', 'two', 'three', 'four']) xen.add(name, ID.a, ID.b);
    const names = (await (await portTo(xen)).observe()).payloads.map((p) => p.name);
    assert.deepEqual(names, ['four']);
  });

  it('reads the list again when its metadata outgrow their buffer', async () => {
    let lists = 0;
    const metadata = 'm'.repeat(3 * 1024 * 1024);
    const xen = new FakeXen({
      interfaceVersion: 0x16,
      before: (self, what) => {
        lists += what === 'list' ? 1 : 0;
        if (what === 'list' && lists === 3) self.add('big', ID.a, ID.b, metadata);
      },
    });
    xen.add('small', ID.a, ID.b);
    const { payloads } = await (await portTo(xen)).observe();
    assert.deepEqual(
      payloads.map((p) => [p.name, p.metadata.join().length]),
      [
        ['small', 0],
        ['big', metadata.length],
      ],
    );
  });

  it('gives up in words when Xen gives none of the payloads that it counts', async () => {
    const xen = new FakeXen({ listLimit: 0 });
    xen.add('one', ID.a, ID.b);
    await assert.rejects((await portTo(xen)).observe(), hasCode('xen-list-changing'));
  });

  it('gives up in words when payloads come and go whenever the ids are read', async () => {
    const xen = new FakeXen({
      before: (self, what) => {
        if (what === 'key') self.stamp++;
      },
    });
    xen.add('one', ID.a, ID.b);
    await assert.rejects((await portTo(xen)).observe(), { code: 'xen-list-changing', exitCode: 2 });
    assert.equal(xen.calls.length, 5);
  });

  it('presses the key again while another operation holds the lock', async () => {
    let presses = 0;
    const xen = new FakeXen({ isLocked: () => ++presses < 3 });
    xen.add('one', ID.a, ID.b);
    const { payloads } = await (await portTo(xen)).observe();
    assert.deepEqual([payloads[0]?.buildId, presses], [ID.a, 3]);
  });

  for (const [what, settings] of [
    ['the lock stays held', { isLocked: () => true }],
    ['the key is refused', { errnoOf: (what: Sysctl) => (what === 'key' ? 1 : 0) }],
  ] as const) {
    it(`ids are unknown where ${what}`, async () => {
      const xen = new FakeXen(settings);
      xen.add('one', ID.a, ID.b);
      const { payloads } = await (await portTo(xen)).observe();
      assert.deepEqual([payloads[0]?.name, payloads[0]?.buildId], ['one', null]);
    });
  }

  for (const [what, errno, code, words] of [
    ['list', 12, 'xen-list-failed', ['-12 (ENOMEM)']],
    ['console', 1, 'xen-console-failed', ['-1 (EPERM)']],
  ] as const) {
    it(`says so where Xen refuses its ${what}`, async () => {
      let isRefused = false;
      const xen = new FakeXen({
        errnoOf: (sysctl) => (isRefused && sysctl === what ? errno : 0),
      });
      xen.add('one', ID.a, ID.b);
      const port = await portTo(xen);
      isRefused = true;
      await assert.rejects(port.observe(), hasCode(code, ...words));
    });
  }

  it('looks again when a payload is loaded while the ids are read', async () => {
    let keys = 0;
    const xen = new FakeXen({
      before: (self, what) => {
        if (what === 'key' && ++keys === 1) self.add('late', ID.b, ID.a);
      },
    });
    xen.add('early', ID.a, xen.buildId);
    const { payloads } = await (await portTo(xen)).observe();
    assert.deepEqual(
      payloads.map((p) => [p.name, p.buildId]),
      [
        ['early', ID.a],
        ['late', ID.b],
      ],
    );
  });

  it('ids that the ring has lost are unknown, and so is the order', async () => {
    const xen = new FakeXen({ ringBytes: 400 });
    xen.add('lost', ID.a, xen.buildId).state = 2;
    xen.add('kept', ID.b, ID.a).state = 2;
    const { payloads } = await (await portTo(xen)).observe();
    assert.deepEqual(
      payloads.map((p) => [p.buildId, p.functions, p.position]),
      [
        [null, null, null],
        [ID.b, ['xen_extra_version'], null],
      ],
    );
  });

  it('presses the key once for a list that stays the same', async () => {
    const xen = new FakeXen();
    xen.add('one', ID.a, xen.buildId);
    const port = await portTo(xen);
    await port.observe();
    await port.observe();
    assert.deepEqual(xen.calls, ['key x']);
  });

  it('does not press the key when nothing is loaded', async () => {
    const xen = new FakeXen();
    assert.deepEqual((await (await portTo(xen)).observe()).payloads, []);
    assert.deepEqual(xen.calls, []);
  });
});

describe('upload', () => {
  it('gives what Xen answered and printed, and nothing else of its console', async () => {
    const xen = new FakeXen();
    xen.print('livepatch: earlier: not of this operation');
    const port = await portTo(xen);
    const refused = await port.upload('p', payload('', ''));
    assert.deepEqual(
      [refused.hypercallRc, refused.payloadRc, refused.log],
      [-22, null, ['p: no build-id']],
    );
    const done = await port.upload('p', payload(ID.a, xen.buildId));
    assert.deepEqual([done.hypercallRc, done.payloadRc, done.log], [0, 0, []]);
    const again = await port.upload('p', payload(ID.b, xen.buildId));
    assert.deepEqual([again.hypercallRc, again.payloadRc], [-17, 0]);
  });

  it('says so when the ring was overwritten meanwhile', async () => {
    const xen = new FakeXen({ ringBytes: 64, before: (self) => self.print('x'.repeat(100)) });
    xen.add('p', ID.a, xen.buildId);
    const { log } = await (await portTo(xen)).upload('p', payload(ID.b, ID.a));
    assert.match(log[0] ?? '', /overwritten/);
  });

  it('refuses what cannot be, before any hypercall', async () => {
    const xen = new FakeXen();
    const port = await portTo(xen);
    await assert.rejects(port.upload('a\0b', payload(ID.a, ID.b)), hasCode('payload-bad-name'));
    const big = new Uint8Array(2 * 1024 * 1024 + 1);
    await assert.rejects(port.upload('big', big), hasCode('payload-too-large'));
    assert.deepEqual(xen.calls, []);
  });
});

describe('actions', () => {
  it('both answers', async () => {
    const xen = new FakeXen();
    xen.add('p', ID.a, xen.buildId);
    const port = await portTo(xen);
    const answers = async (action: 'APPLY' | 'REVERT' | 'UNLOAD'): Promise<unknown[]> => {
      const result = await port.act('p', action, OPTIONS);
      return [result.hypercallRc, result.payloadRc];
    };
    assert.deepEqual(await answers('APPLY'), [0, 0]);
    assert.deepEqual(await answers('UNLOAD'), [-22, 0]);
    assert.deepEqual(await answers('REVERT'), [0, 0]);
    assert.deepEqual(await answers('UNLOAD'), [0, null]);
    assert.deepEqual(await answers('UNLOAD'), [-2, null]);
  });

  it('says so where Xen does not tell the state', async () => {
    const xen = new FakeXen({ errnoOf: (what) => (what === 'get' ? 22 : 0) });
    xen.add('p', ID.a, xen.buildId);
    const applied = (await portTo(xen)).act('p', 'APPLY', OPTIONS);
    await assert.rejects(applied, hasCode('xen-get-failed', '-22 (EINVAL)'));
  });

  it('polls until it is over', async () => {
    let polls = 0;
    const xen = new FakeXen({
      before: (self, what) => {
        const [p] = self.payloads;
        if (what !== 'get' || p === undefined) return;
        polls++;
        p.state = polls < 8 ? 1 : 2;
        p.rc = polls < 8 ? -11 : 0;
      },
    });
    xen.add('p', ID.a, xen.buildId);
    const result = await (await portTo(xen)).act('p', 'APPLY', OPTIONS);
    assert.deepEqual([result.hypercallRc, result.payloadRc], [0, 0]);
    assert.equal(polls, 8);
  });

  for (const [what, state, errnos] of [
    ['of an action that was never started', 1, [16]],
    ['on an action that has nothing to do', 2, []],
  ] as const) {
    it(`does not wait long for an EAGAIN left behind: ${what}`, async () => {
      const xen = new FakeXen();
      const left = xen.add('p', ID.a, xen.buildId);
      left.state = state;
      left.rc = -11;
      xen.actionErrnos.push(...errnos);
      const result = await (await portTo(xen)).act('p', 'APPLY', { ...OPTIONS, timeoutNs: 4e9 });
      assert.deepEqual([result.hypercallRc, result.payloadRc], [errnos.length > 0 ? -16 : 0, -11]);
      // A tenth of a second, which a busy machine may stretch, but not to the timeout of 4 s and 10 s more.
      assert.ok(result.elapsedMs >= 100 && result.elapsedMs < 10_000, `${result.elapsedMs} ms`);
    });
  }

  for (const [what, others] of [
    ["waits for Xen's last line before it says that an action is over", []],
    [
      "does not take the end of another manager's action for its own",
      ['livepatch: other finished APPLY with rc=0'],
    ],
  ] as const) {
    it(what, async () => {
      let reads = 0;
      const xen: FakeXen = new FakeXen({
        printsInfo: false,
        before: (self, sysctl) => {
          if (sysctl === 'get') self.print(...others, 'livepatch: p: Applying 1 functions');
        },
        errnoOf: (sysctl) => {
          // One read before the action, three looks in a row, and one after a pause.
          if (sysctl === 'console' && ++reads === 5)
            xen.print('livepatch: p finished APPLY with rc=0');
          return 0;
        },
      });
      xen.add('p', ID.a, xen.buildId);
      const result = await (await portTo(xen)).act('p', 'APPLY', OPTIONS);
      assert.equal(result.log.at(-1), 'p finished APPLY with rc=0');
    });
  }

  it('does not wait for lines that Xen does not print', async () => {
    let reads = 0;
    const xen = new FakeXen({
      printsInfo: false,
      errnoOf: (sysctl) => {
        reads += sysctl === 'console' ? 1 : 0;
        return 0;
      },
    });
    xen.add('p', ID.a, xen.buildId);
    const result = await (await portTo(xen)).act('p', 'APPLY', OPTIONS);
    assert.deepEqual(result.log, []);
    assert.equal(reads, 4, 'all that the ring holds, one before, one after, one behind a pause');
  });
});

describe('closing', () => {
  it('gives every buffer back, once', async () => {
    const xen = new FakeXen();
    xen.add('p', ID.a, xen.buildId);
    const port = await portTo(xen);
    await port.observe();
    assert.ok(xen.openBuffers > 0);
    await port.close();
    await port.close();
    assert.deepEqual([xen.openBuffers, xen.closed], [0, true]);
  });
});
