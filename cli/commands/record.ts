import { counted, EXIT } from '../../core/findings/index.js';
import { modelFromImage, modelWithApplied } from '../../core/host/index.js';
import { exists, openImage, readEveryPayloadFile } from '../../core/inputs/index.js';
import { type CodeRecord, codeContext, recordPayload } from '../../core/oldcode/index.js';
import { type PayloadInput, readPayloadInputs } from '../../core/payload/index.js';
import { withExplanations } from '../explanations.js';
import { writeFileAs } from '../files.js';
import { releaseOf } from '../release.js';
import type { Session } from '../session.js';
import { escapeText } from '../terminal/escape.js';
import { renderTable } from '../terminal/table.js';
import { usage } from '../usage.js';

/** Writes into a payload what it is made against: the image with the payloads of --on applied. */
export async function run({ settings, output, ownFile }: Session): Promise<number> {
  const [file, ...others] = settings.words;
  if (file === undefined || others.length > 0) throw usage('record takes one payload');
  if (settings.image === null) throw usage('record needs --image FILE');
  if (ownFile === null && !settings.yes) {
    throw usage(
      'record does not say where to write',
      'Name a new file with --output FILE, or have the payload itself rewritten with --yes.',
    );
  }
  if (ownFile !== null && !settings.yes && exists(ownFile)) {
    throw usage(
      `${ownFile} exists`,
      'Name a new file with --output FILE, or have this one replaced with --yes.',
    );
  }
  const image = openImage(settings.image);
  const { payload } = onePayload(file);
  const below = readPayloadInputs(readEveryPayloadFile(settings.on));
  const booted = modelFromImage(image, releaseOf(settings.xen)).model;
  const model = modelWithApplied(booted, below);
  const result = recordPayload(codeContext(image, model), payload, { expect: settings.expect });
  const { record, expectationLengths, bytes } = result;
  const findings = withExplanations(settings, result.findings);
  const target = ownFile ?? file;
  await writeFileAs(target, bytes, file);
  const rows = record.functions.map(({ name }, index) => {
    const { functions, unknownEdges } = reachOf(record, index);
    const expects = expectationLengths?.[index];
    return { name, functions, unknownEdges, expectedBytes: expects ?? null };
  });
  const { style } = output;
  output.info(
    `${style.bold('Recorded')} ${escapeText(`${file} against ${image.file}${belowText(record.on.length)}, in ${target}`)}`,
  );
  if (rows.length > 0) {
    const cells = rows.map(({ name, functions, unknownEdges, expectedBytes }) => [
      { text: name, paint: style.bold },
      counted(functions, 'function'),
      `${counted(unknownEdges, 'call')} cannot be followed`,
      expectedBytes === null ? '' : `Xen compares ${expectedBytes} bytes itself`,
    ]);
    output.info(renderTable(cells, style, { indent: '  ' }));
  }
  output.findings(findings);
  const { formatVersion, digestFormat, buildId, depends, hypervisor, on } = record;
  output.document({
    ok: true,
    file,
    output: target,
    record: { formatVersion, digestFormat, buildId, depends, hypervisor, on },
    functions: rows,
    findings,
  });
  return EXIT.done;
}

function belowText(count: number): string {
  return count === 0 ? '' : ` with ${counted(count, 'payload')}`;
}

function onePayload(file: string): PayloadInput {
  const inputs = readEveryPayloadFile([file]);
  const [only, ...others] = inputs.length === 1 ? readPayloadInputs(inputs) : [];
  if (only !== undefined && others.length === 0) return only;
  throw usage(`record takes one payload; ${file} holds ${inputs.length}`);
}

/** What one function's record comes to: the functions behind it, over all calls and jumps. */
function reachOf(
  { functions, nodes }: CodeRecord,
  index: number,
): { readonly functions: number; readonly unknownEdges: number } {
  const { oldCode, newCallees } = functions[index] ?? { oldCode: null, newCallees: [] };
  const reached = new Set([...(oldCode === null ? [] : [oldCode]), ...newCallees]);
  let unknownEdges = 0;
  // A set yields what is added while it is walked, each place once.
  for (const place of reached) {
    unknownEdges += nodes[place]?.unknownEdges ?? 0;
    for (const callee of nodes[place]?.callees ?? []) reached.add(callee);
  }
  return { functions: reached.size, unknownEdges };
}
