import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { repositoryRoot } from './repository.js';

const SARIF = join(repositoryRoot(), 'test', 'schemas', 'sarif-schema-2.1.0.json');
let validateSarif: ValidateFunction | null = null;

/** A log of SARIF 2.1.0, as far as tests look at it. */
export interface SarifLog {
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
    readonly invocations: readonly {
      readonly executionSuccessful: boolean;
      readonly exitCode: number;
    }[];
    readonly results: readonly SarifResult[];
  }[];
}

export interface SarifResult {
  readonly ruleId: string;
  readonly ruleIndex: number;
  readonly level: string;
  readonly message: { readonly text: string };
  readonly locations: readonly {
    readonly physicalLocation: {
      readonly artifactLocation: { readonly uri: string; readonly uriBaseId?: string };
    };
  }[];
  readonly partialFingerprints: Readonly<Record<string, string>>;
  readonly suppressions?: readonly { readonly justification: string }[];
  readonly properties: { readonly target?: string };
}

/** Reads a log, which has to be what the schema of the standard says, and what GitHub and GitLab want of it. */
export function readSarif(text: string): SarifLog {
  const log: SarifLog = JSON.parse(text);
  // Draft 4 says "id" where ajv's draft says "$id"; else this schema is the same in both.
  validateSarif ??= new Ajv({ strict: false, validateFormats: false }).compile(
    JSON.parse(readFileSync(SARIF, 'utf8').replaceAll(/"(\$schema|id)": "https?:[^"]*",/g, '')),
  );
  assert.ok(validateSarif(log), JSON.stringify(validateSarif.errors, null, 1));
  for (const { tool, results } of log.runs) {
    const prints = results.map(({ partialFingerprints: all }) => all['xspliceFinding/v1']);
    assert.equal(new Set(prints).size, prints.length, 'each finding has a fingerprint of its own');
    for (const { ruleId, ruleIndex, locations } of results) {
      assert.equal(tool.driver.rules[ruleIndex]?.id, ruleId);
      assert.ok(locations.length > 0, 'GitLab passes over a result without a place');
    }
  }
  return log;
}

/** An issue of GitLab's code quality report. */
export interface QualityIssue {
  readonly description: string;
  readonly check_name: string;
  readonly fingerprint: string;
  readonly severity: string;
  readonly location: { readonly path: string; readonly lines: { readonly begin: number } };
}

/** Reads a report, which has to hold what docs.gitlab.com documents (ci/testing/code_quality). */
export function readQuality(text: string): readonly QualityIssue[] {
  const issues: readonly QualityIssue[] = JSON.parse(text);
  assert.ok(Array.isArray(issues));
  for (const issue of issues) {
    assert.deepEqual(Object.keys(issue).sort(), [
      'check_name',
      'description',
      'fingerprint',
      'location',
      'severity',
    ]);
    assert.ok(['info', 'minor', 'major', 'critical', 'blocker'].includes(issue.severity));
    assert.equal(typeof issue.description, 'string');
    assert.match(issue.fingerprint, /^[0-9a-f]{64}$/);
    assert.doesNotMatch(issue.location.path, /^\.\//);
    assert.ok(Number.isInteger(issue.location.lines.begin));
  }
  const prints = issues.map(({ fingerprint }) => fingerprint);
  assert.equal(new Set(prints).size, prints.length);
  return issues;
}

/** One annotation of GitHub's, with its escaping undone as the runner does it. */
export interface Annotation {
  readonly level: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly message: string;
}

/** Reads workflow commands: what actions/runner makes of each line (ActionCommand.cs). */
export function readAnnotations(text: string): readonly Annotation[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const match = /^::(error|warning|notice) ([^:]*)::(.*)$/.exec(line);
      assert.ok(match !== null, `no annotation: ${line}`);
      const [, level = '', list = '', message = ''] = match;
      const properties = Object.fromEntries(
        list.split(',').map((pair): [string, string] => {
          const equals = pair.indexOf('=');
          return [pair.slice(0, equals), withoutEscapes(pair.slice(equals + 1))];
        }),
      );
      return { level, properties, message: withoutEscapes(message) };
    });
}

function withoutEscapes(text: string): string {
  return text
    .replaceAll('%0D', '\r')
    .replaceAll('%0A', '\n')
    .replaceAll('%3A', ':')
    .replaceAll('%2C', ',')
    .replaceAll('%25', '%');
}
