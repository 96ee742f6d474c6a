import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { check, targetOfImage } from '../../core/check/index.js';
import { type Code, XspliceError } from '../../core/findings/index.js';
import { inputFile } from '../../core/payload/index.js';
import {
  performersOf,
  type RehearsalPlan,
  rehearsalFindings,
  rehearse,
  rehearseDeadly,
} from '../../core/rehearsal/index.js';
import { demo } from '../support/cli.js';
import { demoImage } from '../support/demo-host.js';
import { tinyModel, tinyPayload } from '../support/tiny-model.js';
import { type Script, type ScriptedStage, scriptedStage } from './scripted-stage.js';

const target = targetOfImage(demoImage);

async function planOf(
  names: readonly string[],
  more: Partial<RehearsalPlan> = {},
): Promise<RehearsalPlan> {
  const inputs = names.map((name) => inputFile(demo(name), readFileSync(demo(name))));
  const { chain } = await check(inputs, target);
  assert.ok(target.model !== null);
  return {
    performers: performersOf(inputs, chain),
    model: target.model,
    action: 'apply',
    areLinesCompared: true,
    tests: [],
    testLimitMs: 1000,
    ...more,
  };
}

function stageOf(plan: RehearsalPlan, script?: Script, code: Code = 'agent-lost'): ScriptedStage {
  return scriptedStage(plan.model, () => new XspliceError(code, 'gone'), script);
}

async function codesOf(plan: RehearsalPlan, script?: Script): Promise<readonly string[]> {
  const rehearsal = await rehearse(plan, stageOf(plan, script));
  return rehearsalFindings(rehearsal).map(({ code }) => code);
}

describe('a rehearsal (over a fake of Xen)', () => {
  it('applies a chain in its order, takes it off again, and finds nothing where all is as said', async () => {
    const plan = await planOf(['bye', 'hello']);
    const stage = stageOf(plan);
    const { payloads, left } = await rehearse(plan, stage);
    assert.deepEqual(stage.asked, [
      ...['upload hello', 'apply hello', 'upload bye', 'apply bye'],
      ...['revert bye', 'unload bye', 'revert hello', 'unload hello'],
    ]);
    assert.deepEqual(left, []);
    assert.deepEqual(
      payloads.map(({ name, steps }) => [name, steps.length]),
      [
        ['hello', 4],
        ['bye', 4],
      ],
    );
    assert.deepEqual(await codesOf(plan), []);
  });

  it('asks Xen about what is refused too, and unloads it', async () => {
    const plan = await planOf(['hello', 'wrong-depends', 'too-small']);
    const stage = stageOf(plan);
    const { payloads } = await rehearse(plan, stage);
    const outcomes = payloads.map(({ name, steps }) => [
      name,
      ...steps.map(({ operation, seen }) => `${operation} ${seen.outcome}`),
    ]);
    assert.deepEqual(outcomes.slice(1), [
      ['wrong-depends', 'upload accepted', 'apply refused', 'unload accepted'],
      ['too-small', 'upload refused'],
    ]);
    assert.deepEqual(await codesOf(plan), []);
  });

  it('tries each branch on its own parent, in whatever order the files are named', async () => {
    const plan = await planOf(['chain-02', 'bye', 'hello', 'chain-01', 'wrong-depends']);
    const stage = stageOf(plan);
    assert.deepEqual(rehearsalFindings(await rehearse(plan, stage)), []);
    const applied = stage.asked.filter((asked) => /^(apply|revert)/.test(asked));
    assert.deepEqual(applied, [
      ...['apply hello', 'apply bye', 'revert bye', 'revert hello'],
      ...['apply chain-01', 'apply chain-02', 'revert chain-02', 'revert chain-01'],
      'apply wrong-depends',
    ]);
  });

  it('tries nothing more above a payload that cannot be taken off', async () => {
    const plan = await planOf(['veto-prerevert', 'hello', 'bye']);
    const stage = stageOf(plan, {
      instead: (op) => (op === 'revert veto-prerevert' ? { payloadRc: -22 } : null),
    });
    const { payloads, left } = await rehearse(plan, stage);
    assert.deepEqual(
      payloads.map(({ name, skipped }) => [name, skipped]),
      [
        ['veto-prerevert', null],
        ['hello', `${demo('veto-prerevert')} cannot be taken off`],
        ['bye', `${demo('hello')}, which it depends on, is not applied`],
      ],
    );
    assert.deepEqual(left, ['veto-prerevert']);
    assert.equal(stage.asked.filter((asked) => asked.startsWith('revert')).length, 1);
  });

  it('finds each way in which an answer differs from its verdict', async () => {
    const plan = await planOf(['hello']);
    const refused = { hypercallRc: 0, payloadRc: -22, log: ['hello: no'] };
    const cases: readonly [Script['instead'], readonly string[]][] = [
      [
        (op) => (op === 'upload hello' ? { hypercallRc: -22, payloadRc: null } : null),
        ['divergence'],
      ],
      [(op) => (op === 'apply hello' ? refused : null), ['divergence']],
      // The same answer in other words.
      [
        (op) => (op === 'apply hello' ? { log: ['hello: Applying 2 functions'] } : null),
        ['divergence', 'divergence'],
      ],
      [
        (op) => (op === 'revert hello' ? { payloadRc: -22 } : null),
        ['divergence', 'rehearsal-left'],
      ],
    ];
    for (const [instead, expected] of cases) {
      const codes = await codesOf(plan, { instead });
      assert.deepEqual([...new Set(codes)], [...new Set(expected)], String(instead));
    }
  });

  it('does not compare lines where a debug build prints more', async () => {
    const plan = await planOf(['hello'], { areLinesCompared: false });
    const stage = stageOf(plan);
    const { act } = stage.port;
    stage.port.act = async (...words) => {
      const answer = await act(...words);
      return { ...answer, log: [...answer.log, 'livepatch.c:1: debug'] };
    };
    assert.deepEqual(rehearsalFindings(await rehearse(plan, stage)), []);
  });

  it('goes on after a payload that Xen takes against its verdict, with Xen as it is', async () => {
    const plan = await planOf(['too-small', 'hello']);
    // The rules hold nothing of that name, and answer to its apply and unload with ENOENT.
    const stage = stageOf(plan, { instead: (op) => (op === 'upload too-small' ? {} : null) });
    const rehearsal = await rehearse(plan, stage);
    const codes = rehearsalFindings(rehearsal).map(({ code, payload }) => [code, payload]);
    assert.deepEqual(codes, [['divergence', 'too-small']]);
    assert.deepEqual(stage.asked.slice(0, 5), [
      ...['upload too-small', 'revert too-small', 'unload too-small'],
      ...['upload hello', 'apply hello'],
    ]);
  });

  it('says of a hook what was assumed, where it did not hold', async () => {
    const plan = await planOf(['hook-preapply']);
    const stage = stageOf(plan, {
      instead: (op) => (op === 'apply hook-preapply' ? { payloadRc: -5 } : null),
    });
    const [found] = rehearsalFindings(await rehearse(plan, stage));
    assert.equal(found?.code, 'assumption-failed');
    assert.equal(found?.severity, 'error');
    assert.match(found?.message ?? '', /EIO.*hook/);
  });

  for (const [how, code] of [
    ['dies', 'rehearsal-lost'],
    ['hangs', 'agent-lost'],
  ] as const) {
    it(`takes it for an answer that Xen ${how}, and tries nothing more`, async () => {
      const plan = await planOf(['hello', 'bye', 'wrong-depends']);
      const stage = stageOf(plan, { instead: (op) => (op === 'apply bye' ? how : null) }, code);
      const rehearsal = await rehearse(plan, stage);
      assert.equal(stage.asked.at(-1), 'apply bye');
      const found = rehearsalFindings(rehearsal);
      assert.deepEqual(
        found.map((one) => [one.code, one.payload]),
        [
          ['rehearsal-died', 'bye'],
          ['not-rehearsed', 'wrong-depends'],
        ],
      );
    });
  }

  it('fails where QEMU ends: that says nothing of a payload', async () => {
    const plan = await planOf(['hello']);
    const stage = stageOf(plan, { instead: () => 'hangs' }, 'rehearsal-lost');
    const lost: ScriptedStage = { ...stage, end: () => ({ kind: 'lost', reason: 'killed' }) };
    await assert.rejects(rehearse(plan, lost), { code: 'rehearsal-lost' });
  });

  it('asks again where Xen had no time, and says so where it never has', async () => {
    const plan = await planOf(['hello']);
    let busy = 2;
    const once = (op: string) => (op === 'apply hello' && busy-- > 0 ? { hypercallRc: -16 } : null);
    assert.deepEqual(await codesOf(plan, { instead: once }), []);
    const always = (op: string) => (op === 'apply hello' ? { hypercallRc: -16 } : null);
    assert.deepEqual(await codesOf(plan, { instead: always }), ['rehearsal-busy']);
  });

  it('does not load what is fatal, unless it has a Xen of its own', async () => {
    const model = tinyModel('4.17.7');
    const bytes = tinyPayload({ functions: [{ name: null, newAddress: 'new_code' }] });
    const performers = performersOf([inputFile('deadly.livepatch', bytes)], []);
    const plan = { ...(await planOf([])), model, performers };
    const stage = stageOf(plan);
    const { payloads } = await rehearse(plan, stage);
    const fatal = payloads.find(({ isDeadly }) => isDeadly);
    assert.ok(fatal !== undefined);
    assert.ok(!stage.asked.includes(`upload ${fatal.name}`));
    const performer = plan.performers.find(({ file }) => file === fatal.file);
    assert.ok(performer !== undefined);
    const dies = stageOf(plan, { instead: (op) => (op.endsWith(fatal.name) ? 'dies' : null) });
    const tried = await rehearseDeadly(plan, performer, dies);
    assert.deepEqual(
      tried.steps.map(({ seen, difference }) => [seen.outcome, difference]),
      [['fatal', null]],
    );
    assert.equal(tried.skipped, null);
    const survives = stageOf(plan, {
      instead: (op) => (op === `upload ${fatal.name}` ? {} : null),
    });
    const lived = await rehearseDeadly(plan, performer, survives);
    assert.match(lived.steps[0]?.difference ?? '', /fatal was expected/);
  });

  it('replaces alternatives one after the other, each on a Xen without others', async () => {
    const plan = await planOf(['cumulative-1', 'cumulative-2'], { action: 'replace' });
    const stage = stageOf(plan);
    assert.deepEqual(rehearsalFindings(await rehearse(plan, stage)), []);
    assert.deepEqual(stage.asked, [
      ...[
        'upload cumulative-1',
        'replace cumulative-1',
        'revert cumulative-1',
        'unload cumulative-1',
      ],
      ...[
        'upload cumulative-2',
        'replace cumulative-2',
        'revert cumulative-2',
        'unload cumulative-2',
      ],
    ]);
  });
});

describe('tests in a rehearsal (over a fake of Xen)', () => {
  const planned = () => planOf(['hello', 'bye'], { tests: ['probe.sh'] });

  it('find nothing where each payload changes something, and its revert brings it back', async () => {
    assert.deepEqual(await codesOf(await planned()), []);
  });

  it('find a payload that changes nothing', async () => {
    const script: Script = { test: (applied) => ({ text: applied.includes('hello') ? 'x' : '' }) };
    assert.deepEqual(await codesOf(await planned(), script), ['test-without-effect']);
  });

  it('find a revert that does not bring the behaviour back', async () => {
    let wasApplied = false;
    const test: Script['test'] = (applied) => {
      wasApplied ||= applied.includes('bye');
      return { text: `${applied.join(' ')} ${wasApplied}` };
    };
    assert.deepEqual(await codesOf(await planned(), { test }), ['test-not-back', 'test-not-back']);
  });

  it('find a test that passed and fails, or does not end, while a payload is applied', async () => {
    for (const status of [1, -11, null]) {
      const test: Script['test'] = (applied) => (applied.includes('bye') ? { status } : {});
      assert.deepEqual(await codesOf(await planned(), { test }), ['test-fails']);
    }
  });

  it('conclude nothing from one that says something else each time', async () => {
    const test: Script['test'] = (_, run) => ({ text: String(run) });
    assert.deepEqual(await codesOf(await planned(), { test }), ['test-unstable']);
  });

  it('have to end before anything is loaded', async () => {
    const plan = await planned();
    const stage = stageOf(plan, { test: () => ({ status: null }) });
    await assert.rejects(rehearse(plan, stage), { code: 'test-not-run' });
    assert.deepEqual(stage.asked, []);
  });

  it('compare what is behind the part that is kept by its size', async () => {
    const test: Script['test'] = (applied) => ({ text: 'x', outputBytes: 1 + applied.length });
    assert.deepEqual(await codesOf(await planned(), { test }), []);
  });
});
