import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../cli/program.js';
import type { OnSignal } from '../../cli/terminal/streams.js';
import { repositoryRoot } from './repository.js';
import { capturedStreams } from './streams.js';

/** The CLI as built beside this file. */
export const CLI = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
export const DEMO = join(repositoryRoot(), 'payloads', 'demo');
export const DEMO_IMAGE = join(DEMO, 'xen-syms-demo');

/** Path of a demo payload by its name. */
export function demo(name: string): string {
  return join(DEMO, `${name}.livepatch`);
}

/** The demo's chain, first link first. */
export const CHAIN = ['chain-01', 'chain-02', 'chain-03', 'chain-04', 'chain-05'].map(demo);

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** How signals come; without it none does. */
  readonly onSignal?: OnSignal;
}

export interface StartOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly nodeArguments?: readonly string[];
}

/** Longest that any command may take, on however busy a machine: a hang is a failure, not a wait. */
export const TIMEOUT_MS = 120_000;

/** Environment in which nothing of the user's reaches the CLI, no colour is wanted, and UTF-8 is. */
export function cliEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { XSPLICE_HOST: _, XSPLICE_STORE: __, FORCE_COLOR: ___, ...rest } = process.env;
  return { ...rest, NO_COLOR: '1', LC_ALL: 'C.UTF-8', ...more };
}

/** Runs the CLI in this process, without a terminal. */
export async function runCli(
  words: readonly string[],
  { env, onSignal }: CliOptions = {},
): Promise<CliResult> {
  const { streams, stdout, stderr } = capturedStreams(cliEnvironment(env), onSignal);
  const code = await runProgram(words, streams);
  return { code, stdout: stdout(), stderr: stderr() };
}

/** Runs the CLI in this process: it has to succeed. */
export async function succeed(...words: readonly string[]): Promise<CliResult> {
  const result = await runCli(words);
  assert.equal(result.code, 0, result.stderr + result.stdout);
  return result;
}

/** Runs the CLI in this process: it has to end with 1. What its document says why. */
export async function refused(...words: readonly string[]) {
  const result = await runCli([...words, '--json']);
  assert.equal(result.code, 1, result.stdout);
  return documentOf(result)['error'] as { readonly code: string; readonly message: string };
}

/** Runs the CLI in a process of its own, where that is the matter. */
export function startCli(
  words: readonly string[],
  { env, nodeArguments = [] }: StartOptions = {},
): CliResult {
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [...nodeArguments, CLI, ...words],
    {
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
      env: cliEnvironment(env),
      input: '',
    },
  );
  if (error) throw error;
  return { code: status, stdout, stderr };
}

/** A folder that goes with the test. */
export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-cli-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A fresh embedded hypervisor from the demo image: the words that choose it. */
export async function embeddedHost(context: TestContext): Promise<readonly [string, string]> {
  const host = ['--host', `embedded:${join(temporaryFolder(context), 'host')}`] as const;
  const { code, stderr } = await runCli(['init', '--image', DEMO_IMAGE, ...host]);
  if (code !== 0) throw new Error(`init failed: ${stderr}`);
  return host;
}

/** The one document on standard output. Throws where there is anything else. */
export function documentOf({ stdout }: CliResult): Record<string, unknown> {
  const value: unknown = JSON.parse(stdout);
  if (typeof value !== 'object' || value === null) throw new Error(`not a document: ${stdout}`);
  return value as Record<string, unknown>;
}
