import { uncheckedNameFor } from '../abi/payload-name.js';
import { type InputFile, readInputs } from '../payload/index.js';
import type { Performer } from './rehearsal.js';

/** These files in the order of their chain, as check found it; those outside of it come last, as they were named. */
export function performersOf(
  inputs: readonly InputFile[],
  chain: readonly { readonly file: string }[],
): readonly Performer[] {
  const planned = new Map(readInputs(inputs).payloads.map((one) => [one.input, one.planned]));
  const byId = new Map([...planned].map(([{ file }, { buildId }]) => [buildId, file]));
  const places = new Map(chain.map(({ file }, index) => [file, index]));
  const place = ({ file }: InputFile) => places.get(file) ?? chain.length;
  return [...inputs]
    .sort((a, b) => place(a) - place(b))
    .map((input) => {
      const { file, bytes } = input;
      const plan = planned.get(input);
      const depends = plan?.depends ?? null;
      const parent = depends === null ? null : (byId.get(depends) ?? null);
      return {
        ...{ file, bytes },
        name: plan?.name ?? uncheckedNameFor(file),
        parent: parent === file ? null : parent,
      };
    });
}
