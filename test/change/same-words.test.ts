import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { change } from '../../core/change/index.js';
import { check } from '../../core/check/index.js';
import { type Finding, XspliceError } from '../../core/findings/index.js';
import {
  inputFile,
  type PayloadInput,
  readPayload,
  readPayloadInputs,
} from '../../core/payload/index.js';
import { DEMO } from '../support/cli.js';
import { booted, demoHost, demoImage, inputsOf } from '../support/demo-host.js';

const [id] = demoImage.buildIds;
const files = readdirSync(DEMO, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.livepatch'))
  .map((file) => join(DEMO, file))
  .sort();

/** Errors with which each payload of the family is refused; the others are accepted. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  arm64: ['would-be-refused elf-header'],
  'expect-wrong': ['would-be-refused expectations'],
  'no-xen-depends': ['would-be-refused special-sections'],
  'nothing-to-patch': ['would-be-refused patching-sections'],
  'too-small': ['would-be-refused functions'],
  'unknown-function': ['would-be-refused functions'],
  'unknown-import': ['would-be-refused symbol-resolution'],
  'wrong-version': ['would-be-refused functions'],
};
/** Payloads of another hypervisor: the plan stops before Xen is asked, in the words of the chain check. */
const OTHER_HYPERVISOR = ['wrong-xen-depends'];
/** Payloads whose parent is not applied: what attaches is a question of the stack, not of the file. */
const NOT_ATTACHED = ['bye', 'chain-02', 'chain-03', 'chain-04', 'chain-05', 'wrong-depends'];

/** Payloads that Xen takes and that kill the host: check rejects them, a change needs an acceptance. */
const DANGEROUS = ['nop-misaligned'];

async function saidByCheck({ input }: PayloadInput): Promise<readonly Finding[]> {
  assert.ok(id);
  const { model } = booted;
  const { symbols } = demoImage;
  const target = { buildId: id.id, model, symbols, notVerified: null };
  return (await check([input], target)).findings;
}

/** The findings of a dry run's refusal: of the report, or of the error where it cannot be planned. */
async function saidByApply(payload: PayloadInput): Promise<XspliceError | null> {
  const host = demoHost();
  const request = { verb: 'apply', payloads: [payload], check: 'build-id', nodeps: false } as const;
  try {
    return (await change(host, request, { dryRun: true })).failure;
  } catch (error) {
    assert.ok(error instanceof XspliceError);
    return error;
  }
}

const ofXen = (findings: readonly Finding[]) =>
  findings.filter(({ code }) => code.startsWith('would-be-'));

/** An old address at which nothing is mapped. */
function fatalPayload(): PayloadInput {
  const file = join(DEMO, 'old-address.livepatch');
  const bytes = Buffer.from(readFileSync(file));
  const section = readPayload(bytes, file).elf.sections.find((s) => s.name === '.livepatch.funcs');
  assert.ok(section);
  bytes.writeBigUInt64LE(0xffff82d0_50000000n, Number(section.offset) + 16);
  const [fatal] = readPayloadInputs([inputFile('fatal.livepatch', bytes)]);
  assert.ok(fatal);
  return fatal;
}

describe('apply says of a file what check says', () => {
  it('of a whole family', () => assert.ok(files.length >= 40));

  for (const file of files) {
    const name = /([^/]+)\.livepatch$/.exec(file)?.[1] ?? file;
    it(name, async () => {
      const [payload] = inputsOf(file);
      assert.ok(payload);
      const checked = await saidByCheck(payload);
      const failure = await saidByApply(payload);
      if (OTHER_HYPERVISOR.includes(name)) {
        assert.equal(failure?.code, 'wrong-hypervisor');
        const same = checked.filter(({ code }) => code === failure.code);
        assert.equal(same.length, 1);
        // Check goes on, and says what Xen says to that.
        const { errno, stage, message = '', ...rest } = same[0] ?? {};
        assert.deepEqual([errno, stage], [22, 'xen-build-id']);
        assert.deepEqual(failure.findings, [{ ...rest, message: failure.message }]);
        assert.ok(
          message.startsWith(`${failure.message}. Xen would refuse the upload with EINVAL`),
        );
        return;
      }
      if (NOT_ATTACHED.includes(name)) {
        assert.equal(failure?.code, 'does-not-attach');
        assert.deepEqual(ofXen(checked), []);
        return;
      }
      if (DANGEROUS.includes(name)) {
        assert.equal(failure?.code, 'not-accepted');
        assert.deepEqual(ofXen(checked), []);
        return;
      }
      const refusals = ofXen(checked);
      const first = refusals.map(({ code, stage }) => `${code} ${stage}`).slice(0, 1);
      assert.deepEqual(first, REFUSED[name] ?? []);
      assert.deepEqual(failure?.findings ?? [], refusals);
      assert.equal(failure?.code, refusals[0]?.code);
      assert.equal(failure?.message, refusals[0]?.message);
    });
  }

  it('that would kill Xen', async () => {
    const payload = fatalPayload();
    const checked = ofXen(await saidByCheck(payload));
    const failure = await saidByApply(payload);
    assert.equal(checked[0]?.code, 'would-be-fatal');
    assert.deepEqual(failure?.findings, checked);
    assert.equal(failure.message, checked[0].message);
  });
});
