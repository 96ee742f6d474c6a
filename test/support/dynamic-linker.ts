/** Reads what glibc's dynamic linker prints with LD_TRACE_LOADED_OBJECTS. */

/** The first thing that it complains about, in the form that a start of the program would print. */
export function complaintOf(said: string): string | null {
  const gone = /^\s*(\S+) => not found/m.exec(said)?.[1];
  if (gone !== undefined) {
    return `${gone}: cannot open shared object file: No such file or directory`;
  }
  const other = /error while loading shared libraries: (.*)$/m.exec(said)?.[1];
  if (other !== undefined) return other;
  const version = /^\S+: (\S+: version `.*' not found \(required by .*\))$/m.exec(said)?.[1];
  if (version !== undefined) return version;
  const symbol =
    /^(?:symbol lookup error: )?undefined symbol: ([^\s,]+)(?:, version (\S+))?\s+\((.*)\)$/m.exec(
      said,
    );
  if (symbol === null) return null;
  const [, name, wanted, by] = symbol;
  return `${by}: undefined symbol: ${name}${wanted === undefined ? '' : `, version ${wanted}`}`;
}

/** The paths of the libraries that it loads, in their order. */
export function objectsOf(said: string): readonly string[] {
  return [...said.matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, path = '']) => path);
}
