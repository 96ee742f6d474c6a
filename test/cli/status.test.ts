import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { DEMO_IMAGE, demo, documentOf, embeddedHost, runCli, succeed } from '../support/cli.js';

type Host = readonly [string, string];

/** Exit code and the names that are missing, too much and left over. */
async function status(host: Host): Promise<readonly [number | null, string, string, string]> {
  const result = await runCli(['status', '--json', ...host]);
  const document = documentOf(result);
  assert.equal(document['ok'], true);
  assert.equal(document['isAsWanted'], result.code === 0);
  const names = (field: string) =>
    (document[field] as readonly { readonly name: string }[]).map(({ name }) => name).join(' ');
  return [result.code, names('missing'), names('extra'), names('leftovers')];
}

test('status compares what runs with what was saved', async (t) => {
  const host = await embeddedHost(t);
  assert.deepEqual(await status(host), [0, '', '', '']);
  await succeed('apply', demo('hello'), '--yes', ...host);
  assert.deepEqual(await status(host), [4, '', 'hello', '']);
  await succeed('save', ...host);
  assert.deepEqual(await status(host), [0, '', '', '']);
  await succeed('apply', demo('bye'), '--yes', ...host);
  assert.deepEqual(await status(host), [4, '', 'bye', '']);
  const { stdout } = await runCli(['status', ...host]);
  assert.match(
    stdout,
    /Saved +hello\nUnsaved +bye \(gone after a boot; save keeps it\)\nLast +2 · apply bye · done · /,
  );
  assert.match(stdout, /Not as saved\./);
  await succeed('init', '--image', DEMO_IMAGE, '--yes', ...host);
  assert.deepEqual(await status(host), [4, 'hello', '', '']);
  await succeed('restore', ...host);
  assert.match((await succeed('status', ...host)).stdout, /As saved\./);
});

test('what cannot be told is no answer', async () => {
  const { code } = await runCli(['status', '--host', 'embedded:/nowhere']);
  assert.equal(code, 1);
});

test('status is written as Prometheus reads it', async (t) => {
  const host = await embeddedHost(t);
  await succeed('apply', demo('hello'), '--yes', ...host);
  await succeed('upload', demo('bye'), '--yes', ...host);
  const { code, stdout } = await runCli(['status', '--format', 'prometheus', ...host]);
  assert.equal(code, 4);
  assert.match(
    stdout,
    /^xen_hypervisor_info\{version="4\.17\.7-demo",build_id="[0-9a-f]{40}"\} 1$/m,
  );
  assert.match(
    stdout,
    /^xen_livepatch_info\{name="hello",build_id="[0-9a-f]{40}",state="applied",position="1"\} 1$/m,
  );
  assert.match(stdout, /^xen_livepatch_payloads\{state="checked"\} 1$/m);
  assert.match(stdout, /^xen_livepatch_unsaved_payloads 1$/m);
  assert.match(stdout, /\n$/);
  // Every line is a comment or a sample, as the exposition format has them.
  const line =
    /^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})? [\d.]+)$/;
  for (const text of stdout.trimEnd().split('\n')) assert.match(text, line);
  const promtool = spawnSync('promtool', ['check', 'metrics'], { input: stdout, encoding: 'utf8' });
  if (promtool.error !== undefined)
    return t.diagnostic('promtool is not installed: its own check was not made');
  assert.equal(promtool.status, 0, promtool.stderr + promtool.stdout);
});
