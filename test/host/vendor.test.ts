import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { check, targetOfImage } from '../../core/check/index.js';
import { vendorAssumption } from '../../core/host/vendor.js';
import { readImage } from '../../core/image/index.js';
import { inputFile } from '../../core/payload/index.js';
import { DEMO_IMAGE, demo } from '../support/cli.js';
import { loaded, payloadFile, snapshotOf } from '../support/stack-builders.js';

function of(version: string, functions?: readonly string[]) {
  const payloads =
    functions === undefined ? [] : [loaded(payloadFile('p', null, { functions }), 1)];
  const now = snapshotOf(payloads);
  return vendorAssumption({ ...now, hypervisor: { ...now.hypervisor, version } });
}

it('a build that is neither upstream nor Debian is told to be an assumption', () => {
  for (const version of ['4.17.7', '4.22', '4.21-unstable', '4.20.0-rc3', '4.17.4-pre', '']) {
    assert.equal(of(version), null, version);
  }
  for (const version of ['4.13.4-10.36', '4.17.5-1.fc39', '4.17.5_02-150500.3']) {
    assert.match(of(version) ?? '', /neither a build of upstream's nor of Debian's/, version);
  }
});

it('a version that a payload may have changed tells nothing', () => {
  assert.equal(of('4.17-hello', ['xen_extra_version']), null);
  assert.notEqual(of('4.17-vendor', ['do_xen_version']), null);
});

it('check says it of an image, as a note, and not where the release is named', async () => {
  const image = readImage(readFileSync(DEMO_IMAGE), DEMO_IMAGE);
  const vendors = { ...image, version: '4.17.5-10.36' };
  const inputs = [inputFile('hello', readFileSync(demo('hello')))];
  const saidOf = async (target: ReturnType<typeof targetOfImage>) => {
    const { ok, findings } = await check(inputs, target);
    assert.ok(ok);
    return findings.filter(({ code }) => code === 'vendor-build');
  };
  const [said] = await saidOf(targetOfImage(vendors));
  assert.equal(said?.severity, 'note');
  assert.match(said.message, /4\.17\.5-10\.36 is neither a build of upstream's nor of Debian's/);
  const release = { major: 4, minor: 17, patch: 5 };
  assert.deepEqual(await saidOf(targetOfImage(vendors, { release })), []);
  assert.deepEqual(await saidOf(targetOfImage(image)), []);
});
