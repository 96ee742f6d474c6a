/** What the line that starts the agent prints before it does, with why not behind it where it cannot. */
export const STARTING = 'XSPLICE-STARTS';
export const NO_INTERPRETER = 'none';

/** Where XenServer, Debian and RHEL have an interpreter that the agent runs under, the likeliest first. */
const INTERPRETERS = 'python3 python python2 /usr/libexec/platform-python';

/**
 * The line for a POSIX shell that starts the agent: by the first interpreter there is, as root, by sudo where the user is
 * another one. The agent's source, this many bytes, is the first frame that comes; -SEs leaves out what an interpreter
 * would load of the site. It stands in single quotes wherever it goes, so it has none within but those around the program.
 */
export function startingLine(sourceBytes: number): string {
  const size = sourceBytes + 4;
  const read = `while len(b)<${size}:\\n c=os.read(0,${size}-len(b))\\n c or os._exit(70)\\n b+=c`;
  const program = `import os;b=b"";exec("${read}");exec(compile(b[4:],"agent","exec"))`;
  return [
    'u=;[ "$(id -u)" = 0 ]||u=1',
    `for p in ${INTERPRETERS};do if command -v $p >/dev/null 2>&1`,
    `then echo ${STARTING} $p`,
    `exec \${u:+sudo} \${u:+-n} $p -SEs -c '${program}'`,
    'fi;done',
    `echo ${STARTING} ${NO_INTERPRETER}`,
  ].join(';');
}
