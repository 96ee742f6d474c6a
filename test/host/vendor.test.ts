import assert from 'node:assert/strict';
import { it } from 'node:test';
import { vendorAssumption } from '../../core/host/vendor.js';
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
