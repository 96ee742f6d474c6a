import { appendFileSync } from 'node:fs';
import type { ResolveHook } from 'node:module';

/** A module hook that writes the URL of each module into the file XSPLICE_TEST_IMPORTS names. */
export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  const resolved = await nextResolve(specifier, context);
  const log = process.env['XSPLICE_TEST_IMPORTS'];
  if (log !== undefined) appendFileSync(log, `${resolved.url}\n`);
  return resolved;
};
