import { CATALOGUE, isDanger } from '../../core/findings/index.js';
import type { InputSchema } from './validate.js';

const TEXT: InputSchema = { type: 'string', minLength: 1 };

function listOf(items: InputSchema): InputSchema {
  return { type: 'array', items };
}

const PAYLOADS: InputSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    digests: listOf({
      type: 'string',
      pattern: '^[0-9a-fA-F]{64}$',
      description: 'SHA-256 of the file',
    }),
    buildIds: listOf({
      type: 'string',
      pattern: '^([0-9a-fA-F]{2}){8,}$',
      description: 'All digits',
    }),
    names: listOf({ ...TEXT, description: 'As Xen has them: the file name without .livepatch' }),
  },
};

/** Of /etc/xsplice-ts/policy.json, and of --policy. What is shipped as schema/policy.json is this. */
export const POLICY_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['formatVersion'],
  properties: {
    $schema: { type: 'string' },
    formatVersion: { type: 'number', enum: [1] },
    requireSignature: {
      type: 'boolean',
      description: 'Whether each payload has to be signed by one of the keys; false by default',
    },
    keys: {
      ...listOf(TEXT),
      description:
        'Files, relative to the policy: public keys of minisign or signify, Ed25519 in PEM, X.509 certificates',
    },
    allow: {
      ...PAYLOADS,
      description: 'Where it is there, only these: one field that fits is enough',
    },
    block: { ...PAYLOADS, description: 'Never these' },
    neverAccept: {
      ...listOf({ type: 'string', enum: Object.keys(CATALOGUE).filter(isDanger) }),
      description: 'Dangers that --accept does not let pass',
    },
  },
} as const satisfies InputSchema;
