import { type CheckRun, findingsOfRun, type RunFinding } from '../../core/check/index.js';
import {
  CATALOGUE,
  type CatalogueEntry,
  type Code,
  type Explanation,
  STAGES,
} from '../../core/findings/index.js';
import type { FormatContext } from './context.js';
import { fileOf, fingerprints, type PlaceOf } from './place.js';

type Fields = Readonly<Record<string, unknown>>;

/** Where the paths of a log begin: the checkout, whatever its path is there. */
const ROOT = '%SRCROOT%';

/** SARIF 2.1.0 (OASIS): one run, a result for each finding, a rule for each code that occurs. */
export function sarifOf(run: CheckRun, { tool, exitCode, placeOf }: FormatContext): Fields {
  const found = findingsOfRun(run);
  const codes = [...new Set(found.map(({ finding }) => finding.code))].sort();
  const prints = fingerprints(found, placeOf);
  const unreadable = run.targets.flatMap(({ report }) => report.unreadable);
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: tool.name,
            version: tool.version,
            semanticVersion: tool.version,
            rules: codes.map(ruleOf),
          },
        },
        automationDetails: { id: `${tool.name}/` },
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: { [ROOT]: { description: { text: 'The root of the repository' } } },
        invocations: [
          {
            // It did what it was run for, whatever it found; not where files could not be read.
            executionSuccessful: unreadable.length === 0,
            exitCode,
            toolExecutionNotifications: unreadable.map(({ message }) => ({
              level: 'error',
              message: { text: message },
            })),
          },
        ],
        results: found.map((one, index) => resultOf(one, codes, prints[index] ?? '', placeOf)),
      },
    ],
  };
}

function ruleOf(code: Code): Fields {
  const entry: CatalogueEntry = CATALOGUE[code];
  return {
    id: code,
    shortDescription: { text: entry.title },
    fullDescription: { text: entry.what },
    help: { text: plainHelp(entry), markdown: markdownHelp(entry) },
    defaultConfiguration: { level: entry.severity },
  };
}

function plainHelp({ what, where, since, mend }: Explanation): string {
  const lines = [
    what,
    ...(where.length === 0 ? [] : [`Where: ${where.join(', ')}.`]),
    ...(since === undefined ? [] : [`Since: ${since}`]),
    `What to do: ${mend}`,
  ];
  return lines.join('\n');
}

function markdownHelp({ what, where, since, mend }: Explanation): string {
  const lines = [
    what,
    ...(where.length === 0 ? [] : [`**Where** ${where.map((w) => `\`${w}\``).join(', ')}`]),
    ...(since === undefined ? [] : [`**Since** ${since}`]),
    `**What to do** ${mend}`,
  ];
  return lines.join('\n\n');
}

function resultOf(
  found: RunFinding,
  codes: readonly Code[],
  fingerprint: string,
  placeOf: PlaceOf,
): Fields {
  const { target, finding } = found;
  const { code, severity, message, hint, otherFiles = [], waiver } = finding;
  const file = fileOf(found);
  const { stage, errno, section, symbol, offset, expected, actual } = finding;
  return {
    ruleId: code,
    ruleIndex: codes.indexOf(code),
    level: severity,
    message: { text: [message, stageText(stage), hint].filter((text) => text).join('. ') },
    locations:
      file === null ? [] : [{ ...locationAt(file, placeOf, finding.line), ...logical(found) }],
    ...(otherFiles.length === 0
      ? {}
      : {
          relatedLocations: otherFiles.map((other, id) => ({
            id,
            ...locationAt(other, placeOf),
            message: { text: 'takes part' },
          })),
        }),
    partialFingerprints: { 'xspliceFinding/v1': fingerprint },
    ...(waiver === undefined
      ? {}
      : {
          suppressions: [
            { kind: 'external', status: 'accepted', justification: waiverText(waiver) },
          ],
        }),
    properties: {
      ...(target === null ? {} : { target: target.target }),
      ...{ stage, errno, section, symbol, expected, actual },
      ...(offset === undefined ? {} : { offset: `0x${offset.toString(16)}` }),
    },
  };
}

function waiverText({ reason, expires }: { reason: string; expires: string }): string {
  return `${reason} (until ${expires})`;
}

function stageText(stage: string | undefined): string {
  if (stage === undefined || !Object.hasOwn(STAGES, stage)) return '';
  const entry = STAGES[stage as keyof typeof STAGES];
  return `Stage ${stage}: ${entry.what.replace(/\.$/, '')}`;
}

/** Payloads have no lines: the first one is what viewers want. */
function locationAt(file: string, placeOf: PlaceOf, line = 1): Fields {
  const place = placeOf(file);
  const uri = place.split('/').map(encodeName).join('/');
  return {
    physicalLocation: {
      artifactLocation: place.startsWith('/') ? { uri: `file://${uri}` } : { uri, uriBaseId: ROOT },
      region: { startLine: line },
    },
  };
}

function logical({ finding: { section, symbol } }: RunFinding): Fields {
  const places = [
    ...(section === undefined ? [] : [{ name: section, kind: 'resource' }]),
    ...(symbol === undefined ? [] : [{ name: symbol, kind: 'function' }]),
  ];
  return places.length === 0 ? {} : { logicalLocations: places };
}

/** A name in an address; bytes that are no UTF-8 as they are. */
function encodeName(name: string): string {
  return name
    .split(/([\udc80-\udcff])/u)
    .map((part) =>
      part.length === 1 && part >= '\udc80' && part <= '\udcff'
        ? `%${(part.charCodeAt(0) - 0xdc00).toString(16).toUpperCase()}`
        : encodeURIComponent(part),
    )
    .join('');
}
