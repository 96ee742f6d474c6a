import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatRc } from '../../core/abi/errno.js';
import { encodeDebugKeys } from '../../core/abi/sysctl.js';
import type { Action, ActionOptions, OperationResult } from '../../core/hypervisor/port.js';
import type { LoadedPayload } from '../../core/hypervisor/snapshot.js';
import type { XenHandle } from '../../core/hypervisor/xen/handle/handle.js';
import { openXen, type XenPort } from '../../core/hypervisor/xen/index.js';
import { readPayloadList } from '../../core/hypervisor/xen/list.js';
import type { Manifest, ManifestEntry } from '../../payloads/builder/manifest.js';
import type { RigRelease } from '../../rig/releases.js';

/** One thing to show on a real Xen. It begins with nothing loaded, and need not clean up. */
export interface Scenario {
  readonly name: string;
  /** Why it cannot run on this release, or null where it can. */
  readonly notFor?: (release: RigRelease, family: Family) => string | null;
  /** Xen is to die of it, after DEATH_MARK (report.ts). */
  readonly dies?: true;
  /** It measures: no other machine may run meanwhile. */
  readonly measures?: true;
  /** It takes a minute on a busy machine: but for --all, one release runs it, in turn. */
  readonly isLong?: true;
  readonly run: (dom0: Dom0) => Promise<void>;
}

/** The payloads that were built for this hypervisor. */
export class Family {
  readonly folder: string;
  readonly manifest: Manifest;

  constructor(folder: string) {
    this.folder = folder;
    this.manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  }

  has(name: string): boolean {
    return this.manifest.payloads.some((payload) => payload.name === name);
  }

  entry(name: string): ManifestEntry {
    const entry = this.manifest.payloads.find((payload) => payload.name === name);
    assert.ok(entry, `the family has no payload ${name}`);
    return entry;
  }

  path(name: string): string {
    return join(this.folder, this.entry(name).file);
  }

  bytes(name: string): Uint8Array {
    return readFileSync(this.path(name));
  }
}

/** A scenario needs these payloads; some cannot be built for every hypervisor. */
export function needs(...names: readonly string[]): NonNullable<Scenario['notFor']> {
  return (_release, family) => {
    const missing = names.filter((name) => !family.has(name));
    return missing.length === 0
      ? null
      : `${missing.join(', ')} cannot be built for this hypervisor`;
  };
}

/** Under QEMU on a busy machine the CPUs need longer to meet than Xen's own 30 ms. */
const DEFAULTS: ActionOptions = { timeoutNs: 1_000_000_000, nodeps: false };
/** Where they still do not meet, or the stock tool waits for 30 ms only, it is asked for again. */
const MAX_BUSY_RETRIES = 20;

/** Xen's answers to one operation, shortened to what a scenario compares. */
export type Answers = readonly [hypercallRc: number, payloadRc: number | null];

/** What Xen's own tool answered. */
export interface StockResult {
  readonly status: number | null;
  readonly output: string;
}

/** How often a scenario repeats what it repeats: a share for everyday, or all of it. */
export type Extent = 'share' | 'whole';

/** What a scenario has at hand. */
export class Dom0 {
  readonly port: XenPort;
  readonly release: RigRelease;
  readonly family: Family;
  readonly extent: Extent;
  readonly notes: string[] = [];
  /** A second manager beside this one. */
  readonly another: () => Promise<XenPort>;
  readonly #watch: XenHandle;

  constructor(
    port: XenPort,
    watch: XenHandle,
    release: RigRelease,
    family: Family,
    extent: Extent,
    another: () => Promise<XenPort> = openXen,
  ) {
    this.another = another;
    this.port = port;
    this.extent = extent;
    this.#watch = watch;
    this.release = release;
    this.family = family;
  }

  /** What a visible payload changes: the hypervisor's extra version. */
  async extraVersion(): Promise<string> {
    return (await this.#watch.readIdentity()).extra;
  }

  /** Where a symbol of Xen lies, by its own table. */
  async addressOf(name: string): Promise<bigint> {
    const lines = readFileSync('/proc/xen/xensyms', 'latin1').split('\n');
    const line = lines.find((text) => text.endsWith(` ${name}`));
    assert.ok(line, `Xen has no ${name}`);
    return BigInt(`0x${line.split(' ')[0]}`);
  }

  /** Has Xen run the handler of a debug key. What comes of it is not waited for. */
  async press(key: string): Promise<void> {
    const { interfaceVersion } = this.port;
    const argument = Buffer.from(key);
    const request = encodeDebugKeys(interfaceVersion, this.#watch.argument(argument.length));
    const { rc } = await this.#watch.sysctl({ request, argument });
    assert.equal(rc, 0);
  }

  /** How many payloads are loaded, and how many of them applied, at this moment: this disturbs nobody. */
  async counts(): Promise<{ readonly loaded: number; readonly applied: number }> {
    const version = this.port.interfaceVersion;
    const { entries } = await readPayloadList({ handle: this.#watch, version });
    const applied = entries.filter(({ state }) => state === 'APPLIED').length;
    return { loaded: entries.length, applied };
  }

  /** How many payloads are applied at this moment. */
  async appliedCount(): Promise<number> {
    return (await this.counts()).applied;
  }

  upload(member: string, name = member): Promise<OperationResult> {
    return this.port.upload(name, this.family.bytes(member));
  }

  /** An action, again while the CPUs did not meet in time (rc -EBUSY with the hypercall done). */
  async act(
    name: string,
    action: Action,
    options: Partial<ActionOptions> = {},
  ): Promise<OperationResult> {
    for (let retry = 0; ; retry++) {
      const result = await this.port.act(name, action, { ...DEFAULTS, ...options });
      const isTimeout = result.hypercallRc === 0 && result.payloadRc === -16;
      if (!isTimeout || retry === MAX_BUSY_RETRIES) return result;
      this.notes.push(`${action} ${JSON.stringify(name)}: the CPUs did not meet, again`);
    }
  }

  /** Uploads a member under its own name and applies it; both have to succeed. */
  async load(member: string, options: Partial<ActionOptions> = {}): Promise<OperationResult> {
    this.expect(await this.upload(member), [0, 0]);
    const result = await this.act(member, 'APPLY', options);
    this.expect(result, [0, 0]);
    return result;
  }

  /** Asserts both answers, showing Xen's words when they differ. */
  expect(result: OperationResult, wanted: Answers): void {
    const show = ([hypercall, payload]: Answers): string =>
      `hypercall ${formatRc(hypercall)}, payload ${payload === null ? 'none' : formatRc(payload)}`;
    const got: Answers = [result.hypercallRc, result.payloadRc];
    assert.equal(show(got), show(wanted), `Xen said: ${JSON.stringify(result.log)}`);
  }

  /** Asserts that a line of Xen's about this operation matches. */
  expectLog(result: OperationResult, pattern: RegExp): void {
    assert.ok(
      result.log.some((line) => pattern.test(line)),
      `no line matches ${pattern} in ${JSON.stringify(result.log)}`,
    );
  }

  /** The payload of that name as Xen holds it now. */
  async payload(name: string): Promise<LoadedPayload> {
    const payload = (await this.port.observe()).payloads.find((entry) => entry.name === name);
    assert.ok(payload, `Xen holds no payload ${name}`);
    return payload;
  }

  /** Names of what is applied, base first. */
  async stack(): Promise<string[]> {
    const { payloads } = await this.port.observe();
    const applied = payloads.filter((payload) => payload.state === 'APPLIED');
    assert.ok(
      applied.every((payload) => payload.position !== null),
      'the order of application is not known',
    );
    return applied
      .sort((a, b) => (a.position ?? 0) - (b.position ?? 0))
      .map((payload) => payload.name);
  }

  /** Runs Xen's own tool; again where it says that the CPUs did not meet. */
  stock(...args: readonly string[]): StockResult {
    for (let retry = 0; ; retry++) {
      const { status, stdout, stderr } = spawnSync('xen-livepatch', args, { encoding: 'latin1' });
      const output = stdout + stderr;
      if (!/Error 16\b/.test(output) || retry === MAX_BUSY_RETRIES) return { status, output };
      this.notes.push(`xen-livepatch ${args.join(' ')}: the CPUs did not meet, again`);
    }
  }

  /** Takes everything out of the hypervisor, whatever the order it was put in. */
  async clear(): Promise<void> {
    for (let round = 0; round < 200; round++) {
      const { payloads } = await this.port.observe();
      if (payloads.length === 0) return;
      const applied = payloads
        .filter((payload) => payload.state === 'APPLIED')
        .sort((a, b) => (b.position ?? 0) - (a.position ?? 0));
      for (const { name } of applied) await this.act(name, 'REVERT');
      for (const { name, state } of payloads) {
        if (state === 'CHECKED' || applied.length > 0) await this.act(name, 'UNLOAD');
      }
    }
    assert.fail('the hypervisor could not be cleared');
  }
}
