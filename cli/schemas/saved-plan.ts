import { CHANGE_VERBS } from '../options/commands.js';
import { OPTIONS } from '../options/definitions.js';
import type { InputSchema } from './validate.js';

/** Version of saved plans. Another one is refused, never guessed at. */
export const SAVED_PLAN_VERSION = 1;

const TEXT: InputSchema = { type: 'string' };
const ID: InputSchema = { type: 'string', pattern: '^([0-9a-f]{2})+$' };
const ID_OR_NULL: InputSchema = { anyOf: [ID, { type: 'null' }] };
const TEXT_OR_NULL: InputSchema = { anyOf: [TEXT, { type: 'null' }] };
const DIGEST: InputSchema = { type: 'string', pattern: '^[0-9a-f]{64}$' };
const ENTRY: InputSchema = {
  type: 'object',
  required: ['name', 'buildId', 'depends'],
  properties: { name: TEXT, buildId: ID_OR_NULL, depends: ID_OR_NULL },
};
const STACK: InputSchema = { type: 'array', items: ENTRY };

/** Of any version. */
export const VERSIONED_SCHEMA = {
  type: 'object',
  required: ['formatVersion'],
  properties: { formatVersion: { type: 'number' } },
} as const satisfies InputSchema;

/** Of what `plan --output FILE` writes. What is shipped as schema/saved-plan.json is this. */
export const SAVED_PLAN_SCHEMA = {
  type: 'object',
  required: [
    'formatVersion',
    'tool',
    'host',
    'machine',
    'hypervisor',
    'request',
    'accepted',
    'plan',
  ],
  properties: {
    formatVersion: { type: 'number' },
    tool: {
      type: 'object',
      required: ['name', 'version'],
      properties: { name: TEXT, version: TEXT },
    },
    host: { type: 'string', description: 'As --host names it; a folder in full' },
    machine: {
      anyOf: [TEXT, { type: 'null' }],
      description: 'Whose Xen it is, where the host is xen; null where the host says it',
    },
    hypervisor: {
      type: 'object',
      required: ['buildId', 'version'],
      properties: { buildId: ID_OR_NULL, version: TEXT },
    },
    request: {
      type: 'object',
      required: ['verb', 'names', 'files', 'check', 'nodeps', 'mode', 'to'],
      properties: {
        verb: { type: 'string', enum: CHANGE_VERBS },
        names: { type: 'array', items: TEXT, description: 'Loaded payloads that it is about' },
        files: {
          type: 'array',
          description: 'Payload files; paths that are not absolute begin at the folder of the plan',
          items: {
            type: 'object',
            required: ['file', 'sha256'],
            properties: { file: { type: 'string', minLength: 1 }, sha256: DIGEST },
          },
        },
        check: { type: 'string', enum: OPTIONS.check.choices },
        nodeps: { type: 'boolean' },
        mode: { type: 'string', enum: ['chain', 'alternatives'] },
        to: TEXT_OR_NULL,
      },
    },
    accepted: {
      type: 'array',
      items: TEXT,
      description: 'Dangers that were let pass, as --accept takes them',
    },
    plan: {
      type: 'object',
      required: ['fingerprint', 'before', 'steps', 'after'],
      properties: {
        fingerprint: TEXT,
        before: STACK,
        after: STACK,
        steps: {
          type: 'array',
          items: {
            type: 'object',
            required: ['action', 'name', 'buildId', 'depends', 'reason'],
            properties: {
              action: {
                type: 'string',
                enum: ['upload', 'apply', 'revert', 'replace', 'unload', 'none'],
              },
              ...{ name: TEXT, buildId: ID_OR_NULL, depends: ID_OR_NULL, reason: TEXT },
              ...{ file: TEXT, sha256: DIGEST, nodeps: { type: 'boolean' } },
              guard: { type: 'string', enum: ['build-id', 'old-code', 'both', 'nodeps'] },
            },
          },
        },
      },
    },
  },
} as const satisfies InputSchema;
