import { AREAS, STAGES } from '../core/findings/catalogue/index.js';
import { type CatalogueEntry, EXIT, type StageEntry } from '../core/findings/index.js';

type Area = Readonly<Record<string, StageEntry | CatalogueEntry>>;

const HEAD = `# Findings, errors and stages

Made from \`core/findings/catalogue\` by \`npm run docs\`: change the texts there. \`xsplice-ts explain CODE\` prints
one of them, and \`--explain\` adds them to the findings of any command.

A code is what stands in brackets behind a message, and \`code\` in JSON. An error ends a command with exit code 1
where nothing else is written here; \`check\` ends with 3 where it finds one. A warning and a note end nothing. A
stage is the place in Xen's loader or in its actions that decides, and \`stage\` in JSON.
`;

const STAGES_HEAD = `## Stages

In the order of the loader, then those of the actions. What a release does otherwise is in \`core/verify/changes.ts\`.
`;

/** The whole document, as docs/findings.md has it. */
export function findingsDocument(): string {
  const areas = AREAS.map(([title, area]) => `## ${title}\n\n${sections(area)}`);
  return [HEAD, ...areas, `${STAGES_HEAD}\n${sections(STAGES)}`].join('\n');
}

function sections(area: Area): string {
  return Object.entries(area)
    .map(([name, entry]) => section(name, entry))
    .join('\n');
}

function section(name: string, entry: StageEntry | CatalogueEntry): string {
  const { title, what, where, since, mend } = entry;
  const weight = 'severity' in entry ? `, ${weightOf(entry)}` : '';
  const xen = [
    ...(where.length === 0 ? [] : [`In Xen: ${where.map((place) => `\`${place}\``).join(', ')}.`]),
    ...(since === undefined ? [] : [`Since: ${since}`]),
  ];
  return [
    `### \`${name}\`\n`,
    `**${title}**${weight}. ${what}\n`,
    ...(xen.length === 0 ? [] : [`${xen.join(' ')}\n`]),
    `To mend: ${mend}\n`,
  ].join('\n');
}

function weightOf({ severity, exitCode }: CatalogueEntry): string {
  return severity === 'error' && exitCode !== undefined && exitCode !== EXIT.failed
    ? `${severity} (exit code ${exitCode})`
    : severity;
}
