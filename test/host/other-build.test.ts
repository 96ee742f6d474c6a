import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BuildId } from '../../core/abi/ids.js';
import { XspliceError } from '../../core/findings/index.js';
import { requireImage } from '../../core/host/require-image.js';
import { readImage } from '../../core/image/index.js';
import { checkChain } from '../../core/stack/index.js';
import { demoImage } from '../support/demo-host.js';
import { hexBytes } from '../support/elf-builder.js';
import { efiImage, gzImage, loadedBytes } from '../support/image-builder.js';
import { payloadFile } from '../support/stack-builders.js';

const ID = '11'.repeat(20) as BuildId;
const GUID = '22'.repeat(16) as BuildId;
const gz = readImage(gzImage(loadedBytes(hexBytes(ID)), 36), 'xen.gz');
const efi = readImage(
  efiImage(loadedBytes(hexBytes(ID)).fill(0, 0, 36), hexBytes(GUID)),
  'xen.efi',
);

function refusal(image: typeof gz, expected: BuildId, version: string): XspliceError {
  try {
    requireImage(image, expected, version);
  } catch (error) {
    if (error instanceof XspliceError) return error;
  }
  return assert.fail('it was taken');
}

describe('an image that is not what runs', () => {
  it('is said to be another build of the same version, and when it was compiled', () => {
    const { message } = refusal(demoImage, ID, demoImage.version ?? '');
    assert.match(
      message,
      /it is another build of the same Xen 4\.17\.7-demo, compiled .*; its build-id/,
    );
  });

  it('is said to be another version', () => {
    assert.match(
      refusal(gz, 'ab' as BuildId, '4.20.1').message,
      /it is Xen 4\.17\.7, and Xen 4\.20\.1 runs/,
    );
  });

  it('is said to be the other format (case 18)', () => {
    assert.match(refusal(gz, GUID, '4.17.7').hint, /name its xen\.efi/);
    assert.match(refusal(efi, ID, '4.17.7').hint, /name the xen-syms or the xen\.gz/);
  });
});

describe('payloads for xen.gz where xen.efi runs (case 18)', () => {
  it('are told so, in the chain', () => {
    const of = (xenDepends: BuildId, base: BuildId) => {
      const { findings } = checkChain(
        [payloadFile('a', null, { xenDepends, depends: xenDepends })],
        base,
      );
      return findings.find(({ code }) => code === 'wrong-hypervisor')?.hint ?? '';
    };
    assert.match(of(ID, GUID), /as the EFI build \(xen\.efi\) has/);
    assert.match(of(GUID, ID), /as an EFI build \(xen\.efi\) has/);
    assert.match(
      of(ID, '33'.repeat(20) as BuildId),
      /Take the payloads that were built for this hypervisor/,
    );
  });
});
