import { HAZARDS } from '../../core/findings/index.js';
import { OPTIONS } from '../options/definitions.js';
import type { InputSchema } from './validate.js';

/** What a set of payloads is: applied on one another, each used alone, or in any order. */
export const MODES = ['chain', 'alternatives', 'independent'] as const;
const FAIL_ON = OPTIONS['fail-on'].choices;
const PATTERN: InputSchema = { type: 'string', minLength: 1 };

/** Of xsplice.config.json. What is shipped as schema/config.json is this. */
export const CONFIG_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['targets'],
  properties: {
    $schema: { type: 'string' },
    failOn: {
      type: 'string',
      enum: FAIL_ON,
      description: 'The least severe finding that is a rejection; error by default',
    },
    targets: {
      type: 'array',
      minItems: 1,
      description: 'The hypervisors, each with its payloads',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'payloads'],
        anyOf: [{ required: ['image'] }, { required: ['buildId'] }, { required: ['xen'] }],
        not: { required: ['image', 'buildId'] },
        properties: {
          name: { type: 'string', minLength: 1 },
          image: { type: 'string', minLength: 1, description: 'xen-syms, xen.gz or xen.efi' },
          buildId: {
            type: 'string',
            pattern: '^(0[xX])?[0-9a-fA-F:]{8,}$',
            description: 'Where there is no image; without xen, only the chain is checked',
          },
          xen: {
            type: 'string',
            pattern: '^4\\.[0-9]+(\\.[0-9]+)?$',
            description:
              'The release whose rules count; by default what the image says. Without an image, what needs one is not known',
          },
          payloads: {
            anyOf: [PATTERN, { type: 'array', minItems: 1, items: PATTERN }],
            description:
              'Files, folders (with all below them), or patterns such as fixes/**/*.livepatch',
          },
          mode: {
            type: 'string',
            enum: MODES,
            description: 'What the payloads are to each other; chain by default',
          },
          check: {
            type: 'string',
            enum: OPTIONS.check.choices,
            description: 'What has to fit before a payload is applied; build-id by default',
          },
          failOn: { type: 'string', enum: FAIL_ON },
        },
      },
    },
    waivers: {
      type: 'array',
      description: 'Hazards that somebody looked at and lets pass, for check and report only',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['code', 'file', 'reason', 'expires'],
        properties: {
          code: { type: 'string', enum: Object.keys(HAZARDS) },
          file: { type: 'string', minLength: 1, description: 'A payload, or a pattern' },
          target: { type: 'string', description: 'Only on this one; by default on all' },
          reason: { type: 'string', minLength: 1 },
          expires: {
            type: 'string',
            pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$',
            description: 'The last day on which it counts, UTC',
          },
        },
      },
    },
  },
} as const satisfies InputSchema;
